package observe

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/observe/territory"
	"berth/reconcile/world"
)

// listSecrets reads the Secrets with our label and sorts them to the Components. The
// content of each is dropped as soon as its fingerprint is known.
func (o *observer) listSecrets(ctx context.Context) error {
	odd := map[component.Key]bool{}
	o.strays, o.madeFor = map[component.Key]bool{}, map[component.Key]string{}
	o.Secrets = make(map[component.Key]*world.Secret, 2*len(o.Components))
	o.Uploads, o.Arrived = map[component.Key][]world.Upload{}, map[component.Key]world.Arrived{}
	err := territory.Sorted(ctx, o.territory, func(ctx context.Context, namespace string, begin func() func(kube.Secret)) error {
		return o.Cluster.EachSecret(ctx, namespace, component.LabelManagedBy+"="+component.Manager, begin)
	}, func(namespace string) {
		forget(o.Secrets, namespace)
		forget(o.Uploads, namespace)
		forget(o.Arrived, namespace)
		forget(o.strays, namespace)
		forget(o.madeFor, namespace)
		forget(odd, namespace)
	}, func(found kube.Secret) {
		if !o.territory.Within(found.Namespace) {
			return
		}
		if found.Odd {
			odd[component.Key{Namespace: found.Namespace, Name: found.Name}] = true
		}
		o.sortListed(found)
	})
	for k := range odd {
		o.odd("Secret", k.Namespace, k.Name)
	}
	return err
}

func (o *observer) sortListed(found kube.Secret) {
	o.read++
	o.sortSecret(found)
	key := component.Key{Namespace: found.Namespace, Name: found.Name}
	if found.Name == component.NamespaceSecret {
		return // see observeNamespaceSecrets
	}
	called, pull := o.owner(key)
	if called == nil || !called.Whole() {
		o.strays[key] = true
		if len(o.Components)+len(o.Elsewhere) == 0 && component.MadeForAny(found.Name, found.Labels, found.Owners) {
			o.madeFor[key] = component.ContentOf(found.DockerConfigJSON()).Fingerprint
		}
		return
	}
	o.Secrets[slimKey(key, called, pull)] = o.secretOf(found, called, pull)
}

// observeSecrets finishes what the list began. A name of ours
// that the list lacks is free or somebody else's: the metadata tells, and the
// content of what is not ours is never asked for.
func (o *observer) observeSecrets(ctx context.Context) error {
	o.Strays = len(o.strays)
	if len(o.Components)+len(o.Elsewhere) == 0 {
		o.Unclaimed = o.unclaimed()
	}
	unlisted := map[component.Key]*world.Called{}
	own := len(o.Components)
	for c, called := range o.Calls() {
		own--
		if !called.Whole() {
			continue
		}
		away := o.Away(called)
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
	if len(unlisted) <= manyUnlisted {
		maps.DeleteFunc(unlisted, func(_ component.Key, called *world.Called) bool { return o.unserved(called) })
	}
	found, errs, err := o.metadata(ctx, slices.Collect(maps.Keys(unlisted)))
	for key, err := range errs {
		o.unread(component.KeyOf(unlisted[key].Component), err)
	}
	for key, s := range found {
		called := unlisted[key]
		secret := o.secretOf(s, called, called.Pull.Secret == s.Name)
		if secret.Inherits = o.inherited(s, called.Component); secret.Inherits != "" {
			secret.Owned = component.Inherited
		}
		o.Secrets[key] = secret
	}
	for key, uploads := range o.Uploads {
		owner, pull := o.owner(key)
		if owner == nil || !pull || !owner.Whole() || o.Away(owner) {
			owner = nil
		}
		o.Uploads[key] = o.fewUploads(uploads, owner)
	}
	return err
}

// unserved reports whether nobody has served a Component yet: nothing at Quay is its own, and
// nothing is written on it that Berth or image-controller tells. Then its Secrets will be
// created, and the answer to that tells as well if somebody else has the name.
func (o *observer) unserved(called *world.Called) bool {
	_, push := o.Robots[called.Push.Robot]
	_, pull := o.Robots[called.Pull.Robot]
	_, repository := o.Repositories[called.Repository]
	c := called.Component
	return !push && !pull && !repository && c.Twin == nil && c.ContainerImage == "" && c.Annotations[component.AnnotationImage] == "" &&
		len(o.ImageRepositories[component.KeyOf(c)]) == 0 && !o.Policy.Adopt
}

// unclaimed finds the robots whose very tokens stand in Secrets that were made for a
// Component. A tenant can make up labels, names and owners, but no token of a robot that
// was never its own.
func (o *observer) unclaimed() map[string]bool {
	made, found := setOf(slices.Collect(maps.Values(o.madeFor))), map[string]bool{}
	for name, r := range o.Robots {
		if r.Fingerprint != "" && made[r.Fingerprint] {
			found[name] = true
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
	current := world.At(o.Robots, c.Pull.Robot).Fingerprint
	own := slices.DeleteFunc(all, func(u world.Upload) bool { return !u.Of(c.Component) })
	slices.SortStableFunc(own, func(a, b world.Upload) int { return first(a.Fingerprint == current, b.Fingerprint == current) })
	return own[:min(len(own), maxUploads)]
}

// first compares what comes first with what does not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// manyUnlisted is from where on it takes fewer requests to list the metadata of
// all Secrets: on the first run, mostly.
const manyUnlisted = 500

// metadata reads that of Secrets by their keys: of those that are there, and why not of
// others.
func (o *observer) metadata(ctx context.Context, keys []component.Key) (found map[component.Key]kube.Secret, errs map[component.Key]error, err error) {
	slices.SortFunc(keys, component.Key.Compare)
	keys = slices.Compact(keys)
	found, errs = map[component.Key]kube.Secret{}, map[component.Key]error{}
	if len(keys) > manyUnlisted {
		wanted := setOf(keys)
		all, err := territory.Each(ctx, o.territory, func(ctx context.Context, namespace string) ([]kube.Secret, error) {
			return o.Cluster.SecretsMetadata(ctx, namespace, func(namespace, name string) bool {
				return wanted[component.Key{Namespace: namespace, Name: name}]
			})
		})
		for _, s := range all {
			found[component.Key{Namespace: s.Namespace, Name: s.Name}] = s
		}
		return found, errs, err
	}
	all, failed, err := readEach(ctx, o, keys, func(k component.Key) string { return k.Namespace }, func(ctx context.Context, k component.Key) (*kube.Secret, error) {
		return present(o.Cluster.SecretMetadata(ctx, k.Namespace, k.Name))
	})
	for i, s := range all {
		if failed[i] != nil {
			errs[keys[i]] = failed[i]
		} else if s != nil {
			found[keys[i]] = *s
		}
	}
	return found, errs, err
}

func (o *observer) secretOf(s kube.Secret, called *world.Called, pull bool) *world.Secret {
	c := called.Component
	whose, why := component.Whose(s.Labels, s.Owners, c)
	secret := &world.Secret{Owned: whose, Foreign: why, Type: s.Type, Fixed: s.Immutable, By: s.Managing}
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
