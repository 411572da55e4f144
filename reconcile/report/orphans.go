package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"berth/reconcile/apply"
	"berth/reconcile/plan"
)

// orphanLines are all that was left, Component by Component.
func orphanLines(o plan.Orphans) []orphanLine {
	var all []orphanLine
	add := func(kind Kind, orphans []plan.Orphan) {
		for _, one := range orphans {
			all = append(all, orphanLine{
				of: one.Component, Kind: kind, Target: one.Name, Made: known(one.Made), Used: known(one.Used),
				made: dayOf(one.Made), used: dayOf(one.Used), Quarantined: dayOf(one.Quarantined), Since: dayOf(one.Since), Fate: one.Fate,
			})
		}
	}
	add(KindRepository, o.Repositories)
	add(KindRobot, o.Robots)
	slices.SortStableFunc(all, func(a, b orphanLine) int {
		return cmp.Or(a.of.Compare(b.of), cmp.Compare(b.Kind, a.Kind), cmp.Compare(a.Target, b.Target)) // robots before repositories
	})
	return all
}

// known is a time that is told, nil for one that nobody knows.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func dayOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// orphanColumn is where an orphan's name begins, and what is told of it below.
const orphanColumn = 22

// orphans prints each of them, with what is known of when it was used.
func (t *Text) orphans(o plan.Orphans) {
	lines := orphanLines(o)
	for i, l := range lines {
		if i == 0 || lines[i-1].of != l.of {
			t.print("\n%-*s left, and gone\n", detailColumn-1, l.of)
		}
		t.print("      %-15s %s\n", kinds[l.Kind], l.Target)
		var told []string
		for _, part := range []struct{ what, day string }{
			{"made", l.made}, {"last used", l.used}, {"in quarantine since", l.Quarantined}, {"orphan since", l.Since},
		} {
			if part.day != "" {
				told = append(told, part.what+" "+part.day)
			}
		}
		for _, line := range []string{strings.Join(told, ", "), l.Fate} {
			if line != "" {
				t.print("%*s%s\n", orphanColumn, "", line)
			}
		}
	}
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
