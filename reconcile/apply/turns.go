package apply

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"berth/reconcile/plan"
)

// passOn gives the turns to rotate that could not be used, because nothing could be
// written there, to those who wait for one.
func (a *applier) passOn(ctx, detached context.Context, plans []plan.Component, outcomes []Outcome) {
	unused := 0
	var waiting []int
	for i, p := range plans {
		if outcomes[i].unused {
			unused++
		}
		if r := p.Rotation; r != nil && r.First < 0 && outcomes[i].Err == nil && !outcomes[i].Skipped {
			waiting = append(waiting, i)
		}
	}
	slices.SortFunc(waiting, func(i, j int) int { return cmp.Compare(plans[i].Rotation.Turn, plans[j].Rotation.Turn) })
	for _, i := range waiting {
		if unused == 0 {
			return
		}
		o := a.component(ctx, detached, plans[i].Now())
		if !o.unused {
			unused--
		}
		outcomes[i].add(o)
		outcomes[i].Skipped = o.Skipped
	}
}

// each does something for the plans at these places, so many at a time as may be in flight,
// and then what may wait for others; nil: nothing.
func (a *applier) each(places []int, do, then func(i int)) {
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(a.Concurrency, len(places)) {
		workers.Go(func() {
			for i := range next {
				a.slots <- struct{}{}
				do(i)
				if <-a.slots; then != nil {
					then(i)
				}
			}
		})
	}
	for _, i := range places {
		next <- i
	}
	close(next)
	workers.Wait()
}
