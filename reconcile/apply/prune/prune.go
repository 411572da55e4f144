// Package prune does what a plan says of what a Component has left that is not there any
// more: in go the two ends and one action after the other, each of which first has the API
// server itself say that the Component is gone.
package prune

import (
	"context"
	"errors"
	"fmt"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/apply/ends"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// work is on what one Component has left.
type work struct {
	ends.Pair
	Groups []kube.Group // in which the cluster serves Components
	plan   plan.Component
}

// Do makes an action on what a Component has left that is not there any more.
func Do(ctx context.Context, e ends.Pair, groups []kube.Group, p plan.Component, action plan.Action) error {
	w := &work{e, groups, p}
	if err := w.absent(ctx); err != nil {
		return err
	}
	switch a := action.(type) {
	case plan.NoteRepository:
		return w.Note(ctx, a)
	case plan.QuarantineRobot:
		return w.quarantineRobot(ctx, a)
	case plan.ReleaseRobot:
		return w.releaseRobot(ctx, a)
	case plan.PruneRobot:
		return w.pruneRobot(ctx, a)
	}
	return fmt.Errorf("%w: no way to prune by %T", world.ErrPanic, action)
}

// absent demands that the API server itself says, of every group, that the Component is
// not there: that a list did not show it proves nothing.
func (w *work) absent(ctx context.Context) error {
	gone := w.plan.Component
	if len(w.Groups) == 0 {
		return fmt.Errorf("the cluster serves no Components: %w", ends.ErrMoved)
	}
	for _, g := range w.Groups {
		_, err := w.Cluster.Component(ctx, g, gone.Namespace, gone.Name)
		switch {
		case err == nil:
			return fmt.Errorf("the Component %w", ends.ErrOvertaken)
		case !errors.Is(err, kube.ErrNotFound):
			return err
		}
	}
	return nil
}

// quarantineRobot takes the permission away, unless the robot was used since it was listed.
func (w *work) quarantineRobot(ctx context.Context, a plan.QuarantineRobot) error {
	if err := w.idle(ctx, a.Account, a.Used); err != nil {
		return err
	}
	return w.Registry.DeletePermission(ctx, a.Repository, a.Robot)
}

// releaseRobot gives the permission back, on a repository that is still the one it was
// taken from.
func (w *work) releaseRobot(ctx context.Context, a plan.ReleaseRobot) error {
	if _, err := w.noted(ctx, a.Account, a.Repository); err != nil {
		return err
	}
	return w.Registry.SetPermission(ctx, a.Repository, a.Robot, a.Role)
}

// pruneRobot deletes a robot, once everything that speaks for it was read again: what its
// repository says, its permissions, its mark, and when it was last used.
func (w *work) pruneRobot(ctx context.Context, a plan.PruneRobot) error {
	since, err := w.noted(ctx, a.Account, a.Repository)
	if err != nil {
		return err
	}
	roles, err := w.Registry.ListRobotPermissions(ctx, a.Repository)
	if err != nil {
		return err
	}
	if _, permitted := roles[a.Robot]; permitted || !since.Equal(a.Since) {
		return fmt.Errorf("somebody else gave robot %s its permission, or another day: %w", a.Robot, ends.ErrMoved)
	}
	if err := w.idle(ctx, a.Account, a.Since.Add(-time.Second)); err != nil {
		return err
	}
	return w.Registry.DeleteRobot(ctx, a.Robot)
}

// noted is the day that a robot's repository tells of its quarantine.
func (w *work) noted(ctx context.Context, a component.Account, repository string) (time.Time, error) {
	r, err := w.Registry.GetRepository(ctx, repository)
	if err != nil {
		return time.Time{}, err
	}
	since, noted := component.Description(r.Description).Note(component.NoteQuarantined(a.Robot))
	if !noted || component.Description(r.Description).Mark() != w.plan.Names.Mark {
		return time.Time{}, fmt.Errorf("repository %s does not say any more that robot %s is in quarantine: %w", repository, a.Robot, ends.ErrMoved)
	}
	return since, nil
}

// idle demands that a robot is the one that was listed and was not used after a moment.
func (w *work) idle(ctx context.Context, a component.Account, since time.Time) error {
	robot, err := w.Marked(ctx, a)
	switch {
	case errors.Is(err, quay.ErrNotFound):
		return fmt.Errorf("robot %s is gone: %w", a.Robot, ends.ErrMoved)
	case err != nil:
		return err
	case robot.LastAccessed.After(since):
		return fmt.Errorf("robot %s was used just now: %w", a.Robot, ends.ErrMoved)
	}
	return nil
}
