package ends

import (
	"errors"

	"berth/kube"
	"berth/reconcile/plan"
)

// What stands in the way of an action, beside the clients' errors and an [Obstacle].
var (
	ErrNotOurs = errors.New("not ours")
	ErrMoved   = errors.New("it changed while it was being worked on; the next run looks again")
	ErrRaced   = errors.New("somebody else was at it at Quay; the next run looks again")

	// ErrOvertaken ends the plan of what is not any more what was planned for, though something
	// may be there that is called alike. It is nobody's failure.
	ErrOvertaken = errors.New("changed while the run was on its way; the next one looks again")

	// ErrUnproved keeps a Secret from being moved to a login that is not known to work.
	ErrUnproved = errors.New("the new login is not proved, so nothing was revoked")
)

// Obstacle is a problem that planning would have found, had it been there by then.
type Obstacle struct{ Problem *plan.Problem }

func (o *Obstacle) Error() string { return o.Problem.Summary }

// UnlessGone leaves out that what was to go is not there.
func UnlessGone(err error) error {
	if errors.Is(err, kube.ErrNotFound) {
		return nil
	}
	return err
}
