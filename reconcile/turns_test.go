package reconcile

import (
	"fmt"
	"slices"
	"testing"
)

// A namespace with a thousand Components and one with a single one: from wherever a
// run starts, the second is reached within a turn of every namespace.
func TestNamespacesTakeTurns(t *testing.T) {
	t.Parallel()
	var plans []ComponentPlan
	for namespace, n := range map[string]int{"aaa": 1000, "mmm": 1, "zzz": 30} {
		for i := range n {
			plans = append(plans, ComponentPlan{Component: component(namespace, fmt.Sprintf("c%d", i))})
		}
	}
	slices.SortFunc(plans, func(a, b ComponentPlan) int { return a.Key().Compare(b.Key()) })
	for from := range len(plans) {
		order := PlansInTurns(plans, from, func(ComponentPlan) bool { return true })
		if sorted := slices.Sorted(slices.Values(order)); len(slices.Compact(sorted)) != len(plans) {
			t.Fatalf("from %d: %d of %d Components", from, len(sorted), len(plans))
		}
		served := map[string]int{}
		for _, i := range order[:61] { // as long as two have something left
			served[plans[i].Component.Namespace]++
		}
		if served["mmm"] != 1 || served["zzz"] != 30 || served["aaa"] != 30 {
			t.Fatalf("from %d the first 61 turns went to %v", from, served)
		}
	}
	if order := PlansInTurns(plans, 7, func(ComponentPlan) bool { return false }); len(order) != 0 {
		t.Errorf("nobody was wanted, and %d came", len(order))
	}
	if order := PlansInTurns(nil, 7, func(ComponentPlan) bool { return true }); len(order) != 0 {
		t.Errorf("nobody is there, and %d came", len(order))
	}
}
