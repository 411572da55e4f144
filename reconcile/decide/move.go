package decide

import (
	"fmt"
	"slices"
	"time"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// planMove deletes the robots of the former cluster, as after a graceful rotation: once its
// own have been in their Secrets for the overlap, and a pull robot's successor is
// everywhere. One that is in use stays: builds or pods of the former cluster have it, and nothing
// tells when they end but that they do.
func (w *planner) planMove(p *draft.Component) {
	if p.Problem != nil || p.Skipped != "" || p.Waits || p.Names.Repository == "" {
		return
	}
	for _, robot := range w.FormerRobots(*p.Names) {
		use := w.Naming.FormerRobot(robot, world.At(w.Robots, robot).Mark)
		i := slices.IndexFunc(p.Roles[:], func(r draft.Role) bool { return r.Role == use })
		if i < 0 {
			continue
		}
		r := p.Roles[i]
		since, known := w.Since(p, r, r.Held)
		if r.Held == "" || !known || !w.Granted(p, r.Held) || w.Secret(p, r.Account).Content != w.Wanted(p, r.Account) {
			continue // first that is mended
		}
		age := w.At.Sub(since)
		switch used := world.At(w.Robots, robot).LastAccessed; {
		case age < w.Policy.Overlap, use == quay.Read && age < 2*w.Policy.Overlap && !p.Everywhere():
		case w.At.Sub(used) < w.Policy.Overlap:
			p.Platform = append(p.Platform, plan.Warning{Code: "used_elsewhere", Text: fmt.Sprintf(
				"robot %s of the former cluster was used at %s, so it stays: something there still logs in with it", robot, used.UTC().Format(time.RFC3339))})
		default:
			p.Actions = append(p.Actions, plan.DeleteRobot{
				Account: component.Account{Robot: robot, Mark: world.At(w.Robots, robot).Mark}, Moved: true, Reason: "its Component moved here, and nobody uses it",
			})
			if p.Note == "" {
				p.Note = "moved here"
			}
		}
	}
}
