package main

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sethvargo/go-envconfig"
	"golang.org/x/time/rate"

	"berth/quay"
	"berth/quay/quaytest"
	"berth/reconcile/report"
)

// modern lets a wire pass for HTTP/2.
type modern struct{ http.RoundTripper }

func (m modern) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := m.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.ProtoMajor = 2
	}
	return answer, err
}

// newComponents is a stage with so many Components that nobody has served, behind a
// proxy that limits the rate.
func newComponents(n int, p *quaytest.Proxy) stage {
	st := newStage()
	var all bytes.Buffer
	for i := range n {
		fmt.Fprintf(&all, "---\n{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {namespace: acme-tenant, name: new-%03d}}\n", i)
	}
	st.cluster.Apply(all.Bytes())
	p.Server = st.quay
	st.dial.transport = modern{quaytest.Wire(p)}
	return st
}

// serve makes a run on a stage, with the defaults and what env says besides.
func (st stage) serve(t *testing.T, env map[string]string) (s report.Summary, out string) {
	t.Helper()
	all := map[string]string{
		"BERTH_QUAY_ORG": demoOrg, "BERTH_QUAY_URL": "https://quay.example.com", "BERTH_QUAY_TOKEN": demoToken, "BERTH_CLUSTER_ID": "demo",
	}
	maps.Copy(all, env)
	settings, wrong := load(t, all)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	var text, log bytes.Buffer
	s, err := pass(t.Context(), settings, st.dial, envconfig.MapLookuper(nil), streams{strings.NewReader(""), &text, &log})
	if err != nil {
		t.Fatal(err)
	}
	return s, text.String()
}

// With the defaults, what a registry allows is what a run takes: neither the limit of
// calls of the cluster nor anything else is slower. Time is counted, not measured: none
// passes but where somebody waits.
func TestTheRegistryIsTheBottleneck(t *testing.T) {
	t.Parallel()
	const components, calls = 200, 1000
	took := func(env map[string]string, allow func() bool) (seconds float64) {
		synctest.Test(t, func(t *testing.T) {
			st := newComponents(components, &quaytest.Proxy{API: allow})
			summary, out := st.serve(t, env)
			if n := st.quay.Mutations(); summary.ExitCode() != 0 || n < calls {
				t.Fatalf("exit code %d, %d changes at Quay, want %d\n%s", summary.ExitCode(), n, calls, out)
			}
			seconds = summary.Elapsed.Seconds()
		})
		return seconds
	}
	for _, row := range []struct {
		why   string
		allow func() bool
		most  float64 // seconds
	}{
		{"Quay's own limit", rate.NewLimiter(50, 100).Allow, 30},
		{"none", nil, 30},
	} {
		withDefaults := took(nil, row.allow)
		unhindered := took(map[string]string{"BERTH_KUBE_QPS": "10000", "BERTH_KUBE_BURST": "10000"}, row.allow)
		if withDefaults > row.most {
			t.Errorf("%s: it takes %.1f seconds", row.why, withDefaults)
		}
		if withDefaults > 1.02*unhindered {
			t.Errorf("%s: it takes %.1f seconds, and %.1f with a faster cluster", row.why, withDefaults, unhindered)
		}
	}
}

// A run that ends because its own time is over says so, and blames nobody; and it
// does end then.
func TestTheEndOfTheTimeIsNotQuays(t *testing.T) {
	t.Parallel()
	const timeout, grace = 40 * time.Second, 20 * time.Second
	for _, row := range []struct {
		why    string
		passes int32         // requests, and then none
		most   time.Duration // that the run takes
		says   string
	}{
		{"before anything was read", 0, timeout, quay.ErrEnded.Error()},
		{"while lists were read", 2, timeout, quay.ErrEnded.Error()},
		{"while Components were served", 60, timeout + grace, "left to the next run"},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Int32
				st := newComponents(40, &quaytest.Proxy{API: func() bool { return asked.Add(1) <= row.passes }})
				s, out := st.serve(t, map[string]string{"BERTH_TIMEOUT": timeout.String()})
				if s.ExitCode() != 1 || s.Elapsed > row.most || s.Elapsed < timeout/2 {
					t.Errorf("exit code %d after %s, want 1 within %s", s.ExitCode(), s.Elapsed, row.most)
				}
				if !strings.Contains(out, row.says) {
					t.Errorf("the end is not told:\n%s", out)
				}
				for _, blame := range []error{quay.ErrUnavailable, quay.ErrRateLimited} {
					if strings.Contains(out, blame.Error()) {
						t.Errorf("it says %q:\n%s", blame, out)
					}
				}
			})
		})
	}
}
