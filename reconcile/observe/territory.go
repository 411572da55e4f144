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
	names []string        // when it is not all
	named map[string]bool // those
	wide  bool            // so many that one list of each kind takes fewer calls, of what else there is, too

	mu     sync.Mutex
	closed map[string]error // those of names that cannot be read
}

func newTerritory(s world.Scope) *territory {
	names := s.Lists()
	return &territory{all: names[0] == kube.AllNamespaces, names: names, named: setOf(names), closed: map[string]error{}}
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
	return t.all || t.named[namespace] && t.closed[namespace] == nil
}

// within reports whether what a list shows of a namespace is of the territory.
func (t *territory) within(namespace string) bool { return t.all || t.named[namespace] }

// many is from how many namespaces on they are taken from one list of the cluster, where
// the rights allow that.
const many = 10

// each lists all of the territory, and perhaps more: [territory.within] tells. Namespaces
// are listed side by side.
func each[T any](ctx context.Context, t *territory, list func(ctx context.Context, namespace string) ([]T, error)) ([]T, error) {
	if t.all {
		return list(ctx, kube.AllNamespaces)
	}
	if t.wide {
		if all, err := list(ctx, kube.AllNamespaces); err == nil || universal(ctx, err) {
			return all, err
		}
	}
	lists, errs := make([][]T, len(t.names)), make([]error, len(t.names))
	g, gctx := newGroup(ctx)
	for i, namespace := range t.names {
		g.Go(func() error {
			lists[i], errs[i] = list(gctx, namespace)
			if errs[i] != nil && universal(ctx, errs[i]) {
				return errs[i]
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i, err := range errs {
		if err != nil {
			lists[i] = nil
			t.close(t.names[i], err)
		}
	}
	return slices.Concat(lists...), nil
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
	if len(names) > many {
		list, err := o.Cluster.Namespaces(ctx)
		if err == nil {
			return o.pickNamespaces(list)
		} else if universal(ctx, err) {
			return err
		}
	}
	if o.Naming.Cluster == "" && !slices.Contains(names, clusterNamespace) {
		n, err := o.Cluster.Namespace(ctx, clusterNamespace)
		if err != nil {
			return err
		}
		o.Namespaces[n.Name] = n
	}
	o.territory.names, o.territory.named = nil, nil
	found, errs := make([]kube.Namespace, len(names)), make([]error, len(names))
	g, gctx := newGroup(ctx)
	for i, name := range names {
		g.Go(func() error {
			found[i], errs[i] = o.Cluster.Namespace(gctx, name)
			return nil
		})
	}
	_ = g.Wait() // each by itself
	for i, name := range names {
		switch err := errs[i]; {
		case errors.Is(err, kube.ErrNotFound):
			o.Absent = append(o.Absent, name)
			continue
		case err == nil:
			o.Namespaces[name] = found[i]
		case universal(ctx, err), name == clusterNamespace && o.Naming.Cluster == "":
			return err
		default:
			o.territory.close(name, err)
		}
		o.territory.add(name)
	}
	if err := o.territory.shut(); err != nil {
		return err
	}
	return o.nameCluster()
}

// pickNamespaces takes those of the territory from a list of all.
func (o *observer) pickNamespaces(list []kube.Namespace) error {
	there := make(map[string]kube.Namespace, len(list))
	for _, n := range list {
		there[n.Name] = n
	}
	names := o.territory.names
	o.territory.names, o.territory.named, o.territory.wide = nil, nil, true
	for _, name := range names {
		n, exists := there[name]
		if !exists {
			o.Absent = append(o.Absent, name)
			continue
		}
		o.Namespaces[name] = n
		o.territory.add(name)
	}
	if n, exists := there[clusterNamespace]; exists && o.Naming.Cluster == "" {
		o.Namespaces[n.Name] = n
	}
	return o.nameCluster()
}

func (t *territory) add(name string) {
	t.names = append(t.names, name)
	if t.named == nil {
		t.named = map[string]bool{}
	}
	t.named[name] = true
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
