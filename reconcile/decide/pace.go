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
// turns, which begin somewhere else in every run, in each first what was begun, then what is
// asked for, the longest-waiting first. What is due for its age comes after that, but for a
// share of the turns, which nobody's requests can take. The others keep
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

// aged is of how many turns one is for what is due for its age, if anything is.
const aged = 5

// turns puts the rotations that need one in their order.
func (w *planner) turns(replace []*draft.Component) (order []*draft.Component) {
	asked := w.inTurns(replace, func(r rank) bool { return r != byAge })
	due := w.inTurns(replace, func(r rank) bool { return r == byAge })
	for len(asked)+len(due) > 0 {
		from := &asked
		if len(asked) == 0 || len(due) > 0 && (w.Turn+len(order))%aged == 0 {
			from = &due
		}
		order, *from = append(order, (*from)[0]), (*from)[1:]
	}
	return order
}

// inTurns gives each namespace a turn before any gets a second one.
func (w *planner) inTurns(all []*draft.Component, wanted func(rank) bool) []*draft.Component {
	of := func(p *draft.Component) string { return p.Component.Namespace }
	items := slices.DeleteFunc(world.InTurns(all, 0, of), func(p *draft.Component) bool { return !wanted(w.queue[p].rank) })
	seen := map[string]int{}
	for _, p := range items {
		if seen[of(p)] == 0 {
			seen[of(p)] = len(seen) + 1
		}
	}
	slices.SortStableFunc(items, func(a, b *draft.Component) int {
		place := func(p *draft.Component) int { return (seen[of(p)] + w.Turn) % len(seen) }
		x, y := w.queue[a], w.queue[b]
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(x.rank, y.rank), x.since.Compare(y.since))
	})
	return world.InTurns(items, 0, of)
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
