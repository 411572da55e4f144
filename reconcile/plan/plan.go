// Package plan is what a run would do, as a value: for each Component its Actions, in the
// order of need, its Warnings and its Problem; and what the run found beside them.
// [berth/reconcile/decide] makes it, apply does it, report shows it.
//
// It is plain data, without closures and without a credential, and pure: what is done with
// a Plan here gives another Plan, or, by [Guard], a verdict on it. So a Plan can be
// compared, counted, printed, and held against an earlier one ([Plan.Within]).
package plan

import (
	"slices"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/world"
)

// Plan is everything a run would change, and everything it found that it
// will not. It is plain, sorted data; the same World gives the same Plan.
type Plan struct {
	Components []Component     // all of them, by namespace and name
	Missing    []component.Key // asked for by name, not there
	Absent     []string        // namespaces named to the run, not there
	Closed     []Closed        // namespaces named to the run that cannot be read
	Defaults   Defaults
	Odd        []string // objects whose form cannot be read
	Orphans    Orphans
	Left       []Component // of Components that are gone: what is done about what is left of each
	Mode       world.Mode
	Oldest     time.Duration // the age of the oldest token in a Secret
	Held       int           // repositories that stay private although the setting says public
	HeldBack   []HeldBack
	Elsewhere  []Component // other shards' Components, which count for the guard alone
}

// Component is the plan for one Component.
type Component struct {
	Component  *kube.Component  // as the World has it; never changed
	Namespace  string           // the uid of its namespace
	Visibility quay.Visibility  // that its repository will have
	Why        string           // it will
	Names      *component.Names // never changed
	Image      string
	Note       string // in a word or two, what is the matter
	Actions    []Action
	Warnings   []Warning
	Platform   []Warning     // those that are not its owner's business
	Deliveries []Delivery    // by environment
	Age        time.Duration // of the older token in its Secrets, 0: Quay does not tell
	Skipped    string        // why nothing is to be done
	Problem    *Problem      // why nothing can be done
	Deferred   string        // what waits for a later run, and why
	TakeOver   TakeOver      // how it is taken over from image-controller; "": there is nothing to take over
	Gone       bool          // it is not there: the plan is about what is left of it

	Common   *Common   // what it does for its whole namespace; nil: nothing
	Rotation *Rotation // nil: none is wanted, or it waits for its pace
	Wanted   bool      // a request for rotation, or a marker, stands on it
	TwinAsks bool      // it does so on its twin, see [Component.Asker]

	WantedForAll bool // or on its namespace, of which it is the first that is served

	Stake Stake // for the guard
}

// Warning is something that is not as it should be, and that keeps nothing else from
// being done. Its text is a sentence for the Component's owner, too.
type Warning struct {
	Code, Text string
	Told       string // to the owner in place of a text that others wrote, which may change in every run; "": the text
}

// Asker is the Component, or its twin, if that is where new credentials are asked for.
func (p *Component) Asker() *kube.Component {
	if p.TwinAsks {
		return p.Component.Twin
	}
	return p.Component
}

// Key names the Component.
func (p Component) Key() component.Key { return component.KeyOf(p.Component) }

// Closed is a namespace that was named to the run and cannot be read.
type Closed struct {
	Namespace string
	Problem   Problem
}

// Defaults are the organization's default permissions that name robots of ours: a role
// that one has on each repository made from now on, whoever's it is.
type Defaults struct {
	Named  []string // ROBOT (ROLE), sorted
	Unread string   // why nobody could tell; "": they were read
}

// All are the plans of Components, those that are gone last. They are not to be changed.
func (p Plan) All() []Component {
	if len(p.Left) == 0 {
		return p.Components
	}
	return slices.Concat(p.Components, p.Left)
}

// Changes counts the actions of all Components.
func (p Plan) Changes() int {
	n := 0
	for _, c := range p.All() {
		n += len(c.Actions)
	}
	return n
}

// TakeOn writes down a visibility that the owner asks for. It comes first, and for a
// Component that cannot be served, too: the next request would be written over this one.
func (p *Component) TakeOn() {
	for _, one := range component.Both(p.Component) {
		if v := component.Unwritten(one); v != "" {
			p.Actions, p.Note = append(p.Actions, StateVisibility{one.Name, p.Of(one), v}), "visibility stated"
		}
	}
}

// Refuse is the plan of a Component that cannot be served; all that is left to do is to
// tell its owner.
func (p Component) Refuse(problem *Problem) Component {
	p.Problem, p.Actions, p.Rotation, p.Common, p.Platform = problem, nil, nil, nil, nil
	p.TakeOn()
	for _, one := range component.Both(p.Component) {
		if value := component.WithMessage(one, *p.Names, p.Image, problem.Tenant); !Told(one, value) {
			p.Actions = append(p.Actions, Announce{Component: one.Name, Of: p.Of(one), Value: value, Problem: true})
		}
	}
	return p
}

// Told reports whether a Component says what it is to say, or cannot be written on.
func Told(c *kube.Component, value string) bool {
	return c.Announced == value || c.Odd
}

// Of tells which of two Components that are one berth one is.
func (p Component) Of(one *kube.Component) Group {
	if p.Component.Twin == nil {
		return ""
	}
	return Group(one.Group.String())
}
