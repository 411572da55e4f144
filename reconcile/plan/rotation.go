package plan

import (
	"fmt"
	"slices"

	"berth/reconcile/component"
)

// A rotation replaces the tokens of a Component's two robots, once for each
// request, whatever fails in between. It rests on two facts. Quay shows an
// administrator a robot's current token at any time, so that no token is lost
// with an answer; only the intent must be remembered. And the intent stands on
// the Component itself, beside the request, so that both change together and
// the object is proven writable before any token breaks.
//
//	P0  read the Component: still the one listed, with its request or marker
//	P1  both Secrets and permissions are as they should be and can be written;
//	    write the marker: the fingerprints of both tokens before the rotation
//	P2  for push, then pull: regenerate if the token is still the marker's;
//	    then write the Secret until it equals what Quay says
//	P4  take request and marker off together, if both are still there
//
// That the new pull token could be brought to its environments is made sure of before it
// replaces the old one; how it is brought is told in deliver.go.
//
// After one regeneration the fingerprint differs from the marker's for ever,
// so no later crash causes another. If the marker cannot be written, nothing
// is regenerated. Two runs at once are safe without a lock; the one that a run may
// hold only saves work.

// planRotation decides whether a rotation begins, goes on, or waits.
func (w *planner) planRotation(p *Component, asked bool) {
	key := p.Key()
	m, begun := component.ParseMarker(p.Component)
	begun = begun && !w.Stale[key]
	switch {
	case begun:
		p.Resumed = true
	case !asked && !w.Rotate[key]:
		return
	case w.Young[key]:
		p.Deferred = fmt.Sprintf("its rotation waits: the last one was less than %s ago", component.MinPace)
		return
	}
	made := 0
	for _, a := range p.Actions {
		if _, ok := a.(CreateRobot); ok {
			made++
		}
	}
	if made == 2 && !begun {
		// The robots are as new as the request could want.
		p.Actions = append(p.Actions, Acknowledge{Component: p.Component.Name, New: true})
		return
	}
	for _, a := range p.Names.Accounts() {
		if begun && w.Robots[a.Robot].Fingerprint != m.Before(a.Role) {
			continue // done by an earlier run; planSecrets has looked at the Secret
		}
		p.rotation = append(p.rotation, RotateToken{a, p.Names.Repository},
			WriteSecret{Account: a, Image: p.Image, Exists: true, Rotated: true})
	}
	p.rotation = append(p.rotation, Acknowledge{Component: p.Component.Name})
}

// unwritable is the Secret that would take no new token.
func (w *planner) unwritable(p Component) *Problem {
	for _, a := range p.rotation {
		s, ok := a.(WriteSecret)
		if ok && w.Secrets[component.Key{Namespace: p.Component.Namespace, Name: s.Secret}].Fixed {
			return Immutable(p.Component.Namespace, s.Secret)
		}
	}
	return nil
}

// pace lets so many rotations replace tokens in a run, those among them that have
// begun: a tenant can write markers, and with them could spend everybody's. What has
// only to be acknowledged does not wait.
func pace(plans []Component, most, turn int) {
	for i, p := range plans {
		if p.Problem == nil && len(p.rotation) > 0 && !slices.ContainsFunc(p.rotation, replaces) {
			plans[i].rotate()
		}
	}
	for _, i := range InTurns(plans, turn, func(p Component) bool { return p.Problem == nil && slices.ContainsFunc(p.rotation, replaces) }) {
		if most > 0 {
			plans[i].rotate()
			most--
		} else {
			plans[i].Deferred = "its rotation waits: this run makes as many as --max-rotations allows"
		}
	}
}

func replaces(a Action) bool {
	_, ok := a.(RotateToken)
	return ok
}

func (p *Component) rotate() {
	p.Actions = append(p.Actions, p.rotation...)
	if p.Note == "" || p.Note == drifted {
		p.Note = "rotation requested"
	}
	if p.Resumed {
		p.Note = "rotation resumed"
	}
}
