package observe

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/world"
)

// secrets is what is known of the Secrets with our label besides what the World keeps.
type secrets struct {
	seen    int
	strays  map[component.Key]bool // those that are no Component's by their names
	odd     []component.Key
	madeFor map[component.Key]string // where there is no Component: fingerprints of what was made for one
}

// listSecrets reads the Secrets with our label and sorts them to the Components. The
// content of each is dropped as soon as its fingerprint is known.
func (o *observer) listSecrets(ctx context.Context) (secrets, error) {
	s := secrets{strays: map[component.Key]bool{}, madeFor: map[component.Key]string{}}
	o.Secrets = make(map[component.Key]world.Secret, 2*len(o.Components))
	o.Uploads, o.Arrived = map[component.Key][]world.Upload{}, map[component.Key]world.Arrived{}
	var sorting sync.Mutex // namespaces are listed side by side
	_, err := each(ctx, o.territory, func(ctx context.Context, namespace string) ([]struct{}, error) {
		begun := false
		return nil, o.Cluster.EachSecret(ctx, namespace, component.LabelManagedBy+"="+component.Manager, func() func(kube.Secret) {
			sorting.Lock()
			defer sorting.Unlock()
			if begun { // what was listed before is of another moment
				forget(o.Secrets, namespace)
				forget(o.Uploads, namespace)
				forget(o.Arrived, namespace)
				forget(s.strays, namespace)
				forget(s.madeFor, namespace)
				s.odd = slices.DeleteFunc(s.odd, func(k component.Key) bool { return namespace == kube.AllNamespaces || k.Namespace == namespace })
			}
			begun = true
			return func(found kube.Secret) {
				sorting.Lock()
				defer sorting.Unlock()
				if o.territory.within(found.Namespace) {
					o.sortListed(found, &s)
				}
			}
		})
	})
	return s, err
}

func (o *observer) sortListed(found kube.Secret, s *secrets) {
	s.seen++
	o.sortSecret(found)
	key := component.Key{Namespace: found.Namespace, Name: found.Name}
	if found.Odd {
		s.odd = append(s.odd, key)
	}
	if found.Name == component.NamespaceSecret {
		return // see observeNamespaceSecrets
	}
	called, pull := o.owner(key)
	if called == nil || !called.Whole() {
		s.strays[key] = true
		if len(o.Components)+len(o.Elsewhere) == 0 && component.MadeForAny(found.Name, found.Labels, found.Owners) {
			s.madeFor[key] = component.ContentOf(found.DockerConfigJSON()).Fingerprint
		}
		return
	}
	o.Secrets[slimKey(key, called, pull)] = o.secretOf(found, called, pull)
}

// observeSecrets finishes what the list began. A name of ours
// that the list lacks is free or somebody else's: the metadata tells, and the
// content of what is not ours is never asked for.
func (o *observer) observeSecrets(ctx context.Context, listed secrets) error {
	o.Strays = len(listed.strays)
	if len(o.Components)+len(o.Elsewhere) == 0 {
		o.Unclaimed = unclaimed(listed, o.Robots)
	}
	unlisted := map[component.Key]*world.Called{}
	own := len(o.Components)
	for c := range o.All() {
		own--
		called := o.Called(component.KeyOf(*c))
		if !called.Whole() {
			continue
		}
		away := o.Away(*c)
		for _, a := range called.Accounts() {
			key := component.Key{Namespace: c.Namespace, Name: a.Secret}
			_, there := o.Secrets[key]
			switch {
			case there && away:
				delete(o.Secrets, key)
				o.Strays++
			case !there && !away && own >= 0:
				unlisted[key] = called
			}
		}
	}
	found, err := o.observeUnlisted(ctx, unlisted)
	for _, s := range found {
		key := component.Key{Namespace: s.Namespace, Name: s.Name}
		called := unlisted[key]
		secret := o.secretOf(s, called, called.Pull.Secret == s.Name)
		if secret.Inherits = o.inherited(s, *called.Component); secret.Inherits != "" {
			secret.Owned = component.Inherited
		}
		o.Secrets[key] = secret
	}
	for key, uploads := range o.Uploads {
		owner, pull := o.owner(key)
		if owner == nil || !pull || !owner.Whole() || o.Away(*owner.Component) {
			owner = nil
		}
		o.Uploads[key] = o.fewUploads(uploads, owner)
	}
	return err
}

// unclaimed finds the robots whose very tokens stand in Secrets that were made for a
// Component. A tenant can make up labels, names and owners, but no token of a robot that
// was never its own.
func unclaimed(listed secrets, robots map[string]world.Robot) map[string]bool {
	of := make(map[string]string, len(robots))
	for name, r := range robots {
		if r.Fingerprint != "" {
			of[r.Fingerprint] = name
		}
	}
	found := map[string]bool{}
	for _, fingerprint := range listed.madeFor {
		if robot, ours := of[fingerprint]; ours {
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
func (o *observer) fewUploads(all []world.Upload, c *world.Called) []world.Upload {
	if c == nil {
		return nil
	}
	current := o.Robots[c.Pull.Robot].Fingerprint
	own := slices.DeleteFunc(all, func(u world.Upload) bool { return !u.Of(*c.Component) })
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
func (o *observer) observeUnlisted(ctx context.Context, wanted map[component.Key]*world.Called) ([]kube.Secret, error) {
	keys := slices.SortedFunc(maps.Keys(wanted), component.Key.Compare)
	found, errs, err := o.metadata(ctx, keys)
	for i, err := range errs {
		if err != nil {
			o.unread(component.KeyOf(*wanted[keys[i]].Component), err)
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

func (o *observer) secretOf(s kube.Secret, called *world.Called, pull bool) world.Secret {
	c := *called.Component
	whose, why := component.Whose(s.Labels, s.Owners, c)
	secret := world.Secret{Owned: whose, Foreign: why, Type: s.Type, Fixed: s.Immutable, By: s.Managing}
	if secret.Slim = component.Labelled(s.Labels, c); !secret.Slim {
		secret.Labels = s.Labels
	}
	if s.Type == component.SecretType {
		secret.Type = component.SecretType
	}
	if s.Odd {
		secret.Foreign = "it is not of a Secret's form"
	}
	if whose != component.Foreign {
		secret.Lacks = !component.OwnedByBoth(s.Owners, c)
		secret.Content = o.slimContent(s.DockerConfigJSON(), called, pull)
		if s.Former != "" {
			secret.Former = strings.Split(s.Former, ",")
		}
		secret.RotatedAt, _ = time.Parse(time.RFC3339, s.RotatedAt) // what cannot be read was not written by us
	}
	return secret
}
