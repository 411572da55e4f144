package decide

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"berth/reconcile/component"
	"berth/reconcile/world"
)

// index finds in a World what its maps are not sorted by.
type index struct {
	robots []bearer               // of ours, sorted
	keys   map[component.Key]bool // names that a Component has
	live   map[string]bool        // the keys in the marks of Components

	left     map[string][]string // image-controller's robots by their repository, sorted; nil: nobody has asked
	accounts map[string][]string // ServiceAccounts by namespace, sorted; nil: nobody has asked
}

// bearer is a robot that bears one of our marks.
type bearer struct{ key, mark, name string }

func (a bearer) compare(b bearer) int {
	return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(a.mark, b.mark), strings.Compare(a.name, b.name))
}

func indexOf(w world.World) index {
	robots := make([]bearer, 0, len(w.Robots))
	for name, r := range w.Robots {
		if m, ok := component.ParseMark(r.Mark); ok {
			robots = append(robots, bearer{m.Key, r.Mark, name})
		}
	}
	slices.SortFunc(robots, bearer.compare)
	live := make(map[string]bool, len(w.Components)+len(w.Elsewhere))
	settled := map[string]bool{} // namespaces with Components
	for c := range w.All() {
		settled[c.Namespace] = true
		if called := w.Called(component.KeyOf(*c)); called != nil && called.Key != "" {
			live[called.Key] = true
		} else {
			live[w.Naming.KeyHash(component.KeyOf(*c))] = true
		}
	}
	for _, r := range robots { // of a namespace, that is there
		m, _ := component.ParseMark(r.mark)
		if n, stands := w.Namespaces[m.Component.Namespace]; stands && m.Component.Name == "" {
			own, _ := component.ParseMark(w.Naming.NamespaceAccount(n.Name, n.UID).Mark)
			live[r.key] = live[r.key] || m.Incarnate == own.Incarnate || settled[n.Name]
		}
	}
	return index{robots: robots, live: live}
}

// incarnations are the robots of ours with a key in their mark: all that were ever made for
// a Component of that name.
func (i index) incarnations(key string) []bearer {
	from, _ := slices.BinarySearchFunc(i.robots, key, func(r bearer, key string) int { return strings.Compare(r.key, key) })
	to := from
	for to < len(i.robots) && i.robots[to].key == key {
		to++
	}
	return i.robots[from:to]
}

// taken reports whether a Component has a name. It is asked seldom: of places in other
// namespaces.
func (w *planner) taken(k component.Key) bool {
	if w.keys == nil {
		w.keys = make(map[component.Key]bool, len(w.Components)+len(w.Elsewhere)+len(w.Hidden))
		for c := range w.All() {
			w.keys[component.KeyOf(*c)] = true
		}
		for _, k := range w.Hidden {
			w.keys[k] = true
		}
	}
	return w.keys[k]
}

// leftRobots are image-controller's of a repository alone.
func (w *planner) leftRobots(repository string) []string {
	if w.left == nil {
		w.left = map[string][]string{}
		for name, r := range w.Robots {
			if repository, _, ok := component.FormerRobot(name, r.Mark, r.Repositories); ok {
				w.left[repository] = append(w.left[repository], name)
			}
		}
		for _, robots := range w.left {
			slices.Sort(robots)
		}
	}
	return w.left[repository]
}

// accountsIn are the ServiceAccounts of a namespace that were read.
func (w *planner) accountsIn(namespace string) []string {
	if w.accounts == nil {
		w.accounts = map[string][]string{}
		for _, k := range slices.SortedFunc(maps.Keys(w.ServiceAccounts), component.Key.Compare) {
			w.accounts[k.Namespace] = append(w.accounts[k.Namespace], k.Name)
		}
	}
	return w.accounts[namespace]
}
