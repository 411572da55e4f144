package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/apply/ends"
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
		{quay.ErrRobotsDisabled, plan.ReasonQuayCreationRefused, false},
		{quay.ErrMirrored, plan.ReasonQuayCreationRefused, false},
		{quay.ErrInvalid, plan.ReasonQuayRefused, false},
		{quay.ErrRateLimited, plan.ReasonQuayRateLimited, false},
		{quay.ErrReadOnly, plan.ReasonQuayReadOnly, true},
		{quay.ErrUnavailable, plan.ReasonQuayUnavailable, false},
		{quay.ErrUncertain, plan.ReasonQuayUnavailable, false},
		{quay.ErrUnexpected, plan.ReasonQuayUnavailable, false},
		{kube.ErrUnauthorized, plan.ReasonKubeForbidden, true},
		{kube.ErrForbidden, plan.ReasonKubeForbidden, false},
		{kube.ErrQuota, plan.ReasonQuotaExceeded, false},
		{kube.ErrConflict, plan.ReasonKubeConflict, false},
		{kube.ErrExists, plan.ReasonKubeConflict, false},
		{kube.ErrUnavailable, plan.ReasonKubeUnavailable, false},
		{kube.ErrNotInstalled, plan.ReasonKubeUnavailable, false},
		{ends.ErrMoved, plan.ReasonKubeConflict, false},
		{ends.ErrRaced, plan.ReasonKubeConflict, false},
		{&ends.Obstacle{Problem: plan.Immutable("tenant", "s")}, plan.ReasonKubeConflict, false},
		{&ends.Obstacle{Problem: plan.SecretNotOurs("Secret", "tenant", "s", "why")}, plan.ReasonNotOurs, false},
		{ends.ErrNotOurs, plan.ReasonNotOurs, false},
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

// The tenant's is what lies in its namespace and only it can mend; what is told does not
// change with the words that others found for it.
func TestWhoseAnErrorIs(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why   string
		err   error
		whose plan.Whose
		told  string // in part; "": nothing
	}{
		{"a quota", kube.ErrQuota, plan.TheTenants, "A quota of this namespace is used up"},
		{"there is no room on the Component for an annotation", kube.ErrFull, plan.TheTenants, ""},
		{"a Secret in the way", &ends.Obstacle{Problem: plan.SecretNotOurs("Secret", "tenant", "s", "it was not made by Berth")}, plan.TheTenants, "Secret s is in the way: it was not made by Berth"},
		{"a Secret closed to changes", &ends.Obstacle{Problem: plan.Immutable("tenant", "s")}, plan.TheTenants, "Secret s is immutable"},
		{"it was deleted meanwhile", ends.ErrMoved, plan.TheTenants, ""},
		{"it is written all the time", kube.ErrConflict, plan.TheTenants, ""},
		{"it is made all the time", kube.ErrExists, plan.TheTenants, ""},
		{"a ServiceAccount was deleted meanwhile", kube.ErrNotFound, plan.TheTenants, ""},
		{"a right is missing", kube.ErrForbidden, plan.ThePlatforms, ""},
		{"a webhook or a policy refuses it", kube.ErrInvalid, plan.ThePlatforms, ""},
		{"the cluster is away", kube.ErrUnavailable, plan.ThePlatforms, ""},
		{"somebody made the robot", ends.ErrNotOurs, plan.ThePlatforms, ""},
		{"another run was faster at Quay", ends.ErrRaced, plan.ThePlatforms, ""},
		{"Quay does not know it", quay.ErrNotFound, plan.ThePlatforms, ""},
		{"the plan at Quay is full", quay.ErrPaymentRequired, plan.ThePlatforms, "The platform's administrators must extend the plan."},
		{"the plan is full, and the tenant could not be told", errors.Join(quay.ErrPaymentRequired, kube.ErrConflict), plan.ThePlatforms, "must extend"},
		{"robots are disabled", quay.ErrRobotsDisabled, plan.ThePlatforms, "so no credentials can be made"},
		{"the organization is a mirror", quay.ErrMirrored, plan.ThePlatforms, "so no repository can be made in it"},
		{"Quay refuses one name", quay.ErrInvalid, plan.ThePlatforms, ""},
		{"what nobody thought of", errors.New("odd"), plan.ThePlatforms, ""},
	} {
		err := fmt.Errorf("write Secret tenant/s at 12:00:07: %w", row.err)
		if o := Failed(err); o.Whose != row.whose {
			t.Errorf("%s: it is the %s's, want the %s's", row.why, o.Whose, row.whose)
		}
		if got := told(err); row.told == "" && got != "" || !strings.Contains(got, row.told) || strings.Contains(got, "12:00") {
			t.Errorf("%s: told %q, want %q", row.why, got, row.told)
		}
	}
}
