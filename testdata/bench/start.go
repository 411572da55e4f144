package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"time"
)

// start is how soon a program, once it is started, makes a connection, and its first call
// over it, which comes after the handshake of TLS; and how soon it tells its version.
type start struct{ met, called, told time.Duration }

func (s *start) soonest(r row) {
	sooner(&s.met, r.by.Met.Sub(r.begin))
	sooner(&s.called, r.by.First.Sub(r.begin))
}

func sooner(best *time.Duration, took time.Duration) {
	if *best == 0 || took < *best {
		*best = took
	}
}

// start measures it in turns with a program that does nothing else than one call of the
// same server, and with itself asked for its version: what the machine makes of any
// program is in all three, and what the libraries make of it in two.
func (b *bench) start(ctx context.Context, p place) error {
	floor := filepath.Join(b.dir, "floor")
	if err := compile(ctx, floor, "./testdata/bench/floor"); err != nil {
		return err
	}
	for range b.starts {
		r, err := b.once(ctx, p, row{}, b.berth, b.arguments())
		if err != nil {
			return err
		}
		b.own.soonest(r)
		if r, err = b.once(ctx, p, row{}, floor, []string{p.Cluster, p.Certificate}); err != nil {
			return err
		}
		b.bare.soonest(r)
		took, err := answer(ctx, b.berth, "--version")
		if err != nil {
			return err
		}
		sooner(&b.own.told, took)
	}
	_, _ = fmt.Fprint(b.out, b.soon()[1:])
	return nil
}

// answer is how long a program takes to the first byte that it tells.
func answer(ctx context.Context, program string, args ...string) (took time.Duration, err error) {
	began := time.Now()
	c := exec.CommandContext(ctx, program, args...)
	out, err := c.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := c.Start(); err != nil {
		return 0, err
	}
	_, err = io.ReadFull(out, make([]byte, 1))
	took = time.Since(began)
	return took, errors.Join(err, c.Wait())
}

func (b *bench) soon() string {
	if b.starts == 0 {
		return ""
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return fmt.Sprintf("\nFrom a start to the first connection it took %.1f ms at best, and to the first call over it %.1f ms; "+
		"a program that does nothing but one such call %.1f ms and %.1f ms. `berth --version` had answered after %.1f ms: "+
		"the other %.1f ms to the first connection are Berth's own, to read its settings and make its clients.\n",
		ms(b.own.met), ms(b.own.called), ms(b.bare.met), ms(b.bare.called), ms(b.own.told), ms(b.own.met-b.own.told))
}
