package territory

import (
	"context"
	"errors"
	"sync"

	"berth/kube"
)

// Cluster is what tells of namespaces.
type Cluster interface {
	Namespaces(ctx context.Context) ([]kube.Namespace, error)
	Namespace(ctx context.Context, name string) (kube.Namespace, error)
}

// System is in every cluster, and its uid stands for the cluster.
const System = "kube-system"

// Namespaces reads the namespaces of the territory, and [System] when it is needed, after their
// Components. One that was named and is not there is told, and left out of all that follows.
func (t *Territory) Namespaces(ctx context.Context, c Cluster, system bool) (found map[string]kube.Namespace, absent []string, err error) {
	if t.all || t.wide {
		list, err := c.Namespaces(ctx)
		switch {
		case err == nil && t.all:
			return byName(list), nil, nil
		case err == nil:
			return t.pick(ctx, byName(list), nil, system)
		case t.all, Universal(ctx, err):
			return nil, nil, err
		}
		t.wide = false
	}
	there, errs := map[string]kube.Namespace{}, map[string]error{}
	if system && !t.named[System] {
		n, err := c.Namespace(ctx, System)
		if err != nil {
			return nil, nil, err
		}
		there[n.Name] = n
	}
	var reading sync.Mutex
	g, gctx := SideBySide(ctx)
	for _, name := range t.names {
		g.Go(func() error {
			n, err := c.Namespace(gctx, name)
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
	return t.pick(ctx, there, errs, system)
}

func byName(list []kube.Namespace) map[string]kube.Namespace {
	there := make(map[string]kube.Namespace, len(list))
	for _, n := range list {
		there[n.Name] = n
	}
	return there
}

// pick takes those of the territory from what is there, and [System].
func (t *Territory) pick(ctx context.Context, there map[string]kube.Namespace, errs map[string]error, system bool) (found map[string]kube.Namespace, absent []string, err error) {
	names := t.names
	t.names, t.named, found = nil, map[string]bool{}, map[string]kube.Namespace{}
	for _, name := range names {
		n, exists := there[name]
		switch err := errs[name]; {
		case err != nil && (Universal(ctx, err) || name == System && system):
			return nil, nil, err
		case err != nil:
			t.close(name, err)
		case exists:
			found[name] = n
		default:
			absent = append(absent, name)
			delete(t.closed, name) // rights in it are gone with it
			continue
		}
		t.names, t.named[name] = append(t.names, name), true
	}
	if n, exists := there[System]; exists && system {
		found[n.Name] = n
	}
	return found, absent, t.Shut()
}
