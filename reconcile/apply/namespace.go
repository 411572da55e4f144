package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// forNamespaces does what plans have for whole namespaces, when all their Components are
// done: what comes of that is told with the Component whose plan has it.
func (a *applier) forNamespaces(ctx, detached context.Context, plans []plan.Component, outcomes []Outcome) {
	a.made = map[string]bool{}
	for _, o := range outcomes {
		for _, action := range o.Applied {
			if repository, ok := plan.Makes(action); ok {
				a.made[repository] = true
			}
		}
	}
	order := plan.InTurns(plans, a.Turn, func(p plan.Component) bool { return p.Common != nil })
	order = slices.DeleteFunc(order, func(i int) bool { return outcomes[i].Skipped })
	a.each(order, func(i int) {
		o := a.component(ctx, detached, plans[i].ForAll())
		before := &outcomes[i]
		before.Applied = append(before.Applied, o.Applied...)
		before.Elapsed += o.Elapsed
		if o.Err != nil && before.Err == nil {
			o.Applied, o.Warnings, o.Elapsed, o.unused = before.Applied, before.Warnings, before.Elapsed, before.unused
			*before = o
		}
	})
}

// forAll takes a namespace's actions in order. What gives the robot its rights fails by
// itself, but then no Secret is moved and nothing is drained.
func (w *work) forAll(ctx context.Context, o *Outcome) {
	missing := slices.DeleteFunc(slices.Clone(w.plan.Common.New), func(name string) bool { return w.applier.made[name] })
	w.toProve = slices.DeleteFunc(slices.Clone(w.plan.Common.Repositories), func(name string) bool { return slices.Contains(missing, name) })
	lacks, over := false, false
	for _, action := range w.plan.Actions {
		if set, ok := action.(plan.SetPermission); ok && slices.Contains(missing, set.Repository) {
			lacks = true // its Component has failed, and says why
			continue
		}
		if over && !plan.Revokes(action) || lacks && w.restsOnAll(action) {
			continue
		}
		err := w.do(ctx, action)
		if err == nil {
			w.did(o, action)
			continue
		}
		w.stopFor(err)
		o.fails(action, fmt.Errorf("for the whole namespace: %w", err))
		if ends(err) {
			return
		}
		switch action.(type) {
		case plan.SetPermission:
			lacks = true
		case plan.CreateRobot, plan.WriteSecret:
			lacks, over = true, true
		}
	}
}

// restsOnAll reports whether an action takes a login away from those that have it, which
// must not happen while its successor lacks something.
func (w *work) restsOnAll(action plan.Action) bool {
	switch a := action.(type) {
	case plan.WriteSecret:
		return a.Rotated
	case plan.DeleteRobot:
		return true
	}
	return false
}

// writeNamespaceSecret makes a namespace's Secret carry the generation that was planned,
// under the resourceVersion that was read before its login was proved. It never goes back:
// only what is older than the Secret's is ever deleted, and only after a look at it.
func (w *work) writeNamespaceSecret(ctx context.Context, a plan.WriteSecret) error {
	return w.insist(a.Secret, func() (bool, error) { return w.moveNamespaceSecret(ctx, a) })
}

func (w *work) moveNamespaceSecret(ctx context.Context, a plan.WriteSecret) (done bool, err error) {
	s, held, err := w.namespaceSecret(ctx, a.Account)
	exists := err == nil
	switch {
	case err != nil && (a.Exists || !errors.Is(err, kube.ErrNotFound)):
		return false, err
	case exists && s.Immutable:
		return false, &obstacle{plan.Immutable(s.Namespace, s.Name)}
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
	for _, repository := range w.toProve {
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
	write := kube.SecretWrite{
		Namespace: w.plan.Component.Namespace, Name: a.Secret, Labels: component.NamespaceLabels(),
		DockerConfigJSON: func() []byte { return component.Render(a.Image, w.Naming.Login(a.Robot), token) },
	}
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

// namespaceSecret reads it, and which generation it holds. It is an error when it is somebody
// else's.
func (w *work) namespaceSecret(ctx context.Context, a component.Account) (s kube.Secret, held string, err error) {
	if s, err = w.Cluster.Secret(ctx, w.plan.Component.Namespace, a.Secret); err != nil {
		return s, "", err
	}
	if whose, why := component.WhoseNamespace(s); whose == component.Foreign {
		return s, "", &obstacle{plan.SecretNotOurs("Secret", s.Namespace, s.Name, why)}
	}
	return s, w.Naming.Held(a, component.ContentOf(s.DockerConfigJSON())), nil
}

// heldBy is the generation that the Secret of one to be deleted holds.
func (w *work) heldBy(ctx context.Context, a component.Account) (held string, err error) {
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
