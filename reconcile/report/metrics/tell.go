package metrics

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/push"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"berth/reconcile/report"
	"berth/reconcile/world"
)

// shardLabel tells the metrics of shards apart.
const shardLabel = "shard"

// Write replaces a file in Prometheus' text format, all at once. A run that
// failed leaves the time of the last success in it.
func Write(file string, shard world.Shard, s report.Summary, ended time.Time) error {
	labels := prometheus.Labels{}
	if shard.Count > 1 {
		labels[shardLabel] = strconv.Itoa(shard.Index)
	}
	return prometheus.WriteToTextfile(file, registry(s, ended, successIn(file), labels))
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

// Push replaces the group of the job, and shard, at a Pushgateway; a run that
// failed adds to it, so that the time of the last success stays.
func Push(ctx context.Context, client *http.Client, address string, shard world.Shard, s report.Summary, ended time.Time) error {
	to, err := url.Parse(address)
	if err != nil {
		return errors.New("the address is not a URL") // err would repeat it
	}
	user := to.User
	to.User = nil
	p := push.New(to.String(), "berth").Gatherer(registry(s, ended, 0, nil)).Client(gateway{client})
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
