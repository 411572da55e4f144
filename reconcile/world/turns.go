package world

import (
	"hash/fnv"
	"strconv"
	"time"
)

// TurnOf is where turns begin in a run of that time: nobody can arrange to be the first in each.
func TurnOf(now time.Time) int { return hashed(now.UTC().Format(time.RFC3339)) }

// hashed is positive, and its last bits are of all there is in s.
func hashed(s string) int {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	sum := h.Sum64()
	return int((sum ^ sum>>32) >> 1 & (1<<31 - 1))
}

// InTurns orders items so that each namespace gets a turn before any gets a second one:
// however much there is to do for one tenant, its neighbours wait for one item of it.
// from says with which namespace to begin, and in each with which item, by itself: else
// some would never be first of all. What varies from run to run lets everybody come first
// at some time, how many items others have or not: where B of M namespaces are served
// in a run, the last of N items of one that has L waits for no more than ln(N·10⁶)·L·M/B
// runs, but for once in a million times.
func InTurns[T any](items []T, from int, namespace func(T) string) []T {
	var names []string
	of := map[string][]T{}
	for _, item := range items {
		name := namespace(item)
		if of[name] == nil {
			names = append(names, name)
		}
		of[name] = append(of[name], item)
	}
	begin := map[string]int{}
	order := make([]T, 0, len(items))
	for turn := 0; len(names) > 0; turn++ {
		var more []string // with further items
		for n := range names {
			name := names[n]
			if turn == 0 {
				name = names[(from+n)%len(names)]
				if from > 0 {
					begin[name] = hashed(name + strconv.Itoa(from))
				}
			}
			all := of[name]
			order = append(order, all[(begin[name]+turn)%len(all)])
			if turn+1 < len(all) {
				more = append(more, name)
			}
		}
		names = more
	}
	return order
}
