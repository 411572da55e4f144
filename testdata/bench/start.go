package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// start is how soon a program, once it is started, makes a connection, and its first call
// over it, which comes after the handshake of TLS.
type start struct{ met, called time.Duration }

func (s *start) soonest(r row) {
	for _, at := range []struct {
		took *time.Duration
		now  time.Duration
	}{{&s.met, r.by.Met.Sub(r.begin)}, {&s.called, r.by.First.Sub(r.begin)}} {
		if *at.took == 0 || at.now < *at.took {
			*at.took = at.now
		}
	}
}

// start measures it in turns with a program that does nothing else than one call of the
// same server: what the machine makes of any program is in both.
func (b *bench) start(ctx context.Context, p place) error {
	floor := filepath.Join(b.dir, "floor")
	if err := command(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", floor, "./testdata/bench/floor"); err != nil {
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
	}
	_, _ = fmt.Fprint(b.out, b.soon()[1:])
	return nil
}

func (b *bench) soon() string {
	if b.starts == 0 {
		return ""
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return fmt.Sprintf("\nFrom a start to the first connection it took %.1f ms at best, and to the first call over it %.1f ms; a program that does nothing but one such call %.1f ms and %.1f ms.\n",
		ms(b.own.met), ms(b.own.called), ms(b.bare.met), ms(b.bare.called))
}
