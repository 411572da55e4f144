package apply

import (
	"context"
	"errors"
	"fmt"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// leftovers works off what is planned for what a Component that is gone has left. Each
// step rests on the one before it; what fails is a warning, and the next run's.
func (w *work) leftovers(ctx context.Context, o *Outcome) {
	for _, action := range w.plan.Actions {
		err := w.absent(ctx)
		if err == nil {
			err = w.do(ctx, action)
		}
		switch {
		case err == nil:
			w.did(o, action)
			continue
		case ends(err):
			o.Err = err
			w.stopFor(err)
		default:
			o.Warnings = append(o.Warnings, Warning{action, err, ReasonOf(err)})
		}
		return
	}
}

// prune makes an action on what was left.
func (w *work) prune(ctx context.Context, action plan.Action) error {
	switch a := action.(type) {
	case plan.NoteRepository:
		return w.noteRepository(ctx, a)
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
		return fmt.Errorf("the cluster serves no Components: %w", errMoved)
	}
	for _, g := range w.Groups {
		_, err := w.Cluster.Component(ctx, g, gone.Namespace, gone.Name)
		switch {
		case err == nil:
			return fmt.Errorf("the Component %w", errOvertaken)
		case !errors.Is(err, kube.ErrNotFound):
			return err
		}
	}
	return nil
}

// noteRepository writes below the mark, or takes off what stands there. No note is left
// out without a word: something is about to rest on it.
func (w *work) noteRepository(ctx context.Context, a plan.NoteRepository) error {
	var full bool
	err := w.describe(ctx, a.Name, markedAs(a.Name, a.Mark), func(d component.Description) component.Description {
		for _, n := range a.Remove {
			d = d.Without(n)
		}
		for _, n := range a.Add {
			d = d.With(n, a.Day)
			_, there := d.Note(n)
			full = full || !there
		}
		return d
	})
	if err == nil && full {
		return fmt.Errorf("repository %s has so many notes below its mark that no more fits", a.Name)
	}
	return err
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
		return fmt.Errorf("somebody else gave robot %s its permission, or another day: %w", a.Robot, errMoved)
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
	if !noted || markedAs(repository, w.plan.Names.Mark)(r) != nil {
		return time.Time{}, fmt.Errorf("repository %s does not say any more that robot %s is in quarantine: %w", repository, a.Robot, errMoved)
	}
	return since, nil
}

// idle demands that a robot is the one that was listed and was not used after a moment.
func (w *work) idle(ctx context.Context, a component.Account, since time.Time) error {
	robot, err := w.marked(ctx, a)
	switch {
	case errors.Is(err, quay.ErrNotFound):
		return fmt.Errorf("robot %s is gone: %w", a.Robot, errMoved)
	case err != nil:
		return err
	case robot.LastAccessed.After(since):
		return fmt.Errorf("robot %s was used just now: %w", a.Robot, errMoved)
	}
	return nil
}

// markedAs demands that a repository bears a mark.
func markedAs(name, mark string) func(quay.Repository) error {
	return func(r quay.Repository) error {
		if component.Description(r.Description).Mark() != mark {
			return remarked(name)
		}
		return nil
	}
}
