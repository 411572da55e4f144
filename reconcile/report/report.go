// Package report is what there is to tell of a run: in go plans, outcomes and what ended it,
// out come counts, the exit code, changes and diagnostics in words, and what was found.
//
// It decides nothing and writes nowhere: the packages below it do, each a [Reporter]. Nothing
// of what it is given is a credential.
package report

import (
	"errors"
	"time"

	"berth/reconcile/apply"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// Reporter shows a run as it goes on. Its methods are called one at a time.
type Reporter interface {
	Start(Header)
	Planned(Observed, plan.Plan, Summary)
	Applied(plan.Component, Change)
	Warned(plan.Component, apply.Warning)
	Failed(plan.Component, apply.Outcome)
	// Finish tells the summary, and what kept any of it all from being written.
	Finish(Summary) error
}

// Together is several reporters of one run.
type Together []Reporter

// Start tells each.
func (all Together) Start(h Header) {
	for _, r := range all {
		r.Start(h)
	}
}

// Planned tells each.
func (all Together) Planned(o Observed, p plan.Plan, s Summary) {
	for _, r := range all {
		r.Planned(o, p, s)
	}
}

// Applied tells each.
func (all Together) Applied(p plan.Component, c Change) {
	for _, r := range all {
		r.Applied(p, c)
	}
}

// Warned tells each.
func (all Together) Warned(p plan.Component, w apply.Warning) {
	for _, r := range all {
		r.Warned(p, w)
	}
}

// Failed tells each.
func (all Together) Failed(p plan.Component, o apply.Outcome) {
	for _, r := range all {
		r.Failed(p, o)
	}
}

// Finish lets each finish, whatever became of the others.
func (all Together) Finish(s Summary) error {
	var wrong []error
	for _, r := range all {
		wrong = append(wrong, r.Finish(s))
	}
	return errors.Join(wrong...)
}

// ErrOutput ends a dry run that could not tell what it found.
var ErrOutput = errors.New("the output could not be written")

// Header says what a run is about to look at.
type Header struct {
	Version  string
	Run      string // identifies the run
	Cluster  string // as a person calls it
	ID       string // of the cluster, as it is in every mark, "": nobody could tell
	Server   string // the API server's address
	Quay     string // the registry's host
	Org      string
	Shard    world.Shard
	Lock     string // NAMESPACE/NAME of the Lease that the run holds, "": none
	DryRun   bool
	Detailed bool
}

// Observed counts what was read.
type Observed struct {
	Components, Repositories, Robots, Secrets int
	RemoteSecrets                             int
	Mode                                      world.Mode
	Elapsed                                   time.Duration
	Found                                     []Found // of the Components that a dry run was asked about
	Named                                     bool    // by name: all is told of each
}

// NewObserved counts what a World holds.
func NewObserved(w world.World, elapsed time.Duration) Observed {
	return Observed{
		Components: len(w.Components) + len(w.Elsewhere), Repositories: len(w.Repositories), Robots: len(w.Robots), Secrets: len(w.Secrets) + w.Strays,
		RemoteSecrets: len(w.RemoteSecrets), Mode: w.Mode, Elapsed: elapsed,
	}
}

// Detail is how much of a plan is told.
type Detail string

// The details, from much to little.
const (
	Full        Detail = "full"     // every change and every warning
	Folded      Detail = "folded"   // of Components whose changes are alike, the first
	SummaryOnly Detail = "summary"  // counts and problems
	Problems    Detail = "problems" // problems
)
