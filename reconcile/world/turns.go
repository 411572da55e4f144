package world

// InTurns orders items so that each namespace gets a turn before any gets a second one:
// however much there is to do for one tenant, its neighbours wait for one item of it.
// from says with which namespace to begin, and in each with which item; what varies from
// run to run lets everybody come first at some time, how many items others have or not.
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
	order := make([]T, 0, len(items))
	for turn := 0; len(names) > 0; turn++ {
		var more []string // with further items
		for n := range names {
			name := names[n]
			if turn == 0 {
				name = names[(from+n)%len(names)]
			}
			all := of[name]
			order = append(order, all[(from+turn)%len(all)])
			if turn+1 < len(all) {
				more = append(more, name)
			}
		}
		names = more
	}
	return order
}
