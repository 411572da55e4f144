package observe

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/world"
)

// observeSecrets sorts the listed Secrets to their Components. A name of ours
// that the list lacks is free or somebody else's: the metadata tells, and the
// content of what is not ours is never asked for.
func (o *observer) observeSecrets(ctx context.Context, listed []kube.Secret) error {
	o.Secrets = map[component.Key]world.Secret{}
	o.Uploads, o.Arrived = map[component.Key][]world.Upload{}, map[component.Key]world.Arrived{}
	labelled := make(map[component.Key]kube.Secret, len(listed))
	for _, s := range listed {
		labelled[component.Key{Namespace: s.Namespace, Name: s.Name}] = s
		o.sortSecret(s)
	}
	o.Strays = len(labelled)

	if len(o.Components)+len(o.Elsewhere) == 0 {
		o.Unclaimed = unclaimed(listed, o.Robots)
	}
	unlisted := map[component.Key]kube.Component{}
	for i, c := range slices.Concat(o.Components, o.Elsewhere) {
		n, err := o.Names(c)
		if err != nil || c.Deleting || o.Away(c) {
			continue
		}
		for _, a := range n.Accounts() {
			key := component.Key{Namespace: c.Namespace, Name: a.Secret}
			if s, ok := labelled[key]; ok {
				o.Secrets[key] = secretOf(s, c)
				o.Strays--
			} else if i < len(o.Components) {
				unlisted[key] = c
			}
		}
	}
	found, err := observeUnlisted(ctx, o.Cluster, o.scope, slices.Collect(maps.Keys(unlisted)))
	for _, s := range found {
		key := component.Key{Namespace: s.Namespace, Name: s.Name}
		o.Secrets[key] = secretOf(s, unlisted[key])
	}
	return err
}

// unclaimed finds the robots whose very tokens stand in Secrets that were made for a
// Component. A tenant can make up labels, names and owners, but no token of a robot that
// was never its own.
func unclaimed(listed []kube.Secret, robots map[string]world.Robot) map[string]bool {
	of := make(map[string]string, len(robots))
	for name, r := range robots {
		of[r.Fingerprint] = name
	}
	found := map[string]bool{}
	for _, s := range listed {
		robot, ours := of[component.ContentOf(s.DockerConfigJSON()).Fingerprint]
		if ours && component.MadeForAny(s.Name, s.Labels, s.Owners) {
			found[robot] = true
		}
	}
	return found
}

// manyUnlisted is from where on it takes fewer requests to list the metadata of
// all Secrets: on the first run, mostly.
const manyUnlisted = 500

func observeUnlisted(ctx context.Context, k Cluster, s world.Scope, wanted []component.Key) ([]kube.Secret, error) {
	if len(wanted) > manyUnlisted {
		set := setOf(wanted)
		return each(s.Lists(), func(namespace string) ([]kube.Secret, error) {
			return k.SecretsMetadata(ctx, namespace, func(namespace, name string) bool { return set[component.Key{Namespace: namespace, Name: name}] })
		})
	}
	secrets := make([]*kube.Secret, len(wanted))
	g, ctx := newGroup(ctx)
	for i, key := range wanted {
		g.Go(func() error {
			s, err := k.SecretMetadata(ctx, key.Namespace, key.Name)
			if errors.Is(err, kube.ErrNotFound) {
				return nil
			}
			secrets[i] = &s
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var found []kube.Secret
	for _, s := range secrets {
		if s != nil {
			found = append(found, *s)
		}
	}
	return found, nil
}

func secretOf(s kube.Secret, c kube.Component) world.Secret {
	whose, why := component.Whose(s.Labels, s.Owners, c)
	secret := world.Secret{Owned: whose, Foreign: why, Type: s.Type, Fixed: s.Immutable, Labels: s.Labels}
	if whose != component.Foreign {
		secret.Content = component.ContentOf(s.DockerConfigJSON())
		secret.RotatedAt, _ = time.Parse(time.RFC3339, s.RotatedAt) // what cannot be read was not written by us
	}
	return secret
}
