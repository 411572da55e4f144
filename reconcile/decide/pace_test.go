package decide

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"berth/kube"
	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// A tenant whose Components always ask, or bear markers that it writes itself, holds up no
// other's rotation, of whichever kind that is.
func TestNoTenantHasAllTurns(t *testing.T) {
	t.Parallel()
	of := func(namespace string, i int) *draft.Component {
		return &draft.Component{Planned: &plan.Component{Component: &kube.Component{Namespace: namespace, Name: fmt.Sprint("c", i)}}}
	}
	const greedy, many, most = "b-greedy", 120, 200
	for _, turns := range []int{1, 2, 10, 50} {
		for always := resumed; always <= byAge; always++ {
			for waiting := resumed; waiting <= byAge; waiting++ {
				w := newPlanner(world.World{})
				var all []*draft.Component
				add := func(namespace string, n int, r rank) {
					for i := range n {
						p := of(namespace, i)
						all, w.queue[p] = append(all, p), queued{rank: r}
					}
				}
				others := []string{"a", "c", "d"}
				add("a", 4, waiting)
				add(greedy, many, always)
				add("c", 4, waiting)
				add("d", 4, waiting)
				runs := 0
				for ; runs < most && slices.ContainsFunc(all, func(p *draft.Component) bool { return slices.Contains(others, p.Component.Namespace) }); runs++ {
					w.Turn = world.TurnOf(time.Date(2026, 3, 16, 12, 15*runs, 0, 0, time.UTC))
					for _, p := range w.turns(all)[:turns] {
						if p.Component.Namespace != greedy {
							all = slices.DeleteFunc(all, func(q *draft.Component) bool { return q == p })
						}
					}
				}
				if runs == most {
					t.Errorf("with %d turns in a run, somebody always at rank %d keeps others at rank %d waiting: %d are left after %d runs", turns, always, waiting, len(all)-many, runs)
				}
			}
		}
	}
}
