package plan

import (
	"fmt"
	"slices"
	"testing"

	"berth/testdata/scene"
)

// A namespace with a thousand Components and one with a single one: from wherever a
// run starts, the second is reached within a turn of every namespace.
func TestNamespacesTakeTurns(t *testing.T) {
	t.Parallel()
	var plans []Component
	for namespace, n := range map[string]int{"aaa": 1000, "mmm": 1, "zzz": 30} {
		for i := range n {
			plans = append(plans, Component{Component: new(scene.Component(namespace, fmt.Sprintf("c%d", i)))})
		}
	}
	slices.SortFunc(plans, func(a, b Component) int { return a.Key().Compare(b.Key()) })
	for from := range len(plans) {
		order := InTurns(plans, from, func(Component) bool { return true })
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
	if order := InTurns(plans, 7, func(Component) bool { return false }); len(order) != 0 {
		t.Errorf("nobody was wanted, and %d came", len(order))
	}
	if order := InTurns(nil, 7, func(Component) bool { return true }); len(order) != 0 {
		t.Errorf("nobody is there, and %d came", len(order))
	}
}
