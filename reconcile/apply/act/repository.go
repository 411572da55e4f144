package act

import (
	"context"
	"errors"
	"fmt"

	"berth/quay"
	"berth/reconcile/apply/ends"
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
		return fmt.Errorf("%w: repository %s appeared meanwhile and is not marked as this Component's", ends.ErrNotOurs, a.Name)
	case r.Visibility != a.Visibility:
		return fmt.Errorf("repository %s appeared meanwhile and is %s: %w", a.Name, r.Visibility, ends.ErrRaced)
	}
	return nil
}

// adopt writes the mark above what people wrote.
func (w *Work) adopt(ctx context.Context, a plan.DescribeRepository) error {
	return w.Describe(ctx, a.Name, func(r quay.Repository) error {
		if !w.mayMark(r.Description) {
			return ends.Remarked(a.Name)
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
