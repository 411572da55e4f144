package decide

import (
	"cmp"
	"slices"

	"berth/quay"
	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
)

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
