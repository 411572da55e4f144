package decide

import (
	"slices"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// wanted is the content that Quay's word on a robot gives its Secret.
func (w *planner) wanted(p *draft, a component.Account) component.Content {
	return component.Content{Image: p.Image, Login: w.LoginOf(p.Component, a.Robot), Fingerprint: w.Robots[a.Robot].Fingerprint}
}

// secret is what the run knows of an account's Secret.
func (w *planner) secret(p *draft, a component.Account) world.Secret {
	return w.Secrets[component.Key{Namespace: p.Component.Namespace, Name: a.Secret}]
}

// planSecrets compares each Secret with its robot.
func (w *planner) planSecrets(p *draft) *plan.Problem {
	c := p.Component
	for _, r := range p.roles {
		a := r.Account
		_, robotExists := w.Robots[a.Robot]
		secret, exists := w.Secrets[component.Key{Namespace: c.Namespace, Name: a.Secret}]
		want := w.wanted(p, a)
		reason := ""
		switch {
		case !exists && robotExists:
			reason = "missing; same token, not rotated"
		case !exists:
		case secret.Owned == component.Inherited:
			reason = "taken over in its place"
		case r.follows && r.held == r.Robot:
			if secret.Lacks {
				p.share(plan.SharedSecret, a.Secret)
			}
			continue // a rotation moves it
		case secret.Owned == component.Predecessor:
			reason = "it is of an earlier Component of this name"
		case r.held != "" && r.held != a.Robot:
			reason = "a newer generation is there"
		case secret.Content.Login == want.Login && secret.Content.Image == want.Image && secret.Content != want:
			reason = "its token is not the robot's"
		case secret.Content != want:
			reason = "its content is not Berth's"
		case !secret.Labelled(c):
			reason = "its labels changed"
		case a.Role == quay.Read && secret.By != "" && secret.By == p.PullSecret().String() && !slices.ContainsFunc(p.places.Targets, func(t world.Target) bool { return w.comesBack(p, t.RemoteTarget) }):
			// Its operator deletes what it manages when it has to do there no more.
			reason = "its RemoteSecret has taken it over"
		case secret.Lacks:
			p.share(plan.SharedSecret, a.Secret)
			continue
		default:
			continue
		}
		if secret.Fixed {
			return plan.Immutable(c.Namespace, a.Secret)
		}
		p.Actions = append(p.Actions, plan.WriteSecret{
			Account: a, Image: p.Image, Exists: exists, Reason: reason, Rotated: r.held != "" && r.held != a.Robot, Inherits: secret.Inherits, Former: r.former,
		})
	}
	return nil
}

// share makes both of two Components the owners of an object of one's.
func (p *draft) share(kind plan.Shared, name string) {
	p.Actions = append(p.Actions, plan.ShareObject{Kind: kind, Name: name})
	if p.Note == "" {
		p.Note = "shared"
	}
}
