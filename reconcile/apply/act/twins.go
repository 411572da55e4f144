package act

import (
	"context"
	"errors"
	"fmt"

	"berth/kube"
	"berth/reconcile/apply/ends"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// one is that of two Components which is of a group, as this run last saw it.
func (w *Work) one(g kube.Group) kube.Component {
	if twin := w.component.Twin; twin != nil && twin.Group == g {
		return *twin
	}
	return w.component
}

// listed is it as the run has listed it.
func (w *Work) listed(g kube.Group) *kube.Component {
	if twin := w.plan.Component.Twin; twin != nil && twin.Group == g {
		return twin
	}
	return w.plan.Component
}

// keep notes what became of one of them.
func (w *Work) keep(c kube.Component) {
	if twin := w.component.Twin; twin != nil && twin.Group == c.Group {
		w.component.Twin = &c
		return
	}
	c.Twin = w.component.Twin
	w.component = c
}

// asker is the one that new credentials are asked for on.
func (w *Work) asker() kube.Component { return w.one(w.plan.Asker().Group) }

// group is that of the Component that an action is about.
func (w *Work) group(of plan.Group) kube.Group {
	for _, c := range component.Both(w.plan.Component) {
		if of == plan.Group(c.Group.String()) {
			return c.Group
		}
	}
	return w.plan.Component.Group
}

// live reads the Component again, and its twin, and demands that they are those planned for.
func (w *Work) live(ctx context.Context) (kube.Component, error) {
	c, err := w.same(ctx, w.plan.Component)
	if twin := w.plan.Component.Twin; err == nil && twin != nil {
		c.Twin = twin
		if !twin.Odd { // else it cannot be read
			now, err := w.same(ctx, twin)
			c.Twin = &now
			return c, err
		}
	}
	return c, err
}

func (w *Work) same(ctx context.Context, listed *kube.Component) (kube.Component, error) {
	c, err := w.Cluster.Component(ctx, listed.Group, listed.Namespace, listed.Name)
	if err != nil && !errors.Is(err, kube.ErrNotFound) {
		return c, err
	}
	if err != nil || c.UID != listed.UID || c.Deleting {
		return c, fmt.Errorf("the Component %w", ends.ErrOvertaken)
	}
	return c, nil
}

// share adds the owners that an object of the berth lacks. Who they are was looked at last.
func (w *Work) share(ctx context.Context, a plan.ShareObject) error {
	if err := w.lookOnce(ctx); err != nil {
		return err
	}
	for range attempts {
		err := w.own(ctx, a)
		if !errors.Is(err, kube.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("share %s %s/%s: %w", a.Kind, w.plan.Component.Namespace, a.Name, ends.ErrMoved)
}

func (w *Work) own(ctx context.Context, a plan.ShareObject) error {
	c := w.plan.Component
	if a.Kind == plan.SharedRemoteSecret {
		r, err := w.remoteSecret(ctx)
		if missing := component.Missing(r.Owners, c); err == nil && len(missing) > 0 {
			err = w.Cluster.OwnRemoteSecret(ctx, r, missing)
			w.remote = nil // what this run knows of it is not the newest
		}
		return err
	}
	s, err := w.Cluster.Secret(ctx, c.Namespace, a.Name)
	if err == nil {
		err = w.inTheWay(s, a.Name, "")
	}
	if missing := component.Missing(s.Owners, c); err == nil && len(missing) > 0 {
		err = w.Cluster.OwnSecret(ctx, s, missing)
	}
	return err
}
