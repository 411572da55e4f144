package act

import (
	"context"
	"errors"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/apply/ends"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// writeNamespaceSecret makes a namespace's Secret carry the generation that was planned,
// under the resourceVersion that was read before its login was proved. It never goes back:
// only what is older than the Secret's is ever deleted, and only after a look at it.
func (w *Work) writeNamespaceSecret(ctx context.Context, a plan.WriteSecret) error {
	return w.insist(a.Secret, func() (bool, error) { return w.moveNamespaceSecret(ctx, a) })
}

func (w *Work) moveNamespaceSecret(ctx context.Context, a plan.WriteSecret) (done bool, err error) {
	s, held, err := w.namespaceSecret(ctx, a.Account)
	exists := err == nil
	switch {
	case err != nil && (a.Exists || !errors.Is(err, kube.ErrNotFound)):
		return false, err
	case exists && s.Immutable:
		return false, &ends.Obstacle{Problem: plan.Immutable(s.Namespace, s.Name)}
	}
	if held > a.Robot { // another run was faster, unless somebody has deleted that robot
		if _, err := w.Registry.GetRobot(ctx, held); !errors.Is(err, quay.ErrNotFound) {
			return true, err
		}
	}
	token, err := w.token(ctx, a.Account)
	if err != nil {
		return false, err
	}
	for _, repository := range w.plan.Common.Repositories {
		if held == a.Robot || a.Robot == a.First {
			break // it is there already, or nothing was before it
		}
		if err := w.proveOn(ctx, a.Account, repository); err != nil {
			return false, err
		}
	}
	if err := w.lookOnce(ctx); err != nil {
		return false, err
	}
	write := w.namespaceWrite(a.Account, a.Image, token)
	if held != a.Robot && a.Robot != a.First {
		write.RotatedAt = w.rotatedAt()
	}
	if exists {
		err = w.Cluster.UpdateSecret(ctx, write, s.ResourceVersion, false)
	} else {
		err = w.Cluster.CreateSecret(ctx, write)
	}
	if overtaken(err, exists) {
		delete(w.fresh, a.Robot) // good for one write
		return false, nil
	}
	return err == nil, err
}

func (w *Work) namespaceWrite(a component.Account, image string, token quay.Token) kube.SecretWrite {
	return kube.SecretWrite{
		Namespace: w.plan.Component.Namespace, Name: a.Secret, Labels: component.NamespaceLabels(),
		DockerConfigJSON: func() []byte { return component.Render(image, w.Naming.Login(a.Robot), token) },
	}
}

// namespaceSecret reads it, and which generation it holds. It is an error when it is somebody
// else's.
func (w *Work) namespaceSecret(ctx context.Context, a component.Account) (s kube.Secret, held string, err error) {
	if s, err = w.Cluster.Secret(ctx, w.plan.Component.Namespace, a.Secret); err != nil {
		return s, "", err
	}
	if whose, why := component.WhoseNamespace(s); whose == component.Foreign {
		return s, "", &ends.Obstacle{Problem: plan.SecretNotOurs("Secret", s.Namespace, s.Name, why)}
	}
	return s, w.Naming.Held(a, component.ContentOf(s.DockerConfigJSON())), nil
}

// heldBy is the generation that the Secret of one to be deleted holds.
func (w *Work) heldBy(ctx context.Context, a component.Account) (held string, err error) {
	if a.Secret == component.NamespaceSecret {
		_, held, err = w.namespaceSecret(ctx, a)
		return held, err
	}
	if held = w.at[a.Role]; held != "" {
		return held, nil
	}
	s, err := w.Cluster.Secret(ctx, w.plan.Component.Namespace, a.Secret)
	if err != nil {
		return "", err
	}
	return w.Naming.Held(a, component.ContentOf(s.DockerConfigJSON())), w.inTheWay(s, a.Secret, "")
}
