package reconcile

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
)

var errPanic = errors.New("a bug in Berth")

// recovered turns a panic into an error. Without it, Go ends the process with an
// exit code that means something else here.
func recovered(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("%w: %v", errPanic, v)
	}
}

// group runs functions side by side, a few at a time, until one fails or panics.
type group struct{ *errgroup.Group }

func newGroup(ctx context.Context) (group, context.Context) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	return group{g}, ctx
}

func (g group) Go(f func() error) {
	g.Group.Go(func() (err error) {
		defer recovered(&err)
		return f()
	})
}
