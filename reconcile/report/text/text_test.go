package text

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"berth/testdata/scene"

	"berth/testdata/story"

	"github.com/google/go-cmp/cmp"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/decide"
	"berth/reconcile/plan"
	"berth/reconcile/report"
)

// told is what a story says, folded unless it asks for all.
func told(t *testing.T, st story.Story, color bool) string {
	t.Helper()
	var out bytes.Buffer
	detail := report.Folded
	if st.Full {
		detail = report.Full
	}
	st.Tell(t, New(&out, color, detail))
	return out.String()
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, st := range story.All {
		t.Run(st.Name, func(t *testing.T) {
			t.Parallel()
			out := told(t, st, false)
			story.Golden(t, st.Name+".txt", []byte(out))
			for line := range strings.Lines(out) {
				if strings.TrimRight(line, " \t\n")+"\n" != line {
					t.Errorf("%s: space at the end of %q", st.Why, line)
				}
				if strings.Contains(line, "\x1b") {
					t.Errorf("%s: a color in %q", st.Why, line)
				}
			}
		})
	}
}

// All there is to read fits a terminal. Names of robots may be longer, and so may a
// command, which is to be copied.
func TestTextFitsTheTerminal(t *testing.T) {
	t.Parallel()
	rows := 0
	for _, st := range story.All {
		for line := range strings.Lines(told(t, st, false)) {
			if strings.Contains(line, " berth_") || strings.HasPrefix(line, "       kubectl ") {
				continue
			}
			rows++
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 110 {
				t.Errorf("%s: %d columns: %s", st.Name, n, line)
			}
		}
	}
	if rows < 100 {
		t.Errorf("only %d lines were looked at", rows)
	}
}

func TestTextColor(t *testing.T) {
	t.Parallel()
	for _, st := range story.All {
		plain, colored := told(t, st, false), told(t, st, true)
		stripped := colored
		for _, code := range []string{"0", "31", "32", "33", "35"} {
			stripped = strings.ReplaceAll(stripped, "\x1b["+code+"m", "")
		}
		if d := cmp.Diff(plain, stripped); d != "" {
			t.Errorf("%s: color changes the words (-without +with):\n%s", st.Name, d)
		}
		if strings.Contains(plain, "Error:") && !strings.Contains(colored, "\x1b[31mError:\x1b[0m") {
			t.Errorf("%s: an error without its color", st.Name)
		}
	}
}

// platform is 5,000 Components in 100 namespaces, most of them new.
func platform(t *testing.T) (*scene.Scene, plan.Plan) {
	t.Helper()
	s := scene.New(t)
	s.Policy.MaxRotations = 50
	for i := range 5000 {
		c := scene.Component(fmt.Sprintf("tenant-%02d", i%100), fmt.Sprintf("component-%04d", i))
		if i >= 120 {
			s.Add(c)
			continue
		}
		n := s.Settle(c)
		at := &s.Components[len(s.Components)-1]
		switch {
		case i < 30:
			s.Roles[n.Repository][n.Pull.Robot] = quay.Admin
		case i < 34:
			at.Annotations[component.AnnotationGenerate] = component.RotateRequest
		case i < 36:
			scene.Alter(s.Repositories, n.Repository, func(r *quay.Repository) { r.Visibility = quay.Public })
		case i < 40:
			at.Annotations[component.AnnotationGenerate] = "{"
		case i == 40:
			at.Deleting = true
		}
	}
	for i := 50; i < 100; i++ { // their builds have nobody to run as
		delete(s.ServiceAccounts, component.Key{Namespace: fmt.Sprintf("tenant-%02d", i), Name: "appstudio-pipeline"})
	}
	return s, decide.Plan(s.World)
}

func tellPlan(t *testing.T, detail report.Detail, s *scene.Scene, p plan.Plan) string {
	t.Helper()
	var out bytes.Buffer
	r := New(&out, false, detail)
	summary := report.Summary{Operation: report.OperationPlan, DryRun: true, Elapsed: 41800 * time.Millisecond}
	summary.Count(p, nil)
	r.Planned(report.NewObserved(s.World, 3100*time.Millisecond), p, summary)
	if err := r.Finish(summary); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// A plan that nobody could read is folded until one can: a few screens, whatever the
// number of Components.
func TestAPlanOfFiveThousand(t *testing.T) {
	t.Parallel()
	s, p := platform(t)
	told := map[report.Detail]string{}
	for _, d := range []report.Detail{report.Full, report.Folded, report.SummaryOnly, report.Problems} {
		told[d] = tellPlan(t, d, s, p)
	}
	story.Golden(t, "five_thousand.txt", []byte(told[report.Folded]))
	story.Golden(t, "five_thousand_summary.txt", []byte(told[report.SummaryOnly]))
	story.Golden(t, "five_thousand_problems.txt", []byte(told[report.Problems]))
	for line := range strings.Lines(told[report.Folded]) {
		if n := utf8.RuneCountInString(line); n > 111 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if n := strings.Count(told[report.Full], "\n"); n < 50_000 {
		t.Errorf("%d lines are not all of it", n)
	}
	heads := map[string]bool{}
	for line := range strings.Lines(told[report.Full]) {
		name, _, _ := strings.Cut(line, " ")
		heads[name] = true
	}
	for _, c := range p.Components {
		if len(c.Actions) > 0 && !heads[c.Key().String()] {
			t.Errorf("%s is missing in full", c.Key())
		}
	}
	if strings.Contains(told[report.Full], "more") {
		t.Error("something is folded in full")
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		c    report.ComponentCount
		want string
	}{
		{report.ComponentCount{}, "There are no Components"},
		{report.ComponentCount{Total: 1, UpToDate: 1}, "No changes. The Component matches Quay and the cluster"},
		{report.ComponentCount{Total: 2, UpToDate: 2}, "No changes. 2 Components match Quay and the cluster"},
		{report.ComponentCount{Total: 1, Invalid: 1}, "No changes. Of 1 Component, 0 up to date, 1 invalid"},
	} {
		if got := match(row.c); got != row.want {
			t.Errorf("%+v: %q", row.c, got)
		}
	}
	if got := wrap("one two "+strings.Repeat("x", 12)+" three four\nfive", 10); strings.Join(got, "|") != "one two|xxxxxxxxxxxx|three four|five" {
		t.Errorf("wrapped: %q", got)
	}
}
