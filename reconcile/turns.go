package reconcile

import (
	"maps"
	"slices"
)

// inTurns lists the Components that are wanted, beginning at one of them, so that
// each namespace gets a turn before any gets a second one: however many Components
// a tenant has, its neighbours wait for one of them.
func inTurns(plans []ComponentPlan, from int, wanted func(ComponentPlan) bool) []int {
	turns := map[int][]int{}
	used := map[string]int{}
	for n := range plans {
		i := (from + n) % len(plans)
		if p := plans[i]; wanted(p) {
			turn := used[p.Component.Namespace]
			used[p.Component.Namespace]++
			turns[turn] = append(turns[turn], i)
		}
	}
	var order []int
	for _, turn := range slices.Sorted(maps.Keys(turns)) {
		order = append(order, turns[turn]...)
	}
	return order
}
