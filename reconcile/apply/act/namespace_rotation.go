package act

import (
	"context"
	"errors"
	"fmt"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/apply/ends"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// takeRequest takes the request of a namespace on, as Begin does a Component's: when it is
// known that its Secret would take a new login, and with a stamp later than all that a look
// at the registry shows while the request stands. It ends with a marker on the namespace, or
// with an error and nothing made.
func (w *Work) takeRequest(ctx context.Context, a plan.TakeRequest) error {
	last := ends.ErrMoved
	for range attempts {
		n, err := w.asking(ctx, a.Namespace)
		if err != nil {
			return err
		}
		asker := component.NamespaceAsker(n)
		if _, standing := component.ParseMarker(asker, w.Clock()); standing || n.Annotations[component.AnnotationGenerate] != a.Request {
			return fmt.Errorf("the request of namespace %s: %w", n.Name, ends.ErrMoved)
		}
		to, err := w.stampForAll(ctx, a)
		if err != nil {
			return err
		}
		m := component.NewMarker(asker, to, a.How, w.Clock())
		_, err = w.Cluster.AnnotateNamespace(ctx, n, kube.AnnotationChange{
			Test:   map[string]string{component.AnnotationGenerate: a.Request},
			Set:    map[string]string{component.AnnotationRotation: m.Encode()},
			Remove: []string{component.AnnotationGenerate},
		})
		if err == nil {
			w.rotation = &taken{Marker: m, planned: a.To}
			return nil
		}
		if last = err; !errors.Is(err, kube.ErrConflict) && !errors.Is(err, kube.ErrInvalid) {
			break
		}
	}
	return fmt.Errorf("the rotation cannot be recorded, so nothing was made: %w", last)
}

// asking reads the namespace, which is still the one that was listed.
func (w *Work) asking(ctx context.Context, name string) (kube.Namespace, error) {
	n, err := w.Cluster.Namespace(ctx, name)
	if errors.Is(err, kube.ErrNotFound) || err == nil && n.UID != w.plan.Namespace {
		err = fmt.Errorf("namespace %s %w", name, ends.ErrOvertaken)
	}
	return n, err
}

// stampForAll asks the cluster, without writing, whether the Secret would take a new login,
// and the registry which generations there are.
func (w *Work) stampForAll(ctx context.Context, a plan.TakeRequest) (string, error) {
	s, held, err := w.namespaceSecret(ctx, a.Account)
	switch {
	case errors.Is(err, kube.ErrNotFound):
	case err != nil:
		return "", err
	case s.Immutable:
		return "", &ends.Obstacle{Problem: plan.Immutable(s.Namespace, s.Name)}
	default:
		err := w.Cluster.UpdateSecret(ctx, w.namespaceWrite(a.Account, w.plan.Common.Image, quay.Token{}), s.ResourceVersion, true)
		if err := w.wouldDo(err, "the Secret would not take a new login, so nothing was made"); err != nil {
			return "", err
		}
	}
	known := []string{held}
	if len(w.plan.Common.Repositories) > 0 {
		roles, err := w.Registry.ListRobotPermissions(ctx, w.plan.Common.Repositories[0])
		if err != nil {
			return "", err
		}
		for robot := range roles {
			known = append(known, robot)
		}
	}
	planned, _ := component.StampTime(a.To) // which is now, or later than what the list showed
	return component.NextStamp(planned, [2]component.Account{a.Account, a.Account}, known), nil
}

// answerRequest says on the namespace that its request is done, when it is: the marker goes
// that says which one. A request for robots that this run has made needs none.
func (w *Work) answerRequest(ctx context.Context, a plan.AnswerRequest) error {
	m := component.Marker{To: a.To, How: a.How}
	if w.rotation != nil {
		m = w.rotation.Marker
	}
	if a.Request == "" {
		if err := w.settledForAll(ctx, a.Account, m); err != nil {
			return err
		}
	} else if !w.made[a.Robot] {
		return fmt.Errorf("robot %s appeared meanwhile: %w", a.Robot, ends.ErrRaced)
	}
	announcement := a.Announcement.After(w.Clock()).Encode()
	var last error
	for range attempts {
		n, err := w.asking(ctx, a.Namespace)
		if err != nil {
			return err
		}
		key, value := component.AnnotationRotation, n.Annotations[component.AnnotationRotation]
		stands, marked := component.ParseMarker(component.NamespaceAsker(n), w.Clock())
		if due := marked && stands.To == m.To; a.Request == "" && !due {
			return nil // another run has said so
		}
		change := kube.AnnotationChange{Set: map[string]string{component.AnnotationImage: announcement}}
		if a.Request != "" {
			if key, value = component.AnnotationGenerate, n.Annotations[component.AnnotationGenerate]; marked || value != a.Request {
				return nil
			}
			change.Set = nil // nothing was replaced
		}
		change.Test, change.Remove = map[string]string{key: value}, []string{key}
		if _, last = w.Cluster.AnnotateNamespace(ctx, n, change); !errors.Is(last, kube.ErrConflict) && !errors.Is(last, kube.ErrInvalid) {
			return last
		}
	}
	return last
}

// settledForAll demands that the Secret is at the marker's generation or a younger one and,
// to revoke, deletes what is older that no list has shown.
func (w *Work) settledForAll(ctx context.Context, a component.Account, m component.Marker) error {
	_, held, err := w.namespaceSecret(ctx, a)
	if err != nil {
		return err
	}
	if held < a.At(m.To).Robot {
		return fmt.Errorf("Secret %s is not at the new generation: %w", a.Secret, ends.ErrMoved) //nolint:staticcheck // a kind's name
	}
	if m.How != component.Revoke || len(w.plan.Common.Repositories) == 0 {
		return nil
	}
	roles, err := w.Registry.ListRobotPermissions(ctx, w.plan.Common.Repositories[0])
	if err != nil {
		return err
	}
	for _, robot := range older(a, roles, held) {
		if err := w.Registry.DeleteRobot(ctx, robot); err != nil {
			return err
		}
	}
	return nil
}
