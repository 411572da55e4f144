package decide

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// formerRobots are those that the cluster which a Component was in before made for it, and
// that may still use its repository.
func (w *planner) formerRobots(n component.Names) (robots []string) {
	if n.Former == "" {
		return nil
	}
	for _, r := range w.incarnations(n.Former) {
		robot := r.name
		if works := w.worksOn(robot); len(works) == 1 && works[0] == n.Repository && strings.HasPrefix(robot, n.RobotPrefix()) &&
			w.Naming.FormerRobot(robot, w.Robots[robot].Mark) != "" {
			robots = append(robots, robot)
		}
	}
	return robots
}

// moves reports whether a Component is on its way here from another cluster: what its
// Secrets get for it was asked for.
func (w *planner) moves(n component.Names) bool {
	return n.Former != "" && (n.Moved(w.Repositories[n.Repository].Description) || len(w.formerRobots(n)) > 0)
}

// planMove deletes the robots of the former cluster, as after a graceful rotation: once its
// own have been in their Secrets for the overlap, and a pull robot's successor is
// everywhere. One that is in use stays: builds or pods of the former cluster have it, and nothing
// tells when they end but that they do.
func (w *planner) planMove(p *draft) {
	if p.Problem != nil || p.Skipped != "" || p.waits || p.Names.Repository == "" {
		return
	}
	for _, robot := range w.formerRobots(p.Names) {
		use := w.Naming.FormerRobot(robot, w.Robots[robot].Mark)
		i := slices.IndexFunc(p.roles[:], func(r role) bool { return r.Role == use })
		if i < 0 {
			continue
		}
		r := p.roles[i]
		since, known := w.since(r, r.held)
		if r.held == "" || !known || !w.granted(p, r.held) || w.secret(p, r.Account).Content != w.wanted(p, r.Account) {
			continue // first that is mended
		}
		age := w.At.Sub(since)
		switch used := w.Robots[robot].LastAccessed; {
		case age < w.Policy.Overlap, use == quay.Read && age < 2*w.Policy.Overlap && !p.everywhere():
		case w.At.Sub(used) < w.Policy.Overlap:
			p.Platform = append(p.Platform, plan.Warning{Code: "used_elsewhere", Text: fmt.Sprintf(
				"robot %s of the former cluster was used at %s, so it stays: something there still logs in with it", robot, used.UTC().Format(time.RFC3339))})
		default:
			p.Actions = append(p.Actions, plan.DeleteRobot{
				Account: component.Account{Robot: robot, Mark: w.Robots[robot].Mark}, Moved: true, Reason: "its Component moved here, and nobody uses it",
			})
			if p.Note == "" {
				p.Note = "moved here"
			}
		}
	}
}
