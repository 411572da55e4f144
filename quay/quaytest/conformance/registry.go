package conformance

import (
	"net/http"
	"slices"

	"berth/quay"
)

// What the registry itself says that a login is worth.
var registry = []part{
	{name: "a login of each role", check: grants},
	{name: "a login that is refused", check: refusedLogins},
	{name: "a use is remembered", check: lastAccessed},
	{name: "a repository that takes no pushes", check: states},
}

// isGranted demands what a robot's login is granted; empty: nothing.
func (f *fixture) isGranted(robot quay.Robot, repository string, want ...string) {
	f.t.Helper()
	got, err := f.client.Granted(f.t.Context(), robot.Name, robot.Token, repository)
	f.must(err)
	if !got.Accepted || !slices.Equal(got.Actions, want) {
		f.t.Errorf("robot %s on %s is granted %+v, want %q", robot.Name, repository, got, want)
	}
}

func (f *fixture) isRefused(robot quay.Robot, repository string) {
	f.t.Helper()
	got, err := f.client.Granted(f.t.Context(), robot.Name, robot.Token, repository)
	f.must(err)
	if got.Accepted || len(got.Actions) != 0 {
		f.t.Errorf("robot %s on %s is granted %+v, want it refused", robot.Name, repository, got)
	}
}

func grants(f *fixture) {
	robot := f.newRobot("a")
	r, other, public := f.newRepository("a/b", quay.Private), f.newRepository("other", quay.Private), f.newRepository("public", quay.Public)
	missing := f.repositoryName("missing")
	f.isGranted(robot, r.Name)
	for _, row := range []struct {
		role quay.Role
		want []string
	}{
		{quay.Read, []string{"pull"}},
		{quay.Write, []string{"pull", "push"}},
		{quay.Admin, []string{"*", "pull", "push"}},
	} {
		f.must(f.client.SetPermission(f.t.Context(), r.Name, robot.Name, row.role))
		f.isGranted(robot, r.Name, row.want...)
	}
	f.isGranted(robot, other.Name)
	f.isGranted(robot, public.Name, "pull")
	f.isGranted(robot, missing)
	_, err := f.client.GetRepository(f.t.Context(), missing)
	f.want(quay.ErrNotFound, "get what was asked about", err)
	f.must(f.client.DeletePermission(f.t.Context(), r.Name, robot.Name))
	f.isGranted(robot, r.Name)
}

func refusedLogins(f *fixture) {
	s, ctx := f.newSubject(""), f.t.Context()
	wrong := s.robot
	wrong.Token = f.newRobot("other").Token
	f.isRefused(wrong, s.repository.Name)
	f.isRefused(quay.Robot{Name: s.newRobot, Token: s.robot.Token}, s.repository.Name)

	old := s.robot
	f.regenerate(s.robot.Name, http.StatusOK)
	f.isRefused(old, s.repository.Name)
	f.isGranted(f.getRobot(s.robot.Name), s.repository.Name, "pull", "push")

	old = f.getRobot(s.robot.Name)
	f.must(f.client.DeleteRobot(ctx, s.robot.Name))
	f.isRefused(old, s.repository.Name)
	again, err := f.client.CreateRobot(ctx, s.robot.Name, "again")
	f.must(err)
	f.isRefused(old, s.repository.Name)
	f.isGranted(again, s.repository.Name)
}

// The list and the robot itself show that it was used, by Quay's own clock.
func lastAccessed(f *fixture) {
	s := f.newSubject("")
	f.isGranted(s.robot, s.repository.Name, "pull", "push")
	one, listed := f.getRobot(s.robot.Name), f.listRobots()[s.robot.Name]
	if f.Simulator == nil && one.LastAccessed.IsZero() && listed.LastAccessed.IsZero() {
		f.t.Skip("this Quay keeps no use of robots (FEATURE_USER_LAST_ACCESSED)")
	}
	if one.LastAccessed.Before(one.Created) || one.LastAccessed.After(one.Observed) || !listed.LastAccessed.Equal(one.LastAccessed) {
		f.t.Errorf("made at %s, used at %s, listed as used at %s, seen at %s", one.Created, one.LastAccessed, listed.LastAccessed, one.Observed)
	}
}

// changeState skips the part at a Quay that has no states.
func (f *fixture) changeState(repository, state string) {
	f.t.Helper()
	path := "/repository/" + f.Organization + "/" + repository + "/changestate"
	switch status := f.request(f.t.Context(), http.MethodPut, path, map[string]string{"state": state}, nil); status {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		f.t.Skip("this Quay has no states of repositories (FEATURE_REPO_MIRROR)")
	default:
		f.t.Fatalf("changing the state: HTTP %d", status)
	}
}

// Whatever the role, nobody pushes to a repository that is read-only or a mirror;
// all else can be changed as ever.
func states(f *fixture) {
	s, ctx := f.newSubject(""), f.t.Context()
	for state, want := range map[string]quay.State{"READ_ONLY": quay.ReadOnly, "MIRROR": quay.Mirror} {
		f.changeState(s.repository.Name, state)
		s.repository.State = want
		f.isRepository(s.repository)
		f.isGranted(s.robot, s.repository.Name, "pull")
		f.must(f.client.SetPermission(ctx, s.repository.Name, s.robot.Name, quay.Admin))
		f.isGranted(s.robot, s.repository.Name, "pull")
		f.must(f.client.SetPermission(ctx, s.repository.Name, s.robot.Name, quay.Write))
		s.repository.Description = state
		f.must(f.client.DescribeRepository(ctx, s.repository.Name, state))
		f.isRepository(s.repository)
	}
	f.changeState(s.repository.Name, "NORMAL")
	s.repository.State = quay.Normal
	f.isRepository(s.repository)
	f.isGranted(s.robot, s.repository.Name, "pull", "push")
}
