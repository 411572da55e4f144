package plan

import (
	"slices"
	"strings"

	"berth/reconcile/component"
)

// stake is what the guard knows of a Component: whether it has something to lose, and what
// a run would do to it that nobody has asked for.
type stake struct {
	owns     bool // Berth has made something for it before
	logsIn   bool // a Secret of its logs in as the robot that it should
	astray   bool // that robot is not in the organization
	delivers bool // its pull Secret is brought somewhere
	changes  [kindsOfChange]bool
}

// The kinds of change that the guard counts. Creations are none of them: a first run
// creates everything.
const (
	secrets       = iota
	visibilities      // of repositories
	deletions         // robots, and rights of robots
	targets           // places that a pull Secret is brought to no longer
	estranged         // newly found not to be its own
	marked            // so, by another cluster's mark
	kindsOfChange int = iota
)

var changeWords = [kindsOfChange]string{
	"the Secrets", "the visibility", "robots or their rights", "the targets", "what is suddenly not theirs", "what another cluster has marked",
}

// stake looks at a Component whose plan is finished.
func (w *planner) stake(p *Component) (s stake) {
	own, named := component.ParseMark(p.Names.Mark)
	if !named {
		return s // nothing was ever made for what has no names
	}
	for _, a := range p.Names.Accounts() {
		secret := w.Secrets[component.Key{Namespace: p.Component.Namespace, Name: a.Secret}]
		if secret.Owned == component.Foreign || secret.Owned == component.Inherited {
			continue
		}
		s.owns = true
		_, robot, _ := strings.Cut(secret.Content.Login, "+")
		if _, generation := a.StampOf(robot); generation {
			_, there := w.Robots[robot]
			s.logsIn = true
			s.astray = s.astray || !there || secret.Content.Login != w.LoginOf(p.Component, robot)
		}
	}
	for _, one := range component.Both(p.Component) {
		_, announced := component.Announced(one, p.Names)
		s.owns = s.owns || announced
	}
	r := w.RemoteSecrets[p.PullSecret()]
	s.delivers = r.Owned == component.Mine && len(r.Targets) > 0
	mark, ours := component.ParseMark(w.Repositories[p.Names.Repository].Description)
	s.changes[marked] = ours && mark.Key != own.Key && p.isNews()
	s.changes[estranged] = s.owns && !s.changes[marked] && p.isNews()
	s.owns = s.owns || ours
	for _, a := range p.Actions {
		if kind, unasked := w.unasked(p, a); unasked {
			s.changes[kind] = true
		}
	}
	return s
}

// isNews reports whether a Component is refused for what is not its own, and was not
// before: what stands is told once, and is nobody's mistake of today.
func (p *Component) isNews() bool {
	if p.Problem == nil || p.Problem.Reason != ReasonNotOurs {
		return false
	}
	for _, a := range p.Actions {
		if a, ok := a.(Announce); ok && a.Problem {
			return true
		}
	}
	return false
}

// unasked reports whether an action changes something that people rely on without anybody
// having asked, and what.
func (w *planner) unasked(p *Component, a Action) (kind int, counts bool) {
	switch a := a.(type) {
	case WriteSecret:
		return secrets, a.Exists && !a.Rotated && a.Inherits == "" && !w.rotationAsked(p)
	case ChangeVisibility:
		return visibilities, !a.Asked
	case DeleteRobot:
		return deletions, !a.Drain && !a.Moved
	case RemovePermission, LeaveTeam:
		return deletions, true
	case WriteRemoteSecret:
		return targets, len(a.Removed) > 0
	}
	return 0, false
}

// rotationAsked reports whether somebody wants new credentials of the Component: then what
// its Secrets get is asked for, also where an earlier run broke off between a token and
// its Secret. A tenant can write markers and requests, and by that only hides its own.
func (w *planner) rotationAsked(p *Component) bool {
	_, begun := component.ParseMarker(p.Asker, w.At)
	return begun || w.moves(p.Names) || component.AsksRotation(p.Asker) || w.Rotate[p.Key()] != ""
}

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
		case v.Refused != nil && (c.stake.changes[estranged] || c.stake.changes[marked]):
			p.Components[i] = c.refuse(waiting("the guard refused the run")).untold()
		case v.Refused != nil:
			p.Components[i] = c.untold()
		case h != nil && (c.Problem == nil && len(c.Actions) > 0 || c.stake.changes != [kindsOfChange]bool{}):
			c.Deferred = ""
			p.Components[i] = c.refuse(waiting(h.Why))
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
