package decide

import (
	"slices"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// planSecrets compares each Secret with its robot.
func (w *planner) planSecrets(p *draft.Component) *plan.Problem {
	c := p.Component
	for _, r := range p.Roles {
		a := r.Account
		secret, exists := w.Secret(p, a), w.HasSecret(p, a)
		want := w.Wanted(p, a)
		reason := ""
		switch {
		case !exists && w.Robot(p, a.Robot) != nil:
			reason = "missing; same token, not rotated"
		case !exists:
		case secret.Owned == component.Inherited:
			reason = "taken over in its place"
		case r.Follows && r.Held == r.Robot:
			if secret.Lacks {
				p.Share(plan.SharedSecret, a.Secret)
			}
			continue // a rotation moves it
		case secret.Owned == component.Predecessor:
			reason = "it is of an earlier Component of this name"
		case r.Held != "" && r.Held != a.Robot:
			reason = "a newer generation is there"
		case secret.Content.Login == want.Login && secret.Content.Image == want.Image && secret.Content != want:
			reason = "its token is not the robot's"
		case secret.Content != want:
			reason = "its content is not Berth's"
		case !secret.Labelled(c):
			reason = "its labels changed"
		case a.Role == quay.Read && secret.By != "" && secret.By == p.PullSecret().String() && !slices.ContainsFunc(p.Places.Targets, func(t world.Target) bool { return w.courier.ComesBack(p, t.RemoteTarget) }):
			// Its operator deletes what it manages when it has to do there no more.
			reason = "its RemoteSecret has taken it over"
		case secret.Lacks:
			p.Share(plan.SharedSecret, a.Secret)
			continue
		default:
			continue
		}
		if secret.Fixed {
			return plan.Immutable(c.Namespace, a.Secret)
		}
		p.Actions = append(p.Actions, plan.WriteSecret{
			Account: a, Image: p.Image, Exists: exists, Reason: reason, Rotated: r.Held != "" && r.Held != a.Robot, Inherits: secret.Inherits, Former: r.Former,
		})
	}
	return nil
}
