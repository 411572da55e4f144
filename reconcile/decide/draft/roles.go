package draft

import (
	"slices"
	"time"

	"berth/reconcile/component"
)

// Role is one of a Component's two roles with the generations of its robot. Those are
// found by their mark, never by a name that a tenant wrote.
type Role struct {
	component.Account          // with the generation that the Secret is to have
	All               []string // at Quay, oldest first; before its own those that were handed over
	Held              string   // the one of all that the Secret logs in as, "": none of them
	Follows           bool     // that is one that was handed over
	Former            []string // the uids of those whose robots were
}

// Generations sorts out a role's. The Secret's own stays unless a younger one is there,
// which a crash, or a run beside this one, left: that is completed and moved to. While
// a marker stands only the rotation moves a Secret.
func (w *World) Generations(p *Component, a component.Account) Role {
	r := Role{Account: a}
	key, own := p.Berth.firsts(a)
	all := w.Incarnations(key)
	for _, robot := range all {
		if _, ok := a.StampOf(robot.Name); ok && robot.Mark == a.Mark {
			own = append(own, robot.Name)
		}
	}
	r.All = own
	if slices.ContainsFunc(all, func(b Bearer) bool { return b.Mark != p.Names.Push.Mark && b.Mark != p.Names.Pull.Mark }) {
		w.follow(p, &r, all)
		r.All = append(r.All, own...)
	}
	if held := w.Naming.Held(a, w.Secret(p, a).Content); slices.Contains(own, held) {
		r.Held = held
	}
	_, standing := component.ParseMarker(p.Asker(), w.At)
	switch {
	case len(own) == 0 && r.Follows: // until the rotation that makes its own
		r.Robot = r.Held
	case len(own) == 0: // the name is the same in every run, so that it needs no marker
	case standing && r.Held != "":
		r.Robot = r.Held
	default:
		r.Robot = own[len(own)-1]
	}
	return r
}

// Granted reports whether the list shows a permission of a robot on the Component's
// repository.
func (w *World) Granted(p *Component, robot string) bool {
	return slices.Contains(w.RobotOf(p, robot).Repositories, p.Names.Repository)
}

// Again reports whether a robot may have been somebody's before it gets its role: it is
// there, or it was, since the Secret logs in as a name without a stamp. A new Component's
// cannot have been, for its uid is in its name.
func (w *World) Again(p *Component, a component.Account) bool {
	return w.Robot(p, a.Robot) != nil || a.Robot == a.First && w.Secret(p, a).Content.Login == w.Naming.Login(a.Robot)
}

// Since is when a generation was made: as Quay says, else by its stamp.
func (w *World) Since(p *Component, r Role, robot string) (time.Time, bool) {
	if made := w.RobotOf(p, robot).Created; !made.IsZero() {
		return made, true
	}
	stamp, _ := r.StampOf(robot)
	if stamp == "" {
		return time.Time{}, false
	}
	return component.StampTime(stamp)
}

// Age is that of the older of the tokens in a Component's two Secrets; zero when
// nobody can tell.
func (w *World) Age(p *Component) time.Duration {
	age := time.Duration(0)
	for _, r := range p.Roles {
		if made, known := w.Since(p, r, r.Held); r.Held != "" && known {
			age = max(age, w.At.Sub(made))
		}
	}
	return age
}
