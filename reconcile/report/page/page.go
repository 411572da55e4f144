// Package page reports a run as one page: in goes what package report has to tell, out comes
// HTML that needs nothing but a browser, runs nothing and asks for nothing.
//
// What tenants write is text in it, whatever it is. Its size is bounded whatever the size of
// the platform. It is handed over when the run ends; where to is the caller's.
package page

import (
	"bytes"
	_ "embed" // the page's form
	"errors"
	"fmt"
	"html/template"
	"sync"
	"time"

	"berth/reconcile/apply"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/report"
)

// Reporter keeps what it is told until the run ends. Of a large platform the page has what
// is worst and first, and counts of the rest.
type Reporter struct {
	save func(page []byte) error
	now  func() time.Time

	header   report.Header
	observed report.Observed
	plan     *plan.Plan
	made     map[component.Key][]report.Change
	problems []report.Diagnostic // of applying
}

// How much a page has.
const (
	maxProblems = 60
	maxBlocks   = 60
	maxLines    = 8  // of one change
	maxShown    = 20 // places, and of old credentials
)

// New returns a Reporter whose page is saved when the run ends.
func New(save func(page []byte) error, now func() time.Time) *Reporter {
	return &Reporter{save: save, now: now, made: map[component.Key][]report.Change{}}
}

// Start keeps the header.
func (p *Reporter) Start(h report.Header) { p.header = h }

// Planned keeps what was found and planned.
func (p *Reporter) Planned(o report.Observed, agenda plan.Plan, _ report.Summary) {
	p.observed, p.plan = o, &agenda
}

// Applied keeps a change that was made.
func (p *Reporter) Applied(c plan.Component, change report.Change) {
	p.made[c.Key()] = append(p.made[c.Key()], change)
}

// Warned keeps a warning.
func (p *Reporter) Warned(c plan.Component, w apply.Warning) {
	p.problems = append(p.problems, report.Warned(c, w))
}

// Failed keeps a failure.
func (p *Reporter) Failed(c plan.Component, o apply.Outcome) {
	if d, told := report.Failed(c, o); told {
		p.problems = append(p.problems, d)
	}
}

//go:embed page.html
var form string

var layout = sync.OnceValue(func() *template.Template { return template.Must(template.New("page").Parse(form)) })

// Finish renders the page and saves it.
func (p *Reporter) Finish(s report.Summary) error {
	var page bytes.Buffer
	if err := layout().Execute(&page, p.content(s)); err != nil {
		return fmt.Errorf("the page: %w", err)
	}
	return p.save(page.Bytes())
}

// content is what the page's form is filled with, all of it as people read it.
type content struct {
	Header                                          report.Header
	Verdict, Class, About, Ended                    string
	Total, Heading, Environments, Took, Read, Asked string
	Components, Delivery, Ages, Phases              []part
	Problems                                        []problem
	Changes                                         []block
	Places                                          []place
	Oldest                                          []age
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
	return part{Name: name, Class: class, Count: report.Count(n), size: float64(n)}
}

func (p *Reporter) content(s report.Summary) content {
	c := content{Header: p.header, Ended: p.now().UTC().Format("2006-01-02 15:04:05 UTC"), Took: brief(s.Elapsed)}
	c.Verdict, c.Class = verdict(s)
	c.About = about(s)
	n, changed := s.Components, "changed"
	if !applied(s) {
		changed = "to change"
	}
	c.Total = report.Plural(n.Total, "Component", "Components")
	c.Components = bar(counting("failed", "c4", n.Failed), counting(changed, "c1", n.Changed), counting("up to date", "c2", n.UpToDate), counting("invalid", "c3", n.Invalid),
		counting("blocked", "c5", n.Blocked), counting("left to the next run", "c7", n.Deferred), counting("skipped", "c6", n.Skipped))
	var phases []part
	for i, f := range s.Phases.Each() {
		phases = append(phases, part{Name: f.Name, Class: []string{"c6", "c1", "c5", "c2"}[i], Count: brief(f.Took), size: f.Took.Seconds()})
	}
	c.Phases = bar(phases...)
	c.Asked = s.Asked()
	p.tellProblems(&c, s)
	if p.plan != nil {
		c.Read = p.observed.Read()
		p.tellChanges(&c, s)
		p.tellDelivery(&c, s.Deliveries)
		p.tellAges(&c)
	}
	return c
}

// verdict is the run in one sentence, and how it is to be taken.
func verdict(s report.Summary) (sentence, class string) {
	switch failed := s.Components.Failed; {
	case s.Signal != 0:
		return "The run was interrupted", "bad"
	case s.Result() == report.ResultRefused && s.ExitCode() == report.ExitRefused:
		return "The guard refused the plan: nothing was changed", "bad"
	case s.Result() == report.ResultRefused:
		return "Not confirmed: nothing was changed", "warn"
	case s.ExitCode() == report.ExitLocked:
		return "Another run holds the lock", "warn"
	case s.Err != nil && !s.Cut:
		return "The run failed", "bad"
	case failed > 0:
		return report.Plural(failed, "Component", "Components") + " could not be served", "bad"
	case s.Result() != report.ResultOK:
		return "Not everything could be done", "bad"
	case s.HeldBack > 0:
		return report.Plural(s.HeldBack, "namespace is", "namespaces are") + " held back", "warn"
	case s.DryRun && s.Changes.Total() > 0:
		return report.Plural(s.Changes.Total(), "change", "changes") + " would be made", "info"
	case s.Changes.Total() > 0:
		return report.Plural(s.Changes.Total(), "change was", "changes were") + " made", "good"
	}
	return "Nothing to change", "good"
}

// applied reports whether it came to making changes.
func applied(s report.Summary) bool {
	return s.Operation == report.OperationApply && !errors.Is(s.Err, report.ErrDeclined)
}

// about counts what was done, or would be.
func about(s report.Summary) string {
	words := "Planned: %s to create, %s to update, %s to rotate, %s to delete."
	if applied(s) {
		words = "Done: %s created, %s updated, %s rotated, %s deleted."
	}
	c := s.Changes
	return fmt.Sprintf(words, report.Count(c.Create), report.Count(c.Update), report.Count(c.Rotate), report.Count(c.Delete))
}

// brief is a time of the run's own.
func brief(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprint(d.Milliseconds(), " ms")
	}
	return report.Seconds(d)
}
