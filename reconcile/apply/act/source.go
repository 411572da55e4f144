package act

import (
	"context"
	"fmt"

	"berth/quay"
	"berth/reconcile/apply/ends"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// as lets a description be changed of a repository that is as it was listed: what another
// run has seen meanwhile, or a person done, is newer. Between this look and the write there
// is nothing that Quay could be asked to compare. Whoever writes last then wins, and what may
// be lost is a memory: a repository that stays private, or one that is closed a day later.
func (w *Work) as(from quay.Visibility, told component.Memory) func(quay.Repository) error {
	return func(r quay.Repository) error {
		switch {
		case !w.plan.Names.Marks(r.Description):
			return ends.Remarked(r.Name)
		case r.Visibility != from || component.Description(r.Description).Memory() != told:
			return fmt.Errorf("repository %s %w", r.Name, ends.ErrOvertaken)
		}
		return nil
	}
}

// remember changes what a repository's description tells of its source.
func (w *Work) remember(ctx context.Context, repository string, from quay.Visibility, told, now component.Memory) error {
	return w.Describe(ctx, repository, w.as(from, told), func(d component.Description) component.Description {
		return d.Remembering(now, w.Clock())
	})
}

// rememberSource writes down what a look has shown, or that there is nothing to remember.
// The moment is that of the write, which is not before the look.
func (w *Work) rememberSource(ctx context.Context, a plan.RememberSource) error {
	var now component.Memory
	if a.Refusal != "" {
		now = component.Memory{Refusal: a.Refusal, Since: w.Clock()}
	}
	return w.remember(ctx, a.Repository, w.plan.Visibility, a.Told, now)
}

// follow makes a repository what its source is. It is written down first that it was
// closed for that, and taken off last: what is private is opened only where it is known to
// have been Berth that closed it, so a run that dies in between closes or takes off again.
func (w *Work) follow(ctx context.Context, a plan.ChangeVisibility) error {
	closed := a.Told
	closed.Closed = true
	if err := w.remember(ctx, a.Repository, a.From, a.Told, closed); err != nil {
		return err
	}
	if err := w.change(ctx, a); err != nil || a.To == quay.Private {
		return err
	}
	return w.remember(ctx, a.Repository, a.To, closed, component.Memory{})
}
