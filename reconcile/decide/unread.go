package decide

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// What cannot be read of one Component, or of one namespace that was named to the run, is
// its own matter. Nothing is concluded from it and nothing done about it: the next run
// looks again.
const looksAgain = "The next run looks again; nothing was done meanwhile."

// unreadable tells what of a Component's things could not be read.
func (w *planner) unreadable(c kube.Component, n component.Names) *plan.Problem {
	if c.Odd {
		return &plan.Problem{Reason: plan.ReasonInvalidComponent, Whose: plan.TheTenants, Summary: "it is not of a Component's form", Hint: "Write it anew; nothing is done for it."}
	}
	if err := w.Unread[component.KeyOf(c)]; err != nil {
		return &plan.Problem{Reason: reasonOf(err), Whose: plan.ThePlatforms, Summary: err.Error(), Hint: looksAgain}
	}
	if r, exists := w.Repositories[n.Repository]; exists && r.Visibility == "" {
		return &plan.Problem{Reason: plan.ReasonQuayUnavailable, Whose: plan.ThePlatforms, Summary: fmt.Sprintf("what Quay lists of repository %s cannot be read", n.Repository), Hint: looksAgain}
	}
	for _, a := range n.Accounts() {
		if r, exists := w.Robots[a.Robot]; exists && r.Fingerprint == "" {
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
