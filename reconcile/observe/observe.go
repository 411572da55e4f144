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
	"hash/fnv"
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
	Served(ctx context.Context) (kube.Served, error)
	Components(ctx context.Context, g kube.Group, namespace, selector string) ([]kube.Component, error)
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
	scope     world.Scope
	served    kube.Served
	territory *territory
	now       time.Time
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
	o := observer{
		Ends: e, scope: s, territory: newTerritory(s), now: now,
		World: world.World{Naming: n, Policy: p, Whole: s.Whole(), At: now, Turn: turn(now), Unread: map[component.Key]error{}},
	}
	if at := organization.Observed; !at.IsZero() {
		o.At, o.Ahead = at, at.Sub(now)
	}
	if err := o.observe(ctx); err != nil {
		return world.World{}, err
	}
	return o.World, nil
}

func (o *observer) observe(ctx context.Context) error {
	var seen lists
	g, gctx := newGroup(ctx) // the whole run rests on each of these
	naming := o.Naming
	g.Go(func() (err error) {
		o.Robots, err = observeRobots(gctx, o.Registry, naming)
		o.saw("robot", "robots", len(o.Robots), 0)
		return
	})
	g.Go(func() (err error) {
		o.Repositories, err = observeRepositories(gctx, o.Registry)
		o.saw("repository", "repositories", len(o.Repositories), 0)
		return
	})
	g.Go(func() (err error) { seen, err = o.observeCluster(gctx); return })
	if err := g.Wait(); err != nil {
		return err
	}
	if len(o.Repositories) == 0 && permitted(o.Robots) {
		return errEmptyList
	}
	o.sortServiceAccounts(seen.accounts)
	o.nameOdd(seen)
	o.Divide(o.scope.Shard)
	slices.SortFunc(o.Components, func(a, b kube.Component) int { return component.KeyOf(a).Compare(component.KeyOf(b)) })
	o.noteRequests()
	o.NameComponents()
	if err := o.observeSecrets(ctx, seen.secrets); err != nil {
		return err
	}
	if err := o.territory.shut(); err != nil {
		return err
	}
	o.leaveClosed()
	if err := o.observeLinks(ctx, seen.secrets); err != nil {
		return err
	}
	if err := o.sortDelivery(ctx, seen); err != nil {
		return err
	}
	if err := o.observeSources(ctx); err != nil {
		return err
	}
	return o.observeRoles(ctx)
}

// lists are what is sorted when all is there.
type lists struct {
	secrets       []kube.Secret
	accounts      []kube.ServiceAccount
	deployments   world.Deployments
	remoteSecrets []kube.RemoteSecret
}

// observeCluster lists the territory. Of RemoteSecrets, of which anybody may make as many
// and as large ones as he likes, only those of Components are kept.
func (o *observer) observeCluster(ctx context.Context) (l lists, err error) {
	if err := o.observeNamespaces(ctx); err != nil {
		return l, err
	}
	if o.served, err = o.Cluster.Served(ctx); err != nil {
		return l, err
	}
	o.Groups = o.served.Components.All()
	g, gctx := newGroup(ctx)
	g.Go(func() (err error) { o.Components, o.Missing, err = o.observeComponents(gctx); return })
	g.Go(func() (err error) {
		l.accounts, err = each(gctx, o.territory, func(ctx context.Context, namespace string) ([]kube.ServiceAccount, error) {
			return o.Cluster.ServiceAccounts(ctx, namespace, o.wantsAccount)
		})
		return err
	})
	g.Go(func() (err error) {
		l.secrets, err = each(gctx, o.territory, func(ctx context.Context, namespace string) ([]kube.Secret, error) {
			return o.Cluster.Secrets(ctx, namespace, component.LabelManagedBy+"="+component.Manager)
		})
		return err
	})
	g.Go(func() (err error) { o.Mode, l.deployments, err = o.observeDelivery(gctx); return })
	if err := g.Wait(); err != nil {
		return l, err
	}
	o.saw("Component", "Components", len(o.Components), 0)
	o.saw("Secret", "Secrets", len(l.secrets), 0)
	if o.Mode.RemoteSecrets {
		l.remoteSecrets, err = each(ctx, o.territory, o.ownRemoteSecrets())
	}
	if err == nil {
		err = o.territory.shut()
	}
	o.leaveClosed()
	return l, err
}

// leaveClosed takes the Components of namespaces that cannot be read out of the run.
// They are there all the same.
func (o *observer) leaveClosed() {
	o.Closed = o.territory.closed
	o.Components = slices.DeleteFunc(o.Components, func(c kube.Component) bool {
		if o.Closed[c.Namespace] != nil {
			o.Hidden = append(o.Hidden, component.KeyOf(c))
			return true
		}
		return false
	})
	o.Missing = slices.DeleteFunc(o.Missing, func(k component.Key) bool { return o.Closed[k.Namespace] != nil })
}

// turn is where turns begin in this run: nobody can arrange to be the first in each.
func turn(now time.Time) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(now.UTC().Format(time.RFC3339)))
	return int(h.Sum32() & (1<<31 - 1))
}

func observeRobots(ctx context.Context, q Registry, n component.Naming) (map[string]world.Robot, error) {
	list, err := q.ListRobots(ctx)
	if err != nil {
		return nil, err
	}
	robots := make(map[string]world.Robot, len(list))
	for _, r := range list {
		robot := world.Robot{Mark: r.Description, Repositories: r.Repositories, Created: r.Created}
		if !r.Token.IsZero() {
			robot.Fingerprint = component.Fingerprint(n.Login(r.Name), r.Token.Reveal())
		}
		robots[r.Name] = robot
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

func (o *observer) observeComponents(ctx context.Context) (found []kube.Component, missing []component.Key, err error) {
	all, err := o.listComponents(ctx, o.scope.Selector)
	if err == nil && o.scope.Selector != "" && len(o.Groups) > 1 { // the label may be on one of two that are one
		matched := all
		all, err = o.listComponents(ctx, "")
		all = world.Selected(all, matched)
	}
	if err != nil || len(o.scope.Only) == 0 {
		return all, nil, err
	}
	there := make(map[component.Key]kube.Component, len(all))
	for _, c := range all {
		there[component.KeyOf(c)] = c
	}
	for want := range setOf(o.scope.Only) {
		if c, ok := there[want]; ok {
			found = append(found, c)
		} else {
			missing = append(missing, want)
		}
	}
	return found, missing, nil
}

// listComponents lists those of all groups that the cluster has. Where it has none the
// list of the older says so.
func (o *observer) listComponents(ctx context.Context, selector string) ([]kube.Component, error) {
	groups := o.Groups
	if len(groups) == 0 {
		groups = []kube.Group{kube.AppStudio}
	}
	all, err := each(ctx, o.territory, func(ctx context.Context, namespace string) (all []kube.Component, err error) {
		for _, g := range groups {
			some, err := o.Cluster.Components(ctx, g, namespace, selector)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		return all, nil
	})
	return world.Berths(all), err
}

// wantsAccount reports whether builds or pods run as a ServiceAccount, or the
// RemoteSecret operator acts as it.
func (o *observer) wantsAccount(a kube.ServiceAccount) bool {
	return a.Authorizes || o.Policy.Links(a.Name)
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
