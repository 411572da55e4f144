package plan

import (
	"reflect"

	"berth/reconcile/component"
)

// Within is the part of a plan that an earlier one had too: what somebody has seen and
// agreed to. Components of which something else is due now are left alone, all of them;
// moved are their places in the plan.
func (p Plan) Within(shown Plan) (within Plan, moved []int) {
	seen := make(map[component.Key][]Action, len(shown.Components))
	for _, c := range shown.Components {
		seen[c.Key()] = c.Actions
	}
	within = p
	within.Components = append([]Component(nil), p.Components...)
	for i, c := range within.Components {
		if len(c.Actions) > 0 && !reflect.DeepEqual(c.Actions, seen[c.Key()]) {
			within.Components[i].Actions, within.Components[i].Common = nil, nil
			moved = append(moved, i)
		}
	}
	left := make(map[component.Key][]Action, len(shown.Left))
	for _, c := range shown.Left {
		left[c.Key()] = c.Actions
	}
	within.Left = nil // what moved is the next run's
	for _, c := range p.Left {
		if reflect.DeepEqual(c.Actions, left[c.Key()]) {
			within.Left = append(within.Left, c)
		}
	}
	return within, moved
}
