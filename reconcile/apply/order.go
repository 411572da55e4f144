// Package apply keeps the order in which a plan is done: in go the two ends and the plans of
// Components, out comes an [Outcome] for each. It writes nothing itself: apply/act serves a
// Component, and apply/prune clears up after one that is gone.
//
// A Component fails alone, and its first error ends it, but for side steps, which fail by
// themselves; a fact about the whole run ends all writing. Whatever a run is cut off from, the
// next one mends.
package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"berth/kube"
	"berth/reconcile/apply/act"
	"berth/reconcile/apply/ends"
	"berth/reconcile/apply/prune"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// ErrDeferred is what a run that ended first leaves of a Component.
var ErrDeferred = errors.New("left to the next run")

// Ends are what the acts write to.
type Ends = ends.Pair

// Means are what they go by.
type Means = ends.Means

// Options say how a plan is applied.
type Options struct {
	Means
	Turn        int                               // where turns begin in this run, see [world.InTurns]
	Concurrency int                               // Components in flight
	Applied     func(plan.Component, plan.Action) // is told of each change made, by several Components at once
}

// applier makes the changes of one run.
type applier struct {
	Options
	run      *act.Run
	stop     atomic.Pointer[error] // a fact about the whole run that ends it
	refusals                       // of what Quay makes for nobody
	made     map[string]bool       // repositories, when all Components are done
	slots    chan struct{}         // as many as Components may be in flight
}

// Plan works off the plan, some Components at a time, and returns an outcome
// for each in the plan's order. Components fail alone; when the context ends
// or a global fact turns up no further one is begun, and those in flight are
// finished within the grace. Namespaces take turns, and where to start varies from
// run to run, so that no tenant's work keeps another's from being reached.
func Plan(ctx context.Context, e Ends, plans []plan.Component, o Options) []Outcome {
	a := &applier{Options: o, refusals: refusals{inRow: map[error]int{}}, slots: make(chan struct{}, o.Concurrency)}
	a.run = &act.Run{Pair: e, Means: o.Means, Links: ends.LinksOf(e.Cluster, o.Accounts), Ask: a.ask}
	detached, release := outlive(ctx, grace)
	defer release()

	outcomes := make([]Outcome, len(plans))
	a.serve(ctx, detached, plans, outcomes)
	a.passOn(ctx, detached, plans, outcomes)
	a.forNamespaces(ctx, detached, plans, outcomes)
	return outcomes
}

// component applies one plan under the detached context, unless the run is over before it
// begins.
func (a *applier) component(ctx, detached context.Context, p plan.Component) (o Outcome) {
	a.attempt(ctx, &o, func() {
		switch {
		case p.Gone:
			a.leftovers(detached, p, &o)
		case p.Common != nil:
			a.forAll(detached, p, &o)
		default:
			s := &serving{p: p, w: a.run.On(p), o: &o}
			a.some(detached, s, 0, len(p.Actions))
			a.tell(detached, s)
		}
	})
	return o
}

// attempt does a part of what is done for a Component, unless the run is over by then.
func (a *applier) attempt(ctx context.Context, o *Outcome, do func()) {
	start := time.Now()
	defer func() {
		if o.Elapsed += time.Since(start); o.Err != nil {
			o.end(o.Err)
		}
	}()
	defer world.Recovered(&o.Err)
	switch why := a.stop.Load(); {
	case o.Err != nil && (why != nil || ctx.Err() != nil): // it has failed already
	case why != nil:
		o.Err = fmt.Errorf("%w: %w", ErrDeferred, *why)
	case ctx.Err() != nil:
		o.Err = fmt.Errorf("the run ended first: %w", ErrDeferred)
	default:
		do()
	}
}

// serving is a Component's plan while it is worked off.
type serving struct {
	p        plan.Component
	w        *act.Work
	o        *Outcome
	failures []failure
}

type failure struct {
	action plan.Action
	err    error
}

// heldBack reports whether an action is not to be tried after what has failed.
func (s *serving) heldBack(action plan.Action) bool {
	return slices.ContainsFunc(s.failures, func(f failure) bool { return holdsBack(f.action, action, f.err) })
}

// some takes some of the plan's actions in order. The first that fails ends it, but for side
// steps, which hold nothing back and are held back by little.
func (a *applier) some(ctx context.Context, s *serving, from, to int) {
	for i := from; i < to; i++ {
		action := s.p.Actions[i]
		if s.heldBack(action) {
			continue
		}
		if i+1 < to && a.introduce(ctx, s, action, s.p.Actions[i+1]) {
			i++
			continue
		}
		err := reach(ctx, s.w, s.p, i)
		if s.o.unused = s.o.unused || err != nil; err == nil {
			err = a.inVain(s.p, action)
		}
		if err == nil {
			action, err = s.w.Do(ctx, action)
		}
		a.note(s, i, action, err)
	}
}

// introduce does two actions at once that are one write. Where it cannot, each is tried for
// itself: what the one meets need not befall the other.
func (a *applier) introduce(ctx context.Context, s *serving, told, named plan.Action) bool {
	if !plan.Together(told, named) || s.heldBack(named) || s.w.Introduce(ctx, told.(plan.Announce), named.(plan.SetImage)) != nil {
		return false
	}
	a.did(s.p, s.o, told)
	a.did(s.p, s.o, named)
	return true
}

// note notes what became of the action at a place of the plan.
func (a *applier) note(s *serving, i int, action plan.Action, err error) {
	if err == nil {
		a.did(s.p, s.o, action)
		return
	}
	a.stopFor(err)
	s.o.fails(action, err)
	if s.p.Rotation.Covers(i) {
		action = plan.Acknowledge{} // which rests on all of a rotation
	}
	s.failures = append(s.failures, failure{action, err})
}

// reach begins the Component's rotation where its actions begin.
func reach(ctx context.Context, w *act.Work, p plan.Component, i int) error {
	if r := p.Rotation; r == nil || r.First != i {
		return nil
	}
	return w.Begin(ctx)
}

// did notes an action that was made.
func (a *applier) did(p plan.Component, o *Outcome, action plan.Action) {
	o.Applied = append(o.Applied, action)
	a.Applied(p, action)
}

// tell tells the Component's owner of the first failure that only the owner or the operator
// can mend. It comes last: what is announced meanwhile knows nothing of it.
func (a *applier) tell(ctx context.Context, s *serving) {
	for _, f := range s.failures {
		if sentence := told(f.err); sentence != "" {
			if err := s.w.Tell(ctx, sentence); err != nil {
				s.o.Err = errors.Join(s.o.Err, err)
			}
			return
		}
	}
}

// leftovers works off what is planned for what a Component that is gone has left. Each
// step rests on the one before it; what fails is a warning, and the next run's.
func (a *applier) leftovers(ctx context.Context, p plan.Component, o *Outcome) {
	for _, action := range p.Actions {
		err := prune.Do(ctx, a.run.Pair, a.Groups, p, action)
		switch {
		case err == nil:
			a.did(p, o, action)
			continue
		case isOver(err):
			o.Err = err
			a.stopFor(err)
		default:
			o.Warnings = append(o.Warnings, Warning{action, err, ReasonOf(err)})
		}
		return
	}
}

// MayTakeOver asks the cluster, before anything is written, whether ImageRepositories could
// be: it judges the first patch that a plan has of one in full, and keeps nothing.
func MayTakeOver(ctx context.Context, e Ends, plans []plan.Component) error {
	for _, p := range plans {
		for _, action := range p.Actions {
			var err error
			switch a := action.(type) {
			case plan.KeepRepository:
				_, err = e.Cluster.AnnotateImageRepository(ctx, a.ImageRepository.ImageRepository, component.Keep(a.ImageRepository.ImageRepository), true)
			case plan.ReturnRepository:
				_, err = e.Cluster.AnnotateImageRepository(ctx, a.ImageRepository.ImageRepository, component.Return(a.ImageRepository.ImageRepository), true)
			default:
				continue
			}
			if errors.Is(err, kube.ErrForbidden) {
				return fmt.Errorf("%w: %w", world.ErrNoTakeOver, err)
			}
			return nil // whatever else it is, is that one's matter
		}
	}
	return nil
}
