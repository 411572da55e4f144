package main

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// seconds vary, and so does the version of a release.
var (
	seconds    = regexp.MustCompile(`\b\d+\.\ds\b`)
	anyRelease = regexp.MustCompile(`(?m)^berth v\S+`)
)

func TestTheDemoTellsItsStory(t *testing.T) {
	t.Parallel()
	const golden = "testdata/golden/demo.txt"
	r := runProgram(t, nil, "--demo").must(t, 0)
	got := anyRelease.ReplaceAllString(seconds.ReplaceAllString(r.stdout, "0.0s"), "berth vX")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the story changed; go test -run Demo -update . rewrites %s (-want +got):\n%s", golden, diff)
	}
	if r.stderr != "" {
		t.Errorf("stderr: %s", r.stderr)
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
		if output := r.stdout + r.stderr; tokenShape.MatchString(output) || strings.Contains(output, demoToken) {
			t.Errorf("%v: the output holds a token", args)
		}
	}
}

// TestTheDemoAsJSON: JSON lines and nothing else, from version to summary.
func TestTheDemoAsJSON(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--dry-run"}, {}} {
		r := runProgram(t, nil, append([]string{"--demo", "-o", "json"}, args...)...).must(t, 0)
		all := lines(t, r.stdout)
		if all[0]["type"] != "version" || all[len(all)-1]["type"] != "change_summary" {
			t.Errorf("%v: the first line is %v, the last %v", args, all[0], all[len(all)-1])
		}
	}
}
