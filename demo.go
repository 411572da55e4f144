package main

import (
	"context"
	"fmt"
	"io"

	"berth/quay"
	"berth/quay/quaytest"
	"berth/reconcile/report"
	"berth/testdata/demo"
)

// stage is the demo's, and how a run gets there.
type stage struct {
	*demo.Stage
	dial dial
}

// playDemo tells a story on simulators: a platform that Berth has served, what
// went wrong since, the run that mends it, and a second one that finds nothing
// left to do. It exits 0 when the story went so.
func playDemo(ctx context.Context, s settings, environment environ, std streams) int {
	s = onStage(s)
	st := newStage()
	if err := st.history(ctx); err != nil {
		return broken(std.err, err)
	}
	first, err := pass(ctx, s, st.dial, environment, std, nil)
	if err != nil {
		return refuse(std.err, err)
	}
	if s.DryRun || first.Result() != report.ResultOK {
		return first.ExitCode()
	}
	if err := st.Sync(ctx); err != nil {
		return broken(std.err, err)
	}
	tell := std.out
	if s.Output == "json" {
		tell = io.Discard
	}
	_, _ = fmt.Fprintf(tell, "\n── Again, to see that nothing is left to do ──\n\n")
	s.rotate, s.Report = nil, "" // it was for once; the page is of the run that mended
	second, err := pass(ctx, s, st.dial, environment, std, nil)
	if err != nil {
		return refuse(std.err, err)
	}
	if err := st.AskRegistry(ctx, tell); err != nil {
		return broken(std.err, err)
	}
	st.Show(tell)
	if second.Changes != (report.ChangeCount{}) {
		return report.ExitFailed
	}
	return second.ExitCode()
}

// onStage is what settings come to between the simulators.
func onStage(s settings) settings {
	s.QuayURL, s.QuayOrg = demo.URL, demo.Organization
	s.QuayQPS, s.QuayBurst = 1000, 1000
	s.ClusterID = "demo" // the same names every time
	s.LockNamespace = "" // nobody else is there
	s.ShardCount, s.ShardIndex = 1, 0
	s.token = func() (quay.Token, error) { return quay.NewToken(demo.Token), nil }
	if s.LogLevel == "auto" {
		s.LogLevel = "warn"
	}
	return s
}

// notOnStage are the settings that lead to something real, or need somebody else.
var notOnStage = []string{
	"QUAY_URL", "QUAY_ORG", "QUAY_TOKEN_FILE", "QUAY_CREDENTIALS_DIR", "QUAY_CA_FILE", "QUAY_QPS", "QUAY_BURST",
	"KUBECONFIG", "CONTEXT", "SHARD_COUNT", "SHARD_INDEX", "SOURCE_HOSTS", "SOURCE_CA_FILE", "SOURCE_PROXY",
	"CLUSTER_ID", "PULL_SERVICE_ACCOUNT", "LOCK_NAMESPACE", "LOCK_TIMEOUT", "METRICS_FILE", "METRICS_PUSH_URL",
}

func newStage() stage {
	st := demo.New()
	return stage{st, dial{config: st.Config(), cluster: "demo", transport: quaytest.Wire(st.Quay), git: demo.Git()}}
}

// history is what came before. It is the same whatever the demo is to show of it.
func (st stage) history(ctx context.Context) error {
	_, flags := newFlags()
	_ = flags["DEMO"].Set("true")
	past, wrong := loadSettings(flags, nil, nil) //nolint:contextcheck // decoding waits for nothing
	if len(wrong) > 0 {
		return wrong
	}
	return st.History(ctx, func(ctx context.Context) error {
		summary, err := pass(ctx, onStage(past), st.dial, nil, streams{out: io.Discard, err: io.Discard}, nil)
		if err == nil && summary.Result() != report.ResultOK {
			err = fmt.Errorf("the first run was %s: %w", summary.Result(), summary.Err)
		}
		return err
	})
}

// broken reports that the stage, not the play, is at fault.
func broken(w io.Writer, err error) int {
	_, _ = fmt.Fprintf(w, "Error: the demo could not be set up: %v\n", err)
	return report.ExitBug
}
