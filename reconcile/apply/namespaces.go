package apply

import (
	"context"
	"fmt"
	"slices"

	"berth/reconcile/plan"
)

// forNamespaces does what plans have for whole namespaces, when all their Components are
// done: what comes of that is told with the Component whose plan has it.
func (a *applier) forNamespaces(ctx, detached context.Context, plans []plan.Component, outcomes []Outcome) {
	a.made = map[string]bool{}
	for _, o := range outcomes {
		for _, action := range o.Applied {
			if repository, ok := plan.Makes(action); ok {
				a.made[repository] = true
			}
		}
	}
	order := plan.InTurns(plans, a.Turn, func(p plan.Component) bool { return p.Common != nil })
	order = slices.DeleteFunc(order, func(i int) bool { return outcomes[i].Skipped })
	a.each(order, func(i int) {
		outcomes[i].add(a.component(ctx, detached, plans[i].ForAll()))
	}, nil)
}

// forAll takes a namespace's actions in order. What gives the robot its rights fails by
// itself, but then no Secret is moved and nothing is drained.
func (a *applier) forAll(ctx context.Context, p plan.Component, o *Outcome) {
	missing := slices.DeleteFunc(slices.Clone(p.Common.New), func(name string) bool { return a.made[name] })
	there := *p.Common
	there.Repositories = slices.DeleteFunc(slices.Clone(there.Repositories), func(name string) bool { return slices.Contains(missing, name) })
	p.Common = &there
	w := a.run.On(p)
	lacks, over := false, false
	for _, action := range p.Actions {
		if set, ok := action.(plan.SetPermission); ok && slices.Contains(missing, set.Repository) {
			continue // its Component has failed, and says why; no login reads what is not there
		}
		if over && !plan.Revokes(action) || lacks && restsOnAll(action) {
			_, takes := action.(plan.TakeRequest)
			over = over || takes
			continue
		}
		action, err := w.Do(ctx, action)
		if err == nil {
			a.did(p, o, action)
			continue
		}
		a.stopFor(err)
		o.fails(action, fmt.Errorf("for the whole namespace: %w", err))
		if isOver(err) {
			return
		}
		switch action.(type) {
		case plan.SetPermission:
			lacks = true
		case plan.TakeRequest, plan.CreateRobot, plan.WriteSecret:
			lacks, over = true, true
		}
	}
}

// restsOnAll reports whether an action takes a login away from those that have it, which
// must not happen while its successor lacks something, or begins or ends with that.
func restsOnAll(action plan.Action) bool {
	switch a := action.(type) {
	case plan.WriteSecret:
		return a.Rotated
	case plan.DeleteRobot:
		return a.Drain
	case plan.TakeRequest, plan.AnswerRequest:
		return true
	}
	return false
}
