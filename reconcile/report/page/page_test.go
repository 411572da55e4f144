package page

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"berth/testdata/story"

	"berth/quay"
	"berth/reconcile/apply"
	"berth/reconcile/component"
	"berth/reconcile/decide"
	"berth/reconcile/plan"
	"berth/reconcile/report"
	"berth/reconcile/report/text"
	"berth/reconcile/world"
	"berth/testdata/browser"
	"berth/testdata/scene"
)

// left is the page that a story leaves.
func left(t *testing.T, st story.Story) []byte {
	t.Helper()
	var page []byte
	st.Tell(t, New(func(raw []byte) error { page = raw; return nil }, func() time.Time { return scene.Noon }))
	return page
}

const hostile = `<img src=x onerror="ran=1"><script>ran=1</script>'"&amp;`

// badDay is a platform on which everything goes wrong that can, and of which some means ill.
var badDay = story.Story{
	Name: "bad day",
	World: func(s *scene.Scene) {
		s.Deliver()
		s.Run(scene.Bind("dev", "prod", "stage", "late", "lost"), scene.Stating("late", "tenant-late", "", ""), scene.Claiming("lost", "nobody"))
		s.Remote(func(r *world.RemoteSecret) {
			r.Targets = append(r.Targets, scene.Here("tenant-late").RemoteTarget)
			r.Record.First, r.Record.Last, r.Late = s.At.Add(-50*time.Hour), s.At.Add(-2*time.Hour), true
			r.TargetStatuses[1].Error = "no route to host " + hostile
		})
		for i := range 9 {
			n := s.Settle(scene.Component("acme-tenant", fmt.Sprintf("service-%02d", i)))
			for j, a := range n.Accounts() {
				scene.Alter(s.Robots, a.Robot, func(r *world.Robot) { r.Created = s.At.Add(-time.Duration(1+i*i*i+j) * 24 * time.Hour) })
			}
		}
		for i := range 8 {
			s.Add(scene.Component("globex-tenant", fmt.Sprintf("new-%02d", i)))
		}
		s.Add(scene.Component("globex-tenant", "a-component-with-a-name-that-is-as-long-as-names-may-be-in-here"))
		n := s.Settle(scene.Component("initech-tenant", "fax"))
		scene.Alter(s.Repositories, n.Repository, func(r *quay.Repository) { r.Description = "" })
		s.Settle(scene.Component("initech-tenant", "mail"))
		s.Components[len(s.Components)-1].Annotations[component.AnnotationGenerate] = "{"
		s.Odd = []string{"Environment tenant/" + hostile}
	},
	Apply: func(p plan.Plan) []apply.Outcome {
		outcomes := story.Everything(p)
		full := fmt.Errorf("create repository: %w", quay.ErrPaymentRequired)
		for i, c := range p.Components {
			switch {
			case c.Component.Name == "new-01":
				err := errors.New(`update Secret: the answer was ` + hostile)
				outcomes[i] = apply.Outcome{Applied: c.Actions[:3], Err: err, Reason: apply.ReasonOf(err)}
			case strings.HasPrefix(c.Component.Name, "new-") && c.Component.Name > "new-04":
				outcomes[i] = apply.Outcome{Err: full, Reason: apply.ReasonOf(full)}
			}
		}
		return outcomes
	},
	End: func(s *report.Summary) {
		s.Phases = report.Phases{Lock: 4 * time.Second, Read: 12 * time.Second, Plan: 300 * time.Millisecond, Apply: 25500 * time.Millisecond}
		s.Quay.Retries, s.Quay.Throttled = 12, 9*time.Second
	},
}

// policy is what a page says that it may do: nothing.
const policy = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`

var address = regexp.MustCompile(`(?i)<[^>]*\b(src|href|action|data|on\w+)\s*=|url\(|@import|<(script|link|iframe|img|object|embed|form)\b`)

// A page needs nothing and runs nothing, and what others write is text in it.
func TestAPageIsAPageAlone(t *testing.T) {
	t.Parallel()
	for _, st := range append(slices.Clone(story.All), badDay) {
		page := left(t, st)
		if found := address.Find(page); found != nil {
			t.Errorf("%s: %s", st.Name, found)
		}
		if !bytes.Contains(page, []byte(policy)) {
			t.Errorf("%s: without its policy", st.Name)
		}
	}
	if !bytes.Contains(left(t, badDay), []byte("&lt;img src=x onerror=")) {
		t.Error("the hostile text is not there")
	}
}

// What the page says of a run is what the other reporters say.
func TestWhatAPageSays(t *testing.T) {
	t.Parallel()
	said := map[string][]string{}
	for _, st := range story.All {
		said[st.Name] = []string{plainly(left(t, st))}
	}
	for _, test := range []struct {
		name string
		says []string
	}{
		{"new", []string{"9 changes would be made", "What would be changed, and why", "acme-tenant/billing new, private", "create repository acme-tenant/billing private"}},
		{"no_changes", []string{"Nothing to change", "2 Components", "up to date 2", "Nothing."}},
		{"applied", []string{"9 changes were made", "What was changed, and why"}},
		{"failures", []string{"1 Component could not be served", "Error acme-tenant/db: create repository", "Extend the organization's plan at Quay", "left to the next run 1"}},
		{"interrupted", []string{"The run was interrupted", "Done: 2 created"}},
		{"refused", []string{"The guard refused the plan: nothing was changed", "What was planned, and why", "Error the guard refused this plan"}},
		{"held_back", []string{"Warning namespace acme-tenant is held back"}},
		{"declined", []string{"Not confirmed: nothing was changed", "What was planned, and why"}},
		{"rejected", []string{"The run failed", "Error list robots of acme: ", "Make a new one at Quay"}},
		{"invalid", []string{"Invalid initech-tenant/fax: "}},
		{"delivery", []string{"Pull Secrets in", "tenant/late", "no route to host"}},
	} {
		for _, want := range test.says {
			if !strings.Contains(said[test.name][0], want) {
				t.Errorf("%s does not say %q:\n%s", test.name, want, said[test.name][0])
			}
		}
	}
}

var tag = regexp.MustCompile(`(?s)<style>.*?</style>|<[^>]*>|\s+`)

// plainly is a page's text on one line.
func plainly(page []byte) string {
	text := strings.NewReplacer("&#39;", "'", "&#34;", `"`, "&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(tag.ReplaceAllString(string(page), " "))
	return strings.Join(strings.Fields(text), " ")
}

// However large the platform and however varied its troubles, a page can be opened.
func TestAPageIsBounded(t *testing.T) {
	t.Parallel()
	s := scene.New(t)
	s.Deliver()
	var environments []string
	for i := range 150 {
		environments = append(environments, fmt.Sprintf("environment-%03d", i))
	}
	s.Run(scene.Bind(environments...))
	for i := range 3000 {
		s.Add(scene.Component("acme-tenant", fmt.Sprintf("component-%04d", i)))
	}
	p := decide.Plan(s.World)
	for i := range p.Components { // no two alike
		p.Components[i].Note = fmt.Sprint("note ", i)
		p.Components[i].Warnings = append(p.Components[i].Warnings, plan.Warning{Code: "odd", Text: fmt.Sprint("Warning ", i, ".")})
	}
	var page []byte
	r := New(func(raw []byte) error { page = raw; return nil }, func() time.Time { return scene.Noon })
	var summary report.Summary
	summary.Count(p, nil)
	r.Start(report.Header{})
	r.Planned(report.NewObserved(s.World, 0), p, summary)
	if err := r.Finish(summary); err != nil {
		t.Fatal(err)
	}
	if len(page) > 512<<10 {
		t.Errorf("%d bytes", len(page))
	}
	for _, want := range []string{"further Components: the JSON lines of the run have each", "more: the JSON lines", "more rows"} {
		if !strings.Contains(plainly(page), want) {
			t.Errorf("it does not say %q", want)
		}
	}
}

// That it could not be saved is told at the end, and the others have ended by then.
func TestAPageThatCannotBeSaved(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := report.Together{New(func([]byte) error { return syscall.ENOSPC }, time.Now), text.New(&out, false, report.Folded)}
	r.Start(report.Header{})
	if err := r.Finish(report.Summary{}); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(out.String(), "Quay: ") {
		t.Errorf("%v, and %q", err, out.String())
	}
}

// A browser shows a bad day.
func TestAPageInABrowser(t *testing.T) {
	t.Parallel()
	page := left(t, badDay)
	for _, test := range []struct {
		name  string
		width int
		dark  bool
	}{{"a phone by night", 390, true}, {"a desk by day", 1280, false}} {
		t.Run(test.name, func(t *testing.T) {
			seen := browser.Look(t, page, test.width, test.dark)
			for _, want := range []string{
				"5 Components could not be served", "21 Components", "What needs somebody", hostile,
				"The same of 2 more: globex-tenant/new-06, globex-tenant/new-07.", "Pull Secrets in 5 environments", "failed", "pending for 2 days",
				"Credentials by age", "acme-tenant/service-08", "The run took 41.8s", "apply 25.5s",
			} {
				if !strings.Contains(seen.Text, want) {
					t.Errorf("nobody reads %q in\n%s", want, seen.Text)
				}
			}
			if seen.Ran != "undefined" || len(seen.Asked) > 0 || slices.Contains(seen.Tags, "img") {
				t.Errorf("it ran %q, asked for %v, and has %v", seen.Ran, seen.Asked, seen.Tags)
			}
			if seen.Width != test.width || len(seen.Wide) > 0 {
				t.Errorf("of %d pixels, these reach beyond: %q", seen.Width, seen.Wide)
			}
			if len(seen.Faint) > 0 {
				t.Errorf("hard to read: %q", seen.Faint)
			}
			if dark := seen.Background == "rgb(17, 22, 29)"; dark != test.dark {
				t.Errorf("its ground is %s", seen.Background)
			}
		})
	}
}
