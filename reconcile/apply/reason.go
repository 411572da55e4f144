package apply

import (
	"context"
	"errors"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/apply/ends"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// reasons are tried in order: the first kind that an error is of names it, and says
// whose it is. The tenant's are those that arise in its namespace and that nobody else
// can mend: what it changes or deletes faster than a run can follow, what it fills up, and its quota. A
// right that is missing, and what a webhook or a policy refuses, are the platform's.
var reasons = []struct {
	kind   error
	reason plan.Reason
	whose  plan.Whose
}{
	{ErrDeferred, plan.ReasonDeferred, plan.ThePlatforms},
	{kube.ErrLockLost, plan.ReasonLocked, plan.ThePlatforms},
	{ends.ErrNotOurs, plan.ReasonNotOurs, plan.ThePlatforms},
	{ends.ErrUnproved, plan.ReasonUnproved, plan.ThePlatforms},
	{world.ErrPanic, plan.ReasonPanic, plan.ThePlatforms},
	{quay.ErrUnauthorized, plan.ReasonQuayUnauthorized, plan.ThePlatforms},
	{quay.ErrForbidden, plan.ReasonQuayForbidden, plan.ThePlatforms},
	{quay.ErrPaymentRequired, plan.ReasonQuayPaymentRequired, plan.ThePlatforms},
	{quay.ErrRobotsDisabled, plan.ReasonQuayCreationRefused, plan.ThePlatforms},
	{quay.ErrMirrored, plan.ReasonQuayCreationRefused, plan.ThePlatforms},
	{quay.ErrRateLimited, plan.ReasonQuayRateLimited, plan.ThePlatforms},
	{quay.ErrReadOnly, plan.ReasonQuayReadOnly, plan.ThePlatforms},
	{ends.ErrRaced, plan.ReasonKubeConflict, plan.ThePlatforms},
	{kube.ErrUnauthorized, plan.ReasonKubeForbidden, plan.ThePlatforms},
	{kube.ErrQuota, plan.ReasonQuotaExceeded, plan.TheTenants},
	{kube.ErrFull, plan.ReasonKubeConflict, plan.TheTenants},
	{kube.ErrForbidden, plan.ReasonKubeForbidden, plan.ThePlatforms},
	{kube.ErrNoDryRun, plan.ReasonKubeConflict, plan.ThePlatforms},
	{kube.ErrInvalid, plan.ReasonKubeConflict, plan.ThePlatforms},
	{kube.ErrConflict, plan.ReasonKubeConflict, plan.TheTenants},
	{kube.ErrExists, plan.ReasonKubeConflict, plan.TheTenants},
	{kube.ErrNotFound, plan.ReasonKubeConflict, plan.TheTenants},
	{ends.ErrMoved, plan.ReasonKubeConflict, plan.TheTenants},
	{quay.ErrInvalid, plan.ReasonQuayRefused, plan.ThePlatforms},
	{kube.ErrUnavailable, plan.ReasonKubeUnavailable, plan.ThePlatforms},
	{kube.ErrNotInstalled, plan.ReasonKubeUnavailable, plan.ThePlatforms},
	{context.Canceled, plan.ReasonDeferred, plan.ThePlatforms},
	{context.DeadlineExceeded, plan.ReasonDeferred, plan.ThePlatforms},
}

// ReasonOf sorts an error into the list.
func ReasonOf(err error) plan.Reason {
	reason, _ := sort(err)
	return reason
}

// sort tells why something failed and whose that is. What is left over came from Quay:
// its client has more ways to fail than matter to a machine.
func sort(err error) (plan.Reason, plan.Whose) {
	if _, held := errors.AsType[*kube.HeldError](err); held {
		return plan.ReasonLocked, plan.ThePlatforms
	}
	if o, ok := errors.AsType[*ends.Obstacle](err); ok {
		return o.Problem.Reason, o.Problem.Whose
	}
	for _, r := range reasons {
		if errors.Is(err, r.kind) {
			return r.reason, r.whose
		}
	}
	return plan.ReasonQuayUnavailable, plan.ThePlatforms
}

// told is what the Component's owner is told of an error; "" when it passes by itself,
// or when there is nothing that the owner or the operator could do. The words are the
// same in every run: what others said is for the output.
func told(err error) string {
	o, planned := errors.AsType[*ends.Obstacle](err)
	switch {
	case planned:
		return o.Problem.Tenant
	case errors.Is(err, quay.ErrPaymentRequired):
		return "Quay organization plan doesn't allow private image repositories. The platform's administrators must extend the plan."
	case errors.Is(err, quay.ErrRobotsDisabled):
		return "Robot accounts are disabled at Quay, so no credentials can be made. The platform's administrators must look into it."
	case errors.Is(err, quay.ErrMirrored):
		return "The whole organization at Quay is a mirror of another, so no repository can be made in it. The platform's administrators must look into it."
	case errors.Is(err, kube.ErrQuota):
		return component.QuotaMessage
	}
	return ""
}

// global reports whether an error is about the whole run: to go on with other
// Components would only repeat it.
func global(err error) bool {
	for _, kind := range []error{quay.ErrUnauthorized, quay.ErrForbidden, quay.ErrReadOnly, kube.ErrUnauthorized} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// Rejected reports whether credentials or their scopes are the trouble.
func Rejected(err error) bool {
	switch ReasonOf(err) {
	case plan.ReasonQuayUnauthorized, plan.ReasonQuayForbidden, plan.ReasonKubeForbidden:
		return true
	}
	return false
}
