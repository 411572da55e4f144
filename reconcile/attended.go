package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"berth/reconcile/plan"
	"berth/reconcile/report"
)

// agreed is what a pass may do, and the time by which it reads.
type agreed struct {
	at     time.Time  // zero: now
	quayAt time.Time  // the same, by Quay's clock
	plan   *plan.Plan // nil: whatever it plans
}

// attended makes the pass, with a question in it where there is somebody to ask, and
// returns how long the answer took. A person has all the time there is: neither the
// run's clock nor its lock runs meanwhile. What was shown may have aged by then, so it is
// read again, under the lock, and what is done is only what was shown and still due.
func (r *Run) attended(ctx context.Context) (s report.Summary, asking time.Duration) {
	if r.Confirm == nil || r.Header.DryRun {
		ctx, cancel := limited(ctx, r.Timeout)
		defer cancel()
		return timed(ctx, r.locked(ctx, agreed{})), 0
	}
	first, cancel := limited(ctx, r.Timeout)
	defer cancel()
	began := time.Now()
	at := r.Now()
	w, shown, s := r.look(first, agreed{at: at}, true)
	if s.Err != nil {
		return timed(first, s), 0
	}
	s.Operation = report.OperationApply
	if shown.Changes() == 0 {
		return s, 0
	}
	left := r.Timeout - time.Since(began)
	cancel()
	asked := r.Now()
	yes, err := r.Confirm(ctx, shown)
	asking = r.Now().Sub(asked)
	if err != nil || !yes {
		return s.Ended(errors.Join(report.ErrDeclined, err)), asking
	}
	if r.Timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, left)
		defer cancel()
	}
	second := r.locked(ctx, agreed{at, w.At, &shown})
	second.Phases = second.Phases.And(s.Phases)
	return timed(ctx, second), asking
}

// timed tells of a run that its time ended.
func timed(ctx context.Context, s report.Summary) report.Summary {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) || s.Err == nil && !s.Cut {
		return s
	}
	if s.Err == nil {
		return s.Ended(report.ErrTime)
	}
	return s.Ended(fmt.Errorf("%w: %w", report.ErrTime, s.Err))
}

// limited ends a context after a while; zero is for ever.
func limited(ctx context.Context, after time.Duration) (context.Context, context.CancelFunc) {
	if after == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, after)
}
