package observe

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
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
	all := slices.Concat(o.Components, o.Elsewhere)
	owners := map[component.Key]*kube.Component{} // by the pull Secret
	for i, c := range all {
		n, err := o.Names(c)
		if err != nil || c.Deleting || c.Odd || o.Away(c) {
			continue
		}
		owners[component.PullSecretOf(c)] = &all[i]
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
	found, err := o.observeUnlisted(ctx, unlisted)
	for _, s := range found {
		key := component.Key{Namespace: s.Namespace, Name: s.Name}
		o.Secrets[key] = secretOf(s, unlisted[key])
	}
	for key, uploads := range o.Uploads {
		o.Uploads[key] = o.fewUploads(uploads, owners[key])
	}
	return err
}

// unclaimed finds the robots whose very tokens stand in Secrets that were made for a
// Component. A tenant can make up labels, names and owners, but no token of a robot that
// was never its own.
func unclaimed(listed []kube.Secret, robots map[string]world.Robot) map[string]bool {
	of := make(map[string]string, len(robots))
	for name, r := range robots {
		if r.Fingerprint != "" {
			of[r.Fingerprint] = name
		}
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

// maxUploads bounds how many upload Secrets of one Component a run takes notice of:
// anybody in its namespace can make as many as he likes.
const maxUploads = 10

// fewUploads keeps those that were made for a Component, nil: none; above all what brings
// the token of today.
func (o *observer) fewUploads(all []world.Upload, c *kube.Component) []world.Upload {
	if c == nil {
		return nil
	}
	names, _ := o.Names(*c) // it has some: it has an upload Secret
	current := o.Robots[names.Pull.Robot].Fingerprint
	own := slices.DeleteFunc(all, func(u world.Upload) bool { return !u.Of(*c) })
	slices.SortStableFunc(own, func(a, b world.Upload) int {
		switch {
		case a.Fingerprint == b.Fingerprint:
			return 0
		case a.Fingerprint == current:
			return -1
		case b.Fingerprint == current:
			return 1
		}
		return 0
	})
	return own[:min(len(own), maxUploads)]
}

// manyUnlisted is from where on it takes fewer requests to list the metadata of
// all Secrets: on the first run, mostly.
const manyUnlisted = 500

// observeUnlisted reads the metadata of Secrets by their keys. One that cannot be read is
// its Component's matter.
func (o *observer) observeUnlisted(ctx context.Context, wanted map[component.Key]kube.Component) ([]kube.Secret, error) {
	keys := slices.SortedFunc(maps.Keys(wanted), component.Key.Compare)
	found, errs, err := o.metadata(ctx, keys)
	for i, err := range errs {
		if err != nil {
			o.unread(component.KeyOf(wanted[keys[i]]), err)
		}
	}
	return found, err
}

// metadata reads that of Secrets: of those that are there, and why not of others, in the
// order of the keys.
func (o *observer) metadata(ctx context.Context, keys []component.Key) (found []kube.Secret, errs []error, err error) {
	if len(keys) > manyUnlisted {
		wanted := setOf(keys)
		found, err = each(ctx, o.territory, func(ctx context.Context, namespace string) ([]kube.Secret, error) {
			return o.Cluster.SecretsMetadata(ctx, namespace, func(namespace, name string) bool {
				return wanted[component.Key{Namespace: namespace, Name: name}]
			})
		})
		return found, nil, err
	}
	var reading sync.Mutex
	errs, err = readEach(ctx, o, keys, func(k component.Key) string { return k.Namespace }, func(ctx context.Context, k component.Key) error {
		s, err := o.Cluster.SecretMetadata(ctx, k.Namespace, k.Name)
		if errors.Is(err, kube.ErrNotFound) {
			return nil
		}
		if err == nil {
			reading.Lock()
			defer reading.Unlock()
			found = append(found, s)
		}
		return err
	})
	return found, errs, err
}

func secretOf(s kube.Secret, c kube.Component) world.Secret {
	whose, why := component.Whose(s.Labels, s.Owners, c)
	secret := world.Secret{Owned: whose, Foreign: why, Type: s.Type, Fixed: s.Immutable, Labels: s.Labels, By: s.Managing}
	if s.Odd {
		secret.Foreign = "it is not of a Secret's form"
	}
	if whose != component.Foreign {
		secret.Content = component.ContentOf(s.DockerConfigJSON())
		secret.RotatedAt, _ = time.Parse(time.RFC3339, s.RotatedAt) // what cannot be read was not written by us
	}
	return secret
}
