package decide

import (
	"cmp"
	"fmt"
	"slices"

	"berth/quay"
	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
)

// defaults are for a person to delete at Quay: they may be meant for more than Berth knows.
func (w *planner) defaults() (d plan.Defaults) {
	if w.DefaultsUnread != nil {
		d.Unread = w.DefaultsUnread.Error()
	}
	for _, p := range w.Defaults {
		d.Named = append(d.Named, fmt.Sprintf("%s (%s)", p.Robot, p.Role))
	}
	slices.Sort(d.Named)
	d.Named = slices.Compact(d.Named)
	return d
}

// planDefaults takes off a repository that is to be made what others' robots will get on
// it in the same moment.
func (w *planner) planDefaults(p *draft.Component) {
	named := slices.SortedFunc(slices.Values(w.Defaults), func(a, b quay.DefaultPermission) int { return cmp.Compare(a.Robot, b.Robot) })
	for i, d := range named {
		own := slices.ContainsFunc(p.Roles[:], func(r draft.Role) bool { return r.Robot == d.Robot || slices.Contains(r.All, d.Robot) })
		if !own && (i == 0 || named[i-1].Robot != d.Robot) {
			p.Aside = append(p.Aside, plan.RemovePermission{Repository: p.Names.Repository, Robot: d.Robot})
		}
	}
}
