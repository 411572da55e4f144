package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"berth/kube"
	"berth/quay"
)

// Registry is Quay as a run needs it.
type Registry interface {
	registryReader
	repositories
	robots
	Stats() quay.Stats
}

// Cluster is Kubernetes as a run needs it.
type Cluster interface {
	clusterReader
	cluster
}

// Run is one pass over all Components.
type Run struct {
	Header      Header
	Quay        Registry
	Cluster     Cluster
	Sources     sources // needed when the visibility follows the source
	Naming      Naming
	Policy      Policy
	Scope       Scope
	Limits      Limits
	Concurrency int // Components in flight
	Report      Reporter
	Log         *slog.Logger
	Now         func() time.Time

	// Lock is taken before anything is read and released at the end; nil: no lock.
	Lock func(context.Context) (*kube.Lock, error)
	// Confirm is asked before the first write; nil means yes.
	Confirm func(ctx context.Context, changes int) (bool, error)
	// Progress is told of every change made; it may be nil.
	Progress func(done, total int)
}

// Interrupted is the cause of a context that a signal ended.
type Interrupted struct{ Signal int }

func (i Interrupted) Error() string { return fmt.Sprintf("interrupted by signal %d", i.Signal) }

// Do makes the pass: read everything, plan, print, check, and, unless it is a
// dry run, apply. It always ends with a summary.
func (r *Run) Do(ctx context.Context) Summary {
	start := r.Now()
	r.Report.Start(r.Header)
	s := r.locked(ctx)
	s.Elapsed = r.Now().Sub(start)
	s.Quay = r.Quay.Stats()
	if interrupted, ok := errors.AsType[Interrupted](context.Cause(ctx)); ok {
		s.Signal = interrupted.Signal
	}
	r.Report.Finish(s)
	r.logSummary(ctx, s)
	return s
}

func (r *Run) summary() Summary {
	return Summary{Operation: OperationPlan, DryRun: r.Header.DryRun, Detailed: r.Header.Detailed}
}

// errLockLost ends a run as a signal does: nothing new is begun.
var errLockLost = errors.New("the lock was lost: another run took it over, or it could not be renewed")

// locked makes the pass under the run's lock. The lock saves two runs from doing the
// same work; that both come out right rests on nothing here.
func (r *Run) locked(ctx context.Context) Summary {
	if r.Lock == nil {
		return r.pass(ctx)
	}
	lock, err := r.Lock(ctx)
	if err != nil {
		return r.summary().end(err)
	}
	defer func() {
		if err := lock.Release(context.WithoutCancel(ctx)); err != nil {
			r.Log.WarnContext(ctx, "the lock could not be released; it expires", "error", err.Error(), "run", r.Header.Run)
		}
	}()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-lock.Lost():
			r.Log.WarnContext(ctx, "the lock was lost: nothing new is begun, what is in flight is finished", "run", r.Header.Run)
			cancel(errLockLost)
		case <-ctx.Done():
		}
	}()
	s := r.pass(ctx)
	if errors.Is(context.Cause(ctx), errLockLost) && (s.cut || s.Err != nil && s.Operation == OperationPlan) {
		s.Err = errLockLost
	}
	return s
}

func (r *Run) pass(ctx context.Context) Summary {
	s := r.summary()
	read := r.Now()
	world, err := observe(ctx, r.Quay, r.Cluster, r.Sources, r.Naming, r.Policy, r.Scope, read)
	if err != nil {
		return s.end(err)
	}
	plan := MakePlan(world)
	s.count(plan, nil)
	r.Report.Planned(observed(world, r.Now().Sub(read)), plan, s)
	if err := guard(world, plan, r.Limits); err != nil {
		return s.end(err)
	}
	if r.Header.DryRun {
		return s
	}
	s.Operation = OperationApply
	if s.Changes.total() > 0 && r.Confirm != nil {
		if yes, err := r.Confirm(ctx, s.Changes.total()); err != nil || !yes {
			return s.end(errors.Join(ErrDeclined, err))
		}
	}
	s.count(plan, r.apply(ctx, world, plan, s.Changes.total()))
	return s
}

// ErrDeclined is the answer no at the prompt.
var ErrDeclined = errors.New("not confirmed; nothing was changed")

func (r *Run) apply(ctx context.Context, w World, plan Plan, total int) []Outcome {
	var speaking sync.Mutex // one at a time, so that reporters need no lock
	done := 0
	a := &applier{
		repositories: r.Quay, robots: r.Quay, cluster: r.Cluster,
		naming: w.Naming, run: r.Header.Run, now: r.Now, delivers: w.Mode.RemoteSecrets, pullAccount: w.Policy.PullServiceAccount,
	}
	a.applied = func(p ComponentPlan, action Action) {
		speaking.Lock()
		defer speaking.Unlock()
		done++
		r.Report.Applied(p, action.change())
		r.logChange(ctx, p, action.change())
		if r.Progress != nil {
			r.Progress(done, total)
		}
	}
	outcomes := a.apply(ctx, plan.Components, r.Concurrency)
	for i, o := range outcomes {
		if o.Err != nil {
			r.Report.Failed(plan.Components[i], o)
		}
	}
	return outcomes
}

// logChange writes the audit record of a change, with the keys the platform
// gives such records.
func (r *Run) logChange(ctx context.Context, p ComponentPlan, c Change) {
	r.Log.InfoContext(ctx, "changed", "op", c.Op, "kind", c.Kind,
		"namespace", p.Component.Namespace, "name", p.Component.Name, "controllerKind", componentKind,
		"action", c.Op.action(), "audit", c.Audit, "target", c.Target, "reason", c.Reason, "run", r.Header.Run)
}

func (r *Run) logSummary(ctx context.Context, s Summary) {
	level := slog.LevelInfo
	if s.Result() != ResultOK || s.Signal != 0 {
		level = slog.LevelError
	}
	attributes := []any{
		"result", s.Result(), "exit_code", s.ExitCode(), "changes", s.Changes, "components", s.Components, "delivery", s.Deliveries,
		"quay_requests", s.Quay.Requests, "seconds", s.Elapsed.Seconds(), "run", r.Header.Run,
	}
	if s.Err != nil {
		attributes = append(attributes, "error", s.Err.Error())
	}
	r.Log.Log(ctx, level, "run ended", attributes...)
}
