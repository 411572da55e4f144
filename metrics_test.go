package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/plan"
	"berth/reconcile/report"
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
		{"logins", func(s *report.Summary) { s.Quay.Logins = 7 }, map[string]float64{"quay_logins": 7}},
		{"requests", func(s *report.Summary) { s.Quay.Requests = 7 }, map[string]float64{"quay_requests": 7}},
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
			if _, known := base[name]; !known {
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
	if first["components state=changed"] != 1 || first["changes op=create"] != 9 || first["quay_requests"] < 5 || first["last_success_timestamp_seconds"] == 0 {
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
