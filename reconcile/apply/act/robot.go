package act

import (
	"context"
	"errors"
	"fmt"

	"berth/quay"
	"berth/reconcile/apply/ends"
	"berth/reconcile/plan"
)

func (w *Work) createRobot(ctx context.Context, a plan.CreateRobot) error {
	var robot quay.Robot
	err := w.Ask(a, func() (err error) {
		robot, err = w.Registry.CreateRobot(ctx, a.Robot, a.Mark)
		return err
	})
	if err == nil {
		w.fresh[a.Robot], w.made[a.Robot] = robot.Token, true
		return nil
	}
	if !unsure(err) {
		return err
	}
	robot, lookup := w.Registry.GetRobot(ctx, a.Robot)
	switch {
	case errors.Is(lookup, quay.ErrNotFound):
		return err
	case lookup != nil:
		return errors.Join(err, lookup)
	case robot.Description != a.Mark:
		return fmt.Errorf("%w: robot %s appeared meanwhile and is not marked as this Component's", ends.ErrNotOurs, a.Robot)
	}
	w.fresh[a.Robot] = robot.Token
	return nil
}

// setPermission first ends what a robot may be open to that this run has not made, or that
// has its name from another time: to identities federated with it. No list shows them, and
// to look would cost as much.
func (w *Work) setPermission(ctx context.Context, a plan.SetPermission) error {
	_, before := w.granted[a.Robot]
	if !before && (a.Again || a.From == "" && !w.made[a.Robot] && !a.Settled) {
		if err := w.Registry.DeleteFederation(ctx, a.Robot); err != nil {
			return err
		}
	}
	err := w.Registry.SetPermission(ctx, a.Repository, a.Robot, a.To)
	if err == nil {
		w.granted[a.Robot] = a.To
	}
	return err
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
