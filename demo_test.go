package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"berth/quay"
	"berth/testdata/browser"
	"berth/testdata/demo"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// seconds vary, and so does the version of a release.
var (
	seconds    = regexp.MustCompile(`\b\d+\.\ds\b`)
	rotatedAt  = regexp.MustCompile(`"rotated":"[^"]*"`)
	anyRelease = regexp.MustCompile(`(?m)^berth \S+`)
)

func TestTheDemoTellsItsStory(t *testing.T) {
	t.Parallel()
	const golden = "testdata/golden/demo.txt"
	r := runProgram(t, nil, "--demo").must(t, 0)
	got := rotatedAt.ReplaceAllString(anyRelease.ReplaceAllString(seconds.ReplaceAllString(r.stdout, "0.0s"), "berth vX"), `"rotated":"…"`)
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), got); diff != "" {
		t.Errorf("the story changed; go test -run Demo -update . rewrites %s (-want +got):\n%s", golden, diff)
	}
	if r.stderr != "" {
		t.Errorf("stderr: %s", r.stderr)
	}
}

// The demo takes whatever makes sense for it, and none of it breaks the story.
func TestTheDemoTakesFlags(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--namespace=acme-tenant"}, 0, "No changes. 3 Components match"},
		{[]string{"--selector=nobody=has"}, 0, "There are no Components"},
		{[]string{"--dry-run", "acme-tenant/billing"}, 0, "  robot push      berth_acme_tenant_billing_"},
		{[]string{"initech-tenant/mail"}, 0, "rotation acknowledged"},
		{[]string{"--rotate=acme-tenant/ledger"}, 0, "rotation requested"},
		{[]string{"--visibility=public", "--allow-publish"}, 0, "private -> public"},
		{[]string{"--adopt", "--prune=off"}, 0, "Apply complete"},
		{[]string{"--remote-secrets=off"}, 0, "Apply complete"},
		{[]string{"--push-service-account=nobody"}, 0, "ServiceAccount nobody does not exist"},
		{[]string{"--max-change-ratio=0", "--force", "--max-rotations=0", "--concurrency=1"}, 0, "0 rotated"},
		{[]string{"--plan=summary"}, 0, "  upload Secret"},
		{[]string{"--repository-prefix=moved"}, 0, "moved/acme-tenant/billing"},
		{[]string{"--repository-layout=application"}, 0, "Apply complete"},
		{[]string{"--timeout=1ns"}, 1, "Give it more with --timeout"},
		{[]string{"--yes", "--no-progress", "--color=always", "--log-level=error", "--log-format=json"}, 0, "Apply complete"},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			t.Parallel()
			r := runProgram(t, nil, append([]string{"--demo"}, test.args...)...).must(t, test.code)
			if !strings.Contains(r.stdout, test.says) {
				t.Errorf("it does not say %q:\n%s", test.says, r.stdout)
			}
		})
	}
	for _, f := range fields() {
		if !slices.Contains(notOnStage, f.env) {
			continue
		}
		if r := runProgram(t, nil, "--demo", flagName(f.env)+"=1").must(t, 78); !strings.Contains(r.stderr, flagName(f.env)+"  does not go with --demo") {
			t.Errorf("%s: %s", f.env, r.stderr)
		}
	}
}

// What is set for something real has no say in a story.
func TestTheDemoIgnoresTheEnvironment(t *testing.T) {
	t.Parallel()
	env := map[string]string{"BERTH_MISSPELT": "x", "JOB_COMPLETION_INDEX": "3"}
	for _, f := range fields() {
		if f.env != "DEMO" {
			env[envPrefix+f.env] = "nonsense"
		}
	}
	r := runProgram(t, env, "--demo").must(t, 0)
	if plain := runProgram(t, nil, "--demo"); seconds.ReplaceAllString(r.stdout, "") != seconds.ReplaceAllString(plain.stdout, "") {
		t.Errorf("it is another story:\n%s", r.stdout)
	}
}

// tokenShape is what a robot's looks like.
var tokenShape = regexp.MustCompile(`[A-Z0-9]{64}`)

func TestNoOutputHoldsAToken(t *testing.T) {
	t.Parallel()
	if !tokenShape.MatchString(strings.Repeat("A1", 32)) {
		t.Fatal("a token would not be recognised")
	}
	for _, args := range [][]string{
		{}, {"--dry-run"}, {"-o", "json"}, {"-o", "json", "--dry-run"}, {"--log-level=debug"}, {"--log-level=debug", "--log-format=text"},
	} {
		r := runProgram(t, nil, append([]string{"--demo"}, args...)...).must(t, 0)
		if output := r.stdout + r.stderr; tokenShape.MatchString(output) || strings.Contains(output, demo.Token) {
			t.Errorf("%v: the output holds a token", args)
		}
	}
}

// story is the demo's: a served platform with drift of every kind.
type story struct {
	stage
	settings settings
}

func newStory(t *testing.T, args ...string) story {
	t.Helper()
	s, wrong := load(t, map[string]string{
		"BERTH_QUAY_URL": "https://quay.example.com", "BERTH_QUAY_QPS": "1000", "BERTH_QUAY_BURST": "1000",
		"BERTH_CLUSTER_ID": "demo", "BERTH_OUTPUT": "json",
	}, args...)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	s.QuayOrg = demo.Organization
	s.token = func() (quay.Token, error) { return quay.NewToken(demo.Token), nil }
	st := story{newStage(), s}
	if err := st.history(t.Context()); err != nil {
		t.Fatal(err)
	}
	st.Quay.ResetCalls()
	st.Cluster.ResetCalls()
	return st
}

// pass makes one run and returns its lines and its log.
func (st story) pass(t *testing.T, dryRun bool) (output, log string) {
	t.Helper()
	var out, err bytes.Buffer
	s := st.settings
	s.DryRun = dryRun
	summary, problem := pass(t.Context(), s, st.dial, environ(nil), streams{out: &out, err: &err}, nil)
	if problem != nil || summary.ExitCode() != 0 {
		t.Fatalf("exit code %d (%v)\n%s", summary.ExitCode(), problem, out.String())
	}
	return out.String(), err.String()
}

// TestADryRunSendsNoWriteAndShowsWhatTheNextRunDoes: not even writes that the
// API server would only try.
func TestADryRunSendsNoWriteAndShowsWhatTheNextRunDoes(t *testing.T) {
	t.Parallel()
	st := newStory(t)
	planned, _ := st.pass(t, true)
	if q, k := st.Quay.Mutations(), st.Cluster.Mutations(); q+k > 0 {
		t.Errorf("%d writes to Quay and %d to the cluster: %v %v", q, k, st.Quay.Calls(), st.Cluster.Calls())
	}
	if st.Quay.Total() == 0 || st.Cluster.Count("", "") == 0 {
		t.Fatal("nothing was read")
	}
	applied, _ := st.pass(t, false)
	shown := changes(t, planned, "planned_change")
	if diff := gocmp.Diff(shown, changes(t, applied, "apply_complete")); diff != "" {
		t.Errorf("the run did something else than was shown (-shown +done):\n%s", diff)
	}
	if diff := gocmp.Diff(shown, changes(t, applied, "planned_change")); diff != "" {
		t.Errorf("the run planned something else than was shown (-shown +planned):\n%s", diff)
	}
	for _, op := range []string{"create", "update", "rotate", "delete"} {
		if !slices.ContainsFunc(shown, func(c string) bool { return strings.Contains(c, `"op":"`+op+`"`) }) {
			t.Errorf("the story has nothing to %s", op)
		}
	}
}

// changes are the changes that lines of a type tell of, by Component and each
// Component's in order.
func changes(t *testing.T, output, kind string) []string {
	t.Helper()
	type change struct{ component, text string }
	var all []change
	for _, l := range ofType(lines(t, output), kind) {
		text, err := json.Marshal(l["change"])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, change{fmt.Sprint(l["namespace"], "/", l["name"]), string(text)})
	}
	slices.SortStableFunc(all, func(a, b change) int { return cmp.Compare(a.component, b.component) })
	var texts []string
	for _, c := range all {
		texts = append(texts, c.component+" "+c.text)
	}
	return texts
}

// TestTwoDryRunsSayTheSame but for when and how long.
func TestTwoDryRunsSayTheSame(t *testing.T) {
	t.Parallel()
	st := newStory(t)
	first, _ := st.pass(t, true)
	second, _ := st.pass(t, true)
	if diff := gocmp.Diff(timeless(t, first), timeless(t, second)); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}
}

func timeless(t *testing.T, output string) []map[string]any {
	t.Helper()
	all := lines(t, output)
	for _, l := range all {
		maps.DeleteFunc(l, func(k string, _ any) bool { return k == "ts" || k == "run" || k == "duration_seconds" })
		if requests, ok := l["quay"].(map[string]any); ok {
			delete(requests, "throttled_seconds")
		}
	}
	return all
}

// A browser shows the page of the demo.
func TestTheDemosPage(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "page.html")
	runProgram(t, nil, "--demo", "--report", file).must(t, 0)
	page := readFile(t, file)
	if tokenShape.Match(page) || strings.Contains(string(page), demo.Token) {
		t.Error("the page holds a token")
	}
	seen := browser.Look(t, page, 390, false)
	for _, want := range []string{
		"63 changes were made", "Done: 37 created, 17 updated, 4 rotated, 5 deleted.", "quay.example.com/acme-workloads, cluster demo", "10 Components",
		"initech-tenant/fax: annotation image.redhat.com/generate is not valid JSON", "Pull Secrets in 6 environments", "unresolved", "40 days",
		"What was changed, and why", "private: its source asks for a login", "Berth " + version() + ", run ",
	} {
		if !strings.Contains(seen.Text, want) {
			t.Errorf("nobody reads %q in\n%s", want, seen.Text)
		}
	}
	if len(seen.Wide)+len(seen.Faint)+len(seen.Asked) > 0 {
		t.Errorf("too wide: %q, hard to read: %q, asked for: %v", seen.Wide, seen.Faint, seen.Asked)
	}
}
