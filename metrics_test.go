package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"sigs.k8s.io/yaml"

	"berth/deploy"
	"berth/kube"
	"berth/quay"
	"berth/reconcile/plan"
	"berth/reconcile/report"
	"berth/reconcile/world"
)

// seriesOf are the values of metrics by name and labels.
func seriesOf(t *testing.T, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := strings.TrimPrefix(f.GetName(), "berth_")
			for _, l := range m.GetLabel() {
				name += fmt.Sprintf(" %s=%s", l.GetName(), l.GetValue())
			}
			all[name] = m.GetGauge().GetValue()
		}
	}
	return all
}

// Each thing that a run can tell is told by the metrics that are for it, and by no other.
func TestEachMetricTellsOneThing(t *testing.T) {
	t.Parallel()
	ended := time.Unix(1_773_662_820, 250_000_000)
	base := seriesOf(t, metrics(report.Summary{}, ended, 0, nil))
	const at = 1_773_662_820.25
	for _, test := range []struct {
		reason string
		change func(*report.Summary)
		want   map[string]float64 // -1: it is gone
	}{
		{"it took its time", func(s *report.Summary) { s.Elapsed = 1500 * time.Millisecond }, map[string]float64{"last_run_duration_seconds": 1.5}},
		{"changed", func(s *report.Summary) { s.Components.Changed = 2 }, map[string]float64{"components state=changed": 2}},
		{"up to date", func(s *report.Summary) { s.Components.UpToDate = 2 }, map[string]float64{"components state=up_to_date": 2}},
		{"skipped", func(s *report.Summary) { s.Components.Skipped = 2 }, map[string]float64{"components state=skipped": 2}},
		{"deferred", func(s *report.Summary) { s.Components.Deferred = 2 }, map[string]float64{"components state=deferred": 2}},
		{"invalid", func(s *report.Summary) {
			s.Components.Invalid, s.Failures = 1, []report.Failure{{Reason: plan.ReasonInvalidComponent}}
		}, map[string]float64{"components state=invalid": 1, "failures reason=invalid_component": 1}},
		{"blocked", func(s *report.Summary) {
			s.Components.Blocked, s.Failures = 1, []report.Failure{{Reason: plan.ReasonQuotaExceeded, Whose: plan.TheTenants}}
		}, map[string]float64{"components state=blocked": 1, "failures reason=quota_exceeded": 1}},
		{"held back", func(s *report.Summary) { s.HeldBack = 2 }, map[string]float64{"held_back_namespaces": 2}},
		{"failed", func(s *report.Summary) {
			s.Components.Failed, s.Failures = 2, []report.Failure{{Reason: plan.ReasonNotOurs}, {Reason: plan.ReasonNotOurs}}
		}, map[string]float64{"components state=failed": 2, "failures reason=not_ours": 2, "last_run_exit_code": 1, "last_success_timestamp_seconds": -1}},
		{"delivered", func(s *report.Summary) { s.Deliveries.Delivered = 4 }, map[string]float64{"environments state=delivered": 4}},
		{"unverified", func(s *report.Summary) { s.Deliveries.Unverified = 4 }, map[string]float64{"environments state=unverified": 4}},
		{"on the way", func(s *report.Summary) { s.Deliveries.Pending = 4 }, map[string]float64{"environments state=pending": 4}},
		{"not delivered", func(s *report.Summary) { s.Deliveries.Failed = 4 }, map[string]float64{"environments state=failed": 4}},
		{"unresolved", func(s *report.Summary) { s.Deliveries.Unresolved = 4 }, map[string]float64{"environments state=unresolved": 4}},
		{"created", func(s *report.Summary) { s.Changes.Create = 3 }, map[string]float64{"changes op=create": 3}},
		{"updated", func(s *report.Summary) { s.Changes.Update = 3 }, map[string]float64{"changes op=update": 3}},
		{"rotated", func(s *report.Summary) { s.Changes.Rotate = 3 }, map[string]float64{"changes op=rotate": 3}},
		{"deleted", func(s *report.Summary) { s.Changes.Delete = 3 }, map[string]float64{"changes op=delete": 3}},
		{"requests that wait", func(s *report.Summary) { s.Rotations.Pending = 3 }, map[string]float64{"rotations_pending": 3}},
		{"an old token", func(s *report.Summary) { s.Rotations.Oldest = time.Hour }, map[string]float64{"oldest_token_seconds": 3600}},
		{"waiting for the lock", func(s *report.Summary) { s.Phases.Lock = time.Second }, map[string]float64{"phase_seconds phase=lock": 1}},
		{"reading", func(s *report.Summary) { s.Phases.Read = time.Second }, map[string]float64{"phase_seconds phase=read": 1}},
		{"planning", func(s *report.Summary) { s.Phases.Plan = time.Second }, map[string]float64{"phase_seconds phase=plan": 1}},
		{"applying", func(s *report.Summary) { s.Phases.Apply = time.Second }, map[string]float64{"phase_seconds phase=apply": 1}},
		{"a long way", func(s *report.Summary) { s.Waits.Pending = time.Hour }, map[string]float64{"delivery_oldest_seconds state=pending": 3600}},
		{"long unseen", func(s *report.Summary) { s.Waits.Unverified = time.Hour }, map[string]float64{"delivery_oldest_seconds state=unverified": 3600}},
		{"robots left", func(s *report.Summary) { s.Orphans.Robots = 7 }, map[string]float64{"orphans kind=robot": 7}},
		{"repositories left", func(s *report.Summary) { s.Orphans.Repositories = 7 }, map[string]float64{"orphans kind=repository": 7}},
		{"requests", func(s *report.Summary) { s.Requests = map[report.Request]int{{Target: "quay", Code: "200"}: 7} }, map[string]float64{"requests code=200 target=quay": 7}},
		{"retries", func(s *report.Summary) { s.Quay.Retries = 7 }, map[string]float64{"quay_retries": 7}},
		{"throttled", func(s *report.Summary) { s.Quay.Throttled = 2500 * time.Millisecond }, map[string]float64{"quay_throttled_seconds": 2.5}},
		{
			"the token was refused", func(s *report.Summary) { s.Err = fmt.Errorf("list robots: %w", quay.ErrUnauthorized) },
			map[string]float64{"failures reason=quay_unauthorized": 1, "last_run_exit_code": 77, "last_success_timestamp_seconds": -1},
		},
		{
			"the guard refused", func(s *report.Summary) { s.Err = &plan.GuardError{} },
			map[string]float64{"failures reason=refused": 1, "last_run_exit_code": 3, "last_success_timestamp_seconds": -1},
		},
		{
			"another run holds the lock", func(s *report.Summary) { s.Err = &kube.HeldError{} },
			map[string]float64{"failures reason=locked": 1, "last_run_exit_code": 75, "last_success_timestamp_seconds": -1},
		},
		{
			"a signal", func(s *report.Summary) { s.Signal = 15 },
			map[string]float64{"last_run_exit_code": 143, "last_success_timestamp_seconds": -1},
		},
	} {
		var s report.Summary
		test.change(&s)
		want := maps.Clone(base)
		for name, value := range test.want {
			if _, known := base[name]; !known && !strings.HasPrefix(name, "requests ") {
				t.Errorf("%s: %s is not told by every run", test.reason, name)
			}
			if want[name] = value; value < 0 {
				delete(want, name)
			}
		}
		if diff := cmp.Diff(want, seriesOf(t, metrics(s, ended, 0, nil))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
	if base["last_success_timestamp_seconds"] != at || base["last_run_timestamp_seconds"] != at {
		t.Errorf("the times are %f and %f, want %f", base["last_success_timestamp_seconds"], base["last_run_timestamp_seconds"], at)
	}
	if got := seriesOf(t, metrics(report.Summary{Signal: 15}, ended, 5, nil))["last_success_timestamp_seconds"]; got != 5 {
		t.Errorf("after a failure the last success is at %f, want the one before", got)
	}
}

// Prometheus' own rules, and labels that are known beforehand.
func TestMetricsAreWellNamed(t *testing.T) {
	t.Parallel()
	registry := metrics(report.Summary{}, time.Now(), 0, prometheus.Labels{shardLabel: "1"})
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v (%v)", problems, err)
	}
	reasons := []string{"refused"}
	for name := range seriesOf(t, registry) {
		if _, reason, ok := strings.Cut(name, "reason="); ok && !strings.HasPrefix(reason, "refused") {
			reasons = append(reasons, strings.TrimSuffix(reason, " shard=1"))
		}
		if !strings.Contains(name, " shard=1") {
			t.Errorf("%s does not say of which shard it is", name)
		}
	}
	want := append(constants(t)["Reason"], "refused")
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(reasons))); diff != "" {
		t.Errorf("reasons (-declared +told):\n%s", diff)
	}
}

// A run that succeeds replaces what is known of the last; one that fails leaves the
// last success, at the gateway and in the file.
func TestMetricsOfRuns(t *testing.T) {
	t.Parallel()
	g, dir := newPushgateway(t), t.TempDir()
	file := filepath.Join(dir, "berth.prom")
	p := newPlatform(t, "cart")
	p.env["BERTH_METRICS_FILE"], p.env["BERTH_METRICS_PUSH_URL"] = file, g.URL
	const group = "/metrics/job/berth"

	p.run(t, "--dry-run").must(t, 0)
	if _, err := os.Stat(file); err == nil || len(g.told()) > 0 {
		t.Fatalf("a dry run told its metrics: %v", g.told())
	}
	p.run(t).must(t, 0)
	first := g.group(group)
	if first["components state=changed"] != 1 || first["changes op=create"] != 9 || first["requests code=200 target=quay"] < 2 || first["requests code=201 target=cluster"] < 2 || first["phase_seconds phase=read"] == 0 || first["phase_seconds phase=apply"] == 0 || first["last_success_timestamp_seconds"] == 0 {
		t.Errorf("the first run told %v", first)
	}
	if diff := cmp.Diff(first, fileSeries(t, file)); diff != "" {
		t.Errorf("gateway and file differ (-gateway +file):\n%s", diff)
	}

	p.quay.ExpireToken(oauthToken)
	p.run(t).must(t, 77)
	failed := g.group(group)
	if failed["last_success_timestamp_seconds"] != first["last_success_timestamp_seconds"] || failed["last_run_exit_code"] != 77 ||
		failed["last_run_timestamp_seconds"] <= first["last_run_timestamp_seconds"] || failed["components state=changed"] != 0 {
		t.Errorf("the second run told %v after %v", failed, first)
	}
	if diff := cmp.Diff(failed, fileSeries(t, file)); diff != "" {
		t.Errorf("gateway and file differ (-gateway +file):\n%s", diff)
	}
	p.quay.AddToken(oauthToken, "platform", "org:admin repo:admin")
	p.run(t).must(t, 0)
	if again := g.group(group); again["last_success_timestamp_seconds"] <= first["last_success_timestamp_seconds"] || again["last_run_exit_code"] != 0 {
		t.Errorf("the third run told %v", again)
	}
	p.run(t, "--shard-count=2", "--shard-index=1").must(t, 0)
	if diff := cmp.Diff([]string{"PUT " + group, "POST " + group, "PUT " + group, "PUT " + group + "/shard/1"}, g.told()); diff != "" {
		t.Errorf("pushes (-want +got):\n%s", diff)
	}
	for name := range fileSeries(t, file) {
		if !strings.Contains(name, "shard=1") {
			t.Errorf("%s in the file does not say of which shard it is", name)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("beside the file there is %v (%v)", entries, err)
	}
}

// fileSeries reads a file in the text format.
func fileSeries(t *testing.T, file string) map[string]float64 {
	t.Helper()
	return seriesOf(t, prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		parser := expfmt.NewTextParser(model.LegacyValidation)
		families, err := parser.TextToMetricFamilies(strings.NewReader(string(readFile(t, file))))
		return slices.Collect(maps.Values(families)), err
	}))
}

func TestTheDemoTellsNoMetrics(t *testing.T) {
	t.Parallel()
	g, file := newPushgateway(t), filepath.Join(t.TempDir(), "berth.prom")
	runProgram(t, map[string]string{"BERTH_METRICS_FILE": file, "BERTH_METRICS_PUSH_URL": g.URL}, "--demo").must(t, 0)
	if _, err := os.Stat(file); err == nil || len(g.told()) > 0 {
		t.Errorf("it pushed %v", g.told())
	}
}

// pushgateway keeps groups as the real one does: PUT replaces a group, POST the
// metrics of the same name in it.
type pushgateway struct {
	*httptest.Server
	mu     sync.Mutex
	groups map[string]map[string]float64
	heard  []string // method and path
	bodies strings.Builder
	login  string
}

func newPushgateway(t *testing.T) *pushgateway {
	t.Helper()
	g := &pushgateway{groups: map[string]map[string]float64{}}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

func (g *pushgateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	user, password, _ := r.BasicAuth()
	g.login = user + ":" + password
	g.heard = append(g.heard, r.Method+" "+r.URL.Path)
	pushed := map[string]float64{}
	decoder := expfmt.NewDecoder(r.Body, expfmt.ResponseFormat(r.Header))
	for {
		var family dto.MetricFamily
		if err := decoder.Decode(&family); err != nil {
			break
		}
		g.bodies.WriteString(family.String())
		for _, m := range family.GetMetric() {
			name := strings.TrimPrefix(family.GetName(), "berth_")
			for _, l := range m.GetLabel() {
				name += " " + l.GetName() + "=" + l.GetValue()
			}
			pushed[name] = m.GetGauge().GetValue()
		}
	}
	if len(pushed) == 0 || r.Method != http.MethodPut && r.Method != http.MethodPost {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if r.Method == http.MethodPut || g.groups[r.URL.Path] == nil {
		g.groups[r.URL.Path] = map[string]float64{}
	}
	maps.DeleteFunc(g.groups[r.URL.Path], func(old string, _ float64) bool {
		name, _, _ := strings.Cut(old, " ")
		for got := range pushed {
			if family, _, _ := strings.Cut(got, " "); family == name {
				return true
			}
		}
		return false
	})
	maps.Copy(g.groups[r.URL.Path], pushed)
}

// group is what is known of a group; told is every push.
func (g *pushgateway) group(path string) map[string]float64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.groups[path])
}

func (g *pushgateway) told() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.heard)
}

// A gateway that is silent holds a run up for a few seconds, also one that was
// interrupted.
func TestASilentGatewayIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		asked := false
		silent := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			asked = true
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}
		start := time.Now()
		err := pushMetrics(ctx, silent, "http://gateway.example:9091", world.Shard{}, report.Summary{Signal: 15}, start)
		if err == nil || !asked || time.Since(start) != pushTimeout {
			t.Errorf("asked: %t; after %s: %v", asked, time.Since(start), err)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// pushPassword is in the address of a gateway.
const pushPassword = "PUSHCANARYPUSHCANARYPUSH"

// pushPath is as good as one at some gateways.
const pushPath = "PATHCANARYPATHCANARYPATH"

// No credential gets into metrics, nor a tenant's name, and none of the gateway's
// into what is said when it fails; and a push that fails changes no exit code.
func TestMetricsLeakNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason  string
		gateway http.HandlerFunc // nil: it is well
		warns   string
	}{
		{"it is well", nil, ""},
		{"it quotes what it was sent", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = fmt.Fprint(w, r.Header, r.URL, pushPassword)
		}, "the gateway answers with status 500"},
		{"it sends elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://other.example/"+pushPassword, http.StatusTemporaryRedirect)
		}, "the gateway answers with status 307"},
		{"it hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			g := newPushgateway(t)
			if test.gateway != nil {
				g.Config.Handler = test.gateway
			}
			file := filepath.Join(t.TempDir(), "berth.prom")
			p := newPlatform(t, "cart")
			p.env["BERTH_METRICS_FILE"] = file
			p.env["BERTH_METRICS_PUSH_URL"] = strings.Replace(g.URL, "//", "//pusher:"+pushPassword+"@", 1) + "/" + pushPath
			r := p.run(t, "--log-level=debug").must(t, 0)
			g.mu.Lock()
			login, bodies := g.login, g.bodies.String()
			g.mu.Unlock()
			pushed := string(readFile(t, file)) + bodies
			said := r.stdout + r.stderr + pushed
			for _, secret := range []string{oauthToken, kubeToken, pushPassword, base64.StdEncoding.EncodeToString([]byte("pusher:" + pushPassword)), "pusher", pushPath} {
				if strings.Contains(said, secret) {
					t.Errorf("%q is said", secret)
				}
			}
			if tokenShape.MatchString(said) {
				t.Error("a robot's token is said")
			}
			if strings.Contains(pushed, "shop") || strings.Contains(pushed, "cart") {
				t.Error("the metrics name a tenant or a Component")
			}
			if warned := strings.Contains(r.stderr, "the metrics could not be pushed"); warned != (test.warns != "") || !strings.Contains(r.stderr, test.warns) {
				t.Errorf("stderr does not say %q:\n%s", test.warns, r.stderr)
			}
			if test.gateway == nil && (login != "pusher:"+pushPassword || !strings.Contains(pushed, "berth_components")) {
				t.Errorf("logged in as %s; pushed %s", login, pushed)
			}
		})
	}
}

// What cannot be told is a warning, and what was known before stays.
func TestMetricsThatCannotBeToldFailNoRun(t *testing.T) {
	t.Parallel()
	const file = "/proc/berth.prom" // nobody can make a file there
	p := newPlatform(t, "cart")
	p.env["BERTH_METRICS_FILE"], p.env["BERTH_METRICS_PUSH_URL"] = file, closedServer(t)
	r := p.run(t).must(t, 0)
	for _, want := range []string{"the metrics could not be written", "the metrics could not be pushed", `"level":"warn"`} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("stderr does not say %q:\n%s", want, r.stderr)
		}
	}
	if n := successIn(file); n != 0 {
		t.Errorf("the last success is at %f", n)
	}
	if err := pushMetrics(t.Context(), &http.Client{}, "http://user:"+pushPassword+"@[::1", world.Shard{}, report.Summary{}, time.Now()); err == nil ||
		strings.Contains(err.Error(), pushPassword) {
		t.Errorf("an address that is none: %v", err)
	}
}

// TestThePushgatewayComponent sets what is a setting, to what it takes.
func TestThePushgatewayComponent(t *testing.T) {
	t.Parallel()
	raw, err := deploy.Manifests.ReadFile("components/pushgateway/kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var component struct{ Patches []struct{ Patch string } }
	if err := yaml.Unmarshal(raw, &component); err != nil || len(component.Patches) != 1 {
		t.Fatal(component, err)
	}
	var patch struct{ Data map[string]string }
	if err := yaml.Unmarshal([]byte(component.Patches[0].Patch), &patch); err != nil {
		t.Fatal(err)
	}
	s, wrong := load(t, patch.Data)
	if len(wrong) > 0 || s.MetricsPushURL == "" || len(patch.Data) != 1 {
		t.Errorf("%v of %v (%v)", s.MetricsPushURL, patch.Data, wrong)
	}
}
