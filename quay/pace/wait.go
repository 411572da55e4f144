package pace

import (
	"context"
	"time"
)

// Sleep waits, unless that takes longer than the context lasts: then there is
// nothing to wait for.
func Sleep(ctx context.Context, d time.Duration) error { return sleepUnless(ctx, d, nil) }

// sleepUnless ends also when something else does.
func sleepUnless(ctx context.Context, d time.Duration, other <-chan struct{}) error {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < d {
		return context.DeadlineExceeded
	}
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-other:
	case <-timer.C:
	}
	return nil
}

// stopwatch runs while there is anybody.
type stopwatch struct {
	n       int
	began   time.Time
	stopped time.Duration
}

func (s *stopwatch) add(n int, now time.Time) {
	s.stopped = s.total(now)
	s.began = now
	s.n += n
}

func (s *stopwatch) total(now time.Time) time.Duration {
	if s.n == 0 {
		return s.stopped
	}
	return s.stopped + now.Sub(s.began)
}
