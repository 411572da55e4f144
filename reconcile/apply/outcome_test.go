package apply

import (
	"errors"
	"testing"

	"berth/reconcile/plan"
)

// A side step that fails is worth a warning, but for one that was to take a right away:
// somebody can do more than the run says.
func TestARightThatStandsIsNoWarning(t *testing.T) {
	t.Parallel()
	first, second := errors.New("first"), errors.New("second")
	for _, row := range []struct {
		action plan.Action
		stands bool
	}{
		{plan.LinkSecret{}, false},
		{plan.UnlinkSecret{}, false},
		{plan.RemovePermission{}, true},
		{plan.LeaveTeam{}, true},
		{plan.DeleteRobot{}, true},
	} {
		var o Outcome
		o.fails(row.action, first)
		if stands := errors.Is(o.Err, first); stands != row.stands || stands == (len(o.Warnings) == 1) {
			t.Errorf("%T: error %v, %d warnings", row.action, o.Err, len(o.Warnings))
		}
		o = Outcome{Err: first}
		o.fails(row.action, second)
		if !errors.Is(o.Err, first) || errors.Is(o.Err, second) != row.stands {
			t.Errorf("%T after another failure: error %v", row.action, o.Err)
		}
	}
}
