// Package territory is what of the cluster a run lists, and how: in go the scope and lists of a
// kind, out comes what the namespaces of the territory show. A namespace that cannot be read
// is closed, and nobody else's matter; what is no single namespace's ends the list.
package territory

import (
	"context"
	"errors"
	"slices"
	"sync"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/world"
)

// Territory is what of the cluster a run lists: all of it in one list of each kind, or
// namespaces that were named to it. One of these that cannot be read is that namespace's
// matter, as long as another can.
type Territory struct {
	all   bool
	names []string        // when it is not all
	named map[string]bool // those
	wide  bool            // so many that one list of each kind takes fewer calls, of what else there is, too, where the rights allow that

	mu     sync.Mutex
	closed map[string]error // those of names that cannot be read
}

// Of is the territory of a scope.
func Of(s world.Scope) *Territory {
	names := s.Lists()
	t := &Territory{all: names[0] == kube.AllNamespaces, names: names, named: map[string]bool{}, wide: len(names) > many, closed: map[string]error{}}
	for _, name := range names {
		t.named[name] = true
	}
	return t
}

// Universal reports whether an error is no single namespace's, Component's or repository's.
func Universal(ctx context.Context, err error) bool {
	for _, kind := range []error{quay.ErrUnauthorized, quay.ErrForbidden, kube.ErrUnauthorized, kube.ErrNotInstalled, world.ErrPanic} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return ctx.Err() != nil
}

// close notes that a namespace cannot be read. Of several reasons one stands, the same
// whatever came first.
func (t *Territory) close(namespace string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.closed[namespace]; old == nil || err.Error() < old.Error() {
		t.closed[namespace] = err
	}
}

// Closed are the namespaces that cannot be read, and why.
func (t *Territory) Closed() map[string]error { return t.closed }

// Shut is why nothing at all could be read of the namespaces that were named, nil where
// something could.
func (t *Territory) Shut() error {
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

// Holds reports whether the lists of the run show a namespace.
func (t *Territory) Holds(namespace string) bool {
	return t.all || t.named[namespace] && t.closed[namespace] == nil
}

// Within reports whether what a list shows of a namespace is of the territory.
func (t *Territory) Within(namespace string) bool { return t.all || t.named[namespace] }

// many is from how many namespaces on they are taken from one list of the cluster.
const many = 10

// Each lists all of the territory, and perhaps more: [Territory.Within] tells. Namespaces
// are listed side by side.
func Each[T any](ctx context.Context, t *Territory, list func(ctx context.Context, namespace string) ([]T, error)) ([]T, error) {
	if t.all {
		return list(ctx, kube.AllNamespaces)
	}
	if t.wide {
		if all, err := list(ctx, kube.AllNamespaces); err == nil || Universal(ctx, err) {
			return all, err
		}
	}
	lists, errs := make([][]T, len(t.names)), make([]error, len(t.names))
	g, gctx := SideBySide(ctx)
	for i, namespace := range t.names {
		g.Go(func() error {
			lists[i], errs[i] = list(gctx, namespace)
			if errs[i] != nil && Universal(ctx, errs[i]) {
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

// Sorted streams all of the territory, and perhaps more, past sort, one object at a time. A
// list that begins again is of another moment: what came of a namespace before is forgotten.
func Sorted[T any](ctx context.Context, t *Territory, list func(ctx context.Context, namespace string, begin func() func(T)) error, forget func(namespace string), sort func(T)) error {
	var sorting sync.Mutex // namespaces are listed side by side
	_, err := Each(ctx, t, func(ctx context.Context, namespace string) ([]struct{}, error) {
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
