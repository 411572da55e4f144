package plan

import "berth/reconcile/component"

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
