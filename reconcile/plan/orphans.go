package plan

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"berth/reconcile/component"
)

// Orphans bear our mark and this cluster's name, but no Component claims them.
type Orphans struct {
	Robots, Repositories []Orphan // by Component and name
}

// Orphan is a robot or a repository that was left from a Component that is gone.
type Orphan struct {
	Name        string
	Component   component.Key // it was made for
	Made        time.Time     // by Quay's clock, as are the others; zero: not known. Of robots alone
	Used        time.Time     // its last login; zero: none, or Quay does not keep it. Of robots alone
	Quarantined time.Time     // the day; zero: it is not. Of robots alone
	Since       time.Time     // the day from which on it is noted; zero: it is not. Of repositories alone
	Fate        string        // what becomes of it, "": nothing is to
}

// All are the plans of Components, those that are gone last.
func (p Plan) All() []Component { return slices.Concat(p.Components, p.Left) }

// Changes counts the actions of all Components.
func (p Plan) Changes() int {
	n := 0
	for _, c := range p.All() {
		n += len(c.Actions)
	}
	return n
}

// Quarantines counts the robots that wait to be deleted.
func (o Orphans) Quarantines() int {
	n := 0
	for _, r := range o.Robots {
		if !r.Quarantined.IsZero() {
			n++
		}
	}
	return n
}

// orphans lists what bears our mark and this cluster's name without a Component, or is
// left of an earlier one. What stands under another prefix is not ours: another cluster of
// our --cluster-id may be at home there.
func (w *planner) orphans() Orphans {
	hidden := make(map[string]bool, len(w.Hidden))
	for _, k := range w.Hidden {
		hidden[w.Naming.KeyHash(k)] = true
	}
	left := func(description string, repositories ...string) (component.Mark, bool) {
		m, ok := component.ParseMark(description)
		if !ok || w.live[m.Key] || hidden[m.Key] || !w.Naming.Ours(m) {
			return m, false
		}
		home := w.Naming.Home(m.Component.Namespace)
		return m, len(repositories) == 0 || slices.ContainsFunc(repositories, func(name string) bool { return strings.HasPrefix(name, home) })
	}
	var o Orphans
	for _, r := range w.robots {
		if w.live[r.key] {
			continue
		}
		if m, ok := left(r.mark, w.worksOn(r.name)...); ok {
			o.Robots = append(o.Robots, w.orphanRobot(r.name, m.Component))
		}
	}
	for name, r := range w.Repositories {
		if m, ok := left(r.Description, name); ok {
			since, _ := component.Description(r.Description).Note(component.NoteOrphan)
			o.Repositories = append(o.Repositories, Orphan{Name: name, Component: m.Component, Since: since})
		}
	}
	for _, name := range w.idle {
		m, _ := component.ParseMark(w.Robots[name].Mark)
		o.Robots = append(o.Robots, w.orphanRobot(name, m.Component))
	}
	for _, all := range [][]Orphan{o.Robots, o.Repositories} {
		slices.SortFunc(all, func(a, b Orphan) int {
			return cmp.Or(a.Component.Compare(b.Component), strings.Compare(a.Name, b.Name))
		})
	}
	return o
}

func (w *planner) orphanRobot(name string, k component.Key) Orphan {
	r := w.Robots[name]
	return Orphan{Name: name, Component: k, Made: r.Created, Used: r.LastAccessed}
}
