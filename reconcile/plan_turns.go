package reconcile

// PlansInTurns lists the places of the plans that are wanted.
func PlansInTurns(plans []ComponentPlan, from int, wanted func(ComponentPlan) bool) []int {
	var places []int
	for i, p := range plans {
		if wanted(p) {
			places = append(places, i)
		}
	}
	return InTurns(places, from, func(i int) string { return plans[i].Component.Namespace })
}
