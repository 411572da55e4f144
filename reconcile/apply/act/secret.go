package act

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/apply/ends"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// sight is a Secret as it was before the look at the registry that a write of it rests
// on: the write holds only if nobody wrote in between.
type sight struct {
	secret kube.Secret
	exists bool
}

// survey is the beginning of G4: it reads the Secrets that are still to be looked at, and
// then who has which role on the repository. Both Secrets share one look, where the plan is
// about both.
func (w *Work) survey(ctx context.Context, a component.Account) (sight, error) {
	if s, seen := w.sights[a.Role]; seen {
		delete(w.sights, a.Role)
		return s, nil
	}
	w.sights = map[quay.Role]sight{}
	for _, account := range w.plan.Names.Accounts() {
		if account.Role != a.Role && w.rotation == nil && !w.writes(account) {
			continue
		}
		s, err := w.Cluster.Secret(ctx, w.plan.Component.Namespace, account.Secret)
		if err != nil && !errors.Is(err, kube.ErrNotFound) {
			return sight{}, err
		}
		w.sights[account.Role] = sight{s, err == nil}
	}
	roles, err := w.Registry.ListRobotPermissions(ctx, w.plan.Names.Repository)
	if err != nil {
		return sight{}, err
	}
	maps.Copy(roles, w.granted) // a lagging replica must not hide what this run has done
	w.roles = roles
	s := w.sights[a.Role]
	delete(w.sights, a.Role)
	return s, nil
}

// writes reports whether an account's Secret is written by the plan.
func (w *Work) writes(a component.Account) bool {
	return slices.ContainsFunc(w.plan.Actions, func(action plan.Action) bool {
		write, ok := action.(plan.WriteSecret)
		return ok && write.Secret == a.Secret
	})
}

// writeSecret makes the Secret carry the newest generation that has its role, as Quay
// has it now. The Secret is read first, for its resourceVersion; then the roles, then
// the robot; the write holds only if nobody wrote in between. Without the condition
// two overlapping runs can leave a dead token, or an older one.
func (w *Work) writeSecret(ctx context.Context, a plan.WriteSecret) error {
	if token, fresh := w.fresh[a.Robot]; fresh && !a.Exists && a.Robot == a.First && w.made[a.Robot] {
		if err := w.lookOnce(ctx); err != nil {
			return err
		}
		write := w.secretWrite(a.Account, a.Image, token)
		err := w.Cluster.CreateSecret(ctx, write)
		if err == nil {
			w.holds(a.Account, write)
		}
		if !errors.Is(err, kube.ErrExists) {
			return err // the robot is as new as the Secret: there is nothing to look for
		}
	}
	return w.insist(a.Secret, func() (bool, error) { return w.moveSecret(ctx, a) })
}

// insist repeats attempts to write a Secret until one is done or fails.
func (w *Work) insist(secret string, attempt func() (done bool, err error)) error {
	for range attempts {
		if done, err := attempt(); done || err != nil {
			return err
		}
	}
	return fmt.Errorf("write Secret %s/%s: %w", w.plan.Component.Namespace, secret, ends.ErrMoved)
}

// overtaken reports whether an error means that somebody else wrote meanwhile, what was
// there before or not.
func overtaken(err error, existed bool) bool {
	return errors.Is(err, kube.ErrConflict) || errors.Is(err, kube.ErrExists) || existed && errors.Is(err, kube.ErrNotFound)
}

// moveSecret is one attempt; it is not done when somebody else wrote meanwhile.
func (w *Work) moveSecret(ctx context.Context, a plan.WriteSecret) (done bool, err error) {
	s, err := w.survey(ctx, a.Account)
	if err != nil {
		return false, err
	}
	if s.exists {
		if err := w.inTheWay(s.secret, a.Secret, a.Inherits); err != nil {
			return false, err
		}
	}
	held := w.Naming.Held(a.Account, component.ContentOf(s.secret.DockerConfigJSON()))
	account, err := w.target(ctx, a.Account, held)
	if err != nil {
		return false, err
	}
	token, err := w.token(ctx, account)
	if err != nil {
		return false, err
	}
	write := w.secretWrite(account, a.Image, token)
	write.Former = strings.Join(a.Former, ",")
	whose, _ := component.Whose(s.secret.Labels, s.secret.Owners, w.plan.Component)
	equal := s.exists && whose == component.Mine && component.Covers(s.secret.Labels, write.Labels) && s.secret.Managing == "" &&
		string(s.secret.DockerConfigJSON()) == string(write.DockerConfigJSON())
	if !equal {
		if err := w.lookOnce(ctx); err != nil {
			return false, err
		}
		if account.Robot != held && account.Robot != account.First {
			write.RotatedAt = w.rotatedAt() // the overlap begins now, not before that look
		}
	}
	switch {
	case equal:
	case !s.exists:
		err = w.Cluster.CreateSecret(ctx, write)
	case s.secret.Immutable:
		return false, &ends.Obstacle{Problem: plan.Immutable(w.plan.Component.Namespace, a.Secret)}
	default:
		err = w.Cluster.UpdateSecret(ctx, write, s.secret.ResourceVersion, false)
	}
	switch {
	case err == nil:
		w.holds(account, write)
		return true, nil
	case overtaken(err, s.exists):
		delete(w.fresh, account.Robot) // good for one write: the next attempt reads it again
		w.sights = nil
		return false, nil
	}
	return false, err
}

// holds notes what a Secret was given, or found to hold.
func (w *Work) holds(a component.Account, write kube.SecretWrite) {
	w.at[a.Role] = a.Robot
	if a.Secret == w.plan.Names.Pull.Secret {
		w.pull = write.DockerConfigJSON
	}
}

// target is the generation that a Secret is moved to: the newest that has its role. It
// is never older than the one the Secret holds, unless that is gone, and never younger
// without a proof.
func (w *Work) target(ctx context.Context, a component.Account, held string) (component.Account, error) {
	newest := a.With(a.NewestOf(w.roles))
	if newest.Robot < held || newest.Robot == "" {
		_, err := w.Registry.GetRobot(ctx, held)
		switch {
		case newest.Robot == "" || err == nil:
			return a, fmt.Errorf("no robot of Secret %s has the role %s on its repository: %w", a.Secret, a.Role, ends.ErrRaced)
		case !errors.Is(err, quay.ErrNotFound):
			return a, err
		}
		held = ""
	}
	if newest.Robot > held && newest.Robot != newest.First {
		return newest, w.prove(ctx, newest)
	}
	return newest, nil
}

// token is that of a generation: of this run's own creation, or as Quay has it now.
func (w *Work) token(ctx context.Context, a component.Account) (quay.Token, error) {
	if token, fresh := w.fresh[a.Robot]; fresh {
		return token, nil
	}
	robot, err := w.Registry.GetRobot(ctx, a.Robot)
	if err != nil {
		return quay.Token{}, err
	}
	if robot.Description != a.Mark {
		return quay.Token{}, fmt.Errorf("%w: robot %s is not marked as this Component's", ends.ErrNotOurs, a.Robot)
	}
	w.fresh[a.Robot], w.looked = robot.Token, false
	return robot.Token, nil
}

// lookOnce looks at the cluster unless that was done since the last call of Quay.
func (w *Work) lookOnce(ctx context.Context) error {
	if w.looked {
		return nil
	}
	return w.look(ctx)
}

func (w *Work) secretWrite(a component.Account, image string, token quay.Token) kube.SecretWrite {
	c := w.plan.Component
	return kube.SecretWrite{
		Namespace: c.Namespace, Name: a.Secret, Labels: component.Labels(c), Owners: component.OwnersOf(c),
		DockerConfigJSON: func() []byte { return component.Render(image, w.Naming.Login(a.Robot), token) },
	}
}

// rotatedAt is now, by Quay's clock, as it is written on a Secret.
func (w *Work) rotatedAt() string { return w.Clock().UTC().Format(time.RFC3339) }

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
		return &ends.Obstacle{Problem: plan.SecretNotOurs("Secret", c.Namespace, name, why)}
	}
	return nil
}
