package conformance

import (
	"context"
	"net/http"
	"slices"

	"berth/quay"
)

// What a robot may do without a permission of its own.
var teams = []part{
	{name: "a robot in a team", check: robotInTeam},
	{name: "a robot in no team", check: robotInNoTeam},
	{name: "a default permission", check: defaultPermission},
}

// owners is the team of administrators that every organization begins with.
const owners = "owners"

func (f *fixture) addToOwners(robot string) {
	f.t.Helper()
	path := "/organization/" + f.Organization + "/team/" + owners + "/members/" + f.Organization + "+" + robot
	if status := f.request(f.t.Context(), http.MethodPut, path, nil, nil); status != http.StatusOK {
		f.t.Fatalf("adding a robot to the team: HTTP %d", status)
	}
}

// inTeams demands the teams that the list shows a robot in.
func (f *fixture) inTeams(robot string, want ...string) {
	f.t.Helper()
	got := f.listRobots()[robot].Teams
	if got == nil || !slices.Equal(got, want) {
		f.t.Errorf("the list shows robot %s in teams %q, want %q", robot, got, want)
	}
}

// It has the team's rights, which no list of repositories or permissions shows.
func robotInTeam(f *fixture) {
	robot, r := f.newRobot("a"), f.newRepository("a", quay.Private)
	f.inTeams(robot.Name)
	f.addToOwners(robot.Name)
	f.inTeams(robot.Name, owners)
	f.isGranted(robot, r.Name, "*", "pull", "push")
	f.isRobot(robot)
	f.isRole(r.Name, robot.Name, "")
	f.must(f.client.RemoveFromTeam(f.t.Context(), owners, robot.Name))
	f.inTeams(robot.Name)
	f.isGranted(robot, r.Name)
}

func robotInNoTeam(f *fixture) {
	robot, ctx := f.newRobot("a"), f.t.Context()
	f.want(nil, "remove who is not in it", f.client.RemoveFromTeam(ctx, owners, robot.Name))
	f.want(nil, "remove from no team", f.client.RemoveFromTeam(ctx, "nosuchteam", robot.Name))
	f.want(nil, "remove no robot", f.client.RemoveFromTeam(ctx, owners, f.robotName("b")))
	f.isRobot(robot)
}

// A default permission is listed and gives a role on what is made after it.
func defaultPermission(f *fixture) {
	robot, before := f.newRobot("a"), f.newRepository("before", quay.Private)
	path := "/organization/" + f.Organization + "/prototypes"
	var made struct{ ID string }
	status := f.request(f.t.Context(), http.MethodPost, path, map[string]any{
		"role": "write", "delegate": map[string]string{"kind": "user", "name": f.Organization + "+" + robot.Name},
	}, &made)
	if status != http.StatusOK {
		f.t.Fatalf("making a default permission: HTTP %d", status)
	}
	f.t.Cleanup(func() { // goes with the robot, too
		f.request(context.WithoutCancel(f.t.Context()), http.MethodDelete, path+"/"+made.ID, nil, nil)
	})
	all, err := f.client.ListDefaultPermissions(f.t.Context())
	f.must(err)
	if !slices.Contains(all, quay.DefaultPermission{Robot: robot.Name, Role: quay.Write}) {
		f.t.Errorf("the list of default permissions is %+v", all)
	}
	after := f.newRepository("after", quay.Private)
	f.isRole(before.Name, robot.Name, "")
	f.isRole(after.Name, robot.Name, quay.Write)
	f.isGranted(robot, after.Name, "pull", "push")
}
