package observe

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/world"
)

// deliveryReader is the reading that tells where pull Secrets belong.
type deliveryReader interface {
	Environments(ctx context.Context, namespace string) ([]kube.Environment, error)
	EnvironmentBindings(ctx context.Context, namespace string) ([]kube.EnvironmentBinding, error)
	DeploymentTargetClaims(ctx context.Context, namespace string) ([]kube.DeploymentTargetClaim, error)
	DeploymentTargets(ctx context.Context, namespace string) ([]kube.DeploymentTarget, error)
	EachRemoteSecret(ctx context.Context, namespace string, keep func(namespace, name string) bool, begin func() func(kube.RemoteSecret)) error
	Component(ctx context.Context, g kube.Group, namespace, name string) (kube.Component, error)
	Secret(ctx context.Context, namespace, name string) (kube.Secret, error)
}

// ErrNoRemoteSecrets stops a run that was told to need them.
var ErrNoRemoteSecrets = fmt.Errorf("RemoteSecrets are required, but %w of object", kube.ErrNotInstalled)

// observeDelivery lists what says where pull Secrets belong. An API that the cluster
// does not have is a mode of the whole run, found out by discovery, never an error.
func (o *observer) observeDelivery(ctx context.Context) (mode world.Mode, d world.Deployments, err error) {
	if o.Policy.RemoteSecrets == "" {
		return mode, d, nil
	}
	served := o.served
	if o.Policy.RemoteSecrets == world.RemoteSecretsRequire && !served.RemoteSecrets {
		return mode, d, ErrNoRemoteSecrets
	}
	mode = world.Mode{Wanted: true, Environments: served.Environments && served.EnvironmentBindings, RemoteSecrets: served.RemoteSecrets}
	if !mode.Environments {
		return mode, d, nil
	}
	g, ctx := newGroup(ctx)
	listInto(ctx, g, o.territory, &d.Environments, o.Cluster.Environments, func(e kube.Environment) string { return e.Namespace })
	listInto(ctx, g, o.territory, &d.Bindings, o.Cluster.EnvironmentBindings, func(b kube.EnvironmentBinding) string { return b.Namespace })
	if served.DeploymentTargetClaims {
		listInto(ctx, g, o.territory, &d.Claims, o.Cluster.DeploymentTargetClaims, func(c kube.DeploymentTargetClaim) string { return c.Namespace })
	}
	if served.DeploymentTargets {
		listInto(ctx, g, o.territory, &d.Targets, o.Cluster.DeploymentTargets, func(t kube.DeploymentTarget) string { return t.Namespace })
	}
	return mode, d, g.Wait()
}

func listInto[T any](ctx context.Context, g group, t *territory, into *[]T, list func(context.Context, string) ([]T, error), namespace func(T) string) {
	g.Go(func() (err error) {
		*into, err = each(ctx, t, list)
		*into = slices.DeleteFunc(*into, func(item T) bool { return !t.within(namespace(item)) })
		return err
	})
}

// observeRemoteSecrets reads those that are named as a Component's is, and names the odd.
func (o *observer) observeRemoteSecrets(ctx context.Context) (odd []string, err error) {
	o.RemoteSecrets = make(map[component.Key]world.RemoteSecret, len(o.Components))
	ours := func(namespace, name string) bool {
		called, pull := o.owner(component.Key{Namespace: namespace, Name: name})
		return called != nil && pull
	}
	oddOnes := map[component.Key]bool{}
	var sorting sync.Mutex // namespaces are listed side by side
	_, err = each(ctx, o.territory, func(ctx context.Context, namespace string) ([]struct{}, error) {
		begun := false
		return nil, o.Cluster.EachRemoteSecret(ctx, namespace, ours, func() func(kube.RemoteSecret) {
			sorting.Lock()
			defer sorting.Unlock()
			if begun {
				forget(o.RemoteSecrets, namespace)
				forget(oddOnes, namespace)
			}
			begun = true
			return func(r kube.RemoteSecret) {
				sorting.Lock()
				defer sorting.Unlock()
				key := component.Key{Namespace: r.Namespace, Name: r.Name}
				called, _ := o.owner(key)
				if r.Odd {
					oddOnes[key] = true
				}
				if called.Named() && !called.Component.Deleting {
					o.RemoteSecrets[slimKey(key, called, true)] = o.remoteSecretOf(r, called)
				}
			}
		})
	})
	for k := range oddOnes {
		odd = append(odd, "RemoteSecret "+k.String())
	}
	return odd, err
}

// sortDelivery sorts what was listed to the Components, and looks at what arrived, and
// at whose a place is, where the lists do not show it.
func (o *observer) sortDelivery(ctx context.Context, l lists) error {
	o.Environments = l.deployments.ByNamespace()
	for namespace, n := range l.authorizing {
		if e := o.Environments[namespace]; e != nil {
			e.Authorizing += n
		}
	}
	var unseen []look
	for _, c := range o.Components {
		if called := o.Called(component.KeyOf(c)); called.Named() && !c.Deleting {
			unseen = append(unseen, o.unseen(c, o.RemoteSecrets[component.Key{Namespace: c.Namespace, Name: called.Pull.Secret}])...)
		}
	}
	return o.look(ctx, unseen)
}

func (o *observer) remoteSecretOf(r kube.RemoteSecret, called *world.Called) world.RemoteSecret {
	c := *called.Component
	whose, why := component.Whose(r.Labels, r.Owners, c)
	if r.Odd {
		why = "it is not of a RemoteSecret's form"
	}
	record := component.ParseUploadRecord(r.Upload)
	remote := world.RemoteSecret{
		RemoteSecret: r, Owned: whose, Foreign: why, Lacks: whose == component.Mine && !component.OwnedByBoth(r.Owners, c),
		Record: record, Due: record.Due(o.now), Late: record.Late(o.now),
	}
	return remote.Slimmed(c, called.Pull.Secret, o.Policy.PullAccounts(c.Name))
}

// sortSecret notes a Secret with our label that is on its way to an environment, or
// has arrived.
func (o *observer) sortSecret(s kube.Secret) {
	key := component.Key{Namespace: s.Namespace, Name: s.Uploads}
	switch {
	case s.Uploads != "" && s.Type == component.SecretType:
		o.Uploads[key] = append(o.Uploads[key], world.Upload{
			Name: s.Name, ResourceVersion: s.ResourceVersion, Fingerprint: component.ContentOf(s.DockerConfigJSON()).Fingerprint, Labels: s.Labels, Owners: s.Owners,
		})
	case s.Managing != "":
		o.Arrived[component.Key{Namespace: s.Namespace, Name: s.Name}] = arrivedOf(s)
	}
}
