package world

import (
	"maps"
	"slices"
)

// InTurns orders items, beginning at one of them, so that each namespace gets a
// turn before any gets a second one: however much there is to do for one tenant,
// its neighbours wait for one item of it.
func InTurns[T any](items []T, from int, namespace func(T) string) []T {
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
