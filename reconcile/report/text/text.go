// Package text reports a run to a person: in goes what package report has to tell, out come
// lines of a terminal's width, folded where many are alike.
//
// What is written is told in the order of a run; that it could not be written is told at its
// end and stops nothing.
package text

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"berth/reconcile/apply"
	"berth/reconcile/plan"
	"berth/reconcile/report"
)

// Reporter reports a run to a person.
type Reporter struct {
	Width int // in columns; 0: no line is broken

	w      io.Writer
	color  bool
	detail report.Detail

	planned  bool
	summary  report.Summary      // of the plan
	warnings []report.Diagnostic // of applying
	problems []report.Diagnostic
	err      error // the first of writing
}

// New returns a Reporter that writes to w.
func New(w io.Writer, color bool, detail report.Detail) *Reporter {
	return &Reporter{Width: width, w: w, color: color, detail: detail}
}

var symbols = map[report.Op]string{report.OpCreate: "+", report.OpUpdate: "~", report.OpRotate: "-/+", report.OpDelete: "-"}

var colors = map[string]string{"+": "32", "~": "33", "-/+": "35", "-": "31", "Error:": "31", "Invalid:": "33", "Blocked:": "33", "Warning:": "33"}

// Start prints what the run is about to look at.
func (t *Reporter) Start(h report.Header) {
	line := fmt.Sprintf("berth %s   cluster %s", h.Version, h.Cluster)
	if h.Server != "" {
		line += " (" + h.Server + ")"
	}
	line += "   " + h.Quay + "/" + h.Org
	if h.Shard.Several() {
		line += "   shard " + h.Shard.String()
	}
	switch {
	case h.DryRun:
		line += "   dry run"
	case h.Lock == "":
		line += "   no lock"
	}
	if h.ID != "" {
		line += "\ncluster id " + h.ID
	}
	t.print("%s\n\n", line)
}

// Planned prints the plan.
func (t *Reporter) Planned(o report.Observed, p plan.Plan, s report.Summary) {
	t.planned, t.summary = true, s
	t.print("%s\n", o.Read())
	t.takeOver(p)
	folded := t.rows(p, s)
	t.findings(o)
	if t.detail == report.Full {
		t.orphans(p.Orphans)
	}
	t.print("\n")
	if s.Changes.Total() > 0 {
		t.print("Plan: %s to create, %s to update, %s to rotate, %s to delete.\n",
			report.Count(s.Changes.Create), report.Count(s.Changes.Update), report.Count(s.Changes.Rotate), report.Count(s.Changes.Delete))
		t.print("      %s.\n", change(s.Components))
	} else {
		t.print("%s.\n", match(s.Components))
	}
	if s.Rotations.Pending > 0 {
		t.print("      %s.\n", report.Plural(s.Rotations.Pending, "rotation is", "rotations are")+" left to a later run")
	}
	if s.Deliveries.Total > 0 {
		t.print("      %s.\n", s.Deliveries)
	}
	if s.Changes.Total() > 0 && (folded || t.detail == report.SummaryOnly) {
		t.print("\n%s", Table(p))
	}
	if found := report.Diagnostics(p); len(found) > 0 {
		t.print("\n")
		t.diagnostics(found)
	}
}

// findings prints what was found of the Components that were asked about.
func (t *Reporter) findings(o report.Observed) {
	for i, f := range o.Found {
		switch {
		case o.Named:
			t.found(f)
		case i == 0:
			t.print("\n")
			fallthrough
		default:
			t.foundLine(f)
		}
	}
}

// breaks reports whether a plan has a change by which a credential in use stops working.
func breaks(p plan.Plan) bool {
	return slices.ContainsFunc(p.Components, func(c plan.Component) bool {
		return slices.ContainsFunc(c.Actions, func(a plan.Action) bool { return report.ChangeOf(a).Breaks })
	})
}

// rows prints the changes, and reports whether some were folded.
func (t *Reporter) rows(p plan.Plan, s report.Summary) (folded bool) {
	if t.detail == report.SummaryOnly || t.detail == report.Problems || s.Changes.Total() == 0 {
		return false
	}
	revoke := ""
	if breaks(p) {
		revoke = t.paint("-/+") + " revoke: the old credential stops working   "
	}
	t.print("\n  %s create   %s update   %s%s delete\n", t.paint("+"), t.paint("~"), revoke, t.paint("-"))
	for _, b := range report.Blocks(p, report.Planned, t.detail != report.Full) {
		t.block(b)
		folded = folded || b.Alike > 0
	}
	return folded
}

// Applied prints nothing: the plan has shown it, and the summary counts it.
func (t *Reporter) Applied(plan.Component, report.Change) {}

// Warned keeps a warning for the end, too.
func (t *Reporter) Warned(p plan.Component, w apply.Warning) {
	t.warnings = append(t.warnings, report.Warned(p, w))
}

// Failed keeps a failure for the end, where the eye is.
func (t *Reporter) Failed(p plan.Component, o apply.Outcome) {
	if d, told := report.Failed(p, o); told {
		t.problems = append(t.problems, d)
	}
}

// Finish prints the summary.
func (t *Reporter) Finish(s report.Summary) error {
	if found := slices.Concat(t.warnings, t.problems); len(found) > 0 {
		t.print("\n")
		t.diagnostics(found)
	}
	if t.planned {
		t.print("\n")
	}
	if s.Err != nil {
		t.refusal(s)
	}
	switch {
	case s.Err != nil && !s.Cut:
	case s.DryRun:
		t.print("Dry run: nothing was changed.\n")
	case t.summary.Changes.Total() > 0:
		how := "Apply complete in"
		if s.Result() != report.ResultOK || s.Signal != 0 {
			how = "Apply finished with errors in"
		}
		if s.Signal != 0 {
			how = "Apply was interrupted after"
		}
		t.print("%s %s: %s created, %s updated, %s rotated, %s deleted%s.\n", how, report.Seconds(s.Elapsed),
			report.Count(s.Changes.Create), report.Count(s.Changes.Update), report.Count(s.Changes.Rotate), report.Count(s.Changes.Delete), report.Counted(s.Components.Failed, "failed"))
		t.print("      %s: %s changed, %s.\n", report.Plural(s.Components.Total, "Component", "Components"), report.Count(s.Components.Changed), rest(s.Components))
	}
	t.print("%s\n", s.Asked())
	return t.err
}

func (t *Reporter) refusal(s report.Summary) {
	d, told := s.Ending()
	switch {
	case told:
		t.diagnostic(d)
	case s.Signal != 0:
		t.print("Interrupted at the question: nothing was changed.\n")
	default:
		t.print("Not confirmed: nothing was changed.\n")
	}
}

// diagnostics prints those that say the same once, unless everything is asked for.
func (t *Reporter) diagnostics(all []report.Diagnostic) {
	if t.detail == report.Full {
		for _, d := range all {
			t.diagnostic(d)
		}
		return
	}
	for _, m := range report.Merge(all) {
		t.diagnostic(m.Diagnostic)
		if more := m.More(); more != "" {
			t.indented(more)
		}
	}
}

func (t *Reporter) diagnostic(d report.Diagnostic) {
	label := d.Label() + ":"
	lines := wrap(d.Subject(), t.columns(len(label)+1))
	t.print("%s %s\n", t.paint(label), lines[0])
	for _, line := range lines[1:] {
		t.print("       %s\n", line)
	}
	if d.Detail != "" {
		t.indented(d.Detail)
	}
}

// indented prints prose; a command at its end stays in one piece, to be copied.
func (t *Reporter) indented(text string) {
	prose, command, found := strings.Cut(text, " kubectl ")
	lines := wrap(prose, t.columns(7))
	if found {
		lines = append(lines, "kubectl "+command)
	}
	for _, line := range lines {
		t.print("       %s\n", line)
	}
}

// columns are those that are left beside what a line begins with.
func (t *Reporter) columns(begun int) int {
	if t.Width == 0 {
		return math.MaxInt
	}
	return t.Width - begun
}

func (t *Reporter) paint(word string) string {
	if !t.color {
		return word
	}
	return "\x1b[" + colors[word] + "m" + word + "\x1b[0m"
}

// print keeps the first error for the end: it must not stop a run half-way.
func (t *Reporter) print(format string, args ...any) {
	if _, err := fmt.Fprintf(t.w, format, args...); t.err == nil {
		t.err = err
	}
}
