package observe

import (
	"context"
	"errors"
	"slices"
	"sync"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/world"
)

// territory is what of the cluster a run lists: all of it in one list of each kind, or
// namespaces that were named to it. One of these that cannot be read is that namespace's
// matter, as long as another can.
type territory struct {
	all   bool
	names []string // when it is not all

	mu     sync.Mutex
	closed map[string]error // those of names that cannot be read
}

func newTerritory(s world.Scope) *territory {
	names := s.Lists()
	return &territory{all: names[0] == kube.AllNamespaces, names: names, closed: map[string]error{}}
}

// universal reports whether an error is no single namespace's, Component's or repository's.
func universal(ctx context.Context, err error) bool {
	for _, kind := range []error{quay.ErrUnauthorized, quay.ErrForbidden, kube.ErrUnauthorized, kube.ErrNotInstalled, world.ErrPanic} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return ctx.Err() != nil
}

// close notes that a namespace cannot be read. Of several reasons one stands, the same
// whatever came first.
func (t *territory) close(namespace string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.closed[namespace]; old == nil || err.Error() < old.Error() {
		t.closed[namespace] = err
	}
}

// shut is why nothing at all could be read of the namespaces that were named, nil where
// something could.
func (t *territory) shut() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var first error
	for _, name := range t.names {
		err := t.closed[name]
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// holds reports whether the lists of the run show a namespace.
func (t *territory) holds(namespace string) bool {
	return t.all || slices.Contains(t.names, namespace) && t.closed[namespace] == nil
}

// each lists all of the territory.
func each[T any](ctx context.Context, t *territory, list func(ctx context.Context, namespace string) ([]T, error)) ([]T, error) {
	if t.all {
		return list(ctx, kube.AllNamespaces)
	}
	var all []T
	for _, namespace := range t.names {
		some, err := list(ctx, namespace)
		switch {
		case err == nil:
			all = append(all, some...)
		case universal(ctx, err):
			return nil, err
		default:
			t.close(namespace, err)
		}
	}
	return all, nil
}

// observeNamespaces also reads kube-system when the cluster has no other name. A
// namespace that was named and is not there is left out of all that follows.
func (o *observer) observeNamespaces(ctx context.Context) error {
	o.Namespaces = map[string]kube.Namespace{}
	if o.territory.all {
		list, err := o.Cluster.Namespaces(ctx)
		if err != nil {
			return err
		}
		for _, n := range list {
			o.Namespaces[n.Name] = n
		}
		return o.nameCluster()
	}
	names := o.territory.names
	if o.Naming.Cluster == "" && !slices.Contains(names, clusterNamespace) {
		n, err := o.Cluster.Namespace(ctx, clusterNamespace)
		if err != nil {
			return err
		}
		o.Namespaces[n.Name] = n
	}
	o.territory.names = nil
	for _, name := range names {
		n, err := o.Cluster.Namespace(ctx, name)
		switch {
		case errors.Is(err, kube.ErrNotFound):
			o.Absent = append(o.Absent, name)
			continue
		case err == nil:
			o.Namespaces[name] = n
		case universal(ctx, err), name == clusterNamespace && o.Naming.Cluster == "":
			return err
		default:
			o.territory.close(name, err)
		}
		o.territory.names = append(o.territory.names, name)
	}
	if err := o.territory.shut(); err != nil {
		return err
	}
	return o.nameCluster()
}

// clusterNamespace is in every cluster, and its uid stands for the cluster.
const clusterNamespace = "kube-system"

// ClusterID is what names a cluster that was given no other name.
func ClusterID(ctx context.Context, c Cluster) (id string, err error) {
	defer world.Recovered(&err)
	n, err := c.Namespace(ctx, clusterNamespace)
	return n.UID, err
}

func (o *observer) nameCluster() error {
	if o.Naming.Cluster == "" {
		o.Naming.Cluster = o.Namespaces[clusterNamespace].UID
	}
	if o.Naming.Cluster == "" {
		return errNoCluster
	}
	return nil
}

var errNoCluster = errors.New("the cluster does not show its namespace " + clusterNamespace + ", whose uid names it")
