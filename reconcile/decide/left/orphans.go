package left

import (
	"cmp"
	"slices"
	"strings"

	"berth/reconcile/component"
	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// Orphans lists what bears our mark and this cluster's name without a Component, or is
// left of an earlier one: idle are the robots of those. What stands under another prefix is not ours: another cluster of
// our --cluster-id may be at home there.
func Orphans(w *draft.World, idle []string) plan.Orphans {
	hidden := make(map[string]bool, len(w.Hidden))
	for _, k := range w.Hidden {
		hidden[w.Naming.KeyHash(k)] = true
	}
	left := func(description string, repositories ...string) (component.Mark, bool) {
		if w.Alive(component.KeyIn(description)) {
			return component.Mark{}, false // as nearly all are
		}
		m, ok := component.ParseMark(description)
		if !ok || hidden[m.Key] || !w.Naming.Ours(m) {
			return m, false
		}
		home := w.Naming.Home(m.Component.Namespace)
		return m, len(repositories) == 0 || slices.ContainsFunc(repositories, func(name string) bool { return strings.HasPrefix(name, home) })
	}
	var o plan.Orphans
	for _, r := range w.Others() {
		if m, ok := left(r.Mark, w.WorksOn(r.Name)...); ok {
			o.Robots = append(o.Robots, orphan(w, r.Name, m.Component))
		}
	}
	for _, name := range w.Further.Repositories {
		r := w.Repositories[name]
		if m, ok := left(r.Description, name); ok {
			since, _ := component.Description(r.Description).Note(component.NoteOrphan)
			o.Repositories = append(o.Repositories, plan.Orphan{Name: name, Component: m.Component, Since: since})
		}
	}
	for _, name := range idle {
		m, _ := component.ParseMark(world.At(w.Robots, name).Mark)
		o.Robots = append(o.Robots, orphan(w, name, m.Component))
	}
	for _, all := range [][]plan.Orphan{o.Robots, o.Repositories} {
		slices.SortFunc(all, func(a, b plan.Orphan) int {
			return cmp.Or(a.Component.Compare(b.Component), strings.Compare(a.Name, b.Name))
		})
	}
	return o
}

func orphan(w *draft.World, name string, k component.Key) plan.Orphan {
	r := world.At(w.Robots, name)
	return plan.Orphan{Name: name, Component: k, Made: r.Created, Used: r.LastAccessed}
}
