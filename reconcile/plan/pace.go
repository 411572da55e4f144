package plan

import (
	"cmp"
	"slices"
)

// pace lets so many rotations make robots in a run, those among them that have begun: a
// tenant can write markers, and with them could spend everybody's. Namespaces take
// turns, which begin somewhere else in every run, the longest-waiting first in each;
// what was begun or asked for comes before what is due for its age. The others keep
// their place in the order: apply gives them the turns that could not be used.
func (w *planner) pace(plans []Component) {
	most := w.Policy.MaxRotations
	for i := range plans {
		if r := plans[i].Rotation; plans[i].Problem == nil && r != nil && !r.replaces() {
			plans[i].turn()
		}
	}
	for turn, i := range turns(plans, w.Turn) {
		plans[i].Rotation.Turn = turn
		if most > 0 {
			plans[i].turn()
			most--
			continue
		}
		plans[i].Rotation.First = -1
		plans[i].Deferred = "its rotation waits: this run makes as many as --max-rotations allows"
	}
	for i := range plans {
		if plans[i].Problem != nil {
			plans[i].Rotation = nil
		}
	}
}

// turns lists the places of the plans whose rotations need one.
func turns(plans []Component, from int) (order []int) {
	namespaces := InTurns(plans, 0, func(p Component) bool { return p.Problem == nil && p.Rotation != nil && p.Rotation.replaces() })
	seen := map[string]int{}
	for _, i := range namespaces {
		if n := plans[i].Component.Namespace; seen[n] == 0 {
			seen[n] = len(seen) + 1
		}
	}
	if len(seen) == 0 {
		return nil
	}
	for class := resumed; class <= byAge; class++ {
		var items []int
		for _, i := range namespaces {
			if plans[i].Rotation.rank == class {
				items = append(items, i)
			}
		}
		slices.SortStableFunc(items, func(a, b int) int {
			x, y := plans[a], plans[b]
			place := func(p Component) int { return (seen[p.Component.Namespace] + from) % len(seen) }
			return cmp.Or(cmp.Compare(place(x), place(y)), x.Rotation.since.Compare(y.Rotation.since))
		})
		order = append(order, inTurns(plans, items)...)
	}
	return order
}

// Now is the plan of a Component whose rotation has waited for a turn, and nothing else.
func (p Component) Now() Component {
	r := *p.Rotation
	r.First, p.Actions, p.Rotation, p.Common = 0, r.Actions, &r, nil
	return p
}

// turn lets a Component's rotation happen in this run.
func (p *Component) turn() {
	p.Rotation.First = len(p.Actions)
	p.Actions = append(p.Actions, p.Rotation.Actions...)
	p.aside = slices.DeleteFunc(p.aside, func(a Action) bool { // it is said with the acknowledgement
		_, ok := a.(Announce)
		return ok
	})
	if p.Note == "" || p.Note == drifted || p.Rotation.Resumed {
		p.Note = p.Rotation.why
	}
}
