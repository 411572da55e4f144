package territory

import (
	"context"

	"berth/reconcile/world"

	"golang.org/x/sync/errgroup"
)

// Group runs functions side by side, a few at a time, until one fails or panics.
type Group struct{ *errgroup.Group }

// readers bounds the small requests of an observation that are made side by side.
const readers = 16

// SideBySide begins a group under a context of its own.
func SideBySide(ctx context.Context) (Group, context.Context) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	return Group{g}, ctx
}

// Go runs a function; its panic is an error.
func (g Group) Go(f func() error) {
	g.Group.Go(func() (err error) {
		defer world.Recovered(&err)
		return f()
	})
}
