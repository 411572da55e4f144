package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/kube"
)

// deliveryReader is the reading that tells where pull Secrets belong.
type deliveryReader interface {
	Served(ctx context.Context) (kube.Served, error)
	Environments(ctx context.Context, namespace string) ([]kube.Environment, error)
	EnvironmentBindings(ctx context.Context, namespace string) ([]kube.EnvironmentBinding, error)
	DeploymentTargetClaims(ctx context.Context, namespace string) ([]kube.DeploymentTargetClaim, error)
	DeploymentTargets(ctx context.Context, namespace string) ([]kube.DeploymentTarget, error)
	RemoteSecrets(ctx context.Context, namespace string, keep func(name string) bool) ([]kube.RemoteSecret, error)
	Secret(ctx context.Context, namespace, name string) (kube.Secret, error)
}

// ErrNoRemoteSecrets stops a run that was told to need them.
var ErrNoRemoteSecrets = fmt.Errorf("RemoteSecrets are required, but %w of object", kube.ErrNotInstalled)

// listed is what observing delivery lists; it is sorted when Components and Secrets are
// known, too.
type listed struct {
	mode          Mode
	deployments   Deployments
	remoteSecrets []kube.RemoteSecret
}

// observeDelivery lists what says where pull Secrets belong. An API that the cluster
// does not have is a mode of the whole run, found out by discovery, never an error.
func observeDelivery(ctx context.Context, k deliveryReader, p Policy, s Scope) (l listed, err error) {
	if p.RemoteSecrets == "" {
		return l, nil
	}
	served, err := k.Served(ctx)
	if err != nil {
		return l, err
	}
	if p.RemoteSecrets == RemoteSecretsRequire && !served.RemoteSecrets {
		return l, ErrNoRemoteSecrets
	}
	l.mode = Mode{Wanted: true, Environments: served.Environments && served.EnvironmentBindings, RemoteSecrets: served.RemoteSecrets}
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
			return k.RemoteSecrets(ctx, namespace, func(name string) bool { return strings.HasSuffix(name, pullSuffix) })
		})
	}
	return l, g.Wait()
}

func listInto[T any](ctx context.Context, g group, s Scope, into *[]T, list func(context.Context, string) ([]T, error)) {
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
	remote := make(map[Key]kube.RemoteSecret, len(l.remoteSecrets))
	for _, r := range l.remoteSecrets {
		remote[Key{r.Namespace, r.Name}] = r
	}
	o.RemoteSecrets = map[Key]RemoteSecret{}
	var unseen []Key
	for _, c := range o.Components {
		n, err := o.Names(c)
		if err != nil || c.Deleting {
			continue
		}
		key := Key{c.Namespace, n.Pull.Secret}
		o.Uploads[key] = slices.DeleteFunc(o.Uploads[key], func(u Upload) bool { return !u.Of(c) })
		r, exists := remote[key]
		if !exists {
			continue
		}
		found := remoteSecretOf(r, c, o.now)
		o.RemoteSecrets[key] = found
		if found.Owned == mine {
			unseen = append(unseen, o.unseen(found)...)
		}
	}
	return o.look(ctx, unseen)
}

func remoteSecretOf(r kube.RemoteSecret, c kube.Component, now time.Time) RemoteSecret {
	whose, why := owned(r.Labels, r.Owners, c)
	record := parseUpload(r.Upload)
	return RemoteSecret{RemoteSecret: r, Owned: whose, Foreign: why, Record: record, Due: record.due(now), Late: record.late(now)}
}

// unseen lists the Secrets of a RemoteSecret, in other namespaces of this cluster, that
// the list of ours has not shown: because it does not reach there, or because the
// operator says that it brought one, which then lacks our label.
func (o *observer) unseen(r RemoteSecret) []Key {
	var keys []Key
	for _, t := range r.Targets {
		key := Key{t.Namespace, r.Name}
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
func (o *observer) look(ctx context.Context, keys []Key) error {
	keys = InTurns(keys, 0, func(k Key) string { return k.Namespace })
	found := make([]Arrived, min(len(keys), maxLooks))
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
		o.Arrived[key] = Arrived{Unreadable: true}
		if i < len(found) {
			o.Arrived[key] = found[i]
		}
	}
	return err
}

func arrivedOf(s kube.Secret) Arrived {
	return Arrived{Content: read(s.DockerConfigJSON()), By: s.Managing}
}

// sortSecret notes a Secret with our label that is on its way to an environment, or
// has arrived.
func (o *observer) sortSecret(s kube.Secret) {
	key := Key{s.Namespace, s.Uploads}
	switch {
	case s.Uploads != "":
		o.Uploads[key] = append(o.Uploads[key], Upload{s.Name, s.ResourceVersion, read(s.DockerConfigJSON()).Fingerprint, s.Owners})
	case s.Managing != "":
		o.Arrived[Key{s.Namespace, s.Name}] = arrivedOf(s)
	}
}
