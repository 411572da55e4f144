package reconcile

import (
	"context"
	"fmt"
	"testing"

	"berth/kube"
	"berth/quay"
)

// A machine reads reasons, so each kind of error has its own, whatever wraps it.
func TestReasonOf(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		err    error
		reason Reason
		global bool
	}{
		{quay.ErrUnauthorized, ReasonQuayUnauthorized, true},
		{quay.ErrForbidden, ReasonQuayForbidden, true},
		{quay.ErrPaymentRequired, ReasonQuayPaymentRequired, false},
		{quay.ErrRateLimited, ReasonQuayRateLimited, false},
		{quay.ErrReadOnly, ReasonQuayReadOnly, true},
		{quay.ErrUnavailable, ReasonQuayUnavailable, false},
		{quay.ErrUncertain, ReasonQuayUnavailable, false},
		{quay.ErrUnexpected, ReasonQuayUnavailable, false},
		{kube.ErrUnauthorized, ReasonKubeForbidden, true},
		{kube.ErrForbidden, ReasonKubeForbidden, false},
		{kube.ErrConflict, ReasonKubeConflict, false},
		{kube.ErrExists, ReasonKubeConflict, false},
		{kube.ErrUnavailable, ReasonKubeUnavailable, false},
		{kube.ErrNotInstalled, ReasonKubeUnavailable, false},
		{errMoved, ReasonKubeConflict, false},
		{errNotOurs, ReasonNotOurs, false},
		{ErrPanic, ReasonPanic, false},
		{context.Canceled, ReasonDeferred, false},
		{context.DeadlineExceeded, ReasonDeferred, false},
		{fmt.Errorf("%w: %w", errDeferred, context.Canceled), ReasonDeferred, false},
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
