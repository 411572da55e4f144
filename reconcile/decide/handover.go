package decide

import (
	"cmp"
	"slices"
	"strings"

	"berth/reconcile/component"
)

// A berth is handed over when the older of its two Components goes. The robots bear that
// one's uid, the names are now by the other's. So it is rotated gracefully: new robots are
// made and proved, the Secret is moved, and the former ones are drained as older
// generations are. A robot of another uid is older than every one of the present uid.
//
// Where nothing was handed over, a robot of another uid is of a Component that was deleted
// and made again, whose access ends at once (planSuperseded). What tells the two apart is
// the Secret: it is owned by the Component that is there now and holds the very token of
// the former robot, which no other Secret of this Component ever held, or says, in what was
// written with the move, whose robots it has followed. An owner reference to the present
// uid is written by Berth alone, while both were there; the garbage collector takes the one
// to the Component that went off, so that it cannot be what is looked for. A tenant who
// forges either keeps robots alive for one overlap that were its own, on its own repository.

// maxFormer bounds how many Components a berth is followed back to.
const maxFormer = 8

// follow finds the robots of a role that were handed over, oldest first.
func (w *planner) follow(p *draft, r *role, all []bearer) {
	r.all = nil
	secret := w.secret(p, r.Account)
	own, _ := component.ParseMark(r.Mark)
	if secret.Owned != component.Mine {
		return
	}
	var of map[string][]string // uids to robots
	for _, b := range all {
		m, _ := component.ParseMark(b.mark)
		if m.Incarnate == own.Incarnate || m.Use != own.Use || !w.granted(p, b.name) || !strings.HasPrefix(b.name, p.Names.RobotPrefix()) {
			continue
		}
		if of == nil {
			of = map[string][]string{}
		}
		of[m.Incarnate] = append(of[m.Incarnate], b.name)
		if secret.Content == w.wanted(p, r.With(b.name)) {
			r.held, r.follows, r.former = b.name, true, []string{m.Incarnate}
		}
	}
	for _, uid := range secret.Former {
		if !slices.Contains(r.former, uid) && len(r.former) < maxFormer {
			r.former = append(r.former, uid)
		}
	}
	for _, uid := range r.former {
		r.all = append(r.all, of[uid]...)
	}
	slices.SortStableFunc(r.all, func(a, b string) int {
		return cmp.Or(w.Robots[a].Created.Compare(w.Robots[b].Created), cmp.Compare(a, b))
	})
}

// follows reports whether a Secret still holds a login that was handed over and the
// Component has none of its own.
func (p *draft) follows() bool {
	return slices.ContainsFunc(p.roles[:], func(r role) bool { return r.follows && r.held == r.Robot })
}

// handedOver reports whether a robot of another uid is one that a Secret follows.
func (p *draft) handedOver(robot string) bool {
	return slices.ContainsFunc(p.roles[:], func(r role) bool { return slices.Contains(r.all, robot) })
}
