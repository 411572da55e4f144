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
)

// createRepository reads again when the answer leaves open whether there is a
// repository now, and goes on only with the one it wanted.
func (w *work) createRepository(ctx context.Context, a plan.CreateRepository) error {
	if a.Visibility == quay.Public {
		if err := w.look(ctx); err != nil {
			return err
		}
	}
	err := w.within(a.Visibility, "create repository "+a.Name, func() error {
		return w.Registry.CreateRepository(ctx, a.Repository)
	})
	if !unsure(err) {
		return err
	}
	r, lookup := w.Registry.GetRepository(ctx, a.Name)
	switch {
	case errors.Is(lookup, quay.ErrNotFound):
		return err
	case lookup != nil:
		return errors.Join(err, lookup)
	case r.Description != a.Description:
		return fmt.Errorf("%w: repository %s appeared meanwhile and is not marked as this Component's", errNotOurs, a.Name)
	case r.Visibility != a.Visibility:
		return fmt.Errorf("repository %s appeared meanwhile and is %s: %w", a.Name, r.Visibility, errRaced)
	}
	return nil
}

func (w *work) changeVisibility(ctx context.Context, a plan.ChangeVisibility) error {
	if a.To == quay.Public {
		if err := w.look(ctx); err != nil {
			return err
		}
	}
	return w.within(a.To, "make repository "+a.Repository+" private", func() error {
		return w.Registry.ChangeVisibility(ctx, a.Repository, a.To)
	})
}

// within makes a call that may take one of the private repositories that the plan
// at Quay allows. The first refusal is the verdict for the whole run: only what is
// in flight beside it is refused by Quay, too.
func (w *work) within(v quay.Visibility, what string, call func() error) error {
	if v == quay.Private && w.full.Load() {
		return fmt.Errorf("%s: %w", what, quay.ErrPaymentRequired)
	}
	err := call()
	if errors.Is(err, quay.ErrPaymentRequired) {
		w.full.Store(true)
	}
	return err
}

func (w *work) createRobot(ctx context.Context, a plan.CreateRobot) error {
	robot, err := w.Registry.CreateRobot(ctx, a.Robot, a.Mark)
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
		return fmt.Errorf("%w: robot %s appeared meanwhile and is not marked as this Component's", errNotOurs, a.Robot)
	}
	return nil
}

// unsure reports whether only reading again tells what a creation did.
func unsure(err error) bool {
	return errors.Is(err, quay.ErrInvalid) || errors.Is(err, quay.ErrUncertain) || errors.Is(err, quay.ErrUnexpected)
}

// attempts bounds how often a conditional write is tried again after somebody
// else wrote first.
const attempts = 5

// announce writes the annotation that tells the tenant.
func (w *work) announce(ctx context.Context, value string) error {
	return w.annotate(ctx, func(kube.Component) (kube.AnnotationChange, bool, error) {
		return kube.AnnotationChange{Set: map[string]string{component.AnnotationImage: value}}, true, nil
	})
}

// annotate changes the Component's annotations as decide says of it as it stands,
// and asks again when somebody else wrote first.
func (w *work) annotate(ctx context.Context, decide func(kube.Component) (change kube.AnnotationChange, due bool, err error)) error {
	var last error
	for range attempts {
		change, due, err := decide(w.component)
		if err != nil || !due {
			return err
		}
		c, err := w.Cluster.Annotate(ctx, w.component, change)
		if err == nil {
			w.component = c
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
func (w *work) setImage(ctx context.Context, image string) error {
	var last error
	for range attempts {
		if w.component.ContainerImage != "" {
			return nil
		}
		c, err := w.Cluster.SetContainerImage(ctx, w.component, image)
		if err == nil {
			w.component = c
			return nil
		}
		if !errors.Is(err, kube.ErrConflict) {
			return err
		}
		last = err
		if w.component, err = w.live(ctx); err != nil {
			return err
		}
	}
	return last
}

// writeSecret makes the Secret carry the robot's token as Quay has it now. The
// Secret is read first, for its resourceVersion; then the robot; the write
// holds only if nobody wrote in between; and the next round reads both back.
// Without the condition two overlapping runs can leave a dead token.
func (w *work) writeSecret(ctx context.Context, a plan.WriteSecret) error {
	namespace := w.plan.Component.Namespace
	skip := !a.Exists // of a new one there is nothing to read yet
	for attempt := range attempts {
		var secret kube.Secret
		err := kube.ErrNotFound
		if !skip {
			secret, err = w.Cluster.Secret(ctx, namespace, a.Secret)
		}
		skip = false
		if err != nil && !errors.Is(err, kube.ErrNotFound) {
			return err
		}
		exists := err == nil
		if exists {
			if err := w.inTheWay(secret, a.Secret); err != nil {
				return err
			}
		}
		token, fresh, err := w.token(ctx, a.Account)
		if err != nil {
			return err
		}
		write := w.secretWrite(a, token)
		whose, _ := component.Whose(secret.Labels, secret.Owners, w.plan.Component)
		if exists && whose == component.Mine && plan.Covers(secret.Labels, write.Labels) && string(secret.DockerConfigJSON()) == string(write.DockerConfigJSON()) &&
			(secret.Managing == "" || attempt > 0) { // who takes it over again meanwhile is left to the next run
			return nil
		}
		if exists && secret.Immutable {
			return &obstacle{plan.Immutable(namespace, a.Secret)}
		}
		if !w.looked {
			if err := w.look(ctx); err != nil {
				return err
			}
		}
		if exists {
			err = w.Cluster.UpdateSecret(ctx, write, secret.ResourceVersion, false)
		} else {
			err = w.Cluster.CreateSecret(ctx, write)
		}
		switch {
		case err == nil && fresh:
			return nil // the robot is as new as the Secret: nobody can have rotated it
		case err == nil, errors.Is(err, kube.ErrConflict), errors.Is(err, kube.ErrExists):
		case exists && errors.Is(err, kube.ErrNotFound): // deleted meanwhile: make it anew
		default:
			return err
		}
	}
	return fmt.Errorf("write Secret %s/%s: %w", namespace, a.Secret, errMoved)
}

// inTheWay is an error when a Secret of our name is not this Component's, or can never
// be one that carries a token.
func (w *work) inTheWay(s kube.Secret, name string) error {
	c := w.plan.Component
	whose, why := component.Whose(s.Labels, s.Owners, c)
	if whose != component.Foreign && s.Type != "" && s.Type != component.SecretType {
		whose, why = component.Foreign, component.OtherType
	}
	if whose == component.Foreign {
		return &obstacle{plan.SecretNotOurs("Secret", c.Namespace, name, why)}
	}
	return nil
}

// token is the robot's current one, and whether this run has just made it.
func (w *work) token(ctx context.Context, a component.Account) (token quay.Token, fresh bool, err error) {
	token, fresh = w.fresh[a.Robot]
	delete(w.fresh, a.Robot) // good for one write: a second round reads it again
	if !fresh {
		robot, err := w.Registry.GetRobot(ctx, a.Robot)
		if err != nil {
			return quay.Token{}, false, err
		}
		token, w.looked = robot.Token, false
	}
	w.seen(a.Robot, token)
	return token, fresh, nil
}

func (w *work) secretWrite(a plan.WriteSecret, token quay.Token) kube.SecretWrite {
	c := w.plan.Component
	s := kube.SecretWrite{
		Namespace: c.Namespace, Name: a.Secret, Labels: component.Labels(c), Owner: component.OwnerOf(c),
		DockerConfigJSON: func() []byte { return component.Render(a.Image, w.Naming.Login(a.Robot), token) },
	}
	if a.Rotated {
		s.RotatedAt = w.Now().UTC().Format(time.RFC3339)
	}
	return s
}
