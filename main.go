// Berth gives every Component of a Konflux platform its place at Quay. It is a
// batch job: one run looks at everything, mends what differs, and exits.
//
// This package is the wiring: settings, clients, terminal and exit code. What
// a run does is in package reconcile.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sethvargo/go-envconfig"
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"

	"berth/kube"
	"berth/quay"
	"berth/reconcile"
	"berth/reconcile/apply"
	"berth/reconcile/component"
	"berth/reconcile/observe"
	"berth/reconcile/plan"
	"berth/reconcile/report"
	"berth/reconcile/report/jsonl"
	"berth/reconcile/report/page"
	"berth/reconcile/report/progress"
	"berth/reconcile/report/text"
	"berth/reconcile/world"
)

func main() {
	collectEarly()
	signal.Ignore(syscall.SIGPIPE) // a write fails instead of the process between two others
	os.Exit(run(untilSignal(), os.Args[1:], osEnviron(), streams{os.Stdout, os.Stderr, controllingTerminal, terminationLog}))
}

// untilSignal ends at the first signal. A second one ends the process at once, but for
// the end of the terminal, which shell and kernel both tell of.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup does
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		s := <-signals
		signal.Ignore(syscall.SIGHUP)
		signal.Reset(os.Interrupt, syscall.SIGTERM)
		cancel(reconcile.Interrupted{Signal: int(s.(syscall.Signal))})
	}()
	return ctx
}

// osEnviron is the process's environment.
func osEnviron() environ {
	e := environ{}
	for _, v := range os.Environ() {
		key, value, _ := strings.Cut(v, "=")
		e[key] = value
	}
	return e
}

// run is the program, without the process around it. A panic ends it with a
// code of its own: Go's is 2, which here says that changes are pending.
func run(ctx context.Context, args []string, environment environ, std streams) (code int) {
	defer func() {
		if v := recover(); v != nil {
			_, _ = fmt.Fprintf(std.err, "Error: a bug in Berth: %v\n\n%s", v, debug.Stack())
			code = report.ExitBug
		}
	}()
	flags, values := newFlags()
	showVersion := flags.Bool("version", false, "print the version")
	switch err := flags.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		printUsage(std.out, flags)
		return report.ExitOK
	case err != nil:
		_, _ = fmt.Fprintf(std.err, "Error: %s\n\nberth --help lists every flag.\n", suggest(err, flags))
		return report.ExitUsage
	case *showVersion:
		_, _ = fmt.Fprintf(std.out, "berth %s\n", version())
		return report.ExitOK
	}
	if name := oneDash(args, flags); name != "" {
		_, _ = fmt.Fprintf(std.err, "Error: -%s has a dash too few; did you mean --%[1]s?\n", name)
		return report.ExitUsage
	}
	if code, ok := command(flags.Args(), values, environment, std); ok {
		return code
	}
	s, wrong := loadSettings(values, flags.Args(), environment) //nolint:contextcheck // decoding waits for nothing
	var d dial
	if !s.Demo {
		var unreachable problems
		d, unreachable = clusterConfig(s, rest.InClusterConfig)
		wrong = append(wrong, unreachable...)
	}
	if len(wrong) > 0 {
		return refuse(std.err, wrong)
	}
	if s.Demo {
		return playDemo(ctx, s, environment, std)
	}
	var asked *person
	if s.asks(d) {
		var err error
		if asked, err = std.findPerson(); err != nil {
			_, _ = io.WriteString(std.err, nobodyToAsk)
			return report.ExitUsage
		}
		defer asked.Close()
	}
	return once(ctx, s, d, environment, std, asked)
}

// command does what is asked for by a word; a Component's name has a slash.
func command(args []string, flags map[string]*flagValue, environment environ, std streams) (code int, ok bool) {
	if len(args) == 0 || !slices.Contains(strings.Fields(words), args[0]) {
		return 0, false
	}
	if args[0] == "version" && len(args) == 1 {
		output, _ := sources{flags: flags, environment: envconfig.PrefixLookuper(envPrefix, environment)}.Lookup("OUTPUT")
		thisBuild().print(std.out, output)
		return report.ExitOK, true
	}
	if teach := completions[args[len(args)-1]]; teach != nil && args[0] == "completion" && len(args) == 2 {
		teach(std.out, fields())
		return report.ExitOK, true
	}
	_, _ = fmt.Fprintf(std.err, "Error: berth version takes no argument, and berth completion one of: %s\n", shells)
	return report.ExitUsage, true
}

// refuse reports settings that cannot be worked with.
func refuse(w io.Writer, err error) int {
	_, _ = fmt.Fprintln(w, err)
	return report.ExitSettings
}

// once makes one run between the two ends; asked is who is to say yes first, nil: nobody.
func once(ctx context.Context, s settings, d dial, environment environ, std streams, asked *person) int {
	summary, err := pass(ctx, s, d, environment, std, asked)
	if err != nil {
		return refuse(std.err, err)
	}
	if held, ok := errors.AsType[*kube.HeldError](summary.Err); ok {
		_, _ = fmt.Fprintln(std.err, held)
	}
	if errors.Is(summary.Err, report.ErrOutput) {
		_, _ = fmt.Fprintf(std.err, "Error: %v\n", summary.Err)
	}
	writeTermination(std.last, summary)
	tellMetrics(ctx, s, summary, newLogger(std.err, s, isTerminal(std.err), summary.Run))
	return summary.ExitCode()
}

// pass wires a run and makes it. The error is about settings that only
// connecting could check.
func pass(ctx context.Context, s settings, d dial, environment environ, std streams, asked *person) (report.Summary, error) {
	id := rand.Text()
	line := std.progress(s, environment)
	log := newLogger(line.Over(std.err), s, isTerminal(std.err), id)
	e, err := connect(s, d, log)
	if err != nil {
		return report.Summary{}, err
	}
	defer context.AfterFunc(ctx, func() {
		if asked == nil || !asked.thinks.Load() { // at the question there is nothing to finish
			log.Warn("interrupted: nothing new is begun, what is in flight is finished; a second signal ends at once")
		}
	})()
	r := newRun(s, e, log, id)
	addLock(r, s, d, e, line)
	r.Report = reporter(s, s.detail(d), environment, std, line)
	r.Told = s.Output == "json" || isTerminal(std.err) && s.LogLevel == "auto"
	if asked != nil {
		asked.line = line
		r.Confirm = asked.ask(r.Header, isTerminal(std.out))
	}
	if line != nil {
		line.Say("reading Quay and the cluster")
		r.Read.Saw, r.Progress = line.Reading, line.Applying
	}
	summary := r.Do(ctx)
	summary.Requests = e.sent.All()
	return summary, nil
}

func newRun(s settings, e ends, log *slog.Logger, id string) *reconcile.Run {
	return &reconcile.Run{
		Header: report.Header{
			Version: version(), Run: id, Cluster: e.cluster, Server: e.server,
			Quay: e.registry, Org: s.QuayOrg, Shard: s.shard(), DryRun: s.DryRun, Detailed: s.DetailedExitcode,
		},
		Read:  observe.Ends{Registry: e.quay, Cluster: e.kube, Git: e.git},
		Write: apply.Ends{Registry: e.quay, Cluster: e.kube},
		Stats: e.quay.Stats, Token: s.tokenFrom,
		Naming: component.Naming{
			Cluster: s.ClusterID, Host: e.images, Organization: s.QuayOrg,
			Layout: component.Layout(s.RepositoryLayout), Prefix: s.RepositoryPrefix, Former: s.TakeOverFrom,
		},
		Policy: world.Policy{
			Visibility: visibility(s.Visibility), AllowPublish: s.AllowPublish, Adopt: s.Adopt, AdoptGrace: s.AdoptGrace, Release: s.Release,
			ReportOrphans: s.Prune != "off", PruneRobots: s.Prune == "robots", PruneAfter: s.PruneAfter,
			PushServiceAccounts: s.PushServiceAccount, MaxRotations: s.share(s.MaxRotations),
			PullServiceAccounts: s.PullServiceAccount, SetImages: !s.NoContainerImage, RemoteSecrets: unlessOff[world.RemoteSecrets](s.RemoteSecrets),
			NamespaceSecret: unlessOff[world.NamespaceSecret](s.NamespacePullSecret), Overlap: s.RotationOverlap, MaxTokenAge: s.MaxTokenAge,
		},
		Scope:       world.Scope{Namespaces: s.Namespace, Selector: s.Selector, Only: s.only, Rotate: s.rotate, Gracefully: s.gracefully, Shard: s.shard()},
		Limits:      plan.Limits{MaxChangeRatio: s.MaxChangeRatio, Force: s.Force},
		Concurrency: s.Concurrency,
		Timeout:     s.Timeout,
		Log:         log,
		Now:         time.Now,
	}
}

// asks reports whether a person is to say yes before the first write: everywhere but
// in a pod, where nobody is.
func (s settings) asks(d dial) bool { return !s.Yes && !s.DryRun && !d.pod }

// shard is the part of the work that is this run's.
func (s settings) shard() world.Shard {
	return world.Shard{Index: s.ShardIndex, Count: s.ShardCount}
}

// share divides what all shards may do together, rounded up: one that may do nothing
// would leave its Components waiting for ever.
func (s settings) share(n int) int { return (n + s.ShardCount - 1) / s.ShardCount }

// visibility is the setting, "" for as the source.
func visibility(setting string) quay.Visibility {
	if setting == "auto" {
		return ""
	}
	return quay.Visibility(setting)
}

// unlessOff is a setting, "" for off.
func unlessOff[T ~string](setting string) T {
	if setting == "off" {
		return ""
	}
	return T(setting)
}

// reporter tells on stdout, and on a page where one is wanted.
func reporter(s settings, detail report.Detail, environment environ, std streams, line *progress.Line) report.Reporter {
	told := onStdout(s, detail, environment, std, line)
	if s.Report == "" {
		return told
	}
	file := strings.ReplaceAll(s.Report, "{shard}", strconv.Itoa(s.ShardIndex))
	return report.Together{told, page.New(func(raw []byte) error { return replace(file, raw) }, time.Now)}
}

func onStdout(s settings, detail report.Detail, environment environ, std streams, line *progress.Line) report.Reporter {
	out := line.Over(listener(std.out))
	if s.Output == "json" {
		return jsonl.New(out, time.Now, detail)
	}
	return text.New(out, s.colored(environment, std.out), detail)
}

// detail is how much of a plan is told. In a pod each change is told once: as it is made,
// or, by a dry run for a machine, as it is planned.
func (s settings) detail(d dial) report.Detail {
	switch {
	case s.Plan != "auto":
		return report.Detail(s.Plan)
	case d.pod && !(s.DryRun && s.Output == "json"):
		return report.SummaryOnly
	}
	return report.Folded
}
