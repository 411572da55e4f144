package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/reconcile/observe"
	"berth/reconcile/plan"
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

// What a run is at gives way to whatever else is written, and nothing else is lost.
func TestTheStatusGivesWay(t *testing.T) {
	t.Parallel()
	var screen bytes.Buffer
	line := &status{w: &screen, places: map[string]int{}}
	log, out := line.over(&screen), line.over(&screen)
	line.say("reading")
	line.reading(observe.Thing{One: "robot", Many: "robots"}, 1200, 0)
	line.reading(observe.Thing{One: "source", Many: "sources"}, 1, 1)
	fmt.Fprintln(log, "a record")
	fmt.Fprintln(log, "another")
	line.applying(1, 2)
	fmt.Fprintln(out, "a summary")
	line.applying(2, 2)
	const erased = "\r\x1b[K"
	want := erased + "reading" + erased + "reading: 1,200 robots" + erased + "reading: 1,200 robots, 1 of 1 source" +
		erased + "a record\nanother\n" + erased + "applying [##########..........] 1 of 2 changes" +
		erased + "a summary\n" + erased + "applying [####################] 2 of 2 changes"
	if screen.String() != want {
		t.Errorf("the screen got\n%q, want\n%q", screen.String(), want)
	}
	var nobody *status
	if w := nobody.over(&screen); w != io.Writer(&screen) {
		t.Error("without a line a stream is not itself")
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

// TestTheLastWordsFit: a kubelet keeps 4096 bytes, and a JSON document cut short
// is none.
func TestTheLastWordsFit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ reason, letter string }{
		{"plain", "a"},
		{"letters of four bytes", "\U0001F6A2"},
		{"what JSON writes with six", "<"},
		{"what is no text", "\xff"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			s := report.Summary{Err: errors.New(strings.Repeat(test.letter, 10_000))}
			s.Components.Failed = 10_000
			for i := range 10_000 {
				s.Failures = append(s.Failures, report.Failure{
					Component: strings.Repeat("n", 63) + "/" + strings.Repeat("c", 253),
					Reason:    plan.ReasonQuayUnavailable,
					Message:   fmt.Sprint(i, strings.Repeat(test.letter, 1000)),
				})
			}
			raw := lastWords(s)
			var message struct {
				Result     string
				ExitCode   int `json:"exit_code"`
				Components struct{ Failed int }
				Failures   []struct{ Component, Reason, Message string }
			}
			if err := json.Unmarshal(raw, &message); err != nil {
				t.Fatalf("%v: %s", err, raw)
			}
			if len(raw) > 4096 || message.Components.Failed != 10_000 || message.ExitCode != 1 || message.Result != "failed" {
				t.Errorf("%d bytes: %+v", len(raw), message)
			}
			if n := len(message.Failures); n == 0 || n > 10 || !strings.HasPrefix(message.Failures[0].Message, "0") {
				t.Errorf("%d failures", n)
			}
		})
	}
}

func TestTenFailuresAtMost(t *testing.T) {
	t.Parallel()
	s := report.Summary{Failures: make([]report.Failure, 50)}
	if n := strings.Count(string(lastWords(s)), `"component":`); n != 10 {
		t.Errorf("%d failures are told, want 10", n)
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
