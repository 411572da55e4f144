package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/apply"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// Operation is how far a run went.
type Operation string

// The operations a summary is of.
const (
	OperationPlan  Operation = "plan"
	OperationApply Operation = "apply"
)

// Result of a run in a word.
type Result string

// The results.
const (
	ResultOK      Result = "ok"
	ResultPartial Result = "partial" // some Components failed
	ResultRefused Result = "refused" // by the guard or at the prompt; nothing was written
	ResultFailed  Result = "failed"  // before a plan could be made
)

// Exit codes of the program.
const (
	ExitOK       = 0
	ExitFailed   = 1
	ExitPending  = 2
	ExitRefused  = 3
	ExitUsage    = 64
	ExitBug      = 70
	ExitLocked   = 75
	ExitRejected = 77
	ExitSettings = 78
	exitSignal   = 128
)

// ChangeCount counts changes by operation.
type ChangeCount struct {
	Create int `json:"create"`
	Update int `json:"update"`
	Rotate int `json:"rotate"`
	Delete int `json:"delete"`
}

// Total is all of them.
func (c ChangeCount) Total() int { return c.Create + c.Update + c.Rotate + c.Delete }

func (c *ChangeCount) count(a plan.Action) {
	switch ChangeOf(a).Op {
	case OpCreate:
		c.Create++
	case OpUpdate:
		c.Update++
	case OpRotate:
		c.Rotate++
	case OpDelete:
		c.Delete++
	}
}

// ComponentCount counts Components, each under one heading.
type ComponentCount struct {
	Total    int `json:"total"`
	Changed  int `json:"changed"`
	UpToDate int `json:"up_to_date"`
	Failed   int `json:"failed"`
	Skipped  int `json:"skipped"`
	Invalid  int `json:"invalid"`
	Blocked  int `json:"blocked"`
	Deferred int `json:"deferred"`
}

// Failure is a Component, or a namespace, that could not be served.
type Failure struct {
	Component string      `json:"component"`
	Reason    plan.Reason `json:"reason"`
	Whose     plan.Whose  `json:"whose"`
	Message   string      `json:"message"`
}

// Summary is what became of a run.
type Summary struct {
	Run        string // its id
	Operation  Operation
	DryRun     bool
	Detailed   bool // a dry run with pending changes exits 2
	Changes    ChangeCount
	Components ComponentCount
	Deliveries DeliveryCount
	Waits      Waits
	Rotations  RotationCount
	Orphans    OrphanCount
	Phases     Phases
	Requests   map[Request]int
	HeldBack   int       // namespaces
	Failures   []Failure // the platform's before the tenants'
	Quay       quay.Stats
	Elapsed    time.Duration
	Signal     int   // that interrupted the run, 0 for none
	Err        error // that ended it early
	Cut        bool  // Components were left to the next run
	unpruned   bool  // what ended the run befell what is left of a Component
	closed     bool  // a namespace that was named could not be read
	rejected   bool  // credentials were refused while applying
	panicked   bool
}

// Ended is the summary of a run that an error ended.
func (s Summary) Ended(err error) Summary {
	s.Err = err
	return s
}

// Count counts a plan's changes and its Components, each under one heading; with
// outcomes, what was done.
func (s *Summary) Count(p plan.Plan, outcomes []apply.Outcome) {
	s.Changes, s.Deliveries, s.Failures = ChangeCount{}, DeliveryCount{}, nil
	s.Waits = Waits{}
	s.Rotations = RotationCount{Oldest: p.Oldest}
	s.Orphans = OrphanCount{len(p.Orphans.Robots), len(p.Orphans.Repositories), p.Orphans.Quarantines()}
	s.left(p, outcomes)
	s.Components, s.HeldBack = ComponentCount{Total: len(p.Components) + len(p.Missing)}, len(p.HeldBack)
	for i, c := range p.Components {
		o := apply.Outcome{Applied: c.Actions}
		if i < len(outcomes) {
			o = outcomes[i]
		}
		wanted, forAll := c.Wanted, c.WantedForAll
		for _, a := range o.Applied {
			s.Changes.count(a)
			switch a.(type) {
			case plan.Acknowledge:
				wanted = false
			case plan.AnswerRequest:
				forAll = false
			}
		}
		for _, stands := range []bool{wanted, forAll} {
			if stands {
				s.Rotations.Pending++
			}
		}
		for _, d := range c.Deliveries {
			s.Deliveries.count(d)
			s.Waits.count(d)
		}
		s.component(c, o)
	}
	for _, c := range p.Closed {
		s.closed = true
		s.Failures = append(s.Failures, Failure{c.Namespace, c.Problem.Reason, c.Problem.Whose, c.Problem.Summary})
	}
	for _, k := range p.Missing {
		s.Components.Failed++
		s.failure(k, missing.Reason, missing.Whose, missing.Summary)
	}
	slices.SortStableFunc(s.Failures, func(a, b Failure) int { return cmp.Compare(a.Whose, b.Whose) })
}

// component puts one Component under its heading. What is the tenant's makes no run
// fail; what a tenant wrote into its Component is told apart from what stands in its way.
func (s *Summary) component(c plan.Component, o apply.Outcome) {
	switch {
	case c.Skipped != "" || o.Skipped:
		s.Components.Skipped++
	case o.Err != nil && o.Reason == plan.ReasonDeferred:
		s.Components.Deferred++
		s.Cut = true
	case o.Err != nil:
		s.unserved(o.Reason, o.Whose)
		s.failure(c.Key(), o.Reason, o.Whose, o.Err.Error())
		s.rejected = s.rejected || o.Refused
		s.panicked = s.panicked || o.Reason == plan.ReasonPanic
	case c.Problem != nil:
		s.unserved(c.Problem.Reason, c.Problem.Whose)
		s.failure(c.Key(), c.Problem.Reason, c.Problem.Whose, c.Problem.Summary)
	case len(o.Applied) > 0:
		s.Components.Changed++
	case c.Deferred != "":
		s.Components.Deferred++
	default:
		s.Components.UpToDate++
	}
}

func (s *Summary) unserved(reason plan.Reason, whose plan.Whose) {
	switch {
	case whose != plan.TheTenants:
		s.Components.Failed++
	case reason == plan.ReasonInvalidComponent:
		s.Components.Invalid++
	default:
		s.Components.Blocked++
	}
}

func (s *Summary) failure(k component.Key, reason plan.Reason, whose plan.Whose, message string) {
	s.Failures = append(s.Failures, Failure{k.String(), reason, whose, message})
}

// missing is what is wrong with a name that was given and leads to no Component.
var missing = plan.Problem{
	Reason: plan.ReasonInvalidComponent, Whose: plan.ThePlatforms, Summary: "there is no such Component", Hint: "Check the name, the cluster and --selector.",
}

// ErrMoved is about a Component that is no longer as it was when somebody saw its plan.
var ErrMoved = fmt.Errorf("it changed while the plan was looked at: %w", apply.ErrDeferred)

// ErrTime ends a run that had no more time.
var ErrTime error = timeUp{}

type timeUp struct{}

func (timeUp) Error() string { return "the run's time was up" }
func (timeUp) Unwrap() error { return context.DeadlineExceeded }

// ErrDeclined is the answer no at the prompt.
var ErrDeclined = errors.New("not confirmed; nothing was changed")

// Result says how the run ended.
func (s Summary) Result() Result {
	var refused *plan.GuardError
	switch {
	case errors.As(s.Err, &refused), errors.Is(s.Err, ErrDeclined):
		return ResultRefused
	case s.Err != nil && !s.Cut:
		return ResultFailed
	case s.Components.Failed > 0 || s.closed || s.unpruned || s.Cut:
		return ResultPartial
	}
	return ResultOK
}

// CodeRefused is a summary's code when the guard or a person refused the plan.
const CodeRefused = "refused"

// Code tells a machine what ended the run early: refused or a Reason, "" for nothing.
func (s Summary) Code() string {
	switch {
	case s.Err == nil:
		return ""
	case s.Result() == ResultRefused:
		return CodeRefused
	}
	return string(apply.ReasonOf(s.Err))
}

// held reports whether another run holds the lock.
func (s Summary) held() bool {
	_, held := errors.AsType[*kube.HeldError](s.Err)
	return held
}

// ExitCode is the program's.
func (s Summary) ExitCode() int {
	var refused *plan.GuardError
	switch {
	case s.Signal != 0:
		return exitSignal + s.Signal
	case s.panicked, errors.Is(s.Err, world.ErrPanic):
		return ExitBug
	case errors.As(s.Err, &refused):
		return ExitRefused
	case s.held():
		return ExitLocked
	case s.rejected, s.Err != nil && apply.Rejected(s.Err):
		return ExitRejected
	case errors.Is(s.Err, kube.ErrNotInstalled):
		return ExitSettings
	case s.Result() != ResultOK:
		return ExitFailed
	case s.DryRun && s.Detailed && s.Changes.Total() > 0:
		return ExitPending
	}
	return ExitOK
}
