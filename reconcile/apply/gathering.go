package apply

import (
	"context"
	"slices"
	"sync"

	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// gathering is a namespace while its Components are served. What they link is linked for all
// of them by the last that comes, in one patch for each ServiceAccount: that grows with each
// link, and would be sent to and fro for each. What rests on links, above all the image's name,
// with which builds begin, follows then.
type gathering struct {
	mu      sync.Mutex
	coming  int   // Components that are yet to come to their links, or to fail before
	waiting []int // their places
}

// come notes that a Component has come so far. The last is told who waits.
func (g *gathering) come(i int, waits bool) []int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if waits {
		g.waiting = append(g.waiting, i)
	}
	if g.coming--; g.coming > 0 {
		return nil
	}
	return g.waiting
}

// serve works off the plans of Components. No namespace waits for another's.
func (a *applier) serve(ctx, detached context.Context, plans []plan.Component, outcomes []Outcome) {
	order := plan.InTurns(plans, a.Turn, func(p plan.Component) bool { return len(p.Alone().Actions) > 0 })
	gatherings := map[string]*gathering{}
	for _, i := range order {
		namespace := plans[i].Component.Namespace
		if gatherings[namespace] == nil {
			gatherings[namespace] = &gathering{}
		}
		gatherings[namespace].coming++
	}
	all := make([]*serving, len(plans))
	a.each(order, func(i int) {
		if plans[i].Gone { // it links nothing
			outcomes[i] = a.component(ctx, detached, plans[i])
			return
		}
		all[i] = a.toLinks(ctx, detached, plans[i].Alone(), &outcomes[i])
	}, func(i int) {
		waiting := gatherings[plans[i].Component.Namespace].come(i, all[i] != nil)
		if len(waiting) == 0 {
			return
		}
		slices.Sort(waiting)
		a.link(detached, waiting, all)
		a.each(waiting, func(i int) {
			a.attempt(detached, all[i].o, func() { a.fromLinks(detached, all[i]) })
			all[i] = nil
		}, nil)
	})
}

// toLinks begins with a Component, and returns what waits for its namespace's links, nil when
// nothing does.
func (a *applier) toLinks(ctx, detached context.Context, p plan.Component, o *Outcome) (waits *serving) {
	a.attempt(ctx, o, func() {
		s := &serving{p: p, w: a.run.On(p), o: o}
		from, _ := p.Links()
		a.some(detached, s, 0, from)
		if from < len(p.Actions) && !slices.ContainsFunc(s.failures, func(f failure) bool { return isOver(f.err) }) {
			waits = s
			return
		}
		a.tell(detached, s)
	})
	return waits
}

// fromLinks does what rests on a Component's links.
func (a *applier) fromLinks(ctx context.Context, s *serving) {
	_, to := s.p.Links()
	a.some(ctx, s, to, len(s.p.Actions))
	a.tell(ctx, s)
}

// link makes the links of a namespace's Components that have come so far. Each is told of those
// that fail.
func (a *applier) link(ctx context.Context, waiting []int, all []*serving) {
	type account struct {
		name string
		pull bool
	}
	type place struct {
		s  *serving
		at int
	}
	var accounts []account
	places, secrets := map[account][]place{}, map[account][]string{}
	for _, i := range waiting {
		s := all[i]
		from, to := s.p.Links()
		for at := from; at < to; at++ {
			if s.heldBack(s.p.Actions[at]) {
				continue
			}
			l, _ := plan.LinkOf(s.p.Actions[at])
			to := account{l.ServiceAccount, l.Pull}
			if places[to] == nil {
				accounts = append(accounts, to)
			}
			places[to], secrets[to] = append(places[to], place{s, at}), append(secrets[to], l.Secret)
		}
	}
	for _, to := range accounts {
		if a.stop.Load() != nil || ctx.Err() != nil {
			return // the next run does it
		}
		err := a.linkOne(ctx, places[to][0].s.p.Component.Namespace, to.name, to.pull, secrets[to])
		for _, p := range places[to] {
			a.note(p.s, p.at, p.s.p.Actions[p.at], err)
		}
	}
}

func (a *applier) linkOne(ctx context.Context, namespace, account string, pull bool, secrets []string) (err error) {
	defer world.Recovered(&err)
	return a.run.Link(ctx, namespace, account, pull, secrets...)
}
