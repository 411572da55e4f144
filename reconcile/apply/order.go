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
	"berth/reconcile/apply/prune"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// ErrDeferred is what a run that ended first leaves of a Component.
var ErrDeferred = errors.New("left to the next run")

// Ends and Means are what the acts have and go by.
type (
	Ends  = act.Ends
	Means = act.Means
)

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
}

// Plan works off the plan, some Components at a time, and returns an outcome
// for each in the plan's order. Components fail alone; when the context ends
// or a global fact turns up no further one is begun, and those in flight are
// finished within the grace. Namespaces take turns, and where to start varies from
// run to run, so that no tenant's work keeps another's from being reached.
func Plan(ctx context.Context, e Ends, plans []plan.Component, o Options) []Outcome {
	a := &applier{Options: o, refusals: refusals{inRow: map[error]int{}}}
	a.run = &act.Run{Ends: e, Means: o.Means, Ask: a.ask}
	detached, release := outlive(ctx, grace)
	defer release()

	outcomes := make([]Outcome, len(plans))
	a.each(plan.InTurns(plans, o.Turn, func(p plan.Component) bool { return len(p.Alone().Actions) > 0 }), func(i int) {
		outcomes[i] = a.component(ctx, detached, plans[i].Alone())
	})
	a.passOn(ctx, detached, plans, outcomes)
	a.forNamespaces(ctx, detached, plans, outcomes)
	return outcomes
}

// component applies one Component's plan under the detached context, unless
// the run is over before it begins.
func (a *applier) component(ctx, detached context.Context, p plan.Component) (o Outcome) {
	start := time.Now()
	defer func() {
		if o.Elapsed = time.Since(start); o.Err != nil {
			o.end(o.Err)
		}
	}()
	defer world.Recovered(&o.Err)
	if why := a.stop.Load(); why != nil {
		return Outcome{Err: fmt.Errorf("%w: %w", ErrDeferred, *why)}
	}
	if ctx.Err() != nil {
		return Outcome{Err: fmt.Errorf("the run ended first: %w", ErrDeferred)}
	}
	switch {
	case p.Gone:
		a.leftovers(detached, p, &o)
	case p.Common != nil:
		a.forAll(detached, p, &o)
	default:
		a.all(detached, p, &o)
	}
	return o
}

// all takes the plan's actions in order. The first that fails ends it, but for side steps,
// which hold nothing back and are held back by little.
func (a *applier) all(ctx context.Context, p plan.Component, o *Outcome) {
	var failures []failure
	w := a.run.On(p)
	defer func() { a.tell(ctx, w, failures, o) }()
	for i, action := range p.Actions {
		if slices.ContainsFunc(failures, func(f failure) bool { return holdsBack(f.action, action, f.err) }) {
			continue
		}
		err := reach(ctx, w, p, i)
		if o.unused = o.unused || err != nil; err == nil {
			err = a.inVain(p, action)
		}
		if err == nil {
			action, err = w.Do(ctx, action)
		}
		if err != nil {
			a.stopFor(err)
			failed := action
			if p.Rotation.Covers(i) {
				failed = plan.Acknowledge{} // which rests on all of a rotation
			}
			failures = append(failures, failure{failed, err})
			o.fails(action, err)
			continue
		}
		a.did(p, o, action)
	}
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
func (a *applier) tell(ctx context.Context, w *act.Work, failures []failure, o *Outcome) {
	for _, f := range failures {
		if sentence := told(f.err); sentence != "" {
			if err := w.Tell(ctx, sentence); err != nil {
				o.Err = errors.Join(o.Err, err)
			}
			return
		}
	}
}

type failure struct {
	action plan.Action
	err    error
}

// leftovers works off what is planned for what a Component that is gone has left. Each
// step rests on the one before it; what fails is a warning, and the next run's.
func (a *applier) leftovers(ctx context.Context, p plan.Component, o *Outcome) {
	for _, action := range p.Actions {
		err := prune.Do(ctx, a.run.Ends, a.Groups, p, action)
		switch {
		case err == nil:
			a.did(p, o, action)
			continue
		case ends(err):
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
