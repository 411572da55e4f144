package plan

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
)

// What cannot be read of one Component, or of one namespace that was named to the run, is
// its own matter. Nothing is concluded from it and nothing done about it: the next run
// looks again.
const looksAgain = "The next run looks again; nothing was done meanwhile."

// unreadable tells what of a Component's things could not be read.
func (w *planner) unreadable(c kube.Component, n component.Names) *Problem {
	if c.Odd {
		return &Problem{Reason: ReasonInvalidComponent, Whose: TheTenants, Summary: "it is not of a Component's form", Hint: "Write it anew; nothing is done for it."}
	}
	if err := w.Unread[component.KeyOf(c)]; err != nil {
		return &Problem{Reason: reasonOf(err), Whose: ThePlatforms, Summary: err.Error(), Hint: looksAgain}
	}
	if r, exists := w.Repositories[n.Repository]; exists && r.Visibility == "" {
		return &Problem{Reason: ReasonQuayUnavailable, Whose: ThePlatforms, Summary: fmt.Sprintf("what Quay lists of repository %s cannot be read", n.Repository), Hint: looksAgain}
	}
	for _, a := range n.Accounts() {
		if r, exists := w.Robots[a.Robot]; exists && r.Fingerprint == "" {
			return &Problem{Reason: ReasonQuayUnavailable, Whose: ThePlatforms, Summary: fmt.Sprintf("Quay does not show the token of robot %s", a.Robot), Hint: looksAgain}
		}
	}
	return nil
}

// closed lists the namespaces that cannot be read.
func (w *planner) closed() []Closed {
	var all []Closed
	for _, namespace := range slices.Sorted(maps.Keys(w.Closed)) {
		err := w.Closed[namespace]
		all = append(all, Closed{namespace, Problem{Reason: reasonOf(err), Whose: ThePlatforms, Summary: err.Error(), Hint: looksAgain}})
	}
	return all
}

// reasonOf sorts what a read was answered with. What is left over came from Quay.
func reasonOf(err error) Reason {
	for _, k := range []struct {
		kind   error
		reason Reason
	}{
		{kube.ErrForbidden, ReasonKubeForbidden},
		{kube.ErrUnavailable, ReasonKubeUnavailable},
		{kube.ErrInvalid, ReasonKubeUnavailable},
		{quay.ErrRateLimited, ReasonQuayRateLimited},
	} {
		if errors.Is(err, k.kind) {
			return k.reason
		}
	}
	return ReasonQuayUnavailable
}
