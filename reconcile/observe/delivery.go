package observe

import (
	"context"
	"fmt"
	"slices"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/observe/territory"
	"berth/reconcile/world"
)

// ErrNoRemoteSecrets stops a run that was told to need them.
var ErrNoRemoteSecrets = fmt.Errorf("RemoteSecrets are required, but %w of object", kube.ErrNotInstalled)

// observeDelivery lists what says where pull Secrets belong. An API that the cluster
// does not have is a mode of the whole run, found out by discovery, never an error.
func (o *observer) observeDelivery(ctx context.Context) error {
	served, d := o.served, &o.deployments
	if o.Policy.RemoteSecrets == "" {
		return nil
	}
	if o.Policy.RemoteSecrets == world.RemoteSecretsRequire && !served.RemoteSecrets {
		return ErrNoRemoteSecrets
	}
	o.Mode = world.Mode{Wanted: true, Environments: served.Environments && served.EnvironmentBindings, RemoteSecrets: served.RemoteSecrets}
	if !o.Mode.Environments {
		return nil
	}
	g, ctx := territory.SideBySide(ctx)
	listInto(ctx, g, o, "Environment", &d.Environments, o.Cluster.Environments, func(e kube.Environment) (string, string, bool) { return e.Namespace, e.Name, e.Odd })
	listInto(ctx, g, o, "SnapshotEnvironmentBinding", &d.Bindings, o.Cluster.EnvironmentBindings, func(b kube.EnvironmentBinding) (string, string, bool) { return b.Namespace, b.Name, b.Odd })
	if served.DeploymentTargetClaims {
		listInto(ctx, g, o, "DeploymentTargetClaim", &d.Claims, o.Cluster.DeploymentTargetClaims, func(c kube.DeploymentTargetClaim) (string, string, bool) { return c.Namespace, c.Name, c.Odd })
	}
	if served.DeploymentTargets {
		listInto(ctx, g, o, "DeploymentTarget", &d.Targets, o.Cluster.DeploymentTargets, func(t kube.DeploymentTarget) (string, string, bool) { return t.Namespace, t.Name, t.Odd })
	}
	return g.Wait()
}

// listInto lists what is of the territory, and names the objects that cannot be read, of
// which nothing else is known.
func listInto[T any](ctx context.Context, g territory.Group, o *observer, kind string, into *[]T, list func(context.Context, string) ([]T, error), of func(T) (namespace, name string, odd bool)) {
	g.Go(func() (err error) {
		*into, err = territory.Each(ctx, o.territory, list)
		*into = slices.DeleteFunc(*into, func(item T) bool {
			namespace, name, odd := of(item)
			if within := o.territory.Within(namespace); !within || !odd {
				return !within
			}
			o.odd(kind, namespace, name)
			return false
		})
		return err
	})
}

// observeRemoteSecrets reads those that are named as a Component's is.
func (o *observer) observeRemoteSecrets(ctx context.Context) error {
	odd := map[component.Key]bool{}
	o.RemoteSecrets = make(map[component.Key]*world.RemoteSecret, len(o.Components))
	ours := func(namespace, name string) bool {
		called, pull := o.owner(component.Key{Namespace: namespace, Name: name})
		return called != nil && pull
	}
	err := territory.Sorted(ctx, o.territory, func(ctx context.Context, namespace string, begin func() func(kube.RemoteSecret)) error {
		return o.Cluster.EachRemoteSecret(ctx, namespace, ours, begin)
	}, func(namespace string) {
		forget(o.RemoteSecrets, namespace)
		forget(odd, namespace)
	}, func(r kube.RemoteSecret) {
		key := component.Key{Namespace: r.Namespace, Name: r.Name}
		called, _ := o.owner(key)
		if r.Odd {
			odd[key] = true
		}
		if called.Named() && !called.Component.Deleting {
			o.RemoteSecrets[slimKey(key, called, true)] = new(o.remoteSecretOf(r, called))
		}
	})
	for k := range odd {
		o.odd("RemoteSecret", k.Namespace, k.Name)
	}
	return err
}

// sortDelivery sorts what was listed to the Components, and looks at what arrived, and
// at whose a place is, where the lists do not show it.
func (o *observer) sortDelivery(ctx context.Context) error {
	o.Environments = o.deployments.ByNamespace()
	for namespace, n := range o.authorizing {
		if e := o.Environments[namespace]; e != nil {
			e.Authorizing += n
		}
	}
	var unseen []look
	for i := range o.Components {
		c := &o.Components[i]
		if called := o.Called(component.KeyOf(c)); called.Named() && !c.Deleting {
			unseen = append(unseen, o.unseen(c, o.RemoteSecrets[component.Key{Namespace: c.Namespace, Name: called.Pull.Secret}])...)
		}
	}
	return o.look(ctx, unseen)
}

func (o *observer) remoteSecretOf(r kube.RemoteSecret, called *world.Called) world.RemoteSecret {
	c := called.Component
	whose, why := component.Whose(r.Labels, r.Owners, c)
	if r.Odd {
		why = "it is not of a RemoteSecret's form"
	}
	record := component.ParseUploadRecord(r.Upload)
	remote := world.RemoteSecret{
		RemoteSecret: &r, Owned: whose, Foreign: why, Lacks: whose == component.Mine && !component.OwnedByBoth(r.Owners, c),
		Record: record, Due: record.Due(o.now), Late: record.Late(o.now),
	}
	remote = remote.Slimmed(c, called.Pull.Secret, o.Policy.PullAccounts(c.Name))
	if remote.Slim && remote.HasData && !remote.Deleting && len(remote.Targets)+remote.Further+len(remote.TargetStatuses) == 0 {
		remote.RemoteSecret = o.atHome
	}
	return remote
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
