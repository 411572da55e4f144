package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/push"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"berth/reconcile/plan"
	"berth/reconcile/report"
	"berth/reconcile/world"
)

// lastSuccess is the one metric that a run which failed leaves as it was.
const lastSuccess = "berth_last_success_timestamp_seconds"

// metrics are gauges of a run that has ended; succeeded is when one before it did, in
// seconds since 1970, 0 for unknown. Counters would begin anew with every process. No
// label has a name that a tenant chose.
func metrics(s report.Summary, ended time.Time, succeeded float64, labels prometheus.Labels) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	to := prometheus.WrapRegistererWith(labels, registry)
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
	return registry
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

// tellMetrics writes and pushes the metrics of a run, where that is asked for. A dry
// run says nothing about how the platform is served, so it tells none. What goes wrong
// is a warning: the run itself is over.
func tellMetrics(ctx context.Context, s settings, summary report.Summary, log *slog.Logger) {
	if s.DryRun {
		return
	}
	ended := time.Now()
	if s.MetricsFile != "" {
		if err := writeMetrics(s.MetricsFile, s.shard(), summary, ended); err != nil {
			log.WarnContext(ctx, "the metrics could not be written", "error", err.Error())
		}
	}
	if s.MetricsPushURL != "" {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy: the address is the gateway's
		if err := pushMetrics(ctx, client, s.MetricsPushURL, s.shard(), summary, ended); err != nil {
			log.WarnContext(ctx, "the metrics could not be pushed", "error", err.Error())
		}
	}
}

// shardLabel tells the metrics of shards apart.
const shardLabel = "shard"

// writeMetrics replaces a file in Prometheus' text format, all at once. A run that
// failed leaves the time of the last success in it.
func writeMetrics(file string, shard world.Shard, s report.Summary, ended time.Time) error {
	labels := prometheus.Labels{}
	if shard.Count > 1 {
		labels[shardLabel] = strconv.Itoa(shard.Index)
	}
	return prometheus.WriteToTextfile(file, metrics(s, ended, successIn(file), labels))
}

// successIn reads the time of the last success from a file of metrics; 0 when it does
// not say.
func successIn(file string) float64 {
	f, err := os.Open(file)
	if err != nil {
		return 0
	}
	defer f.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, _ := parser.TextToMetricFamilies(f) // of a broken file, what comes before the break
	for _, m := range families[lastSuccess].GetMetric() {
		return m.GetGauge().GetValue()
	}
	return 0
}

// pushTimeout bounds what a gateway can add to a run, beyond which a pod's grace must
// reach, too.
const pushTimeout = 5 * time.Second

// pushMetrics replaces the group of the job, and shard, at a Pushgateway; a run that
// failed adds to it, so that the time of the last success stays.
func pushMetrics(ctx context.Context, client *http.Client, address string, shard world.Shard, s report.Summary, ended time.Time) error {
	to, err := url.Parse(address)
	if err != nil {
		return errors.New("the address is not a URL") // err would repeat it
	}
	user := to.User
	to.User = nil
	p := push.New(to.String(), "berth").Gatherer(metrics(s, ended, 0, nil)).Client(gateway{client})
	if password, _ := user.Password(); user != nil {
		p.BasicAuth(user.Username(), password)
	}
	if shard.Count > 1 {
		p.Grouping(shardLabel, strconv.Itoa(shard.Index))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pushTimeout) // an interrupted run tells, too
	defer cancel()
	if s.ExitCode() == report.ExitOK {
		return p.PushContext(ctx)
	}
	return p.AddContext(ctx)
}

// gateway keeps addresses and answers out of errors: an address may carry a password,
// and an answer repeat it.
type gateway struct{ client *http.Client }

func (g gateway) Do(r *http.Request) (*http.Response, error) {
	client := *g.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := client.Do(r) //nolint:gosec // the address is the operator's
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return nil, failed.Err
	}
	if err == nil && answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusAccepted {
		_ = answer.Body.Close()
		return nil, fmt.Errorf("the gateway answers with status %d", answer.StatusCode)
	}
	return answer, err
}
