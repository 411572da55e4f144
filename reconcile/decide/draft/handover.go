package draft

import (
	"cmp"
	"slices"
	"strings"

	"berth/reconcile/component"
	"berth/reconcile/world"
)

// A berth is handed over when the older of its two Components goes. The robots bear that
// one's uid, the names are now by the other's. So it is rotated gracefully: new robots are
// made and proved, the Secret is moved, and the former ones are drained as older
// Generations are. A robot of another uid is older than every one of the present uid.
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
func (w *World) follow(p *Component, r *Role, all []Bearer) {
	r.All = nil
	secret := w.Secret(p, r.Account)
	own, _ := component.ParseMark(r.Mark)
	if secret.Owned != component.Mine {
		return
	}
	var of map[string][]string // uids to robots
	for _, b := range all {
		m, _ := component.ParseMark(b.Mark)
		if m.Incarnate == own.Incarnate || m.Use != own.Use || !w.Granted(p, b.Name) || !strings.HasPrefix(b.Name, p.Names.RobotPrefix()) {
			continue
		}
		if of == nil {
			of = map[string][]string{}
		}
		of[m.Incarnate] = append(of[m.Incarnate], b.Name)
		if secret.Content == w.Wanted(p, r.With(b.Name)) {
			r.Held, r.Follows, r.Former = b.Name, true, []string{m.Incarnate}
		}
	}
	for _, uid := range secret.Former {
		if !slices.Contains(r.Former, uid) && len(r.Former) < maxFormer {
			r.Former = append(r.Former, uid)
		}
	}
	for _, uid := range r.Former {
		r.All = append(r.All, of[uid]...)
	}
	slices.SortStableFunc(r.All, func(a, b string) int {
		return cmp.Or(world.At(w.Robots, a).Created.Compare(world.At(w.Robots, b).Created), cmp.Compare(a, b))
	})
}
