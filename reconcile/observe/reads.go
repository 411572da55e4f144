package observe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/observe/territory"
	"berth/reconcile/world"
)

// readsTime is how long a run makes small reads of one kind: those that hang must not take
// its time for writing.
const readsTime = 2 * time.Minute

// errLeft is about what a run did not come to read.
var errLeft = fmt.Errorf("%w: other reads took all the time there was", kube.ErrUnavailable)

// readEach makes a small read for each item, side by side and in turns by namespace; nil: as they stand. What
// was read, and what fails for one, is told by item; what is nobody's in particular ends the run.
func readEach[T, R any](ctx context.Context, o *observer, items []T, namespace func(T) string, read func(context.Context, T) (R, error)) ([]R, []error, error) {
	order := make([]int, len(items))
	for i := range order {
		order[i] = i
	}
	found, errs := make([]R, len(items)), make([]error, len(items))
	limited, cancel := context.WithTimeout(ctx, readsTime)
	defer cancel()
	g, gctx := territory.SideBySide(limited)
	if namespace != nil {
		order = world.InTurns(order, o.Turn, func(i int) string { return namespace(items[i]) })
	}
	for _, i := range order {
		g.Go(func() error {
			found[i], errs[i] = read(gctx, items[i])
			switch {
			case errs[i] != nil && gctx.Err() != nil:
				errs[i] = errLeft
			case errs[i] != nil && territory.Universal(ctx, errs[i]):
				return errs[i]
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	return found, errs, ctx.Err()
}

// present is nil for what is not there.
func present[T any](item T, err error) (*T, error) {
	switch {
	case errors.Is(err, kube.ErrNotFound), errors.Is(err, quay.ErrNotFound):
		return nil, nil // that it is not there is known
	case err != nil:
		return nil, err
	}
	return &item, nil
}

// unread notes that something of a Component could not be read. Of several reasons one
// stands, the same whatever came first.
func (o *observer) unread(k component.Key, err error) {
	if old := o.Unread[k]; old == nil || err.Error() < old.Error() {
		o.Unread[k] = err
	}
}
