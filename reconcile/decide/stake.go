package decide

import (
	"strings"

	"berth/reconcile/component"
	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
)

// stake looks at a Component whose plan is finished.
func (w *planner) stake(p *draft.Component) (s plan.Stake) {
	if p.Names.Mark == "" {
		return s // nothing was ever made for what has no names
	}
	for _, a := range p.Names.Accounts() {
		secret := w.Secret(p, a)
		if secret.Owned == component.Foreign || secret.Owned == component.Inherited {
			continue
		}
		s.Owns = true
		_, robot, _ := strings.Cut(secret.Content.Login, "+")
		if _, generation := a.StampOf(robot); generation {
			s.LogsIn = true
			s.Astray = s.Astray || w.Robot(p, robot) == nil || secret.Content.Login != w.Login(p, robot)
		}
	}
	for _, one := range component.Both(p.Component) {
		_, announced := component.Announced(one, *p.Names)
		s.Owns = s.Owns || announced
	}
	s.Delivers = p.Remote != nil && p.Remote.Owned == component.Mine && len(p.Remote.Targets) > 0
	mark, ours := component.ParseMark(p.Repository.Description)
	s.Changes[plan.Marked] = ours && mark.Key != p.Berth.Called.Key && isNews(p)
	s.Changes[plan.Estranged] = s.Owns && !s.Changes[plan.Marked] && isNews(p)
	s.Owns = s.Owns || ours
	for _, a := range p.Actions {
		if kind, unasked := w.unasked(p.Planned, a); unasked {
			s.Changes[kind] = true
		}
	}
	return s
}

// isNews reports whether a Component is refused for what is not its own, and was not
// before: what stands is told once, and is nobody's mistake of today.
func isNews(p *draft.Component) bool {
	if p.Problem == nil || p.Problem.Reason != plan.ReasonNotOurs {
		return false
	}
	for _, a := range p.Actions {
		if a, ok := a.(plan.Announce); ok && a.Problem {
			return true
		}
	}
	return false
}

// unasked reports whether an action changes something that people rely on without anybody
// having asked, and what.
func (w *planner) unasked(p *plan.Component, a plan.Action) (kind int, counts bool) {
	switch a := a.(type) {
	case plan.WriteSecret:
		return plan.Secrets, a.Exists && !a.Rotated && a.Inherits == "" && !w.rotationAsked(p)
	case plan.ChangeVisibility:
		return plan.Visibilities, !a.Asked
	case plan.DeleteRobot:
		return plan.Deletions, !a.Drain && !a.Moved
	case plan.RemovePermission, plan.LeaveTeam:
		return plan.Deletions, true
	case plan.WriteRemoteSecret:
		return plan.Targets, len(a.Removed) > 0
	}
	return 0, false
}

// rotationAsked reports whether somebody wants new credentials of the Component: then what
// its Secrets get is asked for, also where an earlier run broke off between a token and
// its Secret. A tenant can write markers and requests, and by that only hides its own.
func (w *planner) rotationAsked(p *plan.Component) bool {
	_, begun := component.ParseMarker(p.Asker(), w.At)
	return begun || w.Moves(*p.Names) || component.AsksRotation(p.Asker()) || w.Rotate[p.Key()] != ""
}
