package apply

import (
	"context"
	"time"
)

// grace is how long the Components in flight may go on after the run was told
// to end. It is shorter than the pod's.
const grace = 20 * time.Second

// outlive gives a context that ends a while after ctx does, and tells when, if that
// is known: who waits for something sees that it is in vain.
func outlive(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	detached, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if end, limited := ctx.Deadline(); limited {
		detached, cancel = context.WithDeadline(context.WithoutCancel(ctx), end.Add(by))
	}
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(by, cancel)
		context.AfterFunc(detached, func() { timer.Stop() })
	})
	return detached, func() { stop(); cancel() }
}
