// Package metrics tells a run that has ended in Prometheus' words: in goes its summary, out
// comes a file, or a push to a gateway. It promises that no label has a name that a tenant
// chose, and no error an address or what a gateway answers.
package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"berth/reconcile/plan"
	"berth/reconcile/report"
)

// lastSuccess is the one metric that a run which failed leaves as it was.
const lastSuccess = "berth_last_success_timestamp_seconds"

// registry has gauges of a run that has ended; succeeded is when one before it did, in
// seconds since 1970, 0 for unknown. Counters would begin anew with every process. No
// label has a name that a tenant chose.
func registry(s report.Summary, ended time.Time, succeeded float64, labels prometheus.Labels) *prometheus.Registry {
	all := prometheus.NewRegistry()
	to := prometheus.WrapRegistererWith(labels, all)
	gauge := func(name, help string, value float64) {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
		g.Set(value)
		to.MustRegister(g)
	}
	family := func(name, help, label string, values map[string]float64) {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{label})
		for key, n := range values {
			v.WithLabelValues(key).Set(n)
		}
		to.MustRegister(v)
	}
	counts := func(name, help, label string, values map[string]int) {
		numbers := map[string]float64{}
		for key, n := range values {
			numbers[key] = float64(n)
		}
		family(name, help, label, numbers)
	}
	now := float64(ended.UnixMilli()) / 1000
	if s.ExitCode() == report.ExitOK {
		succeeded = now
	}
	if succeeded > 0 {
		gauge(lastSuccess, "When a run last ended with exit code 0.", succeeded)
	}
	gauge("berth_last_run_timestamp_seconds", "When the last run ended.", now)
	gauge("berth_last_run_exit_code", "Exit code of the last run.", float64(s.ExitCode()))
	gauge("berth_last_run_duration_seconds", "How long the last run took.", s.Elapsed.Seconds())
	phases := map[string]float64{}
	for _, p := range s.Phases.Each() {
		phases[p.Name] = p.Took.Seconds()
	}
	family("berth_phase_seconds", "How long the last run took for each part of its work.", "phase", phases)
	c := s.Components
	counts("berth_components", "Components of the last run, each in one state.", "state", map[string]int{
		"changed": c.Changed, "up_to_date": c.UpToDate, "failed": c.Failed, "skipped": c.Skipped, "invalid": c.Invalid, "blocked": c.Blocked, "deferred": c.Deferred,
	})
	counts("berth_changes", "Changes that the last run made, or planned when it ended before it made any.", "op", map[string]int{
		"create": s.Changes.Create, "update": s.Changes.Update, "rotate": s.Changes.Rotate, "delete": s.Changes.Delete,
	})
	gauge("berth_held_back_namespaces", "Namespaces in which so much would have changed unasked that the last run let their Components wait.", float64(s.HeldBack))
	d := s.Deliveries
	counts("berth_environments", "Environments of all Components, by how far their pull Secrets had come when the last run looked.", "state", map[string]int{
		"delivered": d.Delivered, "unverified": d.Unverified, "pending": d.Pending, "failed": d.Failed, "unresolved": d.Unresolved,
	})
	family("berth_delivery_oldest_seconds", "For how long an environment has waited at most for what was handed over, or been unverified.", "state", map[string]float64{
		"pending": s.Waits.Pending.Seconds(), "unverified": s.Waits.Unverified.Seconds(),
	})
	gauge("berth_rotations_pending", "Requests for rotation that stood after the last run.", float64(s.Rotations.Pending))
	gauge("berth_oldest_token_seconds", "Age of the oldest token in a Secret, as far as Quay tells.", s.Rotations.Oldest.Seconds())
	counts("berth_orphans", "Left at Quay from Components that are gone.", "kind", map[string]int{"robot": s.Orphans.Robots, "repository": s.Orphans.Repositories})
	gauge("berth_quarantined_robots", "Robots among those left that wait to be deleted.", float64(s.Orphans.Quarantined))
	counts("berth_failures", "Components that the last run could not serve, and what ended it early, by reason.", "reason", failures(s))
	requests := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "berth_requests", Help: "Requests that the last run made, retries included, by the status of the answer."}, []string{"target", "code"})
	for r, n := range s.Requests {
		requests.WithLabelValues(r.Target, r.Code).Set(float64(n))
	}
	to.MustRegister(requests)
	gauge("berth_quay_retries", "Requests that the last run repeated at Quay.", float64(s.Quay.Retries))
	gauge("berth_quay_throttled_seconds", "For how long at least one call of the last run waited for the limit of requests.", s.Quay.Throttled.Seconds())
	return all
}

// failures counts by reason; each is there, so that none stays from an earlier run.
func failures(s report.Summary) map[string]int {
	n := map[string]int{report.CodeRefused: 0}
	for _, r := range plan.Reasons {
		n[string(r)] = 0
	}
	for _, f := range s.Failures {
		n[string(f.Reason)]++
	}
	if s.Err != nil {
		n[s.Code()]++
	}
	return n
}
