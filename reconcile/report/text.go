package report

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"berth/reconcile/apply"
	"berth/reconcile/plan"
)

// Text reports a run to a person.
type Text struct {
	W     io.Writer
	Color bool

	planned  bool
	summary  Summary      // of the plan
	problems []diagnostic // of applying
	err      error        // the first of writing
}

// NewText returns a Reporter that writes to w.
func NewText(w io.Writer, color bool) *Text { return &Text{W: w, Color: color} }

var symbols = map[Op]string{OpCreate: "+", OpUpdate: "~", OpRotate: "-/+", OpDelete: "-"}

var colors = map[string]string{"+": "32", "~": "33", "-/+": "35", "-": "31", "Error:": "31", "Warning:": "33"}

var kinds = map[Kind]string{
	KindRepository: "repository", KindRobot: "robot", KindRobotToken: "robot token", KindPermission: "permission",
	KindSecret: "Secret", KindServiceAccount: "ServiceAccount", KindComponent: "Component",
	KindRemoteSecret: "RemoteSecret", KindUploadSecret: "upload Secret",
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
	t.print("%s\n\n", line)
}

// Planned prints the plan.
func (t *Text) Planned(o Observed, p plan.Plan, s Summary) {
	t.planned, t.summary = true, s
	read := []string{
		plural(o.Components, "Component", "Components"), plural(o.Repositories, "repository", "repositories"),
		plural(o.Robots, "robot", "robots"), plural(o.Secrets, "Secret", "Secrets"),
	}
	if o.Mode.RemoteSecrets {
		read = append(read, plural(o.RemoteSecrets, "RemoteSecret", "RemoteSecrets"))
	}
	t.print("Read %s in %s\n", strings.Join(read, ", "), seconds(o.Elapsed))
	if s.Changes.total() > 0 {
		t.print("\n  %s create   %s update   %s rotate: the old credential stops working   %s delete\n",
			t.paint("+"), t.paint("~"), t.paint("-/+"), t.paint("-"))
	}
	for _, c := range p.Components {
		t.component(c)
	}
	t.print("\n")
	if s.Changes.total() > 0 {
		t.print("Plan: %d to create, %d to update, %d to rotate, %d to delete.\n",
			s.Changes.Create, s.Changes.Update, s.Changes.Rotate, s.Changes.Delete)
		verb := "change"
		if s.Components.Changed == 1 {
			verb = "changes"
		}
		t.print("      %d of %s %s; %s.\n", s.Components.Changed,
			plural(s.Components.Total, "Component", "Components"), verb, s.Components.rest())
	} else {
		t.print("No changes. %s.\n", s.Components.match())
	}
	if s.Deliveries.Total > 0 {
		t.print("      %s.\n", s.Deliveries)
	}
	if found := diagnostics(p); len(found) > 0 {
		t.print("\n")
		for _, d := range found {
			t.diagnostic(d)
		}
	}
}

func (t *Text) component(c plan.Component) {
	if len(c.Actions) == 0 {
		return
	}
	note := c.Note
	switch {
	case c.Problem == nil:
	case c.Problem.Reason == plan.ReasonHeldBack:
		note = "held back"
	default:
		note = "cannot be served"
	}
	t.print("\n%-70s %s\n", c.Key(), note)
	for _, a := range c.Actions {
		change := ChangeOf(a)
		detail := change.Detail
		if change.Reason != "" && detail != "" {
			detail += ": "
		}
		symbol := symbols[change.Op]
		row := fmt.Sprintf("%-15s %-43s %s", kinds[change.Kind], change.Target, detail+change.Reason)
		t.print("  %s%s %s\n", t.paint(symbol), strings.Repeat(" ", 3-len(symbol)), strings.TrimRight(row, " "))
		for _, line := range change.Lines {
			t.print("%66s%s\n", "", line)
		}
	}
}

// Applied prints nothing: the plan has shown it, and the summary counts it.
func (t *Text) Applied(plan.Component, Change) {}

// Failed keeps a failure for the end, where the eye is.
func (t *Text) Failed(p plan.Component, o apply.Outcome) {
	d := diagnostic{severity: severityError, key: p.Key(), summary: o.Err.Error()}
	if o.Reason == plan.ReasonDeferred {
		if !errors.Is(o.Err, ErrMoved) {
			return
		}
		d.severity = severityWarning
	}
	t.problems = append(t.problems, d)
}

// Finish prints the summary.
func (t *Text) Finish(s Summary) error {
	for i, d := range t.problems {
		if i == 0 {
			t.print("\n")
		}
		t.diagnostic(d)
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
		t.print("%s %s: %d created, %d updated, %d rotated, %d deleted%s.\n", how, seconds(s.Elapsed),
			s.Changes.Create, s.Changes.Update, s.Changes.Rotate, s.Changes.Delete, counted(s.Components.Failed, "failed"))
		t.print("      %s: %d changed, %s.\n", plural(s.Components.Total, "Component", "Components"), s.Components.Changed, s.Components.rest())
	}
	t.print("Quay: %s%s%s.\n", plural(s.Quay.Requests, "request", "requests"), counted(s.Quay.Retries, "retried"), waited(s.Quay.Throttled))
	return t.err
}

func (t *Text) refusal(s Summary) {
	var refused *plan.GuardError
	switch {
	case errors.As(s.Err, &refused):
		t.diagnostic(diagnostic{severity: severityError, summary: "the guard refused this plan: " + refused.Summary, detail: refused.Hint})
	case errors.Is(s.Err, ErrDeclined) && s.Signal != 0:
		t.print("Interrupted at the question: nothing was changed.\n")
	case errors.Is(s.Err, ErrDeclined):
		t.print("Not confirmed: nothing was changed.\n")
	default:
		t.diagnostic(diagnostic{severity: severityError, summary: s.Err.Error(), detail: hint(s.Err)})
	}
}

func (t *Text) diagnostic(d diagnostic) {
	label := "Warning:"
	if d.severity == severityError {
		label = "Error:"
	}
	t.print("%s %s\n", t.paint(label), d.subject())
	if d.detail != "" {
		t.print("       %s\n", d.detail)
	}
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

// rest tells of the Components that do not change.
func (c ComponentCount) rest() string {
	return fmt.Sprintf("%d up to date", c.UpToDate) + counted(c.Failed, "failed") + counted(c.Skipped, "skipped") +
		counted(c.Invalid, "invalid") + counted(c.Blocked, "blocked") + counted(c.Deferred, "left to the next run")
}

func (c ComponentCount) match() string {
	if c.UpToDate == c.Total {
		return plural(c.Total, "Component", "Components") + " match Quay and the cluster"
	}
	return fmt.Sprintf("Of %s, %s", plural(c.Total, "Component", "Components"), c.rest())
}

// String tells how far the pull Secrets have come.
func (c DeliveryCount) String() string {
	return fmt.Sprintf("Pull Secrets in %s: %d delivered", plural(c.Total, "environment", "environments"), c.Delivered) +
		counted(c.Unverified, "unverified") + counted(c.Pending, "on the way") + counted(c.Failed, "failed") + counted(c.Unresolved, "unresolved")
}

func counted(n int, what string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d %s", n, what)
}

func waited(d time.Duration) string {
	if d < 100*time.Millisecond {
		return ""
	}
	return ", waited " + seconds(d) + " on the rate limit"
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }
