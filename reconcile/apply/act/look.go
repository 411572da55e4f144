package act

import (
	"context"
	"errors"
	"fmt"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// ErrOvertaken ends the plan of what is not any more what was planned for, though something
// may be there that is called alike. It is nobody's failure.
var ErrOvertaken = errors.New("changed while the run was on its way; the next one looks again")

// look makes sure that what a run has listed is still what it was: the namespace, the
// Component, and what its owner states. It comes before anything is opened, and between
// the last call of Quay, which may take its time, and the Secret that hands over the
// token: whoever has the names by then must not get what was somebody else's. The two are
// listed apart, so that neither uid speaks for the other.
func (w *Work) look(ctx context.Context) error {
	listed := w.plan.Component
	namespace, err := w.Cluster.Namespace(ctx, listed.Namespace)
	switch {
	case errors.Is(err, kube.ErrNotFound), err == nil && namespace.UID != w.plan.Namespace:
		return fmt.Errorf("namespace %s %w", listed.Namespace, ErrOvertaken)
	case err != nil:
		return err
	}
	c, err := w.live(ctx)
	if err != nil {
		return err
	}
	if w.plan.Visibility == quay.Public && !mayStayOpen(listed, c) {
		return fmt.Errorf("what its owner states %w", ErrOvertaken)
	}
	w.component, w.looked = c, true
	return nil
}

// mayStayOpen reports whether what a Component's owner states now lets its repository be
// public as much as what was stated when the run looked.
func mayStayOpen(listed, now kube.Component) bool {
	before, _ := component.StatementOf(listed) // it was read when the plan was made
	after, err := component.StatementOf(now)
	return err == nil && (after == before || after == quay.Public)
}

// deleteRobot removes a superseded robot once a live look has shown that the
// Component this run knows is still the one there, after a stale list the robots to
// delete would be its successor's; and that the robot bears the mark it was listed with.
func (w *Work) deleteRobot(ctx context.Context, a plan.DeleteRobot) error {
	if a.Drain {
		return w.drain(ctx, a)
	}
	if err := w.look(ctx); err != nil {
		return err
	}
	switch _, err := w.Marked(ctx, a.Account); {
	case errors.Is(err, quay.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	return w.Registry.DeleteRobot(ctx, a.Robot)
}

// Marked reads a robot and demands that it bears the mark it was listed with.
func (e Ends) Marked(ctx context.Context, a component.Account) (quay.Robot, error) {
	robot, err := e.Registry.GetRobot(ctx, a.Robot)
	if err == nil && robot.Description != a.Mark {
		err = fmt.Errorf("%w: robot %s does not bear the mark any more that it was listed with", ErrNotOurs, a.Robot)
	}
	return robot, err
}

// stateVisibility takes a request on: what it asks for is stated, and it comes off, in one
// patch that holds only while it is there as it was read. One that was changed meanwhile is
// the next run's.
func (w *Work) stateVisibility(ctx context.Context, a plan.StateVisibility) error {
	return w.annotate(ctx, w.group(a.Of), func(c kube.Component) (kube.AnnotationChange, bool, error) {
		return kube.AnnotationChange{
			Test:   map[string]string{component.AnnotationGenerate: c.Annotations[component.AnnotationGenerate]},
			Set:    map[string]string{component.AnnotationVisibility: string(a.To)},
			Remove: []string{component.AnnotationGenerate},
		}, component.Unwritten(c) == a.To, nil
	})
}
