// Package draft is what all parts of the decider work with: a [World] that answers what its
// maps are not sorted by, and what is there of one Component; and a [Component], its plan in
// the making. It decides nothing. It is pure, and never changes the World.
package draft

import (
	"cmp"
	"slices"
	"strings"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// Planned is the plan itself, under a name that leaves the one of its Component alone.
type Planned = plan.Component

// Component is the plan of a Component in the making, with what is known only meanwhile.
type Component struct {
	*Planned
	Berth        *Berth              // nil: it stands for a namespace
	Repository   *quay.Repository    // as Quay lists it, empty: there is none
	Exists       bool                // that is there
	Remote       *world.RemoteSecret // nil: there is none
	Roles        [2]Role             // push, then pull
	Announcement component.Announcement
	Aside        []plan.Action    // to be appended when all else is planned
	Waits        bool             // nothing can be decided in this run
	Places       world.Resolution // where it runs
}

// Warn tells its owner, and whoever reads the output, what is not as it should be.
func (p *Component) Warn(code, text string) {
	p.Warnings = append(p.Warnings, plan.Warning{Code: code, Text: text})
}

// Plain reports whether the names of a Component's things are made of its own, as nearly all
// are: no two such Components of a namespace can meet in one.
func Plain(p *Planned) bool {
	is := func(secret, suffix string) bool {
		end, begins := strings.CutPrefix(secret, p.Component.Name)
		return begins && end == suffix
	}
	n := p.Names
	home, ends := strings.CutSuffix(n.Repository, p.Component.Name)
	return n.Repository == "" || ends && strings.HasSuffix(home, "/") && is(n.Push.Secret, component.PushSuffix) && is(n.Pull.Secret, component.PullSuffix)
}

// Message tells the Component's owner of the warnings.
func (p *Component) Message() string {
	var sentences []string
	for _, w := range p.Warnings {
		sentences = append(sentences, cmp.Or(w.Told, w.Text))
	}
	return strings.Join(sentences, " ")
}

// MaxTold bounds of how many things of a kind one Component is warned.
const MaxTold = 5

// Refuse ends the plan of a Component.
func (p *Component) Refuse(problem *plan.Problem) {
	*p.Planned = p.Planned.Refuse(problem)
	p.Aside = nil
}

// Share makes both of two Components the owners of an object of one's.
func (p *Component) Share(kind plan.Shared, name string) {
	p.Actions = append(p.Actions, plan.ShareObject{Kind: kind, Name: name})
	if p.Note == "" {
		p.Note = "shared"
	}
}

// Everywhere reports whether every environment has the pull Secret as it is now, as far
// as can be told from here.
func (p *Component) Everywhere() bool {
	return !slices.ContainsFunc(p.Deliveries, func(d plan.Delivery) bool { return d.State != plan.Delivered && d.State != plan.Unverified })
}

// Follows reports whether a Secret still holds a login that was handed over and the
// Component has none of its own.
func (p *Component) Follows() bool {
	return slices.ContainsFunc(p.Roles[:], func(r Role) bool { return r.Follows && r.Held == r.Robot })
}

// HandedOver reports whether a robot of another uid is one that a Secret follows.
func (p *Component) HandedOver(robot string) bool {
	return slices.ContainsFunc(p.Roles[:], func(r Role) bool { return slices.Contains(r.All, robot) })
}
