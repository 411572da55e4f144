package metrics

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/plan"
	"berth/reconcile/report"
	"berth/reconcile/world"
	"berth/testdata/series"
)

// Each thing that a run can tell is told by the metrics that are for it, and by no other.
func TestEachMetricTellsOneThing(t *testing.T) {
	t.Parallel()
	ended := time.Unix(1_773_662_820, 250_000_000)
	base := series.Gathered(t, registry(report.Summary{}, ended, 0, nil))
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
		if diff := cmp.Diff(want, series.Gathered(t, registry(s, ended, 0, nil))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
	if base["last_success_timestamp_seconds"] != at || base["last_run_timestamp_seconds"] != at {
		t.Errorf("the times are %f and %f, want %f", base["last_success_timestamp_seconds"], base["last_run_timestamp_seconds"], at)
	}
	if got := series.Gathered(t, registry(report.Summary{Signal: 15}, ended, 5, nil))["last_success_timestamp_seconds"]; got != 5 {
		t.Errorf("after a failure the last success is at %f, want the one before", got)
	}
}

// Prometheus' own rules, and labels that are known beforehand.
func TestMetricsAreWellNamed(t *testing.T) {
	t.Parallel()
	all := registry(report.Summary{}, time.Now(), 0, prometheus.Labels{shardLabel: "1"})
	problems, err := testutil.GatherAndLint(all)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v (%v)", problems, err)
	}
	reasons := []string{"refused"}
	for name := range series.Gathered(t, all) {
		if _, reason, ok := strings.Cut(name, "reason="); ok && !strings.HasPrefix(reason, "refused") {
			reasons = append(reasons, strings.TrimSuffix(reason, " shard=1"))
		}
		if !strings.Contains(name, " shard=1") {
			t.Errorf("%s does not say of which shard it is", name)
		}
	}
	want := []string{"refused"}
	for _, r := range plan.Reasons {
		want = append(want, string(r))
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(reasons))); diff != "" {
		t.Errorf("reasons (-known +told):\n%s", diff)
	}
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
		err := Push(ctx, silent, "http://gateway.example:9091", world.Shard{}, report.Summary{Signal: 15}, start)
		if err == nil || !asked || time.Since(start) != pushTimeout {
			t.Errorf("asked: %t; after %s: %v", asked, time.Since(start), err)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What cannot be read or reached is said, and no more of it than that.
func TestWhatCannotBeTold(t *testing.T) {
	t.Parallel()
	if n := successIn(filepath.Join(t.TempDir(), "berth.prom")); n != 0 {
		t.Errorf("the last success is at %f", n)
	}
	const password = "PUSHCANARYPUSHCANARYPUSH"
	if err := Push(t.Context(), &http.Client{}, "http://user:"+password+"@[::1", world.Shard{}, report.Summary{}, time.Now()); err == nil ||
		strings.Contains(err.Error(), password) {
		t.Errorf("an address that is none: %v", err)
	}
}
