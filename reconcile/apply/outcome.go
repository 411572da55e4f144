package apply

import (
	"errors"
	"fmt"
	"time"

	"berth/kube"
	"berth/reconcile/apply/ends"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// Outcome is what became of one Component's plan.
type Outcome struct {
	Applied  []plan.Action // in order; all of the plan's when Err is nil and there are no Warnings
	Warnings []Warning     // side steps that failed and held nothing back
	Err      error
	Reason   plan.Reason // when Err is not nil
	Whose    plan.Whose  // when Err is not nil: who can mend it
	Refused  bool        // Err is about our credentials, and so about the whole run
	Skipped  bool        // its namespace or it itself went away meanwhile, or its owner changed its mind
	Elapsed  time.Duration
	unused   bool // the turn to rotate that it was given
	standing bool // a right that was to be taken away still stands
}

// Warning is a side step that failed. It makes no Component fail; the next run tries again.
type Warning struct {
	Action plan.Action
	Err    error
	Reason plan.Reason
}

// add is what was done for the same Component after its own plan.
func (o *Outcome) add(next Outcome) {
	o.Applied, o.Warnings = append(o.Applied, next.Applied...), append(o.Warnings, next.Warnings...)
	o.Elapsed += next.Elapsed
	if next.Err != nil && o.Err == nil {
		o.Err, o.Reason, o.Whose, o.Refused, o.standing = next.Err, next.Reason, next.Whose, next.Refused, next.standing
	}
}

// Failed is the outcome of a Component of which nothing was done.
func Failed(err error) (o Outcome) {
	o.end(err)
	return o
}

// end sorts the error that ended a Component's plan.
func (o *Outcome) end(err error) {
	if errors.Is(err, kube.ErrTerminating) || errors.Is(err, ends.ErrOvertaken) {
		o.Err, o.Skipped = nil, true
		return
	}
	o.Err, o.Refused = err, global(err) && Rejected(err)
	if o.Reason, o.Whose = sort(err); o.standing {
		o.Whose = plan.ThePlatforms // whatever else is the tenant's
	}
}

// fails notes the error of an action: of one that fails alone as a warning, but for a right
// that was to be taken away and still stands. The first failure of the others is the
// Component's.
func (o *Outcome) fails(a plan.Action, err error) {
	alone := plan.FailsAlone(a) && !isOver(err)
	o.standing = o.standing || alone && plan.Revokes(a)
	switch {
	case alone && !plan.Revokes(a):
		o.Warnings = append(o.Warnings, Warning{a, err, ReasonOf(err)})
	case alone && o.Err != nil:
		o.Err = fmt.Errorf("%w; %w", o.Err, err)
	case o.Err == nil:
		o.Err = err
	}
}

// over reports whether there is nothing more to be done for a Component after an error,
// whatever it befell.
func isOver(err error) bool {
	return global(err) || ReasonOf(err) == plan.ReasonDeferred || errors.Is(err, kube.ErrTerminating) || errors.Is(err, ends.ErrOvertaken) || errors.Is(err, world.ErrPanic)
}

// holdsBack reports whether an action that failed keeps another from being tried: side
// steps but wait for what gives access, and a foreign right is taken away at any rate.
func holdsBack(failed, next plan.Action, err error) bool {
	if isOver(err) {
		return true
	}
	if plan.Delivers(failed) {
		said, tells := next.(plan.Announce)
		return plan.Delivers(next) || tells && said.Rewords // it would say that nothing is wrong any more
	}
	switch next.(type) {
	case plan.RemovePermission, plan.LeaveTeam: // foreign ones
		return false
	case plan.SetImage: // builds begin at once, and push
		_, link := failed.(plan.LinkSecret)
		return link || !plan.FailsAlone(failed)
	}
	return !plan.FailsAlone(failed) && (plan.GivesAccess(failed) || !plan.FailsAlone(next))
}

// stopFor ends the run for an error that is about the whole of it.
func (a *applier) stopFor(err error) {
	if global(err) {
		a.stop.CompareAndSwap(nil, &err)
	}
}
