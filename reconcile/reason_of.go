package reconcile

import (
	"context"
	"errors"

	"berth/kube"
	"berth/quay"
)

// reasons are tried in order: the first kind that an error is of names it.
var reasons = []struct {
	kind   error
	reason Reason
}{
	{errDeferred, ReasonDeferred},
	{kube.ErrLockLost, ReasonLocked},
	{errNotOurs, ReasonNotOurs},
	{ErrPanic, ReasonPanic},
	{quay.ErrUnauthorized, ReasonQuayUnauthorized},
	{quay.ErrForbidden, ReasonQuayForbidden},
	{quay.ErrPaymentRequired, ReasonQuayPaymentRequired},
	{quay.ErrRateLimited, ReasonQuayRateLimited},
	{quay.ErrReadOnly, ReasonQuayReadOnly},
	{kube.ErrUnauthorized, ReasonKubeForbidden},
	{kube.ErrForbidden, ReasonKubeForbidden},
	{kube.ErrConflict, ReasonKubeConflict},
	{kube.ErrExists, ReasonKubeConflict},
	{kube.ErrInvalid, ReasonKubeConflict},
	{kube.ErrNotFound, ReasonKubeConflict},
	{errMoved, ReasonKubeConflict},
	{kube.ErrUnavailable, ReasonKubeUnavailable},
	{kube.ErrNotInstalled, ReasonKubeUnavailable},
	{context.Canceled, ReasonDeferred},
	{context.DeadlineExceeded, ReasonDeferred},
}

// ReasonOf sorts an error into the list. What is left over came from Quay:
// its client has more ways to fail than matter to a machine.
func ReasonOf(err error) Reason {
	if _, held := errors.AsType[*kube.HeldError](err); held {
		return ReasonLocked
	}
	for _, r := range reasons {
		if errors.Is(err, r.kind) {
			return r.reason
		}
	}
	return ReasonQuayUnavailable
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
	case ReasonQuayUnauthorized, ReasonQuayForbidden, ReasonKubeForbidden:
		return true
	}
	return false
}
