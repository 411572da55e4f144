package plan

import "berth/reconcile/world"

// InTurns lists the places of the plans that are wanted.
func InTurns(plans []Component, from int, wanted func(Component) bool) []int {
	var places []int
	for i, p := range plans {
		if wanted(p) {
			places = append(places, i)
		}
	}
	return world.InTurns(places, from, func(i int) string { return plans[i].Component.Namespace })
}
