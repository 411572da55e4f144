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

// role is one of a Component's two roles with the generations of its robot. Those are
// found by their mark, never by a name that a tenant wrote.
type role struct {
	component.Account          // with the generation that the Secret is to have
	all               []string // at Quay, oldest first; before its own those that were handed over
	held              string   // the one of all that the Secret logs in as, "": none of them
	follows           bool     // that is one that was handed over
	former            []string // the uids of those whose robots were
}

// generations sorts out a role's. The Secret's own stays unless a younger one is there,
// which a crash, or a run beside this one, left: that is completed and moved to. While
// a marker stands only the rotation moves a Secret.
func (w *planner) generations(p *draft, a component.Account) role {
	r := role{Account: a}
	mark, _ := component.ParseMark(a.Mark)
	all := w.incarnations(mark.Key)
	own := make([]string, 0, len(all))
	for _, robot := range all {
		if _, ok := a.StampOf(robot.name); ok && robot.mark == a.Mark {
			own = append(own, robot.name)
		}
	}
	r.all = own
	if slices.ContainsFunc(all, func(b bearer) bool { return b.mark != p.Names.Push.Mark && b.mark != p.Names.Pull.Mark }) {
		w.follow(p, &r, all)
		r.all = append(r.all, own...)
	}
	if held := w.Naming.Held(a, w.secret(p, a).Content); slices.Contains(own, held) {
		r.held = held
	}
	_, standing := component.ParseMarker(p.Asker, w.At)
	switch {
	case len(own) == 0 && r.follows: // until the rotation that makes its own
		r.Robot = r.held
	case len(own) == 0: // the name is the same in every run, so that it needs no marker
	case standing && r.held != "":
		r.Robot = r.held
	default:
		r.Robot = own[len(own)-1]
	}
	return r
}

// granted reports whether the list shows a permission of a robot on the Component's
// repository.
func (w *planner) granted(p *draft, robot string) bool {
	return slices.Contains(w.Robots[robot].Repositories, p.Names.Repository)
}

// planRobots sees that the generation of each role is there and has its role, and
// nothing beyond; between the two comes the repository, if it is to be made.
func (w *planner) planRobots(p *draft, repository []plan.Action) {
	for i, a := range p.Names.Accounts() {
		p.roles[i] = w.generations(p, a)
	}
	p.Names.Push, p.Names.Pull = p.roles[0].Account, p.roles[1].Account
	for _, r := range p.roles {
		if _, exists := w.Robots[r.Robot]; !exists {
			p.Actions = append(p.Actions, plan.CreateRobot{Account: r.Account})
		}
	}
	p.Actions = append(p.Actions, repository...)
	for _, r := range p.roles {
		if r.held != "" && r.held != r.Robot { // a younger one is to come, and may not
			w.planPermission(p, r.With(r.held))
		}
		w.planPermission(p, r.Account)
	}
}

// planForeignRights takes from all generations what they may do beyond their repository:
// the rights of teams, and permissions on others.
func (w *planner) planForeignRights(p *draft) {
	for _, r := range p.roles {
		for _, robot := range r.all {
			p.aside = append(p.aside, w.leaveTeams(p.planned, robot)...)
			for _, other := range w.worksOn(robot) {
				if other != p.Names.Repository {
					p.aside = append(p.aside, plan.RemovePermission{Repository: other, Robot: robot})
				}
			}
		}
	}
}

func (w *planner) leaveTeams(p *plan.Component, robot string) (actions []plan.Action) {
	teams := w.Robots[robot].Teams
	if len(teams) > 0 {
		p.Platform = append(p.Platform, plan.Warning{Code: "robot_in_team", Text: fmt.Sprintf(
			"robot %s is in team %s and may do whatever the team may: it is taken out, but who put it in?", robot, strings.Join(teams, ", "))})
	}
	for _, team := range teams {
		actions = append(actions, plan.LeaveTeam{Robot: robot, Team: team})
	}
	return actions
}

func (w *planner) planPermission(p *draft, a component.Account) {
	roles, audited := w.Roles[p.Names.Repository]
	set := plan.SetPermission{Repository: p.Names.Repository, Robot: a.Robot, To: a.Role}
	switch {
	case !w.granted(p, a.Robot):
		set.Again = w.again(p, a)
	case audited && roles[a.Robot] != a.Role:
		set.From = roles[a.Robot]
	default:
		return
	}
	p.Actions = append(p.Actions, set)
}

// again reports whether a robot may have been somebody's before it gets its role: it is
// there, or it was, since the Secret logs in as a name without a stamp. A new Component's
// cannot have been, for its uid is in its name.
func (w *planner) again(p *draft, a component.Account) bool {
	_, there := w.Robots[a.Robot]
	return there || a.Robot == a.First && w.secret(p, a).Content.Login == w.Naming.Login(a.Robot)
}

// planDrain deletes the generations older than the Secret's. It comes last: it only
// tidies up.
func (w *planner) planDrain(p *draft) {
	if p.Problem != nil || p.Skipped != "" || p.waits || p.Names.Repository == "" {
		return
	}
	for _, r := range p.roles {
		if r.held == "" || r.follows || r.held != r.Robot || !w.granted(p, r.held) || w.secret(p, r.Account).Content != w.wanted(p, r.Account) {
			continue // first that is mended
		}
		for i, robot := range r.all {
			if !r.Before(robot, r.held) {
				break
			}
			if why := w.drains(p, r, i); why != "" && !p.deletes(robot) {
				p.Actions = append(p.Actions, plan.DeleteRobot{Account: r.With(robot), Drain: true, Reason: why})
				if p.Note == "" {
					p.Note = "drained"
				}
			}
		}
	}
}

func (p *draft) deletes(robot string) bool {
	return slices.ContainsFunc(p.Actions, func(a plan.Action) bool {
		d, ok := a.(plan.DeleteRobot)
		return ok && d.Robot == robot
	})
}

// drains tells why a generation older than the Secret's is to go, "" when it is to stay.
func (w *planner) drains(p *draft, r role, i int) string {
	robot, successor := r.all[i], r.all[i+1]
	made, held := w.Robots[robot].Created, w.Robots[r.held].Created
	if !made.IsZero() && !held.IsZero() && made.After(held) {
		return "it is younger than its Secret's, of an older stamp, and so was in no Secret"
	}
	since, known := w.since(r, successor)
	if !known {
		return ""
	}
	near := r.all[i+1 : min(i+3, len(r.all))]
	if next, known := w.since(r, near[len(near)-1]); known && near[len(near)-1] <= r.held && next.After(since) {
		since = next // by when the Secret was at the successor, which a crash may have kept it from for long
	}
	moved := w.secret(p, r.Account).RotatedAt // a tenant could write any time there
	if slices.Contains(near, r.held) && moved.After(since) && moved.Sub(w.At) <= component.AheadMost {
		since = moved
	}
	switch age := w.At.Sub(since); {
	case age < w.Policy.Overlap:
		return ""
	case r.Role == quay.Read && age < 2*w.Policy.Overlap && !p.everywhere():
		return ""
	}
	return "older than its Secret's, and the overlap is over"
}

// since is when a generation was made: as Quay says, else by its stamp.
func (w *planner) since(r role, robot string) (time.Time, bool) {
	if made := w.Robots[robot].Created; !made.IsZero() {
		return made, true
	}
	stamp, _ := r.StampOf(robot)
	if stamp == "" {
		return time.Time{}, false
	}
	return component.StampTime(stamp)
}

// everywhere reports whether every environment has the pull Secret as it is now, as far
// as can be told from here.
func (p *draft) everywhere() bool {
	return !slices.ContainsFunc(p.Deliveries, func(d plan.Delivery) bool { return d.State != plan.Delivered && d.State != plan.Unverified })
}

// age is that of the older of the tokens in a Component's two Secrets; zero when
// nobody can tell.
func (w *planner) age(p *draft) time.Duration {
	age := time.Duration(0)
	for _, r := range p.roles {
		if made, known := w.since(r, r.held); r.held != "" && known {
			age = max(age, w.At.Sub(made))
		}
	}
	return age
}
