package reconcile_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"berth/quay"
	"berth/quay/quaytest"
	"berth/reconcile/plan"
	"berth/reconcile/report"
)

// A robot in a team may do what the team may, besides its own role; no list of permissions
// shows it. It is taken out, whichever generation it is.
func TestARobotLeavesEachTeam(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.settledComponent()
	e.quay.AddTeam(org, "devs", "member")
	e.quay.AddRepository(quaytest.Repository{Name: org + "/library/tools", Teams: map[string]string{"devs": "write"}})
	push, _ := e.credential("billing-image-push")
	e.rotateGracefully()
	e.run(t) // the older generation lives on
	pull, token := e.credential("billing-image-pull")
	e.quay.AddToTeam(org, "owners", pull)
	e.quay.AddToTeam(org, "owners", push)
	e.quay.AddToTeam(org, "devs", push)
	if granted, _ := e.quay.Granted(pull, token, org+"/library/tools"); !slices.Contains(granted, "push") {
		t.Fatalf("a pull robot among the owners is granted %v", granted)
	}

	r := e.do(e.newRun())
	if r.ExitCode() != 0 || r.Changes != (report.ChangeCount{Delete: 3}) {
		t.Errorf("exit %d, %+v:\n%s", r.ExitCode(), r.Changes, r.text)
	}
	for _, words := range []string{"in team owners: a team's rights add to its own", "Warning: tenant/billing: robot " + strings.TrimPrefix(push, org+"+") + " is in team devs, owners"} {
		if !strings.Contains(r.text, words) {
			t.Errorf("the run does not say %q:\n%s", words, r.text)
		}
	}
	for _, robot := range e.quay.Snapshot().Robots {
		if len(robot.Teams) > 0 {
			t.Errorf("robot %s is in %v", robot.Name, robot.Teams)
		}
	}
	for _, repository := range []string{"/library/tools", "/tenant/billing"} {
		if granted, ok := e.quay.Granted(pull, token, org+repository); !ok || slices.Contains(granted, "push") {
			t.Errorf("%s: the pull robot is granted %v", repository, granted)
		}
	}
	e.settled(t)
}

// What takes a robot out of a team fails as other side steps do that take a right away: all
// else is done, and the run is no success.
func TestATeamThatARobotCannotLeave(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.settledComponent()
	pull, _ := e.credential("billing-image-pull")
	e.quay.AddToTeam(org, "owners", pull)
	e.cluster.Delete("secrets", "tenant", "billing-image-push")
	e.quay.Inject(quaytest.Fault{Method: http.MethodDelete, Route: quaytest.RouteTeamMember, Times: -1, Status: 400})
	r := e.do(e.newRun())
	if r.ExitCode() != report.ExitFailed || r.Failures[0].Whose != plan.ThePlatforms || !strings.Contains(r.text, "Error: tenant/billing: take robot "+pull+" out of team owners") {
		t.Errorf("exit %d:\n%s", r.ExitCode(), r.text)
	}
	if e.cluster.Object("secrets", "tenant", "billing-image-push") == nil {
		t.Error("the Secret was held back")
	}
}

// A team or two that somebody puts many robots into is more like a mistake than like drift,
// and so is to take all of them out again.
func TestTheGuardCountsTeams(t *testing.T) {
	t.Parallel()
	e := newEnv()
	for i := range 20 {
		e.component("tenant", fmt.Sprintf("c%02d", i), fmt.Sprintf("uid-%d", i))
	}
	e.run(t)
	for _, robot := range e.quay.Snapshot().Robots {
		e.quay.AddToTeam(org, "owners", robot.Name)
	}
	r := e.do(e.newRun())
	if r.ExitCode() != report.ExitRefused || !strings.Contains(r.text, "robots or their rights of 20") || len(e.quay.Snapshot().Robots[0].Teams) != 1 {
		t.Errorf("exit %d:\n%s", r.ExitCode(), r.text)
	}
}

// A default permission that names a robot of ours opens each new repository to it. Who can
// delete it is told, once a run; what it gives on what this run makes is taken off at once.
func TestDefaultPermissions(t *testing.T) {
	t.Parallel()
	const words = "the organization's default permissions name 1 robot of Berth's"
	e := newEnv()
	e.quay.AddRobot(quaytest.Robot{Name: org + "+ci", Description: "by hand"})
	e.quay.AddDefaultPermission(org, org+"+ci", "read")
	e.settledComponent()
	push, token := e.credential("billing-image-push")
	e.quay.AddDefaultPermission(org, push, "admin")
	e.component("tenant", "api", "uid-2")
	e.component("tenant", "web", "uid-3")
	r := e.do(e.newRun())
	if n := strings.Count(r.text, words); r.ExitCode() != 0 || n != 1 || !strings.Contains(r.text, strings.TrimPrefix(push, org+"+")+" (admin)") || !strings.Contains(r.json, `"code":"default_permission"`) {
		t.Errorf("exit %d, said %d times:\n%s", r.ExitCode(), n, r.text)
	}
	for _, name := range []string{"api", "web"} {
		if granted, ok := e.quay.Granted(push, token, org+"/tenant/"+name); !ok || len(granted) > 0 {
			t.Errorf("%s: another Component's robot is granted %v", name, granted)
		}
	}
	for _, made := range e.quay.Snapshot().Repositories {
		if made.Permissions[org+"+ci"] != "read" {
			t.Errorf("%s: what others gave a robot of theirs was taken off: %v", made.Name, made.Permissions)
		}
	}
	e.resetCalls()
	if e.settled(t); e.quay.Requests(http.MethodGet, quaytest.RoutePrototypes) != 1 {
		t.Error("a run reads them once")
	}

	e.quay.Inject(quaytest.Fault{Method: http.MethodGet, Route: quaytest.RoutePrototypes, Times: -1, Status: 404})
	r = e.do(e.newRun())
	if r.ExitCode() != 0 || !strings.Contains(r.text, "Warning: the organization's default permissions could not be read") {
		t.Errorf("unread: exit %d:\n%s", r.ExitCode(), r.text)
	}
}

// Whoever is federated with a robot logs in as it without its token, and no list shows it.
// A robot that has its name from another time gets its role only without them.
func TestNoFederationFromAnotherTime(t *testing.T) {
	t.Parallel()
	somebody := quaytest.Identity{Issuer: "https://ci.example.com", Subject: "somebody"}
	for _, row := range []struct {
		why   string
		spoil func(e *env, push string)
		asked int // calls that delete one
	}{
		{"a new Component's robots are new by their names", func(e *env, _ string) { e.component("tenant", "api", "uid-2") }, 0},
		{"the robot was deleted", func(e *env, push string) { e.quay.DeleteRobot(push) }, 1},
		{"somebody has made it again, with the same mark, and federated it", func(e *env, push string) {
			mark := e.mark(push)
			e.quay.DeleteRobot(push)
			e.quay.AddRobot(quaytest.Robot{Name: push, Description: mark, Federation: []quaytest.Identity{somebody}})
		}, 1},
		{"a run was killed before it gave the role, and then somebody federated it", func(e *env, push string) {
			e.quay.RemovePermission(org+"/tenant/billing", push)
			e.quay.SetFederation(push, somebody)
		}, 1},
		{"it was there when it was to be made", func(e *env, push string) {
			e.quay.DeleteRobot(push)
			e.quay.Inject(quaytest.Fault{Method: http.MethodPut, Route: quaytest.RouteRobot, Outcome: quaytest.Drop, Applied: true})
		}, 1},
		{"an older Quay knows no federation", func(e *env, push string) {
			e.quay.DeleteRobot(push)
			e.quay.Inject(quaytest.Fault{Method: http.MethodDelete, Route: quaytest.RouteFederation, Status: 405})
		}, 1},
		{"nor does an older one", func(e *env, push string) {
			e.quay.DeleteRobot(push)
			e.quay.Inject(quaytest.Fault{Method: http.MethodDelete, Route: quaytest.RouteFederation, Status: 404})
		}, 1},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newEnv()
			e.settledComponent()
			push, _ := e.credential("billing-image-push")
			row.spoil(e, push)
			e.resetCalls()
			e.run(t)
			if n := e.quay.Requests(http.MethodDelete, quaytest.RouteFederation); n != row.asked {
				t.Errorf("%d calls, want %d", n, row.asked)
			}
			for _, robot := range e.quay.Snapshot().Robots {
				if len(robot.Federation) > 0 {
					t.Errorf("robot %s is open to %v", robot.Name, robot.Federation)
				}
			}
			e.settled(t)
		})
	}
	t.Run("it gets no role while nobody can tell", func(t *testing.T) {
		t.Parallel()
		e := newEnv()
		e.settledComponent()
		push, _ := e.credential("billing-image-push")
		e.quay.RemovePermission(org+"/tenant/billing", push)
		e.quay.Inject(quaytest.Fault{Method: http.MethodDelete, Route: quaytest.RouteFederation, Times: -1, Status: 500})
		r := e.do(e.newRun())
		if r.ExitCode() != report.ExitFailed || e.quay.Requests(http.MethodPut, quaytest.RouteUserPermission) != 0 {
			t.Errorf("exit %d:\n%s", r.ExitCode(), r.text)
		}
	})
}

// mark is a robot's description.
func (e *env) mark(login string) string {
	for _, r := range e.quay.Snapshot().Robots {
		if r.Name == login {
			return r.Description
		}
	}
	return ""
}

// worth is what the token endpoint says of every login, on every repository.
type worth struct{ asked, more, less int }

// worth asks for each robot with a mark of ours, of every generation, what its login opens:
// exactly its role on its own repository and nothing elsewhere that is not anybody's.
func (e *env) worth(t *testing.T, plans []plan.Component) (w worth) {
	t.Helper()
	state := e.quay.Snapshot()
	for _, p := range plans {
		for _, a := range p.Names.Accounts() {
			for _, robot := range state.Robots {
				_, generation := a.StampOf(strings.TrimPrefix(robot.Name, org+"+"))
				if !generation || robot.Description != a.Mark {
					continue
				}
				for _, r := range state.Repositories {
					granted, ok := e.quay.Granted(robot.Name, e.quay.RobotToken(robot.Name), r.Name)
					own, open := r.Name == org+"/"+p.Names.Repository, r.Public || r.Name == org+"/"+p.Names.Repository
					w.asked++
					if slices.Contains(granted, "*") || slices.Contains(granted, "push") && !(own && a.Role == quay.Write) || slices.Contains(granted, "pull") && !open {
						w.more++
					}
					pushes := slices.Contains(granted, "push") || a.Role == quay.Read || r.State != ""
					if own && (!ok || !slices.Contains(granted, "pull") || !pushes) {
						w.less++
					}
				}
				if len(robot.Federation) > 0 {
					w.more++
				}
			}
		}
	}
	return w
}

// In worlds of every kind of drift, drawn by lot, one run brings each login to exactly its
// role. What is counted, the registry's own token endpoint has said.
func TestEachLoginIsWorthItsRole(t *testing.T) {
	t.Parallel()
	var before, after worth
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 16))
		e := newEnv()
		e.quay.AddTeam(org, "devs", "member")
		e.quay.AddRepository(quaytest.Repository{Name: org + "/library/tools", Description: "by hand", Teams: map[string]string{"devs": "write"}})
		n := 2 + random.IntN(4)
		for i := range n {
			e.component("tenant", fmt.Sprintf("c%d", i), fmt.Sprintf("uid-%d", i))
		}
		e.run(t)
		if random.IntN(2) == 0 {
			e.component("tenant", "c0", "uid-0", generate(`{"rotate":"graceful"}`))
			e.run(t)
		}
		plans := e.look().plan.Components
		for range 1 + random.IntN(6) {
			e.misgive(random, plans)
		}
		if random.IntN(2) == 0 { // which the default permissions are about
			e.component("tenant", "new", "uid-new")
		}
		before = before.plus(e.worth(t, plans))
		r := e.newRun()
		r.Limits.Force = true
		if got := e.do(r); got.ExitCode() != 0 {
			t.Fatalf("seed %d: exit %d:\n%s", seed, got.ExitCode(), got.text)
		}
		now := e.worth(t, e.look().plan.Components)
		if now.more+now.less > 0 {
			t.Errorf("seed %d: %+v after the run", seed, now)
		}
		after = after.plus(now)
	}
	fmt.Fprintf(t.Output(), "before the run: credentials asked: %d, with more than their role: %d, with less: %d\n", before.asked, before.more, before.less)
	fmt.Fprintf(t.Output(), "credentials asked: %d, with more than their role: %d, with less: %d\n", after.asked, after.more, after.less)
	if before.more < 50 || before.less < 10 || after.asked < 1000 {
		t.Errorf("the worlds have not drifted enough: %+v, then %+v", before, after)
	}
}

func (w worth) plus(o worth) worth { return worth{w.asked + o.asked, w.more + o.more, w.less + o.less} }

// misgive changes one thing at Quay that bears on what a login is worth.
func (e *env) misgive(random *rand.Rand, plans []plan.Component) {
	p := plans[random.IntN(len(plans))]
	a := p.Names.Accounts()[random.IntN(2)]
	own, other := org+"/"+p.Names.Repository, org+"/"+plans[random.IntN(len(plans))].Names.Repository
	if random.IntN(3) == 0 {
		other = org + "/library/tools"
	}
	robot := org + "+" + a.Robot
	if e.quay.RobotToken(robot) == "" {
		return // an earlier drift
	}
	role := []string{"read", "write", "admin"}[random.IntN(3)]
	switch random.IntN(9) {
	case 0:
		e.quay.AddToTeam(org, "owners", robot)
	case 1:
		e.quay.AddToTeam(org, "devs", robot)
	case 2:
		e.quay.AddDefaultPermission(org, robot, role)
	case 3:
		if other != own {
			e.quay.SetPermission(other, robot, role)
		}
	case 4:
		e.quay.SetPermission(own, robot, role)
	case 5:
		e.quay.RemovePermission(own, robot)
		e.quay.SetFederation(robot, quaytest.Identity{Issuer: "https://ci.example.com", Subject: "somebody"})
	case 6:
		e.quay.DeleteRobot(robot)
	case 7:
		e.quay.SetState(own, []string{"READ_ONLY", "MIRROR"}[random.IntN(2)])
	case 8:
		e.quay.RegenerateToken(robot)
	}
}
