package report

import (
	"bytes"
	_ "embed" // the page's form
	"errors"
	"fmt"
	"html/template"
	"time"

	"berth/reconcile/apply"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// Page is a run as one page to look at: a file that needs nothing but a browser.
//
// What tenants write is text in it, whatever it is. It is bounded: of a large platform it
// has what is worst and first, and counts of the rest.
type Page struct {
	save func(page []byte) error
	now  func() time.Time

	header   Header
	observed Observed
	plan     *plan.Plan
	made     map[component.Key][]Change
	problems []diagnostic // of applying
}

// How much a page has.
const (
	pageProblems = 60
	pageBlocks   = 60
	pageLines    = 8  // of one change
	pageShown    = 20 // places, and of old credentials
)

// NewPage returns a Reporter whose page is saved when the run ends.
func NewPage(save func(page []byte) error, now func() time.Time) *Page {
	return &Page{save: save, now: now, made: map[component.Key][]Change{}}
}

// Start keeps the header.
func (p *Page) Start(h Header) { p.header = h }

// Planned keeps what was found and planned.
func (p *Page) Planned(o Observed, agenda plan.Plan, _ Summary) { p.observed, p.plan = o, &agenda }

// Applied keeps a change that was made.
func (p *Page) Applied(c plan.Component, change Change) {
	p.made[c.Key()] = append(p.made[c.Key()], change)
}

// Warned keeps a warning.
func (p *Page) Warned(c plan.Component, w apply.Warning) {
	p.problems = append(p.problems, warned(c, w))
}

// Failed keeps a failure.
func (p *Page) Failed(c plan.Component, o apply.Outcome) {
	if d, told := failed(c, o); told {
		p.problems = append(p.problems, d)
	}
}

//go:embed page.html
var pageForm string

var pageTemplate = template.Must(template.New("page").Parse(pageForm))

// Finish renders the page and saves it.
func (p *Page) Finish(s Summary) error {
	var page bytes.Buffer
	if err := pageTemplate.Execute(&page, p.content(s)); err != nil {
		return fmt.Errorf("the page: %w", err)
	}
	return p.save(page.Bytes())
}

// pageContent is what the page's form is filled with, all of it as people read it.
type pageContent struct {
	Header                                          Header
	Verdict, Class, About, Ended                    string
	Total, Heading, Environments, Took, Read, Asked string
	Components, Delivery, Ages, Phases              []part
	Problems                                        []pageProblem
	Changes                                         []pageBlock
	Places                                          []pagePlace
	Oldest                                          []pageAge
	MoreProblems, MoreChanges, MorePlaces           string
}

// part is a piece of a bar.
type part struct {
	Name, Class string
	Count       string
	size        float64
	X, Width    string // in percent
}

// bar gives the parts their places, and leaves out what is nothing.
func bar(parts ...part) []part {
	all, at := 0.0, 0.0
	var shown []part
	for _, p := range parts {
		if p.size > 0 {
			all += p.size
			shown = append(shown, p)
		}
	}
	for i := range shown {
		width := 100 * shown[i].size / all
		shown[i].X, shown[i].Width = fmt.Sprintf("%.2f", at), fmt.Sprintf("%.2f", width)
		at += width
	}
	return shown
}

func counting(name, class string, n int) part {
	return part{Name: name, Class: class, Count: Count(n), size: float64(n)}
}

func (p *Page) content(s Summary) pageContent {
	c := pageContent{Header: p.header, Ended: p.now().UTC().Format("2006-01-02 15:04:05 UTC"), Took: brief(s.Elapsed)}
	c.Verdict, c.Class = verdict(s)
	c.About = about(s)
	n, changed := s.Components, "changed"
	if !applied(s) {
		changed = "to change"
	}
	c.Total = Plural(n.Total, "Component", "Components")
	c.Components = bar(counting("failed", "c4", n.Failed), counting(changed, "c1", n.Changed), counting("up to date", "c2", n.UpToDate), counting("invalid", "c3", n.Invalid),
		counting("blocked", "c5", n.Blocked), counting("left to the next run", "c7", n.Deferred), counting("skipped", "c6", n.Skipped))
	var phases []part
	for i, f := range s.Phases.Each() {
		phases = append(phases, part{Name: f.Name, Class: []string{"c6", "c1", "c5", "c2"}[i], Count: brief(f.Took), size: f.Took.Seconds()})
	}
	c.Phases = bar(phases...)
	c.Asked = fmt.Sprintf("Quay: %s%s%s.", Plural(s.Quay.Requests, "request", "requests"), counted(s.Quay.Retries, "retried"), waited(s.Quay.Throttled))
	p.tellProblems(&c, s)
	if p.plan != nil {
		c.Read = p.observed.read()
		p.tellChanges(&c, s)
		p.tellDelivery(&c, s.Deliveries)
		p.tellAges(&c)
	}
	return c
}

// verdict is the run in one sentence, and how it is to be taken.
func verdict(s Summary) (sentence, class string) {
	switch failed := s.Components.Failed; {
	case s.Signal != 0:
		return "The run was interrupted", "bad"
	case s.Result() == ResultRefused && s.ExitCode() == ExitRefused:
		return "The guard refused the plan: nothing was changed", "bad"
	case s.Result() == ResultRefused:
		return "Not confirmed: nothing was changed", "warn"
	case s.held():
		return "Another run holds the lock", "warn"
	case s.Err != nil && !s.Cut:
		return "The run failed", "bad"
	case failed > 0:
		return Plural(failed, "Component", "Components") + " could not be served", "bad"
	case s.Result() != ResultOK:
		return "Not everything could be done", "bad"
	case s.HeldBack > 0:
		return Plural(s.HeldBack, "namespace is", "namespaces are") + " held back", "warn"
	case s.DryRun && s.Changes.total() > 0:
		return Plural(s.Changes.total(), "change", "changes") + " would be made", "info"
	case s.Changes.total() > 0:
		return Plural(s.Changes.total(), "change was", "changes were") + " made", "good"
	}
	return "Nothing to change", "good"
}

// applied reports whether it came to making changes.
func applied(s Summary) bool {
	return s.Operation == OperationApply && !errors.Is(s.Err, ErrDeclined)
}

// about counts what was done, or would be.
func about(s Summary) string {
	form := "Planned: %s to create, %s to update, %s to rotate, %s to delete."
	if applied(s) {
		form = "Done: %s created, %s updated, %s rotated, %s deleted."
	}
	c := s.Changes
	return fmt.Sprintf(form, Count(c.Create), Count(c.Update), Count(c.Rotate), Count(c.Delete))
}

// brief is a time of the run's own.
func brief(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprint(d.Milliseconds(), " ms")
	}
	return seconds(d)
}
