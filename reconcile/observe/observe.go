// Package observe reads the world: in go the two ends and the git hosts, out comes a
// [world.World] or the error that ends the run.
//
// It is the only room that lists. It writes nothing, decides nothing, and takes no
// error, empty list or page of HTML for "not there". Every token that it reads is kept
// as a fingerprint only.
package observe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/gitsource"
	"berth/reconcile/world"
)

// Registry is Quay as reading it needs it.
type Registry interface {
	GetOrganization(ctx context.Context) (quay.Organization, error)
	ListRobots(ctx context.Context) ([]quay.Robot, error)
	ListRepositories(ctx context.Context) ([]quay.Repository, error)
	ListRobotPermissions(ctx context.Context, repository string) (map[string]quay.Role, error)
}

// Cluster is Kubernetes as reading it needs it.
type Cluster interface {
	Namespaces(ctx context.Context) ([]kube.Namespace, error)
	Namespace(ctx context.Context, name string) (kube.Namespace, error)
	Components(ctx context.Context, namespace, selector string) ([]kube.Component, error)
	Secrets(ctx context.Context, namespace, labelSelector string) ([]kube.Secret, error)
	SecretMetadata(ctx context.Context, namespace, name string) (kube.Secret, error)
	SecretsMetadata(ctx context.Context, namespace string, keep func(namespace, name string) bool) ([]kube.Secret, error)
	ServiceAccounts(ctx context.Context, namespace string, keep func(kube.ServiceAccount) bool) ([]kube.ServiceAccount, error)
	deliveryReader
}

// Sources tells whether anybody may read a Component's source.
type Sources interface {
	Probe(ctx context.Context, address string) gitsource.Verdict
}

// ErrNotAdmin stops a run before it compares anything: with less than an
// administrator's token Quay leaves things out of its answers without a word.
var ErrNotAdmin error = notAdmin{}

type notAdmin struct{}

func (notAdmin) Error() string { return "the Quay token does not administer the organization" }
func (notAdmin) Unwrap() error { return quay.ErrForbidden }

// errEmptyList: to a token that it does not know, be it for this one request,
// Quay lists no repository and calls that success.
var errEmptyList = errors.New("quay lists no repository, yet robots with permissions on some; nothing can be told from that")

// permitted reports whether a robot has a permission on a repository that is
// there: one that was deleted shows without a slash.
func permitted(robots map[string]world.Robot) bool {
	for _, r := range robots {
		if slices.ContainsFunc(r.Repositories, func(name string) bool { return strings.Contains(name, "/") }) {
			return true
		}
	}
	return false
}

// readers bounds the small requests of an observation that are made side by side.
const readers = 8

// Ends are what is read.
type Ends struct {
	Registry Registry
	Cluster  Cluster
	Git      Sources // needed when the visibility follows the source

	// Saw is told, by several at once, how many things of a kind were read, of how many
	// when they are read one by one and not 0; it may be nil.
	Saw func(t Thing, n, of int)
}

// observer is an observation under way; the World grows in it.
type observer struct {
	Ends
	world.World
	scope world.Scope
	now   time.Time
}

// World reads the world. now chooses the repositories whose roles and sources
// are looked at, and tells what of rotations is too young or too old.
func World(ctx context.Context, e Ends, n component.Naming, p world.Policy, s world.Scope, now time.Time) (world.World, error) {
	organization, err := e.Registry.GetOrganization(ctx)
	if err != nil {
		return world.World{}, err
	}
	if !organization.Admin {
		return world.World{}, ErrNotAdmin
	}
	o := observer{Ends: e, World: world.World{Naming: n, Policy: p, Whole: s.Whole(), At: now}, scope: s, now: now}
	if at := organization.Observed; !at.IsZero() {
		o.At = at
	}
	if err := o.observe(ctx); err != nil {
		return world.World{}, err
	}
	return o.World, nil
}

func (o *observer) observe(ctx context.Context) error {
	var secrets []kube.Secret
	var accounts []kube.ServiceAccount
	var delivery listed
	g, gctx := newGroup(ctx) // the whole run rests on each of these
	g.Go(func() (err error) {
		o.Robots, err = observeRobots(gctx, o.Registry, o.Naming)
		o.saw("robot", "robots", len(o.Robots), 0)
		return
	})
	g.Go(func() (err error) {
		o.Repositories, err = observeRepositories(gctx, o.Registry)
		o.saw("repository", "repositories", len(o.Repositories), 0)
		return
	})
	g.Go(func() (err error) {
		o.Namespaces, err = observeNamespaces(gctx, o.Cluster, o.scope, o.Naming.Cluster)
		return
	})
	g.Go(func() (err error) {
		o.Components, o.Missing, err = observeComponents(gctx, o.Cluster, o.scope)
		o.saw("Component", "Components", len(o.Components), 0)
		return
	})
	g.Go(func() (err error) { accounts, err = observeServiceAccounts(gctx, o.Cluster, o.Policy, o.scope); return })
	g.Go(func() (err error) { delivery, err = observeDelivery(gctx, o.Cluster, o.Policy, o.scope); return })
	g.Go(func() (err error) {
		secrets, err = each(o.scope.Lists(), func(namespace string) ([]kube.Secret, error) {
			return o.Cluster.Secrets(gctx, namespace, component.LabelManagedBy+"="+component.Manager)
		})
		o.saw("Secret", "Secrets", len(secrets), 0)
		return
	})
	if err := g.Wait(); err != nil {
		return err
	}
	if len(o.Repositories) == 0 && permitted(o.Robots) {
		return errEmptyList
	}
	if o.Naming.Cluster == "" {
		o.Naming.Cluster = o.Namespaces[clusterNamespace].UID
	}
	o.sortServiceAccounts(accounts)
	o.Divide(o.scope.Shard)
	o.NameComponents()
	if err := o.observeSecrets(ctx, secrets); err != nil {
		return err
	}
	if err := o.sortDelivery(ctx, delivery, accounts); err != nil {
		return err
	}
	o.observeRotations()
	if err := o.observeSources(ctx); err != nil {
		return err
	}
	return o.observeRoles(ctx)
}

// clusterNamespace is in every cluster, and its uid stands for the cluster.
const clusterNamespace = "kube-system"

func each[T any](namespaces []string, list func(namespace string) ([]T, error)) ([]T, error) {
	var all []T
	for _, namespace := range namespaces {
		some, err := list(namespace)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func observeRobots(ctx context.Context, q Registry, n component.Naming) (map[string]world.Robot, error) {
	list, err := q.ListRobots(ctx)
	if err != nil {
		return nil, err
	}
	robots := make(map[string]world.Robot, len(list))
	for _, r := range list {
		robots[r.Name] = world.Robot{
			Mark:         r.Description,
			Repositories: r.Repositories,
			Fingerprint:  component.Fingerprint(n.Login(r.Name), r.Token.Reveal()),
			Created:      r.Created,
		}
	}
	return robots, nil
}

func observeRepositories(ctx context.Context, q Registry) (map[string]quay.Repository, error) {
	list, err := q.ListRepositories(ctx)
	if err != nil {
		return nil, err
	}
	repositories := make(map[string]quay.Repository, len(list))
	for _, r := range list {
		repositories[r.Name] = r
	}
	return repositories, nil
}

// observeNamespaces also reads kube-system when the cluster has no other name.
func observeNamespaces(ctx context.Context, k Cluster, s world.Scope, cluster string) (map[string]kube.Namespace, error) {
	names := s.Lists()
	var list []kube.Namespace
	var err error
	if names[0] == "" {
		list, err = k.Namespaces(ctx)
	} else {
		if cluster == "" {
			names = append(names, clusterNamespace)
		}
		list, err = each(names, func(name string) ([]kube.Namespace, error) {
			namespace, err := k.Namespace(ctx, name)
			return []kube.Namespace{namespace}, err
		})
	}
	if err != nil {
		return nil, err
	}
	namespaces := make(map[string]kube.Namespace, len(list))
	for _, n := range list {
		namespaces[n.Name] = n
	}
	if cluster == "" && namespaces[clusterNamespace].UID == "" {
		return nil, fmt.Errorf("the cluster does not show its namespace %s, whose uid names it", clusterNamespace)
	}
	return namespaces, nil
}

func observeComponents(ctx context.Context, k Cluster, s world.Scope) (found []kube.Component, missing []component.Key, err error) {
	all, err := each(s.Lists(), func(namespace string) ([]kube.Component, error) {
		return k.Components(ctx, namespace, s.Selector)
	})
	if err != nil || len(s.Only) == 0 {
		return all, nil, err
	}
	for _, want := range s.Only {
		i := slices.IndexFunc(all, func(c kube.Component) bool { return component.KeyOf(c) == want })
		if i < 0 {
			missing = append(missing, want)
		} else if !slices.ContainsFunc(found, func(c kube.Component) bool { return component.KeyOf(c) == want }) {
			found = append(found, all[i])
		}
	}
	return found, missing, nil
}

// observeServiceAccounts lists those that builds and pods run as, and those that the
// RemoteSecret operator acts as.
func observeServiceAccounts(ctx context.Context, k Cluster, p world.Policy, s world.Scope) ([]kube.ServiceAccount, error) {
	keep := func(a kube.ServiceAccount) bool { return a.Authorizes || p.Links(a.Name) }
	return each(s.Lists(), func(namespace string) ([]kube.ServiceAccount, error) {
		return k.ServiceAccounts(ctx, namespace, keep)
	})
}

func (o *observer) sortServiceAccounts(accounts []kube.ServiceAccount) {
	o.ServiceAccounts = make(map[component.Key]world.Links, len(accounts))
	for _, a := range accounts {
		o.ServiceAccounts[component.Key{Namespace: a.Namespace, Name: a.Name}] = world.Links{Secrets: setOf(a.Secrets), Pull: setOf(a.PullSecrets)}
	}
}

func setOf[T comparable](items []T) map[T]bool {
	set := make(map[T]bool, len(items))
	for _, item := range items {
		set[item] = true
	}
	return set
}
