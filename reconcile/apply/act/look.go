package act

import (
	"context"
	"fmt"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/apply/ends"
	"berth/reconcile/component"
)

// look makes sure that what a run has listed is still what it was: the Component, and what
// its owner states. It comes before anything is opened, and between the last call of Quay,
// which may take its time, and the Secret that hands over the token: whoever has the names
// by then must not get what was somebody else's. The namespace needs no look: it was read
// after the Component was listed, so that the one speaks for the other.
func (w *Work) look(ctx context.Context) error {
	c, err := w.live(ctx)
	if err != nil {
		return err
	}
	if w.plan.Visibility == quay.Public && !mayStayOpen(w.plan.Component, &c) {
		return fmt.Errorf("what its owner states %w", ends.ErrOvertaken)
	}
	w.component, w.looked = c, true
	return nil
}

// mayStayOpen reports whether what a Component's owner states now lets its repository be
// public as much as what was stated when the run looked.
func mayStayOpen(listed, now *kube.Component) bool {
	before, _ := component.StatementOf(listed) // it was read when the plan was made
	after, err := component.StatementOf(now)
	return err == nil && (after == before || after == quay.Public)
}
