package act

import (
	"context"
	"errors"
	"fmt"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// createRepository reads again when the answer leaves open whether there is a
// repository now, and goes on only with the one it wanted.
func (w *Work) createRepository(ctx context.Context, a plan.CreateRepository) error {
	if a.Visibility == quay.Public {
		if err := w.look(ctx); err != nil {
			return err
		}
	}
	err := w.Ask(a, func() error { return w.Registry.CreateRepository(ctx, a.Repository) })
	if !unsure(err) {
		return err
	}
	r, lookup := w.Registry.GetRepository(ctx, a.Name)
	switch {
	case errors.Is(lookup, quay.ErrNotFound):
		return err
	case lookup != nil:
		return errors.Join(err, lookup)
	case !w.plan.Names.Marks(r.Description):
		return fmt.Errorf("%w: repository %s appeared meanwhile and is not marked as this Component's", ErrNotOurs, a.Name)
	case r.Visibility != a.Visibility:
		return fmt.Errorf("repository %s appeared meanwhile and is %s: %w", a.Name, r.Visibility, ErrRaced)
	}
	return nil
}

// describe changes the description of a repository that may, as it stands, be described
// for this Component: people may have written below the mark since it was listed.
func (e Ends) describe(ctx context.Context, name string, may func(quay.Repository) error, edit func(component.Description) component.Description) error {
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

func remarked(name string) error {
	return fmt.Errorf("%w: repository %s does not bear the mark any more that it was listed with", ErrNotOurs, name)
}

// Note writes below the mark, or takes off what stands there. No note is left
// out without a word: something is about to rest on it.
func (e Ends) Note(ctx context.Context, a plan.NoteRepository) error {
	var full bool
	err := e.describe(ctx, a.Name, markedAs(a.Name, a.Mark), func(d component.Description) component.Description {
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

// markedAs demands that a repository bears a mark.
func markedAs(name, mark string) func(quay.Repository) error {
	return func(r quay.Repository) error {
		if component.Description(r.Description).Mark() != mark {
			return remarked(name)
		}
		return nil
	}
}

// adopt writes the mark above what people wrote.
func (w *Work) adopt(ctx context.Context, a plan.DescribeRepository) error {
	return w.describe(ctx, a.Name, func(r quay.Repository) error {
		if !w.mayMark(r.Description) {
			return remarked(a.Name)
		}
		return nil
	}, func(d component.Description) component.Description { return d.Under(a.Mark) })
}

// mayMark reports whether a repository that is so described may get this Component's mark.
func (w *Work) mayMark(description string) bool {
	n := w.plan.Names
	return n.Marks(description) || n.Moved(description) || w.Policy.Adopt && n.Adoptable(description)
}

func (w *Work) changeVisibility(ctx context.Context, a plan.ChangeVisibility) error {
	if a.To == quay.Public {
		if err := w.look(ctx); err != nil {
			return err
		}
	}
	if a.Source {
		return w.follow(ctx, a)
	}
	return w.change(ctx, a)
}

func (w *Work) change(ctx context.Context, a plan.ChangeVisibility) error {
	return w.Ask(a, func() error { return w.Registry.ChangeVisibility(ctx, a.Repository, a.To) })
}

// unsure reports whether only reading again tells what a creation did.
func unsure(err error) bool {
	return errors.Is(err, quay.ErrInvalid) || errors.Is(err, quay.ErrUncertain) || errors.Is(err, quay.ErrUnexpected)
}
