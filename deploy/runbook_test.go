package deploy_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"berth/reconcile/plan"
)

// exitCodes finds them in the README's table, which the tests of main hold to the program.
var exitCodes = regexp.MustCompile(`(?m)^\| ([0-9, ]+) \|`)

// Whoever is woken by it finds each code, reason and alert under a heading of its own.
func TestRunbookHasAHeadingForEach(t *testing.T) {
	t.Parallel()
	read := func(name string) string {
		raw, err := os.ReadFile("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	wanted := map[string]string{}
	_, table, _ := strings.Cut(read("README.md"), "\n## Exit codes\n")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, row := range exitCodes.FindAllStringSubmatch(table, -1) {
		for code := range strings.SplitSeq(row[1], ",") {
			wanted[strings.TrimSpace(code)] = "exit code"
		}
	}
	if len(wanted) < 9 {
		t.Errorf("the README tells of %d exit codes", len(wanted))
	}
	for _, r := range plan.Reasons {
		wanted[string(r)] = "reason"
	}
	rules, _ := alertRules(t)
	for _, r := range rules {
		wanted[r.Alert] = "alert"
	}
	runbook := read("docs/runbook.md")
	for name, what := range wanted {
		_, section, found := strings.Cut(runbook, "\n### "+name+"\n")
		section, _, _ = strings.Cut(section, "\n#")
		if !found || len(strings.Fields(section)) < 5 {
			t.Errorf("%s %s has no heading of its own with something to say below it", what, name)
		}
	}
	for _, line := range regexp.MustCompile(`(?m)^### (.*)$`).FindAllStringSubmatch(runbook, -1) {
		if wanted[line[1]] == "" {
			t.Errorf("%q is no exit code, reason or alert any more", line[1])
		}
	}
}

// commands are the lines of a document that are set apart for a shell.
var commands = regexp.MustCompile(`(?m)^    ((?:kubectl|berth) (?:.*\\\n)*.*)$`)

// runbook runs the commands of docs/runbook.md, where they stand. Those of jq a test of
// main runs.
func (o *operations) runbook(t *testing.T) {
	ran := 0
	for _, c := range commands.FindAllStringSubmatch(string(readFile(t, "../docs/runbook.md")), -1) {
		if strings.Contains(c[1], "job/NAME") {
			continue
		}
		o.do(t, c[1])
		ran++
	}
	if ran < 12 {
		t.Errorf("%d commands were found in the runbook", ran)
	}
}
