package plan

import "slices"

// Under is a plan as the guard's verdict leaves it. Of what is held back nothing is done
// but to tell its owner, and in a run that is refused nobody is told anything.
func (p Plan) Under(v Verdict) Plan {
	if v.Refused == nil && len(v.Held) == 0 {
		return p
	}
	p.HeldBack, p.Components = slices.Clone(v.Held), slices.Clone(p.Components)
	p.Left = slices.DeleteFunc(slices.Clone(p.Left), func(c Component) bool {
		return v.Refused != nil || slices.ContainsFunc(v.Held, func(h HeldBack) bool { return h.Namespace == c.Component.Namespace })
	})
	held := make(map[string]*HeldBack, len(v.Held))
	for i, h := range p.HeldBack {
		held[h.Namespace] = &p.HeldBack[i]
	}
	for i, c := range p.Components {
		h := held[c.Component.Namespace]
		switch {
		case v.Refused != nil && (c.Stake.Changes[Estranged] || c.Stake.Changes[Marked]):
			p.Components[i] = c.Refuse(waiting("the guard refused the run")).untold()
		case v.Refused != nil:
			p.Components[i] = c.untold()
		case h != nil && (c.Problem == nil && len(c.Actions) > 0 || c.Stake.Changes != [kinds]bool{}):
			c.Deferred = ""
			p.Components[i] = c.Refuse(waiting(h.Why))
			h.Components++
		}
	}
	return p
}

// untold takes off what a tenant would be told of a problem.
func (p Component) untold() Component {
	if p.Problem == nil {
		return p
	}
	var actions []Action
	for _, a := range p.Actions {
		if a, ok := a.(Announce); !ok || !a.Problem {
			actions = append(actions, a)
		}
	}
	p.Actions = actions
	return p
}

// waiting is the problem of a Component whose namespace is held back. It changes no exit
// code: nothing failed, and the next run judges anew. The words to its owner hold no
// numbers, which would change from run to run.
func waiting(why string) *Problem {
	return &Problem{
		Reason: ReasonHeldBack, Whose: TheTenants, Summary: "it waits: " + why,
		Tenant: "This namespace is held back: so many of its Components would change at once without anybody having asked that it may be a mistake. " +
			"They wait as they are. The platform's administrators must look into it.",
	}
}
