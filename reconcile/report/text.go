package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"berth/reconcile/apply"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// Text reports a run to a person.
type Text struct {
	W      io.Writer
	Color  bool
	Detail Detail // "": folded
	Width  int    // in columns; 0: no line is broken

	planned  bool
	summary  Summary      // of the plan
	warnings []diagnostic // of applying
	problems []diagnostic
	err      error // the first of writing
}

// NewText returns a Reporter that writes to w.
func NewText(w io.Writer, color bool) *Text {
	return &Text{W: w, Color: color, Detail: Folded, Width: width}
}

var symbols = map[Op]string{OpCreate: "+", OpUpdate: "~", OpRotate: "-/+", OpDelete: "-"}

var colors = map[string]string{"+": "32", "~": "33", "-/+": "35", "-": "31", "Error:": "31", "Invalid:": "33", "Blocked:": "33", "Warning:": "33"}

var kinds = map[Kind]string{
	KindRequest: "ImageRepository", KindRepository: "repository", KindRobot: "robot", KindPermission: "permission",
	KindSecret: "Secret", KindServiceAccount: "ServiceAccount", KindComponent: "Component",
	KindRemoteSecret: "RemoteSecret", KindUploadSecret: "upload Secret",
}

// kindOrder is how kinds follow each other in a table, as they do in a plan.
var kindOrder = []Kind{
	KindRequest, KindRepository, KindRobot, KindPermission, KindSecret, KindServiceAccount, KindComponent, KindRemoteSecret, KindUploadSecret,
}

// Start prints what the run is about to look at.
func (t *Text) Start(h Header) {
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
func (t *Text) Planned(o Observed, p plan.Plan, s Summary) {
	t.planned, t.summary = true, s
	t.print("%s\n", o.read())
	t.takeOver(p)
	folded := t.rows(p, s)
	t.findings(o)
	if t.Detail == Full {
		t.orphans(p.Orphans)
	}
	t.print("\n")
	if s.Changes.total() > 0 {
		t.print("Plan: %s to create, %s to update, %s to rotate, %s to delete.\n",
			Count(s.Changes.Create), Count(s.Changes.Update), Count(s.Changes.Rotate), Count(s.Changes.Delete))
		t.print("      %s.\n", s.Components.change())
	} else {
		t.print("%s.\n", s.Components.match())
	}
	if s.Rotations.Pending > 0 {
		t.print("      %s.\n", Plural(s.Rotations.Pending, "rotation is", "rotations are")+" left to a later run")
	}
	if s.Deliveries.Total > 0 {
		t.print("      %s.\n", s.Deliveries)
	}
	if s.Changes.total() > 0 && (folded || t.Detail == SummaryOnly) {
		t.print("\n%s", Table(p))
	}
	if found := diagnostics(p); len(found) > 0 {
		t.print("\n")
		t.diagnostics(found)
	}
}

// findings prints what was found of the Components that were asked about.
func (t *Text) findings(o Observed) {
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
		return slices.ContainsFunc(c.Actions, func(a plan.Action) bool { return ChangeOf(a).Breaks })
	})
}

// rows prints the changes, and reports whether some were folded.
func (t *Text) rows(p plan.Plan, s Summary) (folded bool) {
	if t.Detail == SummaryOnly || t.Detail == Problems || s.Changes.total() == 0 {
		return false
	}
	revoke := ""
	if breaks(p) {
		revoke = t.paint("-/+") + " revoke: the old credential stops working   "
	}
	t.print("\n  %s create   %s update   %s%s delete\n", t.paint("+"), t.paint("~"), revoke, t.paint("-"))
	names := map[component.Key]component.Names{}
	for _, c := range p.All() {
		names[c.Key()] = c.Names
	}
	for _, b := range blocks(p, planned, t.Detail != Full) {
		t.block(b, names[b.key])
		folded = folded || b.more > 0
	}
	return folded
}

// Applied prints nothing: the plan has shown it, and the summary counts it.
func (t *Text) Applied(plan.Component, Change) {}

// Warned keeps a warning for the end, too.
func (t *Text) Warned(p plan.Component, w apply.Warning) {
	t.warnings = append(t.warnings, warned(p, w))
}

// Failed keeps a failure for the end, where the eye is.
func (t *Text) Failed(p plan.Component, o apply.Outcome) {
	if d, told := failed(p, o); told {
		t.problems = append(t.problems, d)
	}
}

// Finish prints the summary.
func (t *Text) Finish(s Summary) error {
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
	case t.summary.Changes.total() > 0:
		how := "Apply complete in"
		if s.Result() != ResultOK || s.Signal != 0 {
			how = "Apply finished with errors in"
		}
		if s.Signal != 0 {
			how = "Apply was interrupted after"
		}
		t.print("%s %s: %s created, %s updated, %s rotated, %s deleted%s.\n", how, seconds(s.Elapsed),
			Count(s.Changes.Create), Count(s.Changes.Update), Count(s.Changes.Rotate), Count(s.Changes.Delete), counted(s.Components.Failed, "failed"))
		t.print("      %s: %s changed, %s.\n", Plural(s.Components.Total, "Component", "Components"), Count(s.Components.Changed), s.Components.rest())
	}
	t.print("Quay: %s%s%s.\n", Plural(s.Quay.Requests, "request", "requests"), counted(s.Quay.Retries, "retried"), waited(s.Quay.Throttled))
	return t.err
}

func (t *Text) refusal(s Summary) {
	d, told := ending(s)
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
func (t *Text) diagnostics(all []diagnostic) {
	if t.Detail == Full {
		for _, d := range all {
			t.diagnostic(d)
		}
		return
	}
	for _, m := range merge(all) {
		t.diagnostic(m.diagnostic)
		if n := len(m.others); n > 0 {
			t.indented("The same of " + Count(n) + " more: " + firstOf(keyNames(m.others), 3) + ".")
		}
	}
}

func (t *Text) diagnostic(d diagnostic) {
	label := d.label() + ":"
	lines := wrap(d.subject(), t.columns(len(label)+1))
	t.print("%s %s\n", t.paint(label), lines[0])
	for _, line := range lines[1:] {
		t.print("       %s\n", line)
	}
	if d.detail != "" {
		t.indented(d.detail)
	}
}

// indented prints prose; a command at its end stays in one piece, to be copied.
func (t *Text) indented(text string) {
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
func (t *Text) columns(begun int) int {
	if t.Width == 0 {
		return math.MaxInt
	}
	return t.Width - begun
}

func (t *Text) paint(word string) string {
	if !t.Color {
		return word
	}
	return "\x1b[" + colors[word] + "m" + word + "\x1b[0m"
}

// print keeps the first error for the end: it must not stop a run half-way.
func (t *Text) print(format string, args ...any) {
	if _, err := fmt.Fprintf(t.W, format, args...); t.err == nil {
		t.err = err
	}
}
