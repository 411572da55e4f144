package observe

import (
	"context"
	"fmt"
	"slices"
	"time"

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
	RemoteSecrets(ctx context.Context, namespace string, keep func(namespace, name string) bool) ([]kube.RemoteSecret, error)
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
	listInto(ctx, g, o.territory, &d.Environments, o.Cluster.Environments)
	listInto(ctx, g, o.territory, &d.Bindings, o.Cluster.EnvironmentBindings)
	if served.DeploymentTargetClaims {
		listInto(ctx, g, o.territory, &d.Claims, o.Cluster.DeploymentTargetClaims)
	}
	if served.DeploymentTargets {
		listInto(ctx, g, o.territory, &d.Targets, o.Cluster.DeploymentTargets)
	}
	return mode, d, g.Wait()
}

func listInto[T any](ctx context.Context, g group, t *territory, into *[]T, list func(context.Context, string) ([]T, error)) {
	g.Go(func() (err error) {
		*into, err = each(ctx, t, list)
		return err
	})
}

// ownRemoteSecrets lists the RemoteSecrets that are named as a Component's is.
func (o *observer) ownRemoteSecrets() func(context.Context, string) ([]kube.RemoteSecret, error) {
	names := make(map[component.Key]bool, len(o.Components))
	for _, c := range o.Components {
		names[component.PullSecretOf(c)] = true
	}
	return func(ctx context.Context, namespace string) ([]kube.RemoteSecret, error) {
		return o.Cluster.RemoteSecrets(ctx, namespace, func(namespace, name string) bool { return names[component.Key{Namespace: namespace, Name: name}] })
	}
}

// sortDelivery sorts what was listed to the Components, and looks at what arrived, and
// at whose a place is, where the lists do not show it.
func (o *observer) sortDelivery(ctx context.Context, l lists) error {
	o.Environments = l.deployments.ByNamespace()
	for _, a := range l.accounts {
		if e := o.Environments[a.Namespace]; e != nil && a.Authorizes {
			e.Authorizing++
		}
	}
	remote := make(map[component.Key]kube.RemoteSecret, len(l.remoteSecrets))
	for _, r := range l.remoteSecrets {
		remote[component.Key{Namespace: r.Namespace, Name: r.Name}] = r
	}
	o.RemoteSecrets = map[component.Key]world.RemoteSecret{}
	var unseen []look
	for i, c := range slices.Concat(o.Components, o.Elsewhere) {
		if _, err := o.Names(c); err != nil || c.Deleting {
			continue
		}
		key := component.PullSecretOf(c)
		r, exists := remote[key]
		if exists {
			o.RemoteSecrets[key] = remoteSecretOf(r, c, o.now)
		}
		if i < len(o.Components) {
			unseen = append(unseen, o.unseen(c, o.RemoteSecrets[key])...)
		}
	}
	return o.look(ctx, unseen)
}

func remoteSecretOf(r kube.RemoteSecret, c kube.Component, now time.Time) world.RemoteSecret {
	whose, why := component.Whose(r.Labels, r.Owners, c)
	if r.Odd {
		why = "it is not of a RemoteSecret's form"
	}
	record := component.ParseUploadRecord(r.Upload)
	return world.RemoteSecret{RemoteSecret: r, Owned: whose, Foreign: why, Record: record, Due: record.Due(now), Late: record.Late(now)}
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
