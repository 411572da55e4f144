package draft

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// World is what a run knows, and what its maps are not sorted by.
type World struct {
	world.World
	Berths [2][]Berth             // this run's Components and those of other shards, sorted
	others []Bearer               // of ours, sorted: all that no Berth has
	keys   map[component.Key]bool // names that a Component has
	live   map[string]*Berth      // by the keys in the marks of Components, a namespace's has none; nil: nobody has asked

	unmarked []string // robots that bear none of our marks

	left     map[string][]string // image-controller's robots by their repository, sorted; nil: nobody has asked
	accounts map[string][]string // ServiceAccounts by namespace, sorted; nil: nobody has asked
}

// Bearer is a robot that bears one of our marks.
type Bearer struct{ Key, Mark, Name string }

func (a Bearer) compare(b Bearer) int {
	return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.Mark, b.Mark), strings.Compare(a.Name, b.Name))
}

// Of sorts a World.
func Of(w world.World) *World {
	d := &World{World: w.Gathered()}
	for i, components := range [...][]kube.Component{d.Components, d.Elsewhere} {
		d.Berths[i] = d.berths(components, i*len(d.Components))
	}
	for _, name := range d.Further.Robots {
		r := d.Robots[name]
		m, ok := component.ParseMark(r.Mark)
		if !ok {
			d.unmarked = append(d.unmarked, name)
		} else if b := d.living()[m.Key]; b == nil || !slices.Contains(b.Called.There.Robots[:], r) {
			d.others = append(d.others, Bearer{m.Key, r.Mark, name})
		}
	}
	slices.SortFunc(d.others, Bearer.compare)
	d.nameNamespaces()
	return d
}

// living are the Components that are there, by the key in their marks. Nothing that bears
// another mark than most is asked of where all is settled.
func (w *World) living() map[string]*Berth {
	if w.live == nil {
		w.live = make(map[string]*Berth, len(w.Components)+len(w.Elsewhere))
		for _, berths := range w.Berths {
			for i := range berths {
				b := &berths[i]
				key := b.Called.Key
				if key == "" {
					key = w.Naming.KeyHash(component.KeyOf(b.Component))
				}
				w.live[key] = b
			}
		}
	}
	return w.live
}

// nameNamespaces finds the robots of namespaces that are there.
func (w *World) nameNamespaces() {
	var settled map[string]bool // namespaces with Components; nil: nobody has asked
	for _, r := range w.others {
		m, _ := component.ParseMark(r.Mark)
		n, stands := w.Namespaces[m.Component.Namespace]
		if !stands || m.Component.Name != "" || w.Alive(r.Key) {
			continue
		}
		if settled == nil {
			settled = map[string]bool{}
			for c := range w.All() {
				settled[c.Namespace] = true
			}
		}
		own, _ := component.ParseMark(w.Naming.NamespaceAccount(n.Name, n.UID).Mark)
		if m.Incarnate == own.Incarnate || settled[n.Name] {
			w.living()[r.Key] = nil
		}
	}
}

// Others are the robots that bear one of our marks, by it, but for the first that were made
// for a Component that is there.
func (w *World) Others() []Bearer { return w.others }

// Alive reports whether the key in a mark is that of a Component, or of a namespace, that is there.
func (w *World) Alive(key string) bool {
	_, alive := w.living()[key]
	return alive
}

// Incarnations are those of [World.Others] with a key in their mark: with the first of the
// Component that is there they are all that were ever made for one of that name.
func (w *World) Incarnations(key string) []Bearer {
	if len(w.others) == 0 {
		return nil
	}
	from, _ := slices.BinarySearchFunc(w.others, key, func(r Bearer, key string) int { return strings.Compare(r.Key, key) })
	to := from
	for to < len(w.others) && w.others[to].Key == key {
		to++
	}
	return w.others[from:to]
}

// Taken reports whether a Component has a name. It is asked seldom: of places in other
// namespaces.
func (w *World) Taken(k component.Key) bool {
	if w.keys == nil {
		w.keys = make(map[component.Key]bool, len(w.Components)+len(w.Elsewhere)+len(w.Hidden))
		for c := range w.All() {
			w.keys[component.KeyOf(c)] = true
		}
		for _, k := range w.Hidden {
			w.keys[k] = true
		}
	}
	return w.keys[k]
}

// LeftRobots are image-controller's of a repository alone.
func (w *World) LeftRobots(repository string) []string {
	if w.left == nil {
		w.left = map[string][]string{}
		for _, name := range w.unmarked {
			r := w.Robots[name]
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

// AccountsIn are the ServiceAccounts of a namespace that were read.
func (w *World) AccountsIn(namespace string) []string {
	if w.accounts == nil {
		w.accounts = map[string][]string{}
		for _, k := range slices.SortedFunc(maps.Keys(w.ServiceAccounts), component.Key.Compare) {
			w.accounts[k.Namespace] = append(w.accounts[k.Namespace], k.Name)
		}
	}
	return w.accounts[namespace]
}

// WorksOn are the repositories that a robot has a permission on. A name that no list of
// repositories knows is one that was deleted and waits, under a random name, to be
// collected.
func (w *World) WorksOn(robot string) []string {
	if all := world.At(w.Robots, robot).Repositories; len(all) == 1 {
		if _, exists := w.Repositories[all[0]]; exists {
			return all
		}
		return nil
	}
	var works []string
	for _, name := range slices.Sorted(slices.Values(world.At(w.Robots, robot).Repositories)) {
		if _, exists := w.Repositories[name]; exists {
			works = append(works, name)
		}
	}
	return works
}

// Present are those of the ServiceAccounts that are there. A platform has one kind or
// another of them, so it is only when none is there that something lacks.
func (w *World) Present(p *Component, accounts []string, so, secret string) []string {
	there := w.There(p, accounts)
	if len(there) > 0 || len(accounts) == 0 {
		return there
	}
	sentence := "ServiceAccount " + accounts[0] + " does not exist"
	if len(accounts) > 1 {
		sentence = "None of the ServiceAccounts " + strings.Join(accounts, ", ") + " exists"
	}
	p.Warn("incomplete", sentence+", so "+so+secret+" yet.")
	return nil
}

// There are those of the ServiceAccounts that are there.
func (w *World) There(p *Component, accounts []string) []string {
	absent := func(account string) bool {
		_, exists := w.ServiceAccounts[component.Key{Namespace: p.Component.Namespace, Name: account}]
		return !exists
	}
	if !slices.ContainsFunc(accounts, absent) {
		return accounts
	}
	return slices.DeleteFunc(slices.Clone(accounts), absent)
}

// Links are those of a ServiceAccount of the Component's namespace.
func (w *World) Links(p *Component, account string) world.Links {
	return w.ServiceAccounts[component.Key{Namespace: p.Component.Namespace, Name: account}]
}

// FormerRobots are those that the cluster which a Component was in before made for it, and
// that may still use its repository.
func (w *World) FormerRobots(n component.Names) (robots []string) {
	if n.Former == "" {
		return nil
	}
	for _, r := range w.Incarnations(n.Former) {
		robot := r.Name
		if works := w.WorksOn(robot); len(works) == 1 && works[0] == n.Repository && strings.HasPrefix(robot, n.RobotPrefix()) &&
			w.Naming.FormerRobot(robot, world.At(w.Robots, robot).Mark) != "" {
			robots = append(robots, robot)
		}
	}
	return robots
}

// Moves reports whether a Component is on its way here from another cluster: what its
// Secrets get for it was asked for.
func (w *World) Moves(n component.Names) bool {
	return n.Former != "" && (n.Moved(world.At(w.Repositories, n.Repository).Description) || len(w.FormerRobots(n)) > 0)
}

// DefaultPermissions are for a person to delete at Quay: they may be meant for more than Berth knows.
func (w *World) DefaultPermissions() (d plan.Defaults) {
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
