package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"berth/reconcile/report"
	"berth/reconcile/report/metrics"
)

// tellMetrics writes and pushes the metrics of a run, where that is asked for. A dry
// run says nothing about how the platform is served, so it tells none. What goes wrong
// is a warning: the run itself is over.
func tellMetrics(ctx context.Context, s settings, summary report.Summary, log *slog.Logger) {
	if s.DryRun {
		return
	}
	ended := time.Now()
	if s.MetricsFile != "" {
		if err := metrics.Write(s.MetricsFile, s.shard(), summary, ended); err != nil {
			log.WarnContext(ctx, "the metrics could not be written", "error", err.Error())
		}
	}
	if s.MetricsPushURL != "" {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy: the address is the gateway's
		if err := metrics.Push(ctx, client, s.MetricsPushURL, s.shard(), summary, ended); err != nil {
			log.WarnContext(ctx, "the metrics could not be pushed", "error", err.Error())
		}
	}
}
