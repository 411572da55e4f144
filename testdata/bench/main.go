// Bench measures whole runs: it builds the program, lets it work between a simulated Quay
// and a simulated cluster in another process, and tells what each run took of time,
// processor, memory and calls.
//
//	go run ./testdata/bench                        # a few minutes
//	go run ./testdata/bench --sizes 1000,10000,100000 --latencies 0s,20ms,100ms,600ms
//	go run ./testdata/bench --naive                # beside the same work done object by object
//	go run ./testdata/bench --memory 30000=256     # within a cgroup of so many MiB
//
// With --write the table goes into docs/performance.md and the chart beside it. Times are
// those of the machine and of what else it does; counts and exponents are not.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"
)

type options struct {
	sizes     []int
	fresh     []int
	latencies []time.Duration
	git       []time.Duration
	limited   int
	starts    int
	shards    int
	naive     bool
	write     bool
	profile   string
	berth     string
	grouped   int
	memory    map[int]int // sizes to mebibytes
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	switch {
	case len(args) > 0 && args[0] == "serve":
		return serve(ctx, args[1:], out)
	case len(args) > 0 && args[0] == "by-object":
		return byObject(ctx, args[1:])
	case len(args) > 2 && args[0] == "inside":
		return inside(args[1:])
	}
	var o options
	flags := pflag.NewFlagSet("bench", pflag.ContinueOnError)
	flags.IntSliceVar(&o.sizes, "sizes", []int{100, 1000, 10_000}, "settled Components")
	flags.IntSliceVar(&o.fresh, "new", []int{100}, "Components that are all new")
	flags.DurationSliceVar(&o.latencies, "latencies", []time.Duration{0, 20 * time.Millisecond, 100 * time.Millisecond, 600 * time.Millisecond}, "of each call of Quay")
	flags.DurationSliceVar(&o.git, "git", []time.Duration{0, 100 * time.Millisecond}, "that a git host takes to show or refuse a source of new Components")
	flags.IntVar(&o.limited, "limited", 50, "requests a second that a registry with a limit allows; 0: none is measured")
	flags.IntVar(&o.shards, "shards", 4, "that the largest size is divided among, once")
	flags.IntVar(&o.starts, "starts", 20, "of which the soonest to the first call is told; 0: none is measured")
	flags.IntVar(&o.grouped, "per-namespace", 50, "Components of a namespace")
	flags.BoolVar(&o.naive, "naive", false, "also do the work object by object, for the smaller sizes")
	flags.BoolVar(&o.write, "write", false, "write the table into docs/performance.md, and the chart")
	memory := flags.StringToInt("memory", nil, "settled Components, each within so many MiB, such as 30000=256; alone where no --sizes are given")
	flags.StringVar(&o.profile, "berth", "", "a program to measure in place of one that is built")
	if err := flags.Parse(args); err != nil {
		return err
	}
	o.memory = map[int]int{}
	for size, mebibytes := range *memory {
		n, err := strconv.Atoi(size)
		if err != nil || n <= 0 || mebibytes <= 0 {
			return fmt.Errorf("--memory %s=%d: Components and MiB are numbers", size, mebibytes)
		}
		o.memory[n] = mebibytes
	}
	if len(o.memory) > 0 && !flags.Changed("sizes") {
		o.sizes, o.fresh = nil, nil
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if o.berth = o.profile; o.berth == "" {
		o.berth = filepath.Join(dir, "berth")
		if err := compile(ctx, o.berth, "."); err != nil {
			return err
		}
	}
	b := bench{options: o, dir: dir, out: out}
	if err := b.all(ctx); err != nil {
		return err
	}
	table := b.table(strings.Join(args, " "))
	_, _ = io.WriteString(out, "\n"+table)
	if !o.write {
		return nil
	}
	return publish(table, chart(b.rows))
}

// compile makes a program as the Dockerfile does.
func compile(ctx context.Context, to, from string) error {
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", to, from)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	return c.Run()
}
