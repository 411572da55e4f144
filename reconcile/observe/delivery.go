package observe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/world"
)

// deliveryReader is the reading that tells where pull Secrets belong.
type deliveryReader interface {
	Served(ctx context.Context) (kube.Served, error)
	Environments(ctx context.Context, namespace string) ([]kube.Environment, error)
	EnvironmentBindings(ctx context.Context, namespace string) ([]kube.EnvironmentBinding, error)
	DeploymentTargetClaims(ctx context.Context, namespace string) ([]kube.DeploymentTargetClaim, error)
	DeploymentTargets(ctx context.Context, namespace string) ([]kube.DeploymentTarget, error)
	RemoteSecrets(ctx context.Context, namespace string, keep func(namespace, name string) bool) ([]kube.RemoteSecret, error)
	Secret(ctx context.Context, namespace, name string) (kube.Secret, error)
}

// ErrNoRemoteSecrets stops a run that was told to need them.
var ErrNoRemoteSecrets = fmt.Errorf("RemoteSecrets are required, but %w of object", kube.ErrNotInstalled)

// listed is what observing delivery lists; it is sorted when Components and Secrets are
// known, too.
type listed struct {
	mode          world.Mode
	deployments   world.Deployments
	remoteSecrets []kube.RemoteSecret
}

// observeDelivery lists what says where pull Secrets belong. An API that the cluster
// does not have is a mode of the whole run, found out by discovery, never an error.
func observeDelivery(ctx context.Context, k deliveryReader, p world.Policy, s world.Scope) (l listed, err error) {
	if p.RemoteSecrets == "" {
		return l, nil
	}
	served, err := k.Served(ctx)
	if err != nil {
		return l, err
	}
	if p.RemoteSecrets == world.RemoteSecretsRequire && !served.RemoteSecrets {
		return l, ErrNoRemoteSecrets
	}
	l.mode = world.Mode{Wanted: true, Environments: served.Environments && served.EnvironmentBindings, RemoteSecrets: served.RemoteSecrets}
	g, ctx := newGroup(ctx)
	if l.mode.Environments {
		listInto(ctx, g, s, &l.deployments.Environments, k.Environments)
		listInto(ctx, g, s, &l.deployments.Bindings, k.EnvironmentBindings)
	}
	if l.mode.Environments && served.DeploymentTargetClaims {
		listInto(ctx, g, s, &l.deployments.Claims, k.DeploymentTargetClaims)
	}
	if l.mode.Environments && served.DeploymentTargets {
		listInto(ctx, g, s, &l.deployments.Targets, k.DeploymentTargets)
	}
	if l.mode.RemoteSecrets {
		listInto(ctx, g, s, &l.remoteSecrets, func(ctx context.Context, namespace string) ([]kube.RemoteSecret, error) {
			return k.RemoteSecrets(ctx, namespace, func(_, name string) bool { return strings.HasSuffix(name, component.PullSuffix) })
		})
	}
	return l, g.Wait()
}

func listInto[T any](ctx context.Context, g group, s world.Scope, into *[]T, list func(context.Context, string) ([]T, error)) {
	g.Go(func() (err error) {
		*into, err = each(s.Lists(), func(namespace string) ([]T, error) { return list(ctx, namespace) })
		return err
	})
}

// sortDelivery sorts what was listed to the Components, and looks at what arrived where
// the list of our Secrets does not show it.
func (o *observer) sortDelivery(ctx context.Context, l listed, accounts []kube.ServiceAccount) error {
	o.Mode = l.mode
	o.Environments = l.deployments.ByNamespace()
	for _, a := range accounts {
		if e := o.Environments[a.Namespace]; e != nil && a.Authorizes {
			e.Authorizing++
		}
	}
	remote := make(map[component.Key]kube.RemoteSecret, len(l.remoteSecrets))
	for _, r := range l.remoteSecrets {
		remote[component.Key{Namespace: r.Namespace, Name: r.Name}] = r
	}
	o.RemoteSecrets = map[component.Key]world.RemoteSecret{}
	var unseen []component.Key
	for i, c := range slices.Concat(o.Components, o.Elsewhere) {
		n, err := o.Names(c)
		if err != nil || c.Deleting {
			continue
		}
		key := component.Key{Namespace: c.Namespace, Name: n.Pull.Secret}
		o.Uploads[key] = slices.DeleteFunc(o.Uploads[key], func(u world.Upload) bool { return !u.Of(c) })
		r, exists := remote[key]
		if !exists {
			continue
		}
		found := remoteSecretOf(r, c, o.now)
		o.RemoteSecrets[key] = found
		if found.Owned == component.Mine && i < len(o.Components) {
			unseen = append(unseen, o.unseen(found)...)
		}
	}
	return o.look(ctx, unseen)
}

func remoteSecretOf(r kube.RemoteSecret, c kube.Component, now time.Time) world.RemoteSecret {
	whose, why := component.Whose(r.Labels, r.Owners, c)
	record := component.ParseUploadRecord(r.Upload)
	return world.RemoteSecret{RemoteSecret: r, Owned: whose, Foreign: why, Record: record, Due: record.Due(now), Late: record.Late(now)}
}

// unseen lists the Secrets of a RemoteSecret, in other namespaces of this cluster, that
// the list of ours has not shown: because it does not reach there, or because the
// operator says that it brought one, which then lacks our label.
func (o *observer) unseen(r world.RemoteSecret) []component.Key {
	var keys []component.Key
	for _, t := range r.Targets {
		key := component.Key{Namespace: t.Namespace, Name: r.Name}
		if _, seen := o.Arrived[key]; seen || t.APIURL != "" || t.Namespace == r.Namespace {
			continue
		}
		status := r.Status(t)
		if reached := o.scope.Lists(); reached[0] != "" && !slices.Contains(reached, t.Namespace) || status != nil && status.Error == "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// maxLooks bounds how many Secrets in other namespaces a run reads one by one: a tenant
// decides how many targets there are.
const maxLooks = 1000

// look reads Secrets one by one. What cannot be read is unverified: no more rests on it.
func (o *observer) look(ctx context.Context, keys []component.Key) error {
	keys = world.InTurns(keys, 0, func(k component.Key) string { return k.Namespace })
	found := make([]world.Arrived, min(len(keys), maxLooks))
	g, ctx := newGroup(ctx)
	for i := range found {
		g.Go(func() error {
			secret, err := o.Cluster.Secret(ctx, keys[i].Namespace, keys[i].Name)
			switch {
			case err == nil && secret.Managing != "": // what the operator has not brought is nobody's business here
				found[i] = arrivedOf(secret)
			case err != nil && !errors.Is(err, kube.ErrNotFound):
				found[i].Unreadable = true
			}
			return ctx.Err()
		})
	}
	err := g.Wait()
	for i, key := range keys {
		o.Arrived[key] = world.Arrived{Unreadable: true}
		if i < len(found) {
			o.Arrived[key] = found[i]
		}
	}
	return err
}

func arrivedOf(s kube.Secret) world.Arrived {
	return world.Arrived{Content: component.ContentOf(s.DockerConfigJSON()), By: s.Managing}
}

// sortSecret notes a Secret with our label that is on its way to an environment, or
// has arrived.
func (o *observer) sortSecret(s kube.Secret) {
	key := component.Key{Namespace: s.Namespace, Name: s.Uploads}
	switch {
	case s.Uploads != "":
		o.Uploads[key] = append(o.Uploads[key], world.Upload{Name: s.Name, ResourceVersion: s.ResourceVersion, Fingerprint: component.ContentOf(s.DockerConfigJSON()).Fingerprint, Owners: s.Owners})
	case s.Managing != "":
		o.Arrived[component.Key{Namespace: s.Namespace, Name: s.Name}] = arrivedOf(s)
	}
}
