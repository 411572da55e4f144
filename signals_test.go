package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"berth/deploy"
	"berth/deploy/deploytest"
	"berth/kube/kubetest"
	"berth/quay/quaytest"
	"berth/testdata/series"
)

// signals are all that somebody who does not read the output learns of a run.
type signals struct {
	code    int
	metrics map[string]float64
	last    struct {
		Result   string
		ExitCode int `json:"exit_code"`
		Error    string
		HeldBack int `json:"held_back_namespaces"`
		Failures []struct{ Component, Reason string }
	}
	page string
}

// said is the short of the last words.
func (s signals) said() string {
	said := fmt.Sprint(s.last.Result, " ", s.last.ExitCode)
	if s.last.HeldBack > 0 {
		said += fmt.Sprint(" held back ", s.last.HeldBack)
	}
	for _, f := range s.last.Failures {
		said += " " + f.Component + ":" + f.Reason
	}
	return said
}

// signals makes a run and collects what it leaves.
func (p *platform) signals(t *testing.T, args ...string) (s signals) {
	t.Helper()
	env := maps.Clone(p.env)
	prom, page, last := filepath.Join(p.dir, "berth.prom"), filepath.Join(p.dir, "page.html"), filepath.Join(p.dir, "termination-log")
	env["BERTH_METRICS_FILE"], env["BERTH_REPORT"], env["BERTH_LOCK_NAMESPACE"] = prom, page, leaseNamespace
	if err := os.WriteFile(last, nil, 0o600); err != nil { // as the kubelet does
		t.Fatal(err)
	}
	var out bytes.Buffer
	s.code = run(t.Context(), args, environ(env), streams{out: &out, err: &out, last: last})
	if err := json.Unmarshal(readFile(t, last), &s.last); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	s.metrics, s.page = series.Written(t, readFile(t, prom)), string(readFile(t, page))
	return s
}

// changed are the metrics that differ between two runs, but for those of the time and the
// calls that a run takes. It tells apart whether the success was renewed.
func (s signals) changed(since signals) map[string]float64 {
	changed := map[string]float64{"success renewed": 0}
	if s.metrics["last_success_timestamp_seconds"] > since.metrics["last_success_timestamp_seconds"] {
		changed["success renewed"] = 1
	}
	for name, value := range s.metrics {
		family, _, _ := strings.Cut(name, " ")
		if slices.Contains([]string{
			"last_success_timestamp_seconds", "last_run_timestamp_seconds", "last_run_duration_seconds", "phase_seconds", "requests", "quay_retries",
			"quay_throttled_seconds", "oldest_token_seconds", "delivery_oldest_seconds",
		}, family) {
			continue
		}
		if value != since.metrics[name] {
			changed[name] = value
		}
	}
	return changed
}

// Each fault changes exit code, metrics, last words, alerts and page as it should, and
// nothing else of them.
func TestEachFaultIsTold(t *testing.T) {
	t.Parallel()
	faults := []struct {
		why    string
		many   bool // a platform with two namespaces of twenty Components, not with one of two
		befall func(p *platform)
		args   []string

		code   int
		last   string
		error  string // in the last words
		differ map[string]float64
		alerts []string
		page   []string
	}{
		{
			why: "all is well", befall: func(*platform) {},
			last: "ok 0", differ: map[string]float64{"success renewed": 1}, page: []string{"Nothing to change"},
		},
		{
			why: "the token is rejected", befall: func(p *platform) { p.quay.ExpireToken(oauthToken) },
			code: 77, last: "failed 77", error: "Quay does not know the token",
			differ: map[string]float64{"success renewed": 0, "last_run_exit_code": 77, "components state=up_to_date": 0, "failures reason=quay_unauthorized": 1},
			alerts: []string{"BerthCredentials", "BerthNotSucceeding"}, page: []string{"The run failed", "has expired, was revoked, or is another Quay"},
		},
		{
			why: "Quay is read-only", befall: func(p *platform) {
				p.component("new", "")
				p.quay.Configure(quaytest.Config{ReadOnly: true})
			},
			code: 1, last: "partial 1 shop/new:quay_read_only", error: "",
			differ: map[string]float64{"success renewed": 0, "last_run_exit_code": 1, "components state=failed": 1, "failures reason=quay_read_only": 1},
			alerts: []string{"BerthFailing", "BerthNotSucceeding"}, page: []string{"1 Component could not be served", "Quay is in maintenance"},
		},
		{
			why: "the plan is full", befall: func(p *platform) {
				p.component("new", "")
				p.quay.Configure(quaytest.Config{Billing: true})
				p.quay.SetPrivateLimit(testOrg, 2)
			},
			code: 1, last: "partial 1 shop/new:quay_payment_required", error: "",
			differ: map[string]float64{"success renewed": 0, "last_run_exit_code": 1, "components state=failed": 1, "failures reason=quay_payment_required": 1, "changes op=create": 2},
			alerts: []string{"BerthFailing", "BerthNotSucceeding"}, page: []string{"1 Component could not be served", "Extend the organization"},
		},
		{
			why: "one Component fails", befall: func(p *platform) { p.quay.SetDescription(testOrg+"/shop/cart", "by hand") },
			code: 1, last: "partial 1 shop/cart:not_ours", error: "",
			differ: map[string]float64{"success renewed": 0, "last_run_exit_code": 1, "components state=failed": 1, "components state=up_to_date": 1, "failures reason=not_ours": 1, "changes op=update": 1},
			alerts: []string{"BerthFailing", "BerthNotSucceeding"}, page: []string{"1 Component could not be served", "tells the tenant"},
		},
		{
			why: "a namespace is held back", many: true, befall: func(p *platform) { drift(p, 7, "shop") },
			code: 0, last: "ok 0 held back 1 shop/c00:held_back shop/c01:held_back shop/c02:held_back shop/c03:held_back shop/c04:held_back shop/c05:held_back shop/c06:held_back", error: "",
			differ: map[string]float64{"success renewed": 1, "held_back_namespaces": 1, "components state=blocked": 7, "components state=up_to_date": 33, "failures reason=held_back": 7, "changes op=update": 7},
			alerts: []string{"BerthGuard"}, page: []string{"1 namespace is held back"},
		},
		{
			why: "the guard refuses", many: true, befall: func(p *platform) { drift(p, 7, "shop", "other") },
			code: 3, last: "refused 3", error: "would change",
			differ: map[string]float64{"success renewed": 0, "last_run_exit_code": 3, "failures reason=refused": 1, "changes op=create": 14, "changes op=update": 28, "changes op=delete": 14, "components state=changed": 14, "components state=up_to_date": 26},
			alerts: []string{"BerthGuard", "BerthNotSucceeding"}, page: []string{"The guard refused the plan: nothing was changed", "What was planned, and why"},
		},
		{
			why: "another run holds the lock", befall: func(p *platform) { p.give("another") },
			code: 75, last: "failed 75", error: "another run holds the lock: another",
			differ: map[string]float64{"success renewed": 0, "last_run_exit_code": 75, "components state=up_to_date": 0, "failures reason=locked": 1},
			alerts: []string{"BerthNotSucceeding"}, page: []string{"Another run holds the lock"},
		},
		{
			why: "the API server is away", befall: func(p *platform) { p.cluster.Inject(kubetest.Fault{Times: -1, Status: http.StatusServiceUnavailable}) },
			code: 1, last: "failed 1", error: "no usable answer from the cluster",
			differ: map[string]float64{"success renewed": 0, "last_run_exit_code": 1, "components state=up_to_date": 0, "failures reason=kube_unavailable": 1},
			alerts: []string{"BerthNotSucceeding"}, page: []string{"The run failed", "and the network"},
		},
		{
			why: "the time is up", befall: func(p *platform) {
				p.component("new", "")
				p.component("newer", "")
				release := make(chan struct{})
				p.quay.Inject(quaytest.Fault{Method: http.MethodPut, Route: quaytest.RouteRobot, Outcome: quaytest.Stall, Applied: true, Release: release})
				time.AfterFunc(2*time.Second, func() { close(release) })
			}, args: []string{"--timeout=1s", "--concurrency=1"},
			code: 1, last: "partial 1", error: "the run's time was up",
			differ: map[string]float64{"success renewed": 0, "last_run_exit_code": 1, "changes op=create": 9, "changes op=update": 4, "components state=changed": 1, "components state=deferred": 1, "failures reason=deferred": 1},
			alerts: []string{"BerthBacklog", "BerthNotSucceeding"}, page: []string{"left to the next run", "Give it more with --timeout"},
		},
	}
	var cases promCases
	t.Run("runs", func(t *testing.T) {
		for _, f := range faults {
			t.Run(f.why, func(t *testing.T) {
				t.Parallel()
				p := newPlatform(t)
				settle(p, f.many)
				p.signals(t)
				quiet := p.signals(t)
				f.befall(p)
				s := p.signals(t, f.args...)
				if s.code != f.code || s.said() != f.last || !strings.Contains(s.last.Error, f.error) || (s.last.Error == "") != (f.error == "") {
					t.Errorf("exit code %d, last words %q, %q", s.code, s.said(), s.last.Error)
				}
				if diff := cmp.Diff(f.differ, s.changed(quiet)); diff != "" {
					t.Errorf("metrics (-want +got):\n%s", diff)
				}
				for _, want := range f.page {
					if !strings.Contains(s.page, want) {
						t.Errorf("the page does not say %q", want)
					}
				}
				cases.add(f.why, s, s.changed(quiet)["success renewed"] == 1, f.alerts)
			})
		}
	})
	cases.run(t)
}

// drift leaves so many Components of each namespace with Secrets that are not their robots'.
func drift(p *platform, components int, namespaces ...string) {
	for _, r := range p.quay.Snapshot().Robots {
		for _, namespace := range namespaces {
			for i := range components {
				if strings.Contains(r.Name, fmt.Sprintf("berth_%s_c%02d_", namespace, i)) {
					p.quay.RegenerateToken(r.Name)
				}
			}
		}
	}
}

// settle gives a platform its Components.
func settle(p *platform, many bool) {
	if !many {
		p.component("cart", "")
		p.component("till", "")
		return
	}
	p.cluster.Apply([]byte("{apiVersion: v1, kind: Namespace, metadata: {name: other}}"))
	for i := range 20 {
		p.component(fmt.Sprintf("c%02d", i), "")
		p.cluster.Apply(deploytest.Component("other", fmt.Sprintf("c%02d", i), ""))
	}
}

// promCases asks Prometheus which alerts fire where each run after another leaves these
// metrics.
type promCases struct {
	mu    sync.Mutex
	tests []map[string]any
}

func (c *promCases) add(why string, s signals, renewed bool, alerts []string) {
	const minutes = 200
	var series []map[string]string
	for name, value := range s.metrics {
		family, labels, _ := strings.Cut(name, " ")
		var selector []string
		for label := range strings.FieldsSeq(labels) {
			key, is, _ := strings.Cut(label, "=")
			selector = append(selector, fmt.Sprintf("%s=%q", key, is))
		}
		values := fmt.Sprintf("%gx%d", value, minutes)
		if family == "last_success_timestamp_seconds" { // its clock begins with the test's
			values = fmt.Sprintf("0x%d", minutes)
			if renewed {
				values = fmt.Sprintf("0+60x%d", minutes)
			}
		}
		series = append(series, map[string]string{"series": fmt.Sprintf("berth_%s{%s}", family, strings.Join(selector, ",")), "values": values})
	}
	samples := []map[string]any{}
	for _, a := range alerts {
		samples = append(samples, map[string]any{"labels": fmt.Sprintf(`{alertname=%q}`, a), "value": 1})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tests = append(c.tests, map[string]any{
		"name": why, "interval": "1m", "input_series": series,
		"promql_expr_test": []map[string]any{{"expr": `group by (alertname) (ALERTS{alertstate="firing"})`, "eval_time": fmt.Sprint(minutes-5, "m"), "exp_samples": samples}},
	})
}

func (c *promCases) run(t *testing.T) {
	if os.Getenv("BERTH_REQUIRE_KUBERNETES") == "" {
		t.Skip("promtool is built from source, for some minutes once a machine: run make test")
	}
	raw, err := deploy.Manifests.ReadFile("components/monitoring/prometheusrule.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var rules struct{ Spec map[string]any }
	if err := yaml.Unmarshal(raw, &rules); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string]any{
		"rules.yaml": rules.Spec, "tests.yaml": map[string]any{"rule_files": []string{"rules.yaml"}, "evaluation_interval": "1m", "tests": c.tests},
	} {
		text, err := yaml.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tool := exec.CommandContext(t.Context(), "go", "-C", "testdata/prometheus", "run", "-tags", "remove_all_sd", "github.com/prometheus/prometheus/cmd/promtool", "test", "rules", filepath.Join(dir, "tests.yaml"))
	if out, err := tool.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
