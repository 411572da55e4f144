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
	"slices"
	"sync"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/gitsource"
	"berth/reconcile/observe/territory"
	"berth/reconcile/world"
)

// Registry is Quay as reading it needs it.
type Registry interface {
	GetOrganization(ctx context.Context) (quay.Organization, error)
	EachRobot(ctx context.Context, begin func() func(quay.Robot)) error
	ListRepositories(ctx context.Context) ([]quay.Repository, error)
	GetRepository(ctx context.Context, name string) (quay.Repository, error)
	ListRobotPermissions(ctx context.Context, repository string) (map[string]quay.Role, error)
	ListDefaultPermissions(ctx context.Context) ([]quay.DefaultPermission, error)
}

// Cluster is Kubernetes as reading it needs it.
type Cluster interface {
	territory.Cluster
	Served(ctx context.Context) (kube.Served, error)
	Components(ctx context.Context, g kube.Group, namespace, selector string) ([]kube.Component, error)
	EachSecret(ctx context.Context, namespace, labelSelector string, begin func() func(kube.Secret)) error
	SecretMetadata(ctx context.Context, namespace, name string) (kube.Secret, error)
	SecretsNamed(ctx context.Context, namespace, name string) ([]kube.Secret, error)
	SecretsMetadata(ctx context.Context, namespace string, keep func(namespace, name string) bool) ([]kube.Secret, error)
	ServiceAccounts(ctx context.Context, namespace string, keep func(kube.ServiceAccount) bool) ([]kube.ServiceAccount, error)
	ImageRepositories(ctx context.Context, g kube.Group, namespace string, keep func(kube.ImageRepository) bool) ([]kube.ImageRepository, error)
	Environments(ctx context.Context, namespace string) ([]kube.Environment, error)
	EnvironmentBindings(ctx context.Context, namespace string) ([]kube.EnvironmentBinding, error)
	DeploymentTargetClaims(ctx context.Context, namespace string) ([]kube.DeploymentTargetClaim, error)
	DeploymentTargets(ctx context.Context, namespace string) ([]kube.DeploymentTarget, error)
	EachRemoteSecret(ctx context.Context, namespace string, keep func(namespace, name string) bool, begin func() func(kube.RemoteSecret)) error
	Component(ctx context.Context, g kube.Group, namespace, name string) (kube.Component, error)
	Secret(ctx context.Context, namespace, name string) (kube.Secret, error)
}

// Sources tells whether anybody may read a Component's source.
type Sources interface {
	Probe(ctx context.Context, address string) gitsource.Verdict
	Asks(address string) bool // whether that takes more than a look at the address
}

// ErrNotAdmin stops a run before it compares anything: with less than an
// administrator's token Quay leaves things out of its answers without a word.
var ErrNotAdmin error = &tokenError{"the Quay token does not administer the organization", quay.ErrForbidden}

// ErrUnknownToken stops a run in the same place.
var ErrUnknownToken error = &tokenError{"Quay does not know the token, or not any more", quay.ErrUnauthorized}

type tokenError struct {
	says string
	kind error
}

func (e *tokenError) Error() string { return e.says }
func (e *tokenError) Unwrap() error { return e.kind }

// errEmptyList: to a token that it does not know, be it for this one request,
// Quay lists no repository and calls that success.
var errEmptyList = errors.New("quay lists no repository, yet robots with permissions on some; nothing can be told from that")

// doubtEmpty doubts a list without a repository where a robot has a permission on one.
func (o *observer) doubtEmpty() error {
	for _, r := range o.Robots {
		if len(o.Repositories) == 0 && slices.ContainsFunc(r.Repositories, func(name string) bool { return !component.DeletedRepository(name) }) {
			return errEmptyList
		}
	}
	return nil
}

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
	long      map[component.Key]*world.Called // by the names of Secrets that do not tell whose they are
	served    kube.Served
	territory *territory.Territory
	atHome    *kube.RemoteSecret // what is left of each that brings its Secret nowhere
	now       time.Time
	naming    sync.Mutex // of the odd

	// What is sorted when all is there.
	read        int                      // Secrets with our label, of which
	strays      map[component.Key]bool   // are no Component's by their names;
	madeFor     map[component.Key]string // where there is no Component: fingerprints of what was made for one
	authorizing map[string]int           // ServiceAccounts, by namespace
	deployments world.Deployments
}

// World reads the world. now, and the moment up to which earlier runs have audited it, choose
// the repositories whose roles and sources are looked at; zero, or nonsense: it is not known. now tells
// also what of rotations is too young or too old.
func World(ctx context.Context, e Ends, n component.Naming, p world.Policy, s world.Scope, now, audited time.Time) (world.World, error) {
	organization, err := e.Registry.GetOrganization(ctx)
	if err == nil && !organization.Admin {
		organization, err = doubted(ctx, e.Registry)
	}
	if err != nil {
		return world.World{}, err
	}
	if !organization.Admin {
		return world.World{}, ErrNotAdmin
	}
	o := observer{
		Ends: e, scope: s, territory: territory.Of(s), atHome: &kube.RemoteSecret{HasData: true}, now: now,
		World: world.World{Naming: n, Policy: p, Whole: s.Whole(), At: now, Turn: world.TurnOf(now), Unread: map[component.Key]error{}},
	}
	o.remember(audited)
	if at := organization.Observed; !at.IsZero() {
		o.At, o.Ahead = at, at.Sub(now)
	}
	if err := o.observe(ctx); err != nil {
		return world.World{}, err
	}
	o.Gather()
	o.shareFingerprints()
	return o.World, nil
}

// observe reads the Components first, and names what is theirs: all else is compared with
// that while it is read, and where it is as it should be little of it is kept.
func (o *observer) observe(ctx context.Context) error {
	if err := inOrder(ctx, o.observeInventory, o.observeLists, o.observeDefaults, o.observeNamed); err != nil {
		return err
	}
	o.PlaceRepositories()
	return inOrder(ctx, o.observeImageRepositories, o.observeSecrets, o.observeNamespaceSecrets, o.leaveClosed,
		o.observeLinks, o.sortDelivery, o.observeLast)
}

// observeLast asks git hosts while it reads roles: neither waits for the other.
func (o *observer) observeLast(ctx context.Context) error {
	g, gctx := territory.SideBySide(ctx)
	g.Go(func() error { return o.observeSources(gctx) })
	g.Go(func() error { return o.observeRoles(gctx) })
	return g.Wait()
}

// inOrder takes steps until one fails.
func inOrder(ctx context.Context, steps ...func(context.Context) error) error {
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// observeLists lists both ends side by side. The whole run rests on each of these. Robots come
// after the Secrets that log in as them: what another run makes meanwhile would otherwise
// look as if the organization had lost its robots.
func (o *observer) observeLists(ctx context.Context) error {
	g, gctx := territory.SideBySide(ctx)
	if o.Whole {
		g.Go(func() error { return o.observeRepositories(gctx) })
	}
	g.Go(func() error { return inOrder(gctx, o.observeCluster, o.observeRobots) })
	if err := g.Wait(); err != nil {
		return err
	}
	if o.Whole {
		return o.doubtEmpty()
	}
	return nil
}

// observeCluster lists the territory. Of RemoteSecrets, of which anybody may make as many
// and as large ones as he likes, only those of Components are kept.
func (o *observer) observeCluster(ctx context.Context) error {
	g, gctx := territory.SideBySide(ctx)
	g.Go(func() error { return o.observeAccounts(gctx) })
	g.Go(func() error { return o.listSecrets(gctx) })
	g.Go(func() error { return o.observeDelivery(gctx) })
	if err := g.Wait(); err != nil {
		return err
	}
	o.saw("Secret", "Secrets", o.read, 0)
	if o.Mode.RemoteSecrets {
		if err := o.observeRemoteSecrets(ctx); err != nil {
			return err
		}
	}
	slices.Sort(o.Odd)
	return o.leaveClosed(ctx)
}

// odd names an object that cannot be read, of which nothing else is known.
func (o *observer) odd(kind, namespace, name string) {
	o.naming.Lock()
	defer o.naming.Unlock()
	o.Odd = append(o.Odd, kind+" "+namespace+"/"+name)
}

// leaveClosed takes the Components of namespaces that cannot be read out of the run.
// They are there all the same.
func (o *observer) leaveClosed(context.Context) error {
	if o.Closed = o.territory.Closed(); len(o.Closed) == 0 {
		return nil
	}
	for _, list := range []*[]kube.Component{&o.Components, &o.Elsewhere} {
		var open []kube.Component // what is called refers to the others in their places
		for _, c := range *list {
			if o.Closed[c.Namespace] != nil {
				o.Hidden = append(o.Hidden, component.KeyOf(&c))
			} else {
				open = append(open, c)
			}
		}
		*list = open
	}
	o.Missing = slices.DeleteFunc(o.Missing, func(k component.Key) bool { return o.Closed[k.Namespace] != nil })
	return o.territory.Shut()
}

func (o *observer) observeRobots(ctx context.Context) error {
	err := o.Registry.EachRobot(ctx, func() func(quay.Robot) {
		o.Robots, o.Further.Robots = make(map[string]*world.Robot, 2*len(o.Components)), nil
		return func(r quay.Robot) {
			name, robot, first := o.slimRobot(r)
			if o.Robots[name] = &robot; !first {
				o.Further.Robots = append(o.Further.Robots, name)
			}
		}
	})
	o.saw("robot", "robots", len(o.Robots), 0)
	return err
}

func (o *observer) observeRepositories(ctx context.Context) error {
	list, err := o.Registry.ListRepositories(ctx)
	o.Repositories = make(map[string]*quay.Repository, len(list))
	for i := range list {
		plain := o.slimRepository(&list[i])
		if o.Repositories[list[i].Name] = &list[i]; !plain {
			o.Further.Repositories = append(o.Further.Repositories, list[i].Name)
		}
	}
	o.saw("repository", "repositories", len(o.Repositories), 0)
	return err
}

// namespaces are those that have Components of this run.
func (o *observer) namespaces() map[string]bool {
	served := map[string]bool{}
	for _, c := range o.Components {
		served[c.Namespace] = true
	}
	return served
}

func setOf[T comparable](items []T) map[T]bool {
	set := make(map[T]bool, len(items))
	for _, item := range items {
		set[item] = true
	}
	return set
}
