package decide

import (
	"fmt"
	"slices"
	"strings"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// planRobots sees that the generation of each role is there and has its role, and
// nothing beyond; between the two comes the repository, if it is to be made.
func (w *planner) planRobots(p *draft.Component, repository []plan.Action) {
	for i, a := range p.Names.Accounts() {
		p.Roles[i] = w.Generations(p, a)
	}
	if push, pull := p.Roles[0].Account, p.Roles[1].Account; push != p.Names.Push || pull != p.Names.Pull { // they are not of the first generation
		own := *p.Names
		own.Push, own.Pull, p.Names = push, pull, &own
	}
	for _, r := range p.Roles {
		if w.Robot(p, r.Robot) == nil {
			p.Actions = append(p.Actions, plan.CreateRobot{Account: r.Account})
		}
	}
	p.Actions = append(p.Actions, repository...)
	for _, r := range p.Roles {
		if r.Held != "" && r.Held != r.Robot { // a younger one is to come, and may not
			w.planPermission(p, r.With(r.Held))
		}
		w.planPermission(p, r.Account)
	}
}

// planForeignRights takes from all generations what they may do beyond their repository:
// the rights of teams, and permissions on others.
func (w *planner) planForeignRights(p *draft.Component) {
	for _, r := range p.Roles {
		for _, robot := range r.All {
			r := w.RobotOf(p, robot)
			p.Aside = append(p.Aside, w.leaveTeams(p.Planned, robot, r)...)
			if len(r.Repositories) == 1 && r.Repositories[0] == p.Names.Repository {
				continue // as nearly all
			}
			for _, other := range w.WorksOn(robot) {
				if other != p.Names.Repository {
					p.Aside = append(p.Aside, plan.RemovePermission{Repository: other, Robot: robot})
				}
			}
		}
	}
}

func (w *planner) leaveTeams(p *plan.Component, robot string, r *world.Robot) (actions []plan.Action) {
	teams := r.Teams
	if len(teams) > 0 {
		p.Platform = append(p.Platform, plan.Warning{Code: "robot_in_team", Text: fmt.Sprintf(
			"robot %s is in team %s and may do whatever the team may: it is taken out, but who put it in?", robot, strings.Join(teams, ", "))})
	}
	for _, team := range teams {
		actions = append(actions, plan.LeaveTeam{Robot: robot, Team: team})
	}
	return actions
}

func (w *planner) planPermission(p *draft.Component, a component.Account) {
	roles, audited := w.Roles[p.Names.Repository]
	set := plan.SetPermission{Repository: p.Names.Repository, Robot: a.Robot, To: a.Role}
	switch {
	case !w.Granted(p, a.Robot):
		set.Again = w.Again(p, a)
	case audited && roles[a.Robot] != a.Role:
		set.From = roles[a.Robot]
	default:
		return
	}
	p.Actions = append(p.Actions, set)
}

// planDrain deletes the generations older than the Secret's. It comes last: it only
// tidies up.
func (w *planner) planDrain(p *draft.Component) {
	if p.Problem != nil || p.Skipped != "" || p.Waits || p.Names.Repository == "" {
		return
	}
	for _, r := range p.Roles {
		if r.Held == "" || r.Follows || r.Held != r.Robot || !w.Granted(p, r.Held) || w.Secret(p, r.Account).Content != w.Wanted(p, r.Account) {
			continue // first that is mended
		}
		for i, robot := range r.All {
			if !r.Before(robot, r.Held) {
				break
			}
			if why := w.drains(p, r, i); why != "" && !deletes(p, robot) {
				p.Actions = append(p.Actions, plan.DeleteRobot{Account: r.With(robot), Drain: true, Reason: why})
				if p.Note == "" {
					p.Note = "drained"
				}
			}
		}
	}
}

func deletes(p *draft.Component, robot string) bool {
	return slices.ContainsFunc(p.Actions, func(a plan.Action) bool {
		d, ok := a.(plan.DeleteRobot)
		return ok && d.Robot == robot
	})
}

// drains tells why a generation older than the Secret's is to go, "" when it is to stay.
func (w *planner) drains(p *draft.Component, r draft.Role, i int) string {
	robot, successor := r.All[i], r.All[i+1]
	made, held := w.RobotOf(p, robot).Created, w.RobotOf(p, r.Held).Created
	if !made.IsZero() && !held.IsZero() && made.After(held) {
		return "it is younger than its Secret's, of an older stamp, and so was in no Secret"
	}
	since, known := w.Since(p, r, successor)
	if !known {
		return ""
	}
	near := r.All[i+1 : min(i+3, len(r.All))]
	if next, known := w.Since(p, r, near[len(near)-1]); known && near[len(near)-1] <= r.Held && next.After(since) {
		since = next // by when the Secret was at the successor, which a crash may have kept it from for long
	}
	moved := w.Secret(p, r.Account).RotatedAt // a tenant could write any time there
	if slices.Contains(near, r.Held) && moved.After(since) && moved.Sub(w.At) <= component.AheadMost {
		since = moved
	}
	switch age := w.At.Sub(since); {
	case age < w.Policy.Overlap:
		return ""
	case r.Role == quay.Read && age < 2*w.Policy.Overlap && !p.Everywhere():
		return ""
	}
	return "older than its Secret's, and the overlap is over"
}
