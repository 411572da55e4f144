package reconcile

import (
	"maps"
	"slices"
)

// inTurns orders items, beginning at one of them, so that each namespace gets a
// turn before any gets a second one: however much there is to do for one tenant,
// its neighbours wait for one item of it.
func inTurns[T any](items []T, from int, namespace func(T) string) []T {
	turns := map[int][]T{}
	used := map[string]int{}
	for n := range items {
		item := items[(from+n)%len(items)]
		turn := used[namespace(item)]
		used[namespace(item)]++
		turns[turn] = append(turns[turn], item)
	}
	var order []T
	for _, turn := range slices.Sorted(maps.Keys(turns)) {
		order = append(order, turns[turn]...)
	}
	return order
}

// plansInTurns lists the places of the plans that are wanted.
func plansInTurns(plans []ComponentPlan, from int, wanted func(ComponentPlan) bool) []int {
	var places []int
	for i, p := range plans {
		if wanted(p) {
			places = append(places, i)
		}
	}
	return inTurns(places, from, func(i int) string { return plans[i].Component.Namespace })
}
