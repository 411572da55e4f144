package apply

import (
	"context"
	"fmt"
	"testing"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// A machine reads reasons, so each kind of error has its own, whatever wraps it.
func TestReasonOf(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		err    error
		reason plan.Reason
		global bool
	}{
		{quay.ErrUnauthorized, plan.ReasonQuayUnauthorized, true},
		{quay.ErrForbidden, plan.ReasonQuayForbidden, true},
		{quay.ErrPaymentRequired, plan.ReasonQuayPaymentRequired, false},
		{quay.ErrRateLimited, plan.ReasonQuayRateLimited, false},
		{quay.ErrReadOnly, plan.ReasonQuayReadOnly, true},
		{quay.ErrUnavailable, plan.ReasonQuayUnavailable, false},
		{quay.ErrUncertain, plan.ReasonQuayUnavailable, false},
		{quay.ErrUnexpected, plan.ReasonQuayUnavailable, false},
		{kube.ErrUnauthorized, plan.ReasonKubeForbidden, true},
		{kube.ErrForbidden, plan.ReasonKubeForbidden, false},
		{kube.ErrConflict, plan.ReasonKubeConflict, false},
		{kube.ErrExists, plan.ReasonKubeConflict, false},
		{kube.ErrUnavailable, plan.ReasonKubeUnavailable, false},
		{kube.ErrNotInstalled, plan.ReasonKubeUnavailable, false},
		{errMoved, plan.ReasonKubeConflict, false},
		{errNotOurs, plan.ReasonNotOurs, false},
		{world.ErrPanic, plan.ReasonPanic, false},
		{context.Canceled, plan.ReasonDeferred, false},
		{context.DeadlineExceeded, plan.ReasonDeferred, false},
		{fmt.Errorf("%w: %w", ErrDeferred, context.Canceled), plan.ReasonDeferred, false},
	} {
		err := fmt.Errorf("create robot x: %w", row.err)
		if got := ReasonOf(err); got != row.reason {
			t.Errorf("%v: %s, want %s", err, got, row.reason)
		}
		if got := global(err); got != row.global {
			t.Errorf("%v: about the whole run: %v", err, got)
		}
	}
}
