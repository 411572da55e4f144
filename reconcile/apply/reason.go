package apply

import (
	"context"
	"errors"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// reasons are tried in order: the first kind that an error is of names it.
var reasons = []struct {
	kind   error
	reason plan.Reason
}{
	{ErrDeferred, plan.ReasonDeferred},
	{kube.ErrLockLost, plan.ReasonLocked},
	{errNotOurs, plan.ReasonNotOurs},
	{world.ErrPanic, plan.ReasonPanic},
	{quay.ErrUnauthorized, plan.ReasonQuayUnauthorized},
	{quay.ErrForbidden, plan.ReasonQuayForbidden},
	{quay.ErrPaymentRequired, plan.ReasonQuayPaymentRequired},
	{quay.ErrRateLimited, plan.ReasonQuayRateLimited},
	{quay.ErrReadOnly, plan.ReasonQuayReadOnly},
	{kube.ErrUnauthorized, plan.ReasonKubeForbidden},
	{kube.ErrForbidden, plan.ReasonKubeForbidden},
	{kube.ErrConflict, plan.ReasonKubeConflict},
	{kube.ErrExists, plan.ReasonKubeConflict},
	{kube.ErrInvalid, plan.ReasonKubeConflict},
	{kube.ErrNotFound, plan.ReasonKubeConflict},
	{errMoved, plan.ReasonKubeConflict},
	{kube.ErrUnavailable, plan.ReasonKubeUnavailable},
	{kube.ErrNotInstalled, plan.ReasonKubeUnavailable},
	{context.Canceled, plan.ReasonDeferred},
	{context.DeadlineExceeded, plan.ReasonDeferred},
}

// ReasonOf sorts an error into the list. What is left over came from Quay:
// its client has more ways to fail than matter to a machine.
func ReasonOf(err error) plan.Reason {
	if _, held := errors.AsType[*kube.HeldError](err); held {
		return plan.ReasonLocked
	}
	for _, r := range reasons {
		if errors.Is(err, r.kind) {
			return r.reason
		}
	}
	return plan.ReasonQuayUnavailable
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
