package jsonl

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/testdata/scene"

	"berth/testdata/story"

	"berth/reconcile/decide"
	"berth/reconcile/plan"
	"berth/reconcile/report"
)

// types are those that are documented, with the keys a line of each must have
// besides those of all.
var types = map[string][]string{
	"orphan":            {"kind", "target", "namespace", "name", "controllerKind", "action", "run"},
	"version":           {"version", "format_version", "dry_run", "cluster", "cluster_id", "quay", "org", "run"},
	"take_over_summary": {"run", "take_over"}, "take_over": {"run", "namespace", "name", "controllerKind", "action", "take_over"},
	"planned_change": {"change", "namespace", "name", "controllerKind", "action"},
	"delivery":       {"environment", "state", "namespace", "name", "controllerKind", "action"},
	"apply_complete": {"change", "namespace", "name", "controllerKind", "action"},
	"apply_errored":  {"reason", "elapsed_seconds", "namespace", "name", "controllerKind", "action"},
	"diagnostic":     {"diagnostic"},
	"change_summary": {"operation", "result", "exit_code", "changes", "components", "delivery", "quay", "duration_seconds"},
}

// notOurKeys are added by the platform's log collector.
var notOurKeys = []string{"time", "message", "namespace_name", "pod_name", "host", "container_name"}

func TestJSON(t *testing.T) {
	t.Parallel()
	noon := func() time.Time { return time.Date(2026, 3, 1, 13, 0, 0, 5e6, time.FixedZone("", 3600)) }
	for _, st := range story.All {
		t.Run(st.Name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			st.Tell(t, New(&out, noon, report.Full))
			story.Golden(t, st.Name+".jsonl", out.Bytes())
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			for i, line := range lines {
				kind := checkLine(t, line)
				if (kind == "version") != (i == 0) || (kind == "change_summary") != (i == len(lines)-1) {
					t.Errorf("line %d of %d has the type %s", i+1, len(lines), kind)
				}
			}
		})
	}
}

// checkLine holds a line to the contract and returns its type.
func checkLine(t *testing.T, line string) string {
	t.Helper()
	checkDistinctKeys(t, line)
	var l map[string]any
	if err := json.Unmarshal([]byte(line), &l); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	kind, _ := l["type"].(string)
	keys, documented := types[kind]
	if !documented {
		t.Errorf("the type %q is not documented: %s", kind, line)
	}
	for _, key := range slices.Concat(keys, []string{"ts", "level", "msg"}) {
		if _, ok := l[key]; !ok {
			t.Errorf("no key %s in %s", key, line)
		}
	}
	for _, key := range notOurKeys {
		if _, ok := l[key]; ok {
			t.Errorf("key %s in %s", key, line)
		}
	}
	if l["ts"] != "2026-03-01T12:00:00.005Z" {
		t.Errorf("the time is not in UTC: %s", line)
	}
	if action, ok := l["action"]; ok && !slices.Contains([]any{"VIEW", "ADD", "UPDATE", "DELETE"}, action) {
		t.Errorf("action %v in %s", action, line)
	}
	if change, ok := l["change"].(map[string]any); ok {
		checkChange(t, l, change)
	}
	return kind
}

func checkChange(t *testing.T, line, change map[string]any) {
	t.Helper()
	if !slices.Contains([]any{"create", "update", "rotate", "delete"}, change["op"]) {
		t.Errorf("op %v", change["op"])
	}
	if report.Kind(change["kind"].(string)).Word() == "" || change["target"] == "" {
		t.Errorf("kind %v, target %v", change["kind"], change["target"])
	}
	// All but what people read on objects touches a credential, a right or a visibility.
	if audited := line["audit"] == true; audited == slices.Contains([]any{"component", "namespace"}, change["kind"]) {
		t.Errorf("audit %v on %v", audited, change)
	}
}

// checkDistinctKeys finds a key that a line has twice, of which readers keep one.
func checkDistinctKeys(t *testing.T, line string) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(line))
	var open []map[string]bool // keys of the objects around; values toggle with each token
	key := false
	for {
		token, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token {
		case json.Delim('{'):
			open, key = append(open, map[string]bool{}), true
			continue
		case json.Delim('}'):
			open, key = open[:len(open)-1], true
			continue
		}
		if !key {
			key = true
			continue
		}
		name, ok := token.(string)
		if !ok || open[len(open)-1][name] {
			t.Fatalf("key %v twice in %s", token, line)
		}
		open[len(open)-1][name], key = true, false
	}
}

// A machine must know what a run is of without reading its changes.
func TestJSONVersionLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	New(&out, func() time.Time { return time.Unix(0, 0) }, report.Full).Start(report.Header{
		Version: "v1", Run: "r", Cluster: "c", ID: "i", Server: "https://x", Quay: "quay.example", Org: "acme", DryRun: true,
	})
	const want = `{"ts":"1970-01-01T00:00:00.000Z","level":"info","msg":"berth v1","type":"version","run":"r",` +
		`"version":"v1","format_version":"2.0","dry_run":true,"cluster":"c","cluster_id":"i","quay":"quay.example","org":"acme","lock":"","shard":""}` + "\n"
	if out.String() != want {
		t.Errorf("wrote %s, want %s", out.String(), want)
	}
}

func TestWhatWasFound(t *testing.T) {
	t.Parallel()
	w := scene.Asked(t)
	var out bytes.Buffer
	New(&out, func() time.Time { return w.At }, report.Full).Planned(report.Observed{Found: report.Find(w, decide.Plan(w))}, plan.Plan{}, report.Summary{})
	story.Golden(t, "asked_by_name.jsonl", out.Bytes())
}
