package decide

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
)

// What cannot be read of one Component, or of one namespace that was named to the run, is
// its own matter. Nothing is concluded from it and nothing done about it: the next run
// looks again.
const looksAgain = "The next run looks again; nothing was done meanwhile."

// unreadable tells what of a Component's things could not be read.
func (w *planner) unreadable(p *draft.Component) *plan.Problem {
	if p.Component.Odd {
		return &plan.Problem{Reason: plan.ReasonInvalidComponent, Whose: plan.TheTenants, Summary: "it is not of a Component's form", Hint: "Write it anew; nothing is done for it."}
	}
	if err := w.Unread[p.Key()]; err != nil {
		return &plan.Problem{Reason: reasonOf(err), Whose: plan.ThePlatforms, Summary: err.Error(), Hint: looksAgain}
	}
	if p.Exists && p.Repository.Visibility == "" {
		return &plan.Problem{Reason: plan.ReasonQuayUnavailable, Whose: plan.ThePlatforms, Summary: fmt.Sprintf("what Quay lists of repository %s cannot be read", p.Names.Repository), Hint: looksAgain}
	}
	for _, a := range p.Names.Accounts() {
		if r := w.Robot(p, a.Robot); r != nil && r.Fingerprint == "" {
			return &plan.Problem{Reason: plan.ReasonQuayUnavailable, Whose: plan.ThePlatforms, Summary: fmt.Sprintf("Quay does not show the token of robot %s", a.Robot), Hint: looksAgain}
		}
	}
	return nil
}

// closed lists the namespaces that cannot be read.
func (w *planner) closed() []plan.Closed {
	var all []plan.Closed
	for _, namespace := range slices.Sorted(maps.Keys(w.Closed)) {
		err := w.Closed[namespace]
		all = append(all, plan.Closed{Namespace: namespace, Problem: plan.Problem{Reason: reasonOf(err), Whose: plan.ThePlatforms, Summary: err.Error(), Hint: looksAgain}})
	}
	return all
}

// reasonOf sorts what a read was answered with. What is left over came from Quay.
func reasonOf(err error) plan.Reason {
	for _, k := range []struct {
		kind   error
		reason plan.Reason
	}{
		{kube.ErrForbidden, plan.ReasonKubeForbidden},
		{kube.ErrUnavailable, plan.ReasonKubeUnavailable},
		{kube.ErrInvalid, plan.ReasonKubeUnavailable},
		{quay.ErrRateLimited, plan.ReasonQuayRateLimited},
	} {
		if errors.Is(err, k.kind) {
			return k.reason
		}
	}
	return plan.ReasonQuayUnavailable
}
