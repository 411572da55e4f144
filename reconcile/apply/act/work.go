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
		return fmt.Errorf("%w: robot %s appeared meanwhile and is not marked as this Component's", ErrNotOurs, a.Robot)
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

// unsure reports whether only reading again tells what a creation did.
func unsure(err error) bool {
	return errors.Is(err, quay.ErrInvalid) || errors.Is(err, quay.ErrUncertain) || errors.Is(err, quay.ErrUnexpected)
}

// attempts bounds how often a conditional write is tried again after somebody
// else wrote first.
const attempts = 5

// announce writes the annotation that tells the tenant.
func (w *Work) announce(ctx context.Context, g kube.Group, value string) error {
	return w.annotate(ctx, g, func(kube.Component) (kube.AnnotationChange, bool, error) {
		return kube.AnnotationChange{Set: map[string]string{component.AnnotationImage: value}}, true, nil
	})
}

// Tell tells the Component's owner that something failed which only the owner or the
// operator can mend.
func (w *Work) Tell(ctx context.Context, sentence string) error {
	for _, c := range component.Both(w.component) {
		value := component.WithMessage(c, w.plan.Names, w.plan.Image, sentence)
		if value == c.Annotations[component.AnnotationImage] || c.Odd {
			continue
		}
		if err := w.announce(ctx, c.Group, value); err != nil {
			return err
		}
	}
	return nil
}

// annotate changes the annotations of the Component of a group as decide says of it as it
// stands, and asks again when somebody else wrote first.
func (w *Work) annotate(ctx context.Context, g kube.Group, decide func(kube.Component) (change kube.AnnotationChange, due bool, err error)) error {
	var last error
	for range attempts {
		c := w.one(g)
		change, due, err := decide(c)
		if err != nil || !due {
			return err
		}
		if c, err = w.Cluster.Annotate(ctx, c, change); err == nil {
			w.keep(c)
			return nil
		}
		if !errors.Is(err, kube.ErrConflict) && !errors.Is(err, kube.ErrInvalid) {
			return err
		}
		last = err
		if w.component, err = w.live(ctx); err != nil {
			return err
		}
	}
	return last
}

// setImage names the repository in spec.containerImage, unless somebody else was faster.
func (w *Work) setImage(ctx context.Context, g kube.Group, image string) error {
	return w.annotate(ctx, g, func(c kube.Component) (kube.AnnotationChange, bool, error) {
		return kube.AnnotationChange{ContainerImage: image}, c.ContainerImage == "", nil
	})
}

// inTheWay is an error when a Secret of our name is not this Component's, or can never
// be one that carries a token.
func (w *Work) inTheWay(s kube.Secret, name, inherits string) error {
	c := w.plan.Component
	whose, why := component.Whose(s.Labels, s.Owners, c)
	if component.InheritedFrom(s, inherits) {
		whose = component.Inherited
	}
	if whose != component.Foreign && s.Type != "" && s.Type != component.SecretType {
		whose, why = component.Foreign, component.OtherType
	}
	if whose == component.Foreign {
		return &Obstacle{plan.SecretNotOurs("Secret", c.Namespace, name, why)}
	}
	return nil
}

// Obstacle is a problem that planning would have found, had it been there by then.
type Obstacle struct{ Problem *plan.Problem }

func (o *Obstacle) Error() string { return o.Problem.Summary }
