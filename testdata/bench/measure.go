package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"berth/testdata/platform"
)

// row is one run, or several at once.
type row struct {
	what          string
	size          int
	latency       time.Duration
	begin         time.Time
	limit         int
	wall, cpu     time.Duration
	memory        int64 // the most of one process, bytes
	quay, cluster int
	by            report
}

type bench struct {
	options
	dir  string
	out  io.Writer
	rows []row
	own  start // of the program,
	bare start // and of one that does nothing but call

	verdicts []string
}

// all measures everything that was asked for, one size after the other: each has a
// platform of its own.
func (b *bench) all(ctx context.Context) error {
	if b.starts > 0 {
		if err := b.on(ctx, 1, true, func(p place) error { return b.start(ctx, p) }); err != nil {
			return err
		}
	}
	for _, n := range b.fresh {
		if err := b.on(ctx, n, false, func(p place) error { return b.measure(ctx, p, row{what: "new", size: n}, b.berth, b.arguments()) }); err != nil {
			return err
		}
		if err := b.sourced(ctx, n); err != nil {
			return err
		}
	}
	for i, n := range b.sizes {
		err := b.on(ctx, n, true, func(p place) error { return b.settled(ctx, p, n, i == len(b.sizes)-1) })
		if err != nil {
			return err
		}
	}
	for _, n := range slices.Sorted(maps.Keys(b.memory)) {
		if slices.Contains(b.sizes, n) {
			continue // that was done while they were served
		}
		if err := b.on(ctx, n, true, func(p place) error { return b.within(ctx, p, n, b.memory[n]) }); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) settled(ctx context.Context, p place, n int, last bool) error {
	for i, latency := range b.latencies {
		if err := b.measure(ctx, p, row{what: "settled", size: n, latency: latency}, b.berth, b.arguments()); err != nil {
			return err
		}
		if b.limited > 0 && i == len(b.latencies)-1 {
			limited := row{what: "settled", size: n, latency: latency, limit: b.limited}
			if err := b.measure(ctx, p, limited, b.berth, b.arguments()); err != nil {
				return err
			}
			if last && b.shards > 1 {
				if err := b.sharded(ctx, p, limited); err != nil {
					return err
				}
			}
		}
	}
	if err := b.measure(ctx, p, row{what: "settled, one named", size: n}, b.berth, append(b.arguments(), "tenant-00000/component-001")); err != nil {
		return err
	}
	if mebibytes := b.memory[n]; mebibytes > 0 {
		if err := b.within(ctx, p, n, mebibytes); err != nil {
			return err
		}
	}
	if b.naive && n <= 10_000 {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		return b.measure(ctx, p, row{what: "settled, object by object", size: n}, self, []string{"by-object", p.Quay, p.Certificate, b.config()})
	}
	return nil
}

// sharded lets shards do together what one run did. They have been there before, as that run
// had: what each leaves on its Lease is part of how the next one reads.
func (b *bench) sharded(ctx context.Context, p place, r row) error {
	var each [][]string
	for s := range b.shards {
		each = append(each, append(b.arguments(), "--shard-count", strconv.Itoa(b.shards), "--shard-index", strconv.Itoa(s)))
	}
	if _, err := b.once(ctx, p, row{size: r.size}, b.berth, each...); err != nil {
		return err
	}
	r.what = fmt.Sprintf("settled, %d shards", b.shards)
	return b.measure(ctx, p, r, b.berth, each...)
}

func (b *bench) config() string { return filepath.Join(b.dir, "kubeconfig") }

// arguments are for a run as the CronJob's is, but for where things are.
func (b *bench) arguments() []string {
	return []string{
		"--quay-org", platform.Organization, "--image-host", platform.ImageHost, "--cluster-id", platform.ClusterID, "--kubeconfig", b.config(),
		"--lock-namespace", "berth", "--yes", "--output", "json", "--plan", "summary", "--log-level", "error", "--timeout", "1h",
	}
}

// on lets something happen while a platform of a size is served.
func (b *bench) on(ctx context.Context, n int, settled bool, do func(place) error) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	server := exec.CommandContext(ctx, self, "serve", "--components", strconv.Itoa(n), "--per-namespace", strconv.Itoa(b.grouped), "--settled="+strconv.FormatBool(settled))
	server.Cancel = func() error { return server.Process.Signal(syscall.SIGTERM) }
	server.Stderr = os.Stderr
	out, err := server.StdoutPipe()
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	var p place
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &p)
	}
	if err == nil {
		err = p.kubeconfig(b.config())
	}
	if err == nil {
		err = do(p)
	}
	stop()
	_ = server.Wait()
	return err
}

// measure lets commands run at once, and keeps what that took.
func (b *bench) measure(ctx context.Context, p place, r row, program string, commands ...[]string) error {
	r, err := b.once(ctx, p, r, program, commands...)
	if err != nil {
		return err
	}
	b.rows = append(b.rows, r)
	_, _ = fmt.Fprintln(b.out, strings.Join(r.cells(), "  "))
	return nil
}

// once lets commands run at once, and tells what that took.
func (b *bench) once(ctx context.Context, p place, r row, program string, commands ...[]string) (row, error) {
	if _, err := p.turn(ctx, r.latency, r.limit); err != nil {
		return r, err
	}
	var wait sync.WaitGroup
	errs := make([]error, len(commands))
	started := make([]*exec.Cmd, len(commands))
	r.begin = time.Now()
	for i, args := range commands {
		c := exec.CommandContext(ctx, program, args...)
		c.Env = append(os.Environ(), "BERTH_QUAY_URL="+p.Quay, "BERTH_QUAY_TOKEN="+oauthToken, "BERTH_QUAY_CA_FILE="+p.Certificate)
		started[i] = c
		wait.Go(func() {
			if out, err := c.CombinedOutput(); err != nil {
				errs[i] = fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out[max(0, len(out)-2000):])
			}
		})
	}
	wait.Wait()
	r.wall = time.Since(r.begin)
	if err := errors.Join(errs...); err != nil {
		return r, err
	}
	for _, c := range started {
		r.cpu += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
		if usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
			r.memory = max(r.memory, usage.Maxrss<<10) // kilobytes, on Linux
		}
	}
	var err error
	if r.by, err = p.turn(ctx, 0, 0); err != nil {
		return r, err
	}
	r.quay, r.cluster = r.by.sum()
	return r, nil
}

// turn sets how the simulated Quay answers, and returns what was asked so far.
func (p place) turn(ctx context.Context, latency time.Duration, limit int) (r report, err error) {
	query := url.Values{"latency": {latency.String()}, "limit": {strconv.Itoa(limit)}, "git": {p.slow.String()}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Control+"?"+query.Encode(), nil)
	if err != nil {
		return r, err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return r, err
	}
	defer func() { _ = answer.Body.Close() }()
	return r, json.NewDecoder(answer.Body).Decode(&r)
}

// routes are the calls of a run by what was asked, most first.
func routes(of map[string]int) string {
	var names []string
	for name := range of {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if of[a] != of[b] {
			return of[b] - of[a]
		}
		return strings.Compare(a, b)
	})
	var parts []string
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%d %s", of[name], name))
	}
	return strings.Join(parts, ", ")
}
