package reconcile

import (
	"context"
	"errors"

	"berth/kube"
	"berth/quay"
)

// Reason is one of a closed list, for machines.
type Reason string

// The reasons.
const (
	ReasonQuayUnauthorized    Reason = "quay_unauthorized"
	ReasonQuayForbidden       Reason = "quay_forbidden"
	ReasonQuayPaymentRequired Reason = "quay_payment_required"
	ReasonQuayRateLimited     Reason = "quay_rate_limited"
	ReasonQuayUnavailable     Reason = "quay_unavailable"
	ReasonQuayReadOnly        Reason = "quay_read_only"
	ReasonKubeForbidden       Reason = "kube_forbidden"
	ReasonKubeConflict        Reason = "kube_conflict"
	ReasonKubeUnavailable     Reason = "kube_unavailable"
	ReasonInvalidComponent    Reason = "invalid_component"
	ReasonNameCollision       Reason = "name_collision"
	ReasonNotOurs             Reason = "not_ours"
	ReasonLocked              Reason = "locked"
	ReasonDeferred            Reason = "deferred"
	ReasonPanic               Reason = "panic"
)

// Reasons are all of them.
var Reasons = []Reason{
	ReasonQuayUnauthorized, ReasonQuayForbidden, ReasonQuayPaymentRequired, ReasonQuayRateLimited, ReasonQuayUnavailable,
	ReasonQuayReadOnly, ReasonKubeForbidden, ReasonKubeConflict, ReasonKubeUnavailable, ReasonInvalidComponent,
	ReasonNameCollision, ReasonNotOurs, ReasonLocked, ReasonDeferred, ReasonPanic,
}

// reasons are tried in order: the first kind that an error is of names it.
var reasons = []struct {
	kind   error
	reason Reason
}{
	{errDeferred, ReasonDeferred},
	{errLockLost, ReasonLocked},
	{errNotOurs, ReasonNotOurs},
	{errPanic, ReasonPanic},
	{quay.ErrUnauthorized, ReasonQuayUnauthorized},
	{ErrNotAdmin, ReasonQuayForbidden},
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
