package report

import (
	"cmp"
	"slices"
	"time"

	"berth/reconcile/apply"
	"berth/reconcile/plan"
)

// Orphan is a robot or a repository that was left from a Component that is gone.
type Orphan struct {
	Kind Kind
	plan.Orphan
}

// Orphans are all that was left, Component by Component.
func Orphans(o plan.Orphans) []Orphan {
	var all []Orphan
	for _, one := range o.Repositories {
		all = append(all, Orphan{KindRepository, one})
	}
	for _, one := range o.Robots {
		all = append(all, Orphan{KindRobot, one})
	}
	slices.SortStableFunc(all, func(a, b Orphan) int {
		return cmp.Or(a.Component.Compare(b.Component), cmp.Compare(b.Kind, a.Kind), cmp.Compare(a.Name, b.Name)) // robots before repositories
	})
	return all
}

// Day is a day as it is told, "" for one that nobody knows.
func Day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// left counts what was done about what is left of Components that are gone, which are
// under no heading.
func (s *Summary) left(p plan.Plan, outcomes []apply.Outcome) {
	for i, c := range p.Left {
		o := apply.Outcome{Applied: c.Actions}
		if at := len(p.Components) + i; at < len(outcomes) {
			o = outcomes[at]
		}
		for _, a := range o.Applied {
			s.Changes.count(a)
		}
		if o.Err != nil && o.Reason != plan.ReasonDeferred {
			s.unpruned = true
			s.failure(c.Key(), o.Reason, o.Whose, o.Err.Error())
			s.rejected = s.rejected || o.Refused
			s.panicked = s.panicked || o.Reason == plan.ReasonPanic
		}
	}
}
