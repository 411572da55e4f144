package reconcile

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"berth/kube"
)

// observeSecrets sorts the listed Secrets to their Components. A name of ours
// that the list lacks is free or somebody else's: the metadata tells, and the
// content of what is not ours is never asked for.
func (o *observer) observeSecrets(ctx context.Context, listed []kube.Secret) error {
	o.Secrets, o.Logins = map[Key]Secret{}, map[string]bool{}
	o.Uploads, o.Arrived = map[Key][]Upload{}, map[Key]Arrived{}
	labelled := make(map[Key]kube.Secret, len(listed))
	for _, s := range listed {
		labelled[Key{s.Namespace, s.Name}] = s
		o.sortSecret(s)
		if c := read(s.DockerConfigJSON()); c.Login != "" {
			o.Logins[c.Login] = true
		}
	}
	o.Strays = len(labelled)

	unlisted := map[Key]kube.Component{}
	for _, c := range o.Components {
		n, err := o.Names(c)
		if err != nil || c.Deleting {
			continue
		}
		for _, a := range n.accounts() {
			key := Key{c.Namespace, a.Secret}
			if s, ok := labelled[key]; ok {
				o.Secrets[key] = secretOf(s, c)
				o.Strays--
			} else {
				unlisted[key] = c
			}
		}
	}
	found, err := observeUnlisted(ctx, o.Cluster, o.scope, slices.Collect(maps.Keys(unlisted)))
	for _, s := range found {
		key := Key{s.Namespace, s.Name}
		o.Secrets[key] = secretOf(s, unlisted[key])
	}
	return err
}

// manyUnlisted is from where on it takes fewer requests to list the metadata of
// all Secrets: on the first run, mostly.
const manyUnlisted = 500

func observeUnlisted(ctx context.Context, k ObserveCluster, s Scope, wanted []Key) ([]kube.Secret, error) {
	if len(wanted) > manyUnlisted {
		set := setOf(wanted)
		return each(s.Lists(), func(namespace string) ([]kube.Secret, error) {
			return k.SecretsMetadata(ctx, namespace, func(namespace, name string) bool { return set[Key{namespace, name}] })
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

func secretOf(s kube.Secret, c kube.Component) Secret {
	whose, why := owned(s.Labels, s.Owners, c)
	secret := Secret{Owned: whose, Foreign: why, Type: s.Type, Fixed: s.Immutable, Labels: s.Labels}
	if whose != foreign {
		secret.Content = read(s.DockerConfigJSON())
		secret.RotatedAt, _ = time.Parse(time.RFC3339, s.RotatedAt) // what cannot be read was not written by us
	}
	return secret
}
