package plan

import (
	"slices"

	"berth/reconcile/component"
)

// Common is what is done for all Components of a namespace at once: one robot that reads
// their repositories, and its Secret. It stands at the end of the plan of the first of them
// that is served, and is done when all of them are.
type Common struct {
	Secret       string
	Image        string   // what the login is keyed by
	Repositories []string // the login must be good for each before the Secret moves to it
	New          []string // of them, those that are yet to be this run's
	First        int      // the place of the first of its actions among the Component's
}

// Alone is the plan of a Component without what it does for its namespace.
func (p Component) Alone() Component {
	if p.Common != nil {
		p.Actions, p.Common = p.Actions[:p.Common.First], nil
	}
	return p
}

// ForAll is what it does for its namespace, and nothing else.
func (p Component) ForAll() Component {
	p.Actions, p.Rotation = p.Actions[p.Common.First:], nil
	return p
}

// Link is one that a ServiceAccount gets to a Secret of its namespace.
type Link struct {
	ServiceAccount, Secret string
	Pull                   bool // for its pods' images
}

// LinkOf tells which link an action makes.
func LinkOf(a Action) (l Link, ok bool) {
	switch a := a.(type) {
	case LinkSecret:
		return Link{a.ServiceAccount, a.Secret, false}, true
	case LinkPullSecret:
		return Link{a.ServiceAccount, a.Secret, true}, true
	}
	return Link{}, false
}

// Links are the places of a Component's links among its actions: from one to before another.
// They are made for all Components of a namespace at once.
func (p Component) Links() (from, to int) {
	links := func(a Action) bool { _, ok := LinkOf(a); return ok }
	if from = slices.IndexFunc(p.Actions, links); from < 0 {
		return len(p.Actions), len(p.Actions)
	}
	if after := slices.IndexFunc(p.Actions[from:], func(a Action) bool { return !links(a) }); after >= 0 {
		return from, from + after
	}
	return from, len(p.Actions)
}

// LinksLast orders side steps: a Component's links are made with its namespace's, and what
// comes behind them waits for these.
func LinksLast(a, b Action) int {
	_, first := LinkOf(a)
	_, second := LinkOf(b)
	switch {
	case first == second:
		return 0
	case first:
		return 1
	}
	return -1
}

// Together reports whether an announcement and the name of an image are for one Component, so
// that one write does both.
func Together(told, named Action) bool {
	announce, tells := told.(Announce)
	image, names := named.(SetImage)
	return tells && names && announce.Of == image.Of && !announce.Problem
}

// Rotation is a request for new credentials that this run works on, or could.
type Rotation struct {
	How     component.How
	To      string   // the stamp of what is to be made; a look at the registry may make it a later one
	Resumed bool     // an earlier run has taken the request on
	Asked   bool     // by name, for this run
	Actions []Action // G2 to G6
	First   int      // the place of their first among the Component's; -1: it waits for a turn
	Turn    int      // the place in the order of turns
}

// Covers reports whether the action at a place among the Component's is the rotation's.
func (r *Rotation) Covers(i int) bool {
	return r != nil && r.First >= 0 && i >= r.First && i < r.First+len(r.Actions)
}

// Now is the plan of a Component whose rotation has waited for a turn, and nothing else.
func (p Component) Now() Component {
	r := *p.Rotation
	r.First, p.Actions, p.Rotation, p.Common = 0, r.Actions, &r, nil
	return p
}
