package observe

import (
	"context"

	"berth/reconcile/world"

	"golang.org/x/sync/errgroup"
)

// group runs functions side by side, a few at a time, until one fails or panics.
type group struct{ *errgroup.Group }

func newGroup(ctx context.Context) (group, context.Context) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	return group{g}, ctx
}

func (g group) Go(f func() error) {
	g.Group.Go(func() (err error) {
		defer world.Recovered(&err)
		return f()
	})
}
