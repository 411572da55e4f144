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

// sorted streams all of the territory, and perhaps more, past sort, one object at a time. A
// list that begins again is of another moment: what came of a namespace before is forgotten.
func sorted[T any](ctx context.Context, t *territory, list func(ctx context.Context, namespace string, begin func() func(T)) error, forget func(namespace string), sort func(T)) error {
	var sorting sync.Mutex // namespaces are listed side by side
	_, err := each(ctx, t, func(ctx context.Context, namespace string) ([]struct{}, error) {
		begun := false
		return nil, list(ctx, namespace, func() func(T) {
			sorting.Lock()
			defer sorting.Unlock()
			if begun {
				forget(namespace)
			}
			begun = true
			return func(item T) {
				sorting.Lock()
				defer sorting.Unlock()
				sort(item)
			}
		})
	})
	return err
}

// observeNamespaces also reads kube-system when the cluster has no other name. A
// namespace that was named and is not there is left out of all that follows.
func (o *observer) observeNamespaces(ctx context.Context) error {
	o.Namespaces = map[string]kube.Namespace{}
	t := o.territory
	if t.all || len(t.names) > many {
		list, err := o.Cluster.Namespaces(ctx)
		switch {
		case err == nil && t.all:
			o.Namespaces = byName(list)
			return o.nameCluster()
		case err == nil:
			t.wide = true
			return o.pickNamespaces(ctx, byName(list), nil)
		case t.all, universal(ctx, err):
			return err
		}
	}
	there, errs := map[string]kube.Namespace{}, map[string]error{}
	if o.Naming.Cluster == "" && !t.named[clusterNamespace] {
		n, err := o.Cluster.Namespace(ctx, clusterNamespace)
		if err != nil {
			return err
		}
		there[n.Name] = n
	}
	var reading sync.Mutex
	g, gctx := newGroup(ctx)
	for _, name := range t.names {
		g.Go(func() error {
			n, err := o.Cluster.Namespace(gctx, name)
			reading.Lock()
			defer reading.Unlock()
			if err == nil {
				there[name] = n
			} else if !errors.Is(err, kube.ErrNotFound) {
				errs[name] = err
			}
			return nil
		})
	}
	_ = g.Wait() // each by itself
	return o.pickNamespaces(ctx, there, errs)
}

func byName(list []kube.Namespace) map[string]kube.Namespace {
	there := make(map[string]kube.Namespace, len(list))
	for _, n := range list {
		there[n.Name] = n
	}
	return there
}

// pickNamespaces takes those of the territory from what is there, and the cluster's name.
func (o *observer) pickNamespaces(ctx context.Context, there map[string]kube.Namespace, errs map[string]error) error {
	t := o.territory
	names := t.names
	t.names, t.named = nil, map[string]bool{}
	for _, name := range names {
		n, exists := there[name]
		switch err := errs[name]; {
		case err != nil && (universal(ctx, err) || name == clusterNamespace && o.Naming.Cluster == ""):
			return err
		case err != nil:
			t.close(name, err)
		case exists:
			o.Namespaces[name] = n
		default:
			o.Absent = append(o.Absent, name)
			continue
		}
		t.names, t.named[name] = append(t.names, name), true
	}
	if n, exists := there[clusterNamespace]; exists && o.Naming.Cluster == "" {
		o.Namespaces[n.Name] = n
	}
	if err := t.shut(); err != nil {
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
