package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/testdata/scene"
)

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
			scene.Change(s.Repositories, n.Repository, func(r *quay.Repository) { r.Visibility = quay.Public })
		case i < 40:
			at.Annotations[component.AnnotationGenerate] = "{"
		case i == 40:
			at.Deleting = true
		}
	}
	for i := 50; i < 100; i++ { // their builds have nobody to run as
		delete(s.ServiceAccounts, component.Key{Namespace: fmt.Sprintf("tenant-%02d", i), Name: "appstudio-pipeline"})
	}
	return s, plan.Make(s.World)
}

func tellPlan(t *testing.T, detail Detail, s *scene.Scene, p plan.Plan) string {
	t.Helper()
	var out bytes.Buffer
	r := NewText(&out, false)
	r.Detail = detail
	summary := Summary{Operation: OperationPlan, DryRun: true, Elapsed: 41800 * time.Millisecond}
	summary.Count(p, nil)
	r.Planned(NewObserved(s.World, 3100*time.Millisecond), p, summary)
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
	told := map[Detail]string{}
	for _, d := range []Detail{Full, Folded, SummaryOnly, Problems} {
		told[d] = tellPlan(t, d, s, p)
	}
	golden(t, "five_thousand.txt", []byte(told[Folded]))
	golden(t, "five_thousand_summary.txt", []byte(told[SummaryOnly]))
	golden(t, "five_thousand_problems.txt", []byte(told[Problems]))
	for line := range strings.Lines(told[Folded]) {
		if n := utf8.RuneCountInString(line); n > 111 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if n := strings.Count(told[Full], "\n"); n < 50_000 {
		t.Errorf("%d lines are not all of it", n)
	}
	heads := map[string]bool{}
	for line := range strings.Lines(told[Full]) {
		name, _, _ := strings.Cut(line, " ")
		heads[name] = true
	}
	for _, c := range p.Components {
		if len(c.Actions) > 0 && !heads[c.Key().String()] {
			t.Errorf("%s is missing in full", c.Key())
		}
	}
	if strings.Contains(told[Full], "more") {
		t.Error("something is folded in full")
	}
}

// What is folded is alike in all but names: anything else is shown.
func TestOnlyWhatIsAlikeIsFolded(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		change func(s *scene.Scene, i int, c *kube.Component, n component.Names)
		blocks int
	}{
		{"all alike", func(*scene.Scene, int, *kube.Component, component.Names) {}, 1},
		{"one rotates, too", func(_ *scene.Scene, i int, c *kube.Component, _ component.Names) {
			if i == 7 {
				c.Annotations[component.AnnotationGenerate] = component.RotateRequest
			}
		}, 2},
		{"three lose another role", func(s *scene.Scene, i int, _ *kube.Component, n component.Names) {
			if i < 3 {
				s.Roles[n.Repository][n.Pull.Robot] = quay.Write
			}
		}, 4},
		{"each is on a repository of its own", func(s *scene.Scene, i int, _ *kube.Component, n component.Names) {
			other := fmt.Sprintf("shared/%d", i)
			s.Repositories[other] = quay.Repository{Name: other}
			s.Robot(n.Push, n.Repository, other)
		}, 10},
	} {
		s := scene.New(t)
		s.Policy.MaxRotations = 50
		for i := range 10 {
			n := s.Settle(scene.Component("tenant", fmt.Sprintf("c%d", i)))
			s.Roles[n.Repository][n.Pull.Robot] = quay.Admin
			row.change(s, i, &s.Components[i], n)
		}
		p := plan.Make(s.World)
		shown, told := blocks(p, planned, true), 0
		for _, b := range shown {
			told += 1 + b.more
		}
		if len(shown) != row.blocks || told != 10 || len(blocks(p, planned, false)) != 10 {
			t.Errorf("%s: %d blocks that tell of %d Components, %d unfolded", row.why, len(shown), told, len(blocks(p, planned, false)))
		}
	}
}

func TestWordsAndNumbers(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 55000: "55,000", 1234567: "1,234,567"} {
		if got := Count(n); got != want {
			t.Errorf("%d is %q", n, got)
		}
	}
	for n, want := range map[int]string{0: "0 robots", 1: "1 robot", 2: "2 robots"} {
		if got := Plural(n, "robot", "robots"); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
	for _, row := range []struct {
		c    ComponentCount
		want string
	}{
		{ComponentCount{}, "There are no Components"},
		{ComponentCount{Total: 1, UpToDate: 1}, "No changes. The Component matches Quay and the cluster"},
		{ComponentCount{Total: 2, UpToDate: 2}, "No changes. 2 Components match Quay and the cluster"},
		{ComponentCount{Total: 1, Invalid: 1}, "No changes. Of 1 Component, 0 up to date, 1 invalid"},
	} {
		if got := row.c.match(); got != row.want {
			t.Errorf("%+v: %q", row.c, got)
		}
	}
	if got := wrap("one two "+strings.Repeat("x", 12)+" three four\nfive", 10); strings.Join(got, "|") != "one two|xxxxxxxxxxxx|three four|five" {
		t.Errorf("wrapped: %q", got)
	}
}
