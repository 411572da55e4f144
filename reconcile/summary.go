package reconcile

import (
	"errors"
	"time"

	"berth/kube"
	"berth/quay"
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

func (c ChangeCount) total() int { return c.Create + c.Update + c.Rotate + c.Delete }

func (c *ChangeCount) count(a Action) {
	switch a.change().Op {
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
	Deferred int `json:"deferred"`
}

// Failure is a Component that could not be served.
type Failure struct {
	Component string `json:"component"`
	Reason    Reason `json:"reason"`
	Message   string `json:"message"`
}

// Summary is what became of a run.
type Summary struct {
	Operation  Operation
	DryRun     bool
	Detailed   bool // a dry run with pending changes exits 2
	Changes    ChangeCount
	Components ComponentCount
	Failures   []Failure
	Quay       quay.Stats
	Elapsed    time.Duration
	Signal     int   // that interrupted the run, 0 for none
	Err        error // that ended it early
	rejected   bool  // credentials were refused while applying
	panicked   bool
	cut        bool // Components were left to the next run
}

func (s Summary) end(err error) Summary {
	s.Err = err
	return s
}

// planned counts what a plan holds.
func (s *Summary) planned(p Plan) {
	s.Components.Total = len(p.Components)
	for _, c := range p.Components {
		for _, a := range c.Actions {
			s.Changes.count(a)
		}
		switch {
		case c.Skipped != "":
			s.Components.Skipped++
		case c.Problem != nil:
			s.refused(c.Key(), *c.Problem)
		case len(c.Actions) > 0:
			s.Components.Changed++
		case c.Deferred != "":
			s.Components.Deferred++
		default:
			s.Components.UpToDate++
		}
	}
	for _, k := range p.Missing {
		s.Components.Total++
		s.refused(k, missing)
	}
}

var missing = Problem{Reason: ReasonInvalidComponent, Summary: "there is no such Component", Hint: "Check the name, the cluster and --selector."}

// refused counts a Component with a problem. What a tenant wrote into its own
// Component is invalid and makes no run fail: else any tenant could turn the
// platform's CronJob red for good. All else is a failure.
func (s *Summary) refused(k Key, p Problem) {
	if p.Reason == ReasonInvalidComponent {
		s.Components.Invalid++
	} else {
		s.Components.Failed++
	}
	s.Failures = append(s.Failures, Failure{k.String(), p.Reason, p.Summary})
}

// applied replaces the plan's counts by what was done.
func (s *Summary) applied(p Plan, outcomes []Outcome) {
	s.Changes = ChangeCount{}
	for i, o := range outcomes {
		for _, a := range o.Applied {
			s.Changes.count(a)
		}
		c := p.Components[i]
		if c.Problem != nil || o.Err == nil && !o.Skipped {
			continue
		}
		s.Components.Changed--
		switch {
		case o.Skipped:
			s.Components.Skipped++
		case o.Reason == ReasonDeferred:
			s.Components.Deferred++
			s.cut = true
			continue
		default:
			s.Components.Failed++
		}
		if o.Err != nil {
			s.Failures = append(s.Failures, Failure{c.Key().String(), o.Reason, o.Err.Error()})
			s.rejected = s.rejected || global(o.Err) && Rejected(o.Err)
			s.panicked = s.panicked || o.Reason == ReasonPanic
		}
	}
}

// Result says how the run ended.
func (s Summary) Result() Result {
	var refused *GuardError
	switch {
	case errors.As(s.Err, &refused), errors.Is(s.Err, ErrDeclined):
		return ResultRefused
	case s.Err != nil:
		return ResultFailed
	case s.Components.Failed > 0 || s.cut:
		return ResultPartial
	}
	return ResultOK
}

// ExitCode is the program's.
func (s Summary) ExitCode() int {
	var refused *GuardError
	switch {
	case s.Signal != 0:
		return exitSignal + s.Signal
	case s.panicked:
		return ExitBug
	case errors.As(s.Err, &refused):
		return ExitRefused
	case s.rejected, s.Err != nil && Rejected(s.Err):
		return ExitRejected
	case errors.Is(s.Err, kube.ErrNotInstalled):
		return ExitSettings
	case s.Result() != ResultOK:
		return ExitFailed
	case s.DryRun && s.Detailed && s.Changes.total() > 0:
		return ExitPending
	}
	return ExitOK
}
