package decide

import (
	"fmt"
	"slices"
	"time"

	"berth/reconcile/component"
	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// To rotate is to make a robot of a newer generation for each role, to prove that it
// works, to move the Secrets to them, and to delete the older ones. No token is ever
// replaced in its place, so that in no state does a Secret hold one that is dead. The
// steps, which package apply takes:
//
//	G0  read the Component: still the one listed, with a request or a marker
//	G1  look at the registry for a stamp; see that all that follows could be written;
//	    take the request off and set the marker, in one patch
//	G2  make a robot of the marker's stamp for each role whose Secret is older, and give
//	    it its role
//	G3  prove both at the registry's own token endpoint
//	G4  move each Secret to the newest generation that has its role
//	G5  to revoke: delete the uploads of older pull tokens, and every older generation
//	G6  take the marker off
//	G7  upload the pull token
//
// G1 has to succeed before anything is made. Whatever a crash leaves after it the next
// run completes like any other drift; the marker only says which request was answered.
// Older generations that are not revoked go later, see planDrain.

// planRotation decides whether a rotation begins, goes on, or waits.
func (w *planner) planRotation(p *draft.Component) {
	asked, _ := component.RequestOf(p.Asker()) // one that cannot be read has refused the Component
	m, standing := component.ParseMarker(p.Asker(), w.At)
	former, young := component.FormerMarker(p.Asker(), w.At)
	ordered := w.Rotate[p.Key()]
	if ordered == "" && !standing && !former && asked.Rotate == "" && !w.tooOld(p) && !p.Follows() {
		return
	}
	r, place := &plan.Rotation{How: asked.Rotate}, queued{rank: requested, why: "rotation requested"}
	switch {
	case ordered != "": // and what stands is answered by it
		r.Asked, r.How = true, ordered
		if asked.Rotate == component.Revoke || young || standing && m.How == component.Revoke {
			r.How = component.Revoke
		}
	case standing:
		r.How, r.To, r.Resumed = m.How, m.To, true
		place = queued{rank: resumed, since: m.Since, why: "rotation resumed"}
	case young:
		r.How = component.Revoke
	case former && asked.Rotate == "":
		p.Actions = append(p.Actions, plan.Acknowledge{Component: p.Asker().Name, Of: p.Of(p.Asker()), Former: true})
		return
	case asked.Rotate == "" && p.Follows():
		r.How, place = component.Graceful, queued{rank: byAge, why: "handed over"}
	case asked.Rotate == "" && w.tooOld(p):
		r.How, place = component.Graceful, queued{rank: byAge, why: "rotated for its age"}
	case asked.Rotate == "":
		return
	}
	if makesBoth(p) && !standing {
		// The robots are as new as the request could want.
		for _, one := range component.Both(p.Component) {
			if component.AsksRotation(one) {
				p.Actions = append(p.Actions, plan.Acknowledge{Component: one.Name, Of: p.Of(one), New: true})
			}
		}
		return
	}
	if !r.Asked && !r.Resumed && !(asked.Rotate == "" && p.Follows()) && w.waitsForPace(p, r.How) {
		return
	}
	if !r.Resumed {
		var known []string
		for _, x := range p.Roles {
			known = append(append(known, x.All...), w.Naming.Held(x.Account, w.Secret(p, x.Account).Content))
		}
		r.To, place.since = component.NextStamp(w.At, p.Names.Accounts(), known), w.At.Add(-w.Age(p))
	}
	r.Actions = w.rotate(p, r)
	p.Rotation, w.queue[p] = r, place
}

func makesBoth(p *draft.Component) bool {
	made := 0
	for _, a := range p.Actions {
		if _, ok := a.(plan.CreateRobot); ok {
			made++
		}
	}
	return made == 2
}

// rotate lists G2 to G6.
func (w *planner) rotate(p *draft.Component, r *plan.Rotation) []plan.Action {
	var makes, grants, moves, deletes []plan.Action
	for _, x := range p.Roles {
		to := x.At(r.To)
		if x.Before(x.Held, to.Robot) {
			robot, exists := w.Robots[to.Robot]
			if !exists || robot.Mark != to.Mark {
				makes = append(makes, plan.CreateRobot{Account: to})
			}
			if !w.Granted(p, to.Robot) {
				grants = append(grants, plan.SetPermission{Repository: p.Names.Repository, Robot: to.Robot, To: to.Role, Again: exists})
			}
			moves = append(moves, plan.WriteSecret{Account: to, Image: p.Image, Exists: true, Rotated: true, Revokes: r.How == component.Revoke, Former: x.Former})
		}
		newest := to.Robot
		if x.Before(newest, x.Held) {
			newest = x.Held
		}
		for _, robot := range x.All {
			if r.How == component.Revoke && x.Before(robot, newest) {
				deletes = append(deletes, plan.DeleteRobot{Account: x.With(robot), Drain: true, Revokes: true, Reason: "revoked: older than its Secret's"})
			}
		}
	}
	if r.How == component.Revoke {
		for _, u := range w.Uploads[p.PullSecret()] {
			if len(moves) > 0 || u.Fingerprint != world.At(w.Robots, p.Names.Pull.Robot).Fingerprint {
				moves = append(moves, plan.DeleteUpload{Upload: u})
			}
		}
	}
	done := plan.Acknowledge{Component: p.Asker().Name, Of: p.Of(p.Asker()), How: r.How, Announcement: p.Announcement}
	return slices.Concat(makes, grants, moves, deletes, []plan.Action{done})
}

// unwritable is the Secret that would take no new login.
func (w *planner) unwritable(p *draft.Component) *plan.Problem {
	if p.Rotation == nil {
		return nil
	}
	for _, a := range p.Rotation.Actions {
		if s, ok := a.(plan.WriteSecret); ok && w.Secret(p, s.Account).Fixed {
			return plan.Immutable(p.Component.Namespace, s.Secret)
		}
	}
	return nil
}

// tooOld reports whether a token in one of the Secrets is due for its age. The keys'
// hashes spread the limit, so that a first run does not find everybody's due at once.
func (w *planner) tooOld(p *draft.Component) bool {
	const spread = 0.2
	if w.Policy.MaxTokenAge <= 0 {
		return false
	}
	age := w.Age(p)
	if age <= time.Duration(float64(w.Policy.MaxTokenAge)*(1-spread)) {
		return false // no hash is needed for that
	}
	share := 1 - spread + spread*fraction(w.Naming.KeyHash(p.Key()))
	return age > time.Duration(float64(w.Policy.MaxTokenAge)*share)
}

// fraction spreads hashes over 0 to 1, by their first two characters of base32.
func fraction(hash string) float64 {
	const alphabet = "abcdefghijklmnopqrstuvwxyz234567"
	n := 0
	for _, c := range hash[:2] {
		n = n*len(alphabet) + slices.Index([]rune(alphabet), c)
	}
	return float64(n) / float64(len(alphabet)*len(alphabet)-1)
}

// A Component that asks in a loop harms nobody else: it waits after a rotation, and the
// longer the oftener it has been rotated within a day.
const minPace = 10 * time.Minute

var paces = []struct {
	times int // rotated within a day
	wait  time.Duration
}{{3, 6 * time.Hour}, {1, time.Hour}}

// waitsForPace reports whether a request comes too soon after a rotation. One to revoke
// does not wait after a graceful one, which left the older generation alive; nor does
// anybody after a first generation.
func (w *planner) waitsForPace(p *draft.Component, how component.How) bool {
	for _, x := range p.Roles {
		if how == component.Revoke && len(x.All) > 1 && x.Before(x.All[0], x.Held) {
			return false
		}
	}
	for _, x := range p.Roles {
		stamp, own := "", false
		if len(x.All) > 0 {
			stamp, own = x.StampOf(x.All[len(x.All)-1])
		}
		stamped := own && stamp != ""
		if made, known := w.Since(p, x, x.Robot); stamped && known && w.At.Sub(made) < minPace {
			p.Deferred = fmt.Sprintf("its rotation waits: the last one was less than %s ago", minPace)
		}
	}
	at, times := p.Announcement.LastRotated(w.At)
	for _, pace := range paces {
		if times >= pace.times {
			if w.At.Sub(at) >= pace.wait {
				break
			}
			p.Deferred = fmt.Sprintf("its rotation waits: it has been rotated within a day, and the last time was less than %s ago", pace.wait)
			p.Warn("rotation_repeated", "New credentials are asked for again and again: most likely something, such as a GitOps tool, puts "+
				component.AnnotationGenerate+" back after it was taken off. Take it out of there; meanwhile the Component is rotated ever more seldom.")
			break
		}
	}
	return p.Deferred != ""
}
