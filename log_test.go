package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/reconcile/report"
)

// TestLogRecordsHaveThePlatformsKeys: ADR 6 names the keys, and forbids those
// that the collector adds.
func TestLogRecordsHaveThePlatformsKeys(t *testing.T) {
	t.Parallel()
	st := newStory(t)
	st.settings.LogLevel = "info"
	planned, _ := st.pass(t, true)
	applied := ofType(lines(t, planned), "planned_change")
	st.settings.Output = "text"
	_, log := st.pass(t, false)
	records := lines(t, log)
	if len(records) != len(applied)+1 || len(applied) == 0 {
		t.Errorf("%d records for %d changes, want one each and the summary:\n%s", len(records), len(applied), log)
	}
	audited := 0
	for i, r := range records {
		for _, key := range []string{"ts", "level", "logger", "msg", "run"} {
			if s, ok := r[key].(string); !ok || s == "" {
				t.Errorf("%s is %v in %v", key, r[key], r)
			}
		}
		for _, key := range []string{"time", "message", "namespace_name", "pod_name", "host", "container_name"} {
			if _, there := r[key]; there {
				t.Errorf("%s is the collector's: %v", key, r)
			}
		}
		if ts, err := time.Parse(time.RFC3339Nano, r["ts"].(string)); err != nil || ts.Location() != time.UTC {
			t.Errorf("ts is %v (%v)", r["ts"], err)
		}
		if r["level"] != "info" || r["logger"] != "berth" {
			t.Errorf("level %v, logger %v", r["level"], r["logger"])
		}
		if i == len(records)-1 {
			if r["msg"] != "run ended" || r["result"] != "ok" || r["namespace"] != nil {
				t.Errorf("the last record is %v", r)
			}
			break
		}
		if r["controllerKind"] != "Component" || r["namespace"] == nil || r["name"] == nil {
			t.Errorf("a change of no Component: %v", r)
		}
		if !slices.Contains([]any{"ADD", "UPDATE", "DELETE"}, r["action"]) {
			t.Errorf("action is %v", r["action"])
		}
		if r["audit"] == true {
			audited++
		}
	}
	components := 0
	for _, l := range applied {
		if (l["audit"] == true) == (l["change"].(map[string]any)["kind"] == "component") {
			t.Errorf("audit is %v in the output: %v", l["audit"], l)
		}
		if l["change"].(map[string]any)["kind"] == "component" {
			components++
		}
	}
	if audited != len(applied)-components {
		t.Errorf("%d of %d changes are for audit, want all but %d annotations", audited, len(applied), components)
	}
}

// TestASettledPlatformIsOneRecord: the summary.
func TestASettledPlatformIsOneRecord(t *testing.T) {
	t.Parallel()
	st := newStory(t)
	st.settings.LogLevel, st.settings.Output = "info", "text"
	st.pass(t, false)
	_, log := st.pass(t, false)
	if n := strings.Count(log, "\n"); n != 1 || !strings.Contains(log, `"run ended"`) {
		t.Errorf("%d records:\n%s", n, log)
	}
}

// In a pod, where both streams end in one log, each change is told once, and every line
// says of which run it is.
func TestInAPodEachChangeIsToldOnce(t *testing.T) {
	t.Parallel()
	for _, output := range []string{"json", "text"} {
		t.Run(output, func(t *testing.T) {
			t.Parallel()
			st := newStory(t)
			planned, _ := st.pass(t, true)
			changes := len(ofType(lines(t, planned), "planned_change"))
			st.dial.pod = true
			st.settings.LogLevel, st.settings.Output = "auto", output
			out, log := st.pass(t, false)
			told := log
			if output == "json" {
				told = out + log
			} else if !strings.Contains(out, "\n  robot ") || strings.Contains(out, "ledger-image-push") {
				t.Errorf("it is no summary:\n%s", out)
			}
			kinds := map[string]int{}
			run := ""
			for _, l := range lines(t, told) {
				kinds[fmt.Sprint(l["msg"] == "changed" || l["type"] == "apply_complete" || l["type"] == "planned_change")]++
				if id, _ := l["run"].(string); id == "" || run != "" && id != run {
					t.Errorf("the run is %q, then %q", run, id)
				} else {
					run = id
				}
			}
			if kinds["true"] != changes || changes == 0 {
				t.Errorf("%d changes are told %d times", changes, kinds["true"])
			}
		})
	}
}

// How much is told of a plan depends on who reads it.
func TestHowMuchIsTold(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		why  string
		s    settings
		pod  bool
		want report.Detail
	}{
		{"a laptop", settings{Plan: "auto", Output: "text"}, false, report.Folded},
		{"a pod's text", settings{Plan: "auto", Output: "text"}, true, report.SummaryOnly},
		{"a pod's dry run", settings{Plan: "auto", Output: "text", DryRun: true}, true, report.SummaryOnly},
		{"a pod's JSON tells changes as they are made", settings{Plan: "auto", Output: "json"}, true, report.SummaryOnly},
		{"a pod's dry run for a machine", settings{Plan: "auto", Output: "json", DryRun: true}, true, report.Folded},
		{"whatever is asked for", settings{Plan: "full"}, true, report.Full},
	} {
		if got := test.s.detail(dial{pod: test.pod}); got != test.want {
			t.Errorf("%s: %s", test.why, got)
		}
	}
}

func TestFormatAndLevelOfTheLog(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason        string
		level, format string
		terminal      bool
		json          bool
		records       int // of debug, info, warn and error
	}{
		{"in a pod", "auto", "auto", false, true, 3},
		{"on a terminal plan and summary already say it", "auto", "auto", true, false, 2},
		{"asked for", "debug", "json", true, true, 4},
		{"asked for", "error", "text", false, false, 1},
	} {
		var b bytes.Buffer
		log := newLogger(&b, settings{LogLevel: test.level, LogFormat: test.format}, test.terminal, "r1")
		log.Debug("m")
		log.Info("m")
		log.Warn("m")
		log.Error("m")
		if n := strings.Count(b.String(), "\n"); n != test.records || strings.HasPrefix(b.String(), "{") != test.json {
			t.Errorf("%s: %d records, want %d:\n%s", test.reason, n, test.records, b.String())
		}
	}
}

// TestLastWordsGoOnlyWhereAKubeletLooks: elsewhere no file is made.
func TestLastWordsGoOnlyWhereAKubeletLooks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "termination-log")
	writeTermination(file, report.Summary{})
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Fatalf("a file was made: %v (%v)", entries, err)
	}
	if err := os.WriteFile(file, bytes.Repeat([]byte("x"), 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	writeTermination(file, report.Summary{})
	raw, err := os.ReadFile(file)
	if err != nil || !json.Valid(raw) || !bytes.Contains(raw, []byte(`"result":"ok"`)) {
		t.Errorf("%s (%v)", raw, err)
	}
}
