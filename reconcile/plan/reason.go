package plan

// Reason is one of a closed list, for machines.
type Reason string

// The reasons.
const (
	ReasonQuayUnauthorized    Reason = "quay_unauthorized"
	ReasonQuayForbidden       Reason = "quay_forbidden"
	ReasonQuayPaymentRequired Reason = "quay_payment_required"
	ReasonQuayCreationRefused Reason = "quay_creation_refused"
	ReasonQuayRefused         Reason = "quay_refused"
	ReasonQuayRateLimited     Reason = "quay_rate_limited"
	ReasonQuayUnavailable     Reason = "quay_unavailable"
	ReasonQuayReadOnly        Reason = "quay_read_only"
	ReasonKubeForbidden       Reason = "kube_forbidden"
	ReasonKubeConflict        Reason = "kube_conflict"
	ReasonKubeUnavailable     Reason = "kube_unavailable"
	ReasonQuotaExceeded       Reason = "quota_exceeded"
	ReasonInvalidComponent    Reason = "invalid_component"
	ReasonNameCollision       Reason = "name_collision"
	ReasonNotOurs             Reason = "not_ours"
	ReasonUnproved            Reason = "login_unproved"
	ReasonHeldBack            Reason = "held_back"
	ReasonLocked              Reason = "locked"
	ReasonDeferred            Reason = "deferred"
	ReasonPanic               Reason = "panic"
)

// Reasons are all of them.
var Reasons = []Reason{
	ReasonQuayUnauthorized, ReasonQuayForbidden, ReasonQuayPaymentRequired, ReasonQuayCreationRefused, ReasonQuayRefused, ReasonQuayRateLimited, ReasonQuayUnavailable,
	ReasonQuayReadOnly, ReasonKubeForbidden, ReasonKubeConflict, ReasonKubeUnavailable, ReasonQuotaExceeded, ReasonInvalidComponent,
	ReasonNameCollision, ReasonNotOurs, ReasonUnproved, ReasonHeldBack, ReasonLocked, ReasonDeferred, ReasonPanic,
}
