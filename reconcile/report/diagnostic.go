package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"berth/reconcile/apply"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// Diagnostic is a warning or an error that a plan carries.
type Diagnostic struct {
	Severity string            `json:"severity"`
	Key      component.Key     `json:"-"` // zero: about the whole run
	Code     string            `json:"code"`
	Summary  string            `json:"summary"`
	Detail   string            `json:"detail,omitempty"` // what a person can do
	Whose    plan.Whose        `json:"whose,omitempty"`  // of an error
	names    *strings.Replacer // takes the names of the Component's own things out; nil: there are none
}

// How severe a diagnostic is.
const (
	SeverityWarning = "warning"
	SeverityError   = "error"
)

// Warned is a side step that failed.
func Warned(p plan.Component, w apply.Warning) Diagnostic {
	return Diagnostic{SeverityWarning, p.Key(), string(w.Reason), w.Err.Error(), "Nothing else was held back; the next run tries again.", "", withoutNames(p)}
}

// Failed is a Component that could not be served; one that was left to the next run is
// counted and no more.
func Failed(p plan.Component, o apply.Outcome) (d Diagnostic, told bool) {
	d = Diagnostic{
		Severity: SeverityError, Key: p.Key(), Code: string(o.Reason), Summary: o.Err.Error(), Detail: Hint(o.Err), Whose: o.Whose, names: withoutNames(p),
	}
	if o.Reason == plan.ReasonDeferred {
		d.Severity = SeverityWarning
		return d, errors.Is(o.Err, ErrMoved)
	}
	return d, true
}

// Ending is what ended a run early, unless that was a person.
func (s Summary) Ending() (d Diagnostic, told bool) {
	var refused *plan.GuardError
	switch {
	case s.Err == nil, errors.Is(s.Err, ErrDeclined):
		return d, false
	case errors.As(s.Err, &refused):
		return Diagnostic{Severity: SeverityError, Summary: "the guard refused this plan: " + refused.Summary, Detail: refused.Hint}, true
	}
	return Diagnostic{Severity: SeverityError, Summary: s.Err.Error(), Detail: Hint(s.Err)}, true
}

// Label is the word that a diagnostic begins with.
func (d Diagnostic) Label() string {
	switch {
	case d.Whose == plan.TheTenants && d.Code == string(plan.ReasonInvalidComponent):
		return "Invalid"
	case d.Whose == plan.TheTenants:
		return "Blocked"
	case d.Severity == SeverityError:
		return "Error"
	}
	return "Warning"
}

// Diagnostics lists what is not as it should be: warnings, then errors, each in
// the plan's order.
func Diagnostics(p plan.Plan) []Diagnostic {
	var warnings, problems []Diagnostic
	for _, c := range p.All() {
		if c.Skipped+c.Deferred == "" && len(c.Warnings)+len(c.Platform) == 0 && c.Problem == nil {
			continue
		}
		names := withoutNames(c)
		warn := func(code, text string) {
			warnings = append(warnings, Diagnostic{SeverityWarning, c.Key(), code, text, "", "", names})
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
			problems = append(problems, Diagnostic{SeverityError, c.Key(), string(c.Problem.Reason), c.Problem.Summary, c.Problem.Hint, c.Problem.Whose, names})
		}
	}
	for _, k := range p.Missing {
		problems = append(problems, Diagnostic{SeverityError, k, string(missing.Reason), missing.Summary, missing.Hint, missing.Whose, nil})
	}
	warn := func(code, summary, detail string) {
		warnings = append(warnings, Diagnostic{Severity: SeverityWarning, Code: code, Summary: summary, Detail: detail})
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
		problems = append(problems, Diagnostic{SeverityError, component.Key{}, string(c.Problem.Reason), c.Problem.Summary, c.Problem.Hint, c.Problem.Whose, nil})
	}
	if n := len(p.Odd); n > 0 {
		warn("odd_object", Plural(n, "object is", "objects are")+" not of the form of its kind, and nothing is concluded from it", FirstOf(p.Odd, 6))
	}
	if n := len(p.Defaults.Named); n > 0 {
		warn("default_permission", "the organization's default permissions name "+Plural(n, "robot", "robots")+" of Berth's: each repository that is made is open to them, too",
			"Delete them in the organization's settings at Quay; what they give is taken off again, run by run: "+FirstOf(p.Defaults.Named, 3))
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
			Counted(p.Orphans.Quarantines(), "of them in quarantine")), orphanNames(p.Orphans))
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
	return FirstOf(names, fewOrphans) + "; --plan full tells of each."
}

// fewOrphans are so many that all of them are named in any case.
const fewOrphans = 6

// Subject is what is wrong, and of whom.
func (d Diagnostic) Subject() string {
	if d.Key == (component.Key{}) {
		return d.Summary
	}
	if strings.HasPrefix(d.Summary, "skipped: ") {
		return d.Key.String() + " " + d.Summary
	}
	return d.Key.String() + ": " + d.Summary
}

// Merged are diagnostics that say the same of several Components.
type Merged struct {
	Diagnostic
	others []component.Key
}

// Merge puts those together that differ in names alone, in the order of the first.
func Merge(all []Diagnostic) []Merged {
	var out []Merged
	places := map[string]int{}
	for _, d := range all {
		same := strings.Join([]string{d.Severity, d.Code, d.plain(d.Summary), d.plain(d.Detail)}, "\n")
		at, seen := places[same]
		if !seen || d.Key == (component.Key{}) {
			places[same] = len(out)
			out = append(out, Merged{Diagnostic: d})
			continue
		}
		out[at].others = append(out[at].others, d.Key)
	}
	return out
}

// More tells whom else it is about, "": nobody.
func (m Merged) More() string {
	if len(m.others) == 0 {
		return ""
	}
	return "The same of " + Count(len(m.others)) + " more: " + FirstOf(keyNames(m.others), 3) + "."
}

func (d Diagnostic) plain(text string) string {
	if d.names == nil {
		return text
	}
	return d.names.Replace(text)
}
