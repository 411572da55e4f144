package ends

import (
	"context"
	"fmt"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// Describe changes the description of a repository that may, as it stands, be described
// for this Component: people may have written below the mark since it was listed.
func (e Pair) Describe(ctx context.Context, name string, may func(quay.Repository) error, edit func(component.Description) component.Description) error {
	r, err := e.Registry.GetRepository(ctx, name)
	if err != nil {
		return err
	}
	if err := may(r); err != nil {
		return err
	}
	before := component.Description(r.Description)
	if after := edit(before); after != before {
		return e.Registry.DescribeRepository(ctx, name, string(after))
	}
	return nil
}

// Remarked is the error when it does not.
func Remarked(name string) error {
	return fmt.Errorf("%w: repository %s does not bear the mark any more that it was listed with", ErrNotOurs, name)
}

// Note writes below the mark, or takes off what stands there. No note is left
// out without a word: something is about to rest on it.
func (e Pair) Note(ctx context.Context, a plan.NoteRepository) error {
	var full bool
	err := e.Describe(ctx, a.Name, MarkedAs(a.Name, a.Mark), func(d component.Description) component.Description {
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

// MarkedAs demands that a repository bears a mark.
func MarkedAs(name, mark string) func(quay.Repository) error {
	return func(r quay.Repository) error {
		if component.Description(r.Description).Mark() != mark {
			return Remarked(name)
		}
		return nil
	}
}

// Marked reads a robot and demands that it bears the mark it was listed with.
func (e Pair) Marked(ctx context.Context, a component.Account) (quay.Robot, error) {
	robot, err := e.Registry.GetRobot(ctx, a.Robot)
	if err == nil && robot.Description != a.Mark {
		err = fmt.Errorf("%w: robot %s does not bear the mark any more that it was listed with", ErrNotOurs, a.Robot)
	}
	return robot, err
}
