package decide

import (
	"cmp"
	"slices"
	"time"

	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// pace lets so many rotations make robots in a run, those among them that have begun: a
// tenant can write markers, and with them could spend everybody's. Namespaces take
// turns, which begin somewhere else in every run, the longest-waiting first in each;
// what was begun or asked for comes before what is due for its age. The others keep
// their place in the order: apply gives them the turns that could not be used.
func (w *planner) pace(rotating []*draft.Component) {
	var replace []*draft.Component
	for _, p := range rotating {
		if replaces(p) {
			replace = append(replace, p)
		} else {
			w.take(p)
		}
	}
	for turn, p := range w.turns(replace) {
		p.Rotation.Turn = turn
		if turn < w.Policy.MaxRotations {
			w.take(p)
			continue
		}
		p.Rotation.First = -1
		p.Deferred = "its rotation waits: this run makes as many as --max-rotations allows"
	}
}

// queued is a rotation that needs a turn.
type queued struct {
	rank  rank
	since time.Time // it waits longer the earlier that is
	why   string
}

// rank says whose turn comes first.
type rank int

const (
	resumed rank = iota
	requested
	byAge
)

// turns puts the rotations that need one in their order.
func (w *planner) turns(replace []*draft.Component) (order []*draft.Component) {
	of := func(p *draft.Component) string { return p.Component.Namespace }
	replace = world.InTurns(replace, 0, of)
	seen := map[string]int{}
	for _, p := range replace {
		if seen[of(p)] == 0 {
			seen[of(p)] = len(seen) + 1
		}
	}
	for class := resumed; class <= byAge; class++ {
		items := slices.DeleteFunc(slices.Clone(replace), func(p *draft.Component) bool { return w.queue[p].rank != class })
		slices.SortStableFunc(items, func(a, b *draft.Component) int {
			place := func(p *draft.Component) int { return (seen[of(p)] + w.Turn) % len(seen) }
			return cmp.Or(cmp.Compare(place(a), place(b)), w.queue[a].since.Compare(w.queue[b].since))
		})
		order = append(order, world.InTurns(items, 0, of)...)
	}
	return order
}

// replaces reports whether a rotation makes or moves anything: what has only to be
// acknowledged needs no turn.
func replaces(p *draft.Component) bool {
	return slices.ContainsFunc(p.Rotation.Actions, func(a plan.Action) bool {
		_, ok := a.(plan.WriteSecret)
		return ok
	})
}

// take lets a Component's rotation happen in this run.
func (w *planner) take(p *draft.Component) {
	p.Rotation.First = len(p.Actions)
	p.Actions = append(p.Actions, p.Rotation.Actions...)
	p.Aside = slices.DeleteFunc(p.Aside, func(a plan.Action) bool { // it is said with the acknowledgement
		_, ok := a.(plan.Announce)
		return ok
	})
	if p.Note == "" || p.Note == drifted || p.Rotation.Resumed {
		p.Note = w.queue[p].why
	}
}
