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
	"berth/reconcile/apply"
	"berth/reconcile/component"
	"berth/reconcile/decide"
	"berth/reconcile/observe"
	"berth/reconcile/plan"
	"berth/reconcile/report"
	"berth/reconcile/world"
)

// Run is one pass over all Components.
type Run struct {
	Header      report.Header
	Read        observe.Ends
	Write       apply.Ends        // the same two ends
	Stats       func() quay.Stats // of the calls of Quay
	Token       string            // where the token for it comes from, in words; "": not known
	Naming      component.Naming
	Policy      world.Policy
	Scope       world.Scope
	Limits      plan.Limits
	Concurrency int // Components in flight
	Report      report.Reporter
	Log         *slog.Logger
	Told        bool // the report tells who reads the log of each change and of the end
	Now         func() time.Time

	// Pause waits between two looks at the same thing; nil: so long.
	Pause func(context.Context, time.Duration) error
	// Timeout is for all but what a person takes to answer; zero: none.
	Timeout time.Duration
	// Lock is taken before anything is read that is to be changed, and released at the
	// end; nil: no lock.
	Lock func(context.Context) (*kube.Lock, error)
	// Audited is the moment up to which earlier runs have audited everything, and after the pass
	// that up to which this one has; zero: not known. Only under the lock does anybody know.
	Audited time.Time
	// Confirm is asked before the first write; nil means yes.
	Confirm func(ctx context.Context, p plan.Plan) (bool, error)
	// Progress is told of every change made; it may be nil.
	Progress func(done, total int)
}

// Interrupted is the cause of a context that a signal ended.
type Interrupted struct{ Signal int }

func (i Interrupted) Error() string { return fmt.Sprintf("interrupted by signal %d", i.Signal) }

// Do makes the pass: read everything, plan, print, check, and, unless it is a
// dry run, apply. It always ends with a summary.
func (r *Run) Do(ctx context.Context) report.Summary {
	start := r.Now()
	r.identify(ctx)
	r.Report.Start(r.Header)
	s, asking := r.attended(ctx)
	s.Elapsed = r.Now().Sub(start) - asking
	s.Quay = r.Stats()
	if interrupted, ok := errors.AsType[Interrupted](context.Cause(ctx)); ok {
		s.Signal = interrupted.Signal
	}
	if err := r.Report.Finish(s); err != nil {
		if s.Err == nil && r.Header.DryRun { // it had nothing else to do
			s = s.Ended(fmt.Errorf("%w: %w", report.ErrOutput, err))
		} else {
			r.Log.WarnContext(ctx, "the output could not be written", "error", err.Error())
		}
	}
	if !r.Told {
		r.logSummary(ctx, s)
	}
	s.Run = r.Header.Run
	return s
}

// idTime is how long what a run says first waits for the cluster's id.
const idTime = 5 * time.Second

// identify asks for the cluster's id, so that it is among what is said first and can be
// written down: a restored cluster has another. What goes wrong shows again when the
// cluster is read.
func (r *Run) identify(ctx context.Context) {
	if r.Naming.Cluster == "" {
		ctx, cancel := context.WithTimeout(ctx, idTime)
		defer cancel()
		r.Naming.Cluster, _ = observe.ClusterID(ctx, r.Read.Cluster)
	}
	r.Header.ID = r.Naming.Cluster
}

func (r *Run) summary() report.Summary {
	return report.Summary{Operation: report.OperationPlan, DryRun: r.Header.DryRun, Detailed: r.Header.Detailed}
}

// locked makes the pass under the run's lock. The lock saves two runs from doing the
// same work; that both come out right rests on nothing here.
func (r *Run) locked(ctx context.Context, a agreed) report.Summary {
	if r.Lock == nil {
		return r.pass(ctx, a)
	}
	began := r.Now()
	lock, err := r.Lock(ctx)
	waited := r.Now().Sub(began)
	if err != nil {
		s := r.summary().Ended(err)
		s.Phases.Lock = waited
		return s
	}
	defer func() {
		if err := lock.Release(context.WithoutCancel(ctx)); err != nil {
			r.Log.WarnContext(ctx, "the lock could not be released; it expires", "error", err.Error())
		}
	}()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-lock.Lost():
			r.Log.WarnContext(ctx, "the lock was lost: nothing new is begun, what is in flight is finished")
			cancel(kube.ErrLockLost)
		case <-ctx.Done():
		}
	}()
	s := r.pass(ctx, a)
	s.Phases.Lock = waited
	if errors.Is(context.Cause(ctx), kube.ErrLockLost) && (s.Cut || s.Err != nil && s.Operation == report.OperationPlan) {
		s.Err = kube.ErrLockLost
	}
	return s
}

// pass looks and applies. Of a plan that somebody agreed to, nothing is done but what
// was in it.
func (r *Run) pass(ctx context.Context, a agreed) report.Summary {
	w, p, s := r.look(ctx, a, a.plan == nil)
	if s.Err != nil || r.Header.DryRun {
		return s
	}
	s.Operation = report.OperationApply
	var moved []int
	if a.plan != nil {
		p, moved = p.Within(*a.plan)
	}
	if err := apply.MayTakeOver(ctx, r.Write, p.Components); err != nil {
		return s.Ended(err)
	}
	began := r.Now()
	s.Count(p, r.apply(ctx, w, p, moved))
	s.Phases.Apply = r.Now().Sub(began)
	return s
}

// look reads, plans, prints when it is told to, and has the guard judge.
func (r *Run) look(ctx context.Context, a agreed, show bool) (world.World, plan.Plan, report.Summary) {
	s, began := r.summary(), r.Now()
	at := a.at
	if at.IsZero() {
		at = began
	}
	audited := r.Audited
	if a.plan != nil {
		audited = time.Time{} // what was shown is looked at again
	}
	w, err := observe.World(ctx, r.Read, r.Naming, r.Policy, r.Scope, at, audited)
	read := r.Now()
	s.Phases.Read = read.Sub(began)
	if err != nil {
		return w, plan.Plan{}, s.Ended(report.WithToken(err, r.Token))
	}
	if a.plan != nil { // what was shown was planned by that time
		w.At, w.Ahead = a.quayAt, w.Ahead-began.Sub(at)
	} else if !w.Audited.IsZero() {
		r.Audited = w.Audited
	}
	p := decide.Plan(w)
	verdict := plan.Guard(w, p, r.Limits)
	p = p.Under(verdict)
	s.Count(p, nil)
	s.Phases.Plan = r.Now().Sub(read)
	if show {
		o := report.NewObserved(w, r.Now().Sub(began))
		if r.Header.DryRun && (len(r.Scope.Only) > 0 || len(r.Scope.Namespaces) > 0) {
			o.Found, o.Named = report.Find(w, p), len(r.Scope.Only) > 0
		}
		r.Report.Planned(o, p, s)
	}
	if verdict.Refused != nil {
		return w, p, s.Ended(verdict.Refused)
	}
	return w, p, s
}

// apply makes the changes; moved are the Components that are left alone for now.
func (r *Run) apply(ctx context.Context, w world.World, p plan.Plan, moved []int) []apply.Outcome {
	var speaking sync.Mutex // one at a time, so that reporters need no lock
	done, total := 0, p.Changes()
	applied := func(c plan.Component, action plan.Action) {
		speaking.Lock()
		defer speaking.Unlock()
		done++
		r.Report.Applied(c, report.ChangeOf(action))
		if !r.Told {
			r.logChange(ctx, c, report.ChangeOf(action))
		}
		if r.Progress != nil {
			r.Progress(done, max(done, total))
		}
	}
	plans := p.All()
	outcomes := apply.Plan(ctx, r.Write, plans, apply.Options{
		Turn: w.Turn, Concurrency: r.Concurrency, Applied: applied, Means: apply.Means{
			Naming: w.Naming, Now: r.Now, Ahead: w.Ahead, Pause: r.pause, Groups: w.Groups, Delivers: w.Mode.RemoteSecrets, Policy: w.Policy, Accounts: w.ServiceAccounts,
			Told: func(c plan.Component, what string) {
				r.Log.WarnContext(ctx, "worth knowing", "what", what, "namespace", c.Component.Namespace, "name", c.Component.Name, "controllerKind", component.Kind, "run", r.Header.Run)
			},
		},
	})
	for _, i := range moved {
		outcomes[i] = apply.Failed(report.ErrMoved)
	}
	for i, o := range outcomes {
		for _, w := range o.Warnings {
			r.Report.Warned(plans[i], w)
			r.logWarning(ctx, plans[i], w)
		}
		if o.Err != nil {
			o.Err = report.WithToken(o.Err, r.Token)
			r.Report.Failed(plans[i], o)
		}
	}
	return outcomes
}

// pause waits, unless the context ends first.
func (r *Run) pause(ctx context.Context, d time.Duration) error {
	if r.Pause != nil {
		return r.Pause(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// logChange writes the audit record of a change, with the keys the platform
// gives such records.
func (r *Run) logChange(ctx context.Context, p plan.Component, c report.Change) {
	r.Log.InfoContext(ctx, "changed", "op", c.Op, "kind", c.Kind,
		"namespace", p.Component.Namespace, "name", p.Component.Name, "controllerKind", component.Kind,
		"action", c.Op.Action(), "audit", c.Audit, "target", c.Target, "reason", c.Reason)
}

// logWarning writes that a side step failed.
func (r *Run) logWarning(ctx context.Context, p plan.Component, w apply.Warning) {
	c := report.ChangeOf(w.Action)
	r.Log.WarnContext(ctx, "left undone", "op", c.Op, "kind", c.Kind,
		"namespace", p.Component.Namespace, "name", p.Component.Name, "controllerKind", component.Kind,
		"target", c.Target, "reason", w.Reason, "error", w.Err.Error(), "run", r.Header.Run)
}

func (r *Run) logSummary(ctx context.Context, s report.Summary) {
	level := slog.LevelInfo
	if s.Result() != report.ResultOK || s.Signal != 0 {
		level = slog.LevelError
	}
	attributes := []any{
		"result", s.Result(), "exit_code", s.ExitCode(), "changes", s.Changes, "components", s.Components, "delivery", s.Deliveries, "held_back_namespaces", s.HeldBack,
		"quay_requests", s.Quay.Requests, "seconds", s.Elapsed.Seconds(),
	}
	if s.Err != nil {
		attributes = append(attributes, "error", s.Err.Error())
	}
	r.Log.Log(ctx, level, "run ended", attributes...)
}
