// Package report tells of a run: in go plans, outcomes and what ended it, out come text,
// JSON lines, counts and the exit code.
//
// It prints and decides nothing, and nothing of what it is given is a credential.
package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/reconcile/apply"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// Reporter shows a run as it goes on. Its methods are called one at a time.
type Reporter interface {
	Start(Header)
	Planned(Observed, plan.Plan, Summary)
	Applied(plan.Component, Change)
	Warned(plan.Component, apply.Warning)
	Failed(plan.Component, apply.Outcome)
	// Finish tells the summary, and what kept any of it all from being written.
	Finish(Summary) error
}

// Together is several reporters of one run.
type Together []Reporter

// Start tells each.
func (all Together) Start(h Header) {
	for _, r := range all {
		r.Start(h)
	}
}

// Planned tells each.
func (all Together) Planned(o Observed, p plan.Plan, s Summary) {
	for _, r := range all {
		r.Planned(o, p, s)
	}
}

// Applied tells each.
func (all Together) Applied(p plan.Component, c Change) {
	for _, r := range all {
		r.Applied(p, c)
	}
}

// Warned tells each.
func (all Together) Warned(p plan.Component, w apply.Warning) {
	for _, r := range all {
		r.Warned(p, w)
	}
}

// Failed tells each.
func (all Together) Failed(p plan.Component, o apply.Outcome) {
	for _, r := range all {
		r.Failed(p, o)
	}
}

// Finish lets each finish, whatever became of the others.
func (all Together) Finish(s Summary) error {
	var wrong []error
	for _, r := range all {
		wrong = append(wrong, r.Finish(s))
	}
	return errors.Join(wrong...)
}

// ErrOutput ends a dry run that could not tell what it found.
var ErrOutput = errors.New("the output could not be written")

// Header says what a run is about to look at.
type Header struct {
	Version  string
	Run      string // identifies the run
	Cluster  string // as a person calls it
	ID       string // of the cluster, as it is in every mark, "": nobody could tell
	Server   string // the API server's address
	Quay     string // the registry's host
	Org      string
	Shard    world.Shard
	Lock     string // NAMESPACE/NAME of the Lease that the run holds, "": none
	DryRun   bool
	Detailed bool
}

// Observed counts what was read.
type Observed struct {
	Components, Repositories, Robots, Secrets int
	RemoteSecrets                             int
	Mode                                      world.Mode
	Elapsed                                   time.Duration
	Found                                     []Found // of the Components that a dry run was asked about
	Named                                     bool    // by name: all is told of each
}

// NewObserved counts what a World holds.
func NewObserved(w world.World, elapsed time.Duration) Observed {
	return Observed{
		Components: len(w.Components) + len(w.Elsewhere), Repositories: len(w.Repositories), Robots: len(w.Robots), Secrets: len(w.Secrets) + w.Strays,
		RemoteSecrets: len(w.RemoteSecrets), Mode: w.Mode, Elapsed: elapsed,
	}
}

// Action is the word that the platform's audit records have for an operation.
func (o Op) Action() string {
	switch o {
	case OpCreate:
		return "ADD"
	case OpDelete:
		return "DELETE"
	}
	return "UPDATE"
}

// diagnostic is a warning or an error that a plan carries.
type diagnostic struct {
	severity string
	key      component.Key // zero: about the whole run
	code     string
	summary  string
	detail   string
	whose    plan.Whose        // of an error
	names    *strings.Replacer // takes the names of the Component's own things out; nil: there are none
}

const (
	severityWarning = "warning"
	severityError   = "error"
)

// warned is a side step that failed.
func warned(p plan.Component, w apply.Warning) diagnostic {
	return diagnostic{severityWarning, p.Key(), string(w.Reason), w.Err.Error(), "Nothing else was held back; the next run tries again.", "", withoutNames(p)}
}

// failed is a Component that could not be served; one that was left to the next run is
// counted and no more.
func failed(p plan.Component, o apply.Outcome) (d diagnostic, told bool) {
	d = diagnostic{
		severity: severityError, key: p.Key(), code: string(o.Reason), summary: o.Err.Error(), detail: hint(o.Err), whose: o.Whose, names: withoutNames(p),
	}
	if o.Reason == plan.ReasonDeferred {
		d.severity = severityWarning
		return d, errors.Is(o.Err, ErrMoved)
	}
	return d, true
}

// ending is what ended a run early, unless that was a person.
func ending(s Summary) (d diagnostic, told bool) {
	var refused *plan.GuardError
	switch {
	case s.Err == nil, errors.Is(s.Err, ErrDeclined):
		return d, false
	case errors.As(s.Err, &refused):
		return diagnostic{severity: severityError, summary: "the guard refused this plan: " + refused.Summary, detail: refused.Hint}, true
	}
	return diagnostic{severity: severityError, summary: s.Err.Error(), detail: hint(s.Err)}, true
}

// label is the word that a diagnostic begins with.
func (d diagnostic) label() string {
	switch {
	case d.whose == plan.TheTenants && d.code == string(plan.ReasonInvalidComponent):
		return "Invalid"
	case d.whose == plan.TheTenants:
		return "Blocked"
	case d.severity == severityError:
		return "Error"
	}
	return "Warning"
}

// diagnostics lists what is not as it should be: warnings, then errors, each in
// the plan's order.
func diagnostics(p plan.Plan) []diagnostic {
	var warnings, problems []diagnostic
	for _, c := range p.All() {
		names := withoutNames(c)
		warn := func(code, text string) {
			warnings = append(warnings, diagnostic{severityWarning, c.Key(), code, text, "", "", names})
		}
		if c.Skipped != "" {
			warn("skipped", "skipped: "+c.Skipped)
		}
		if c.Deferred != "" {
			warn(string(plan.ReasonDeferred), c.Deferred)
		}
		for _, w := range slices.Concat(c.Warnings, c.Platform) {
			warn(w.Code, w.Text)
		}
		if c.Problem != nil && c.Problem.Reason != plan.ReasonHeldBack { // that is told of the namespace, or of the run
			problems = append(problems, diagnostic{severityError, c.Key(), string(c.Problem.Reason), c.Problem.Summary, c.Problem.Hint, c.Problem.Whose, names})
		}
	}
	for _, k := range p.Missing {
		problems = append(problems, diagnostic{severityError, k, string(missing.Reason), missing.Summary, missing.Hint, missing.Whose, nil})
	}
	warn := func(code, summary, detail string) {
		warnings = append(warnings, diagnostic{severity: severityWarning, code: code, summary: summary, detail: detail})
	}
	for _, h := range p.HeldBack {
		verb := "wait"
		if h.Components == 1 {
			verb = "waits"
		}
		warn(string(plan.ReasonHeldBack), fmt.Sprintf("namespace %s is held back: %s", h.Namespace, h.Why),
			fmt.Sprintf("%s %s, and the other namespaces are served. If it is meant, run once with --force --namespace %s.",
				Plural(h.Components, "Component", "Components"), verb, h.Namespace))
	}
	for _, namespace := range p.Absent {
		warn("missing_namespace", "namespace "+component.Shown(namespace)+" was named to the run and does not exist", "Take it off the list.")
	}
	for _, c := range p.Closed {
		problems = append(problems, diagnostic{severityError, component.Key{}, string(c.Problem.Reason), c.Problem.Summary, c.Problem.Hint, c.Problem.Whose, nil})
	}
	if n := len(p.Odd); n > 0 {
		warn("odd_object", Plural(n, "object is", "objects are")+" not of the form of its kind, and nothing is concluded from it", firstOf(p.Odd, 6))
	}
	if n := len(p.Defaults.Named); n > 0 {
		warn("default_permission", "the organization's default permissions name "+Plural(n, "robot", "robots")+" of Berth's: each repository that is made is open to them, too",
			"Delete them in the organization's settings at Quay; what they give is taken off again, run by run: "+firstOf(p.Defaults.Named, 3))
	}
	if p.Defaults.Unread != "" {
		warn("default_permission", "the organization's default permissions could not be read", p.Defaults.Unread)
	}
	switch {
	case !p.Mode.Wanted:
	case !p.Mode.RemoteSecrets:
		warn("not_delivered", "the cluster has no RemoteSecrets: pull Secrets stay in the Components' own namespaces",
			"Install the RemoteSecret operator, or set --remote-secrets off.")
	case !p.Mode.Environments:
		warn("not_delivered", "the cluster has no Environments: RemoteSecrets get no targets, and keep those they have",
			"Install the definitions of Environment and SnapshotEnvironmentBinding, or set --remote-secrets off.")
	}
	if p.Held > 0 {
		warn("held_private", Plural(p.Held, "repository", "repositories")+" kept private although --visibility is public",
			"State it on the Component, or run with --allow-publish.")
	}
	if n := len(p.Orphans.Robots) + len(p.Orphans.Repositories); n > 0 {
		verb := "are"
		if n == 1 {
			verb = "is"
		}
		warn("orphans", fmt.Sprintf("%s %s left from Components that are gone%s", orphaned(p.Orphans), verb,
			counted(p.Orphans.Quarantines(), "of them in quarantine")), orphanNames(p.Orphans))
	}
	return append(warnings, problems...)
}

func orphaned(o plan.Orphans) string {
	var kinds []string
	if n := len(o.Robots); n > 0 {
		kinds = append(kinds, Plural(n, "robot", "robots"))
	}
	if n := len(o.Repositories); n > 0 {
		kinds = append(kinds, Plural(n, "repository", "repositories"))
	}
	return strings.Join(kinds, " and ")
}

// orphanNames are the first of them.
func orphanNames(o plan.Orphans) string {
	var names []string
	for _, one := range slices.Concat(o.Robots, o.Repositories) {
		names = append(names, one.Name)
	}
	if len(names) <= fewOrphans {
		return strings.Join(names, ", ")
	}
	return firstOf(names, fewOrphans) + "; --plan full tells of each."
}

// fewOrphans are so many that all of them are named in any case.
const fewOrphans = 6

func (d diagnostic) subject() string {
	if d.key == (component.Key{}) {
		return d.summary
	}
	if strings.HasPrefix(d.summary, "skipped: ") {
		return d.key.String() + " " + d.summary
	}
	return d.key.String() + ": " + d.summary
}
