package conformance

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"berth/quay"
)

var robots = []part{
	{name: "names", check: robotNames},
	{name: "names that Quay refuses", check: invalidRobotNames},
	{name: "description", check: robotDescription},
	{name: "one that exists", check: existingRobot},
	{name: "one that does not exist", check: missingRobot},
	{name: "token", check: robotToken},
	{name: "deleted and made again", check: recreatedRobot},
	{name: "repositories", check: robotRepositories},
	{name: "when it was made", check: robotCreated},
	{name: "organizations that look alike", check: alikes, needs: lookAlikes},
}

// longestRobot leaves room for the organization.
func (f *fixture) longestRobot() int { return maxName - len(f.Organization+"+") }

func robotNames(f *fixture) {
	for _, row := range []struct{ suffix, why string }{
		{"a", "letters"},
		{"a.b-c_d", "each of the separators"},
		{"0", "digits"},
		{"push", "a suffix"},
		{fill(f.robotPrefix(), f.longestRobot()), "the longest"},
	} {
		f.t.Log(row.why)
		f.isRobot(f.newRobot(row.suffix))
	}
}

func invalidRobotNames(f *fixture) {
	for _, row := range []struct{ suffix, why string }{
		{"a--b", "two dashes, as names in Kubernetes may hold"},
		{"a__b", "two underscores"},
		{"a-.b", "two separators"},
		{"a-", "a separator last"},
		{"Upper", "upper case"},
		{"a b", "a blank"},
		{fill(f.robotPrefix(), f.longestRobot()+1), "more than fits beside the organization"},
	} {
		_, err := f.client.CreateRobot(f.t.Context(), f.robotName(row.suffix), "")
		f.want(quay.ErrInvalid, "create robot with "+row.why, err)
	}
}

// maxDescription is Quay's limit for a robot (endpoints/api/robot.py).
const maxDescription = 255

func robotDescription(f *fixture) {
	ctx := f.t.Context()
	for suffix, text := range map[string]string{
		"none":    "",
		"unicode": "ünïcode ⚓, \"quoted\"",
		"longest": strings.Repeat("x", maxDescription),
	} {
		r, err := f.client.CreateRobot(ctx, f.robotName(suffix), text)
		f.must(err)
		if r.Description != text {
			f.t.Errorf("%s: described as %q", suffix, r.Description)
		}
		f.isRobot(r)
	}
	_, err := f.client.CreateRobot(ctx, f.robotName("long"), strings.Repeat("x", maxDescription+1))
	f.want(quay.ErrInvalid, "create robot with a description too long", err)
}

func existingRobot(f *fixture) {
	old := f.newRobot("a")
	_, err := f.client.CreateRobot(f.t.Context(), old.Name, "new")
	f.want(quay.ErrInvalid, "create robot", err)
	f.isRobot(old)
}

func missingRobot(f *fixture) {
	name, ctx := f.robotName("a"), f.t.Context()
	_, err := f.client.GetRobot(ctx, name)
	f.want(quay.ErrNotFound, "get robot", err)
	f.regenerate(name, http.StatusBadRequest)
	f.want(nil, "delete robot", f.client.DeleteRobot(ctx, name))
	if _, ok := f.listRobots()[name]; ok {
		f.t.Error("asking for a robot has made it")
	}
}

// regenerate does what a person at Quay's web pages may; the client does not.
func (f *fixture) regenerate(robot string, want int) {
	f.t.Helper()
	path := "/organization/" + f.Organization + "/robots/" + robot + "/regenerate"
	if status := f.request(f.t.Context(), http.MethodPost, path, nil, nil); status != want {
		f.t.Errorf("regenerating: HTTP %d, want %d", status, want)
	}
}

// A token changes when it is regenerated, and never else.
func robotToken(f *fixture) {
	s := f.newSubject("")
	for range 3 {
		f.isRobot(s.robot, s.repository.Name)
	}
	seen := map[string]bool{s.robot.Token.Reveal(): true}
	for range 2 {
		f.regenerate(s.robot.Name, http.StatusOK)
		s.robot.Token = f.getRobot(s.robot.Name).Token
		if seen[s.robot.Token.Reveal()] {
			f.t.Error("regenerating left or brought back an old token")
		}
		seen[s.robot.Token.Reveal()] = true
		f.isRobot(s.robot, s.repository.Name)
		f.isRole(s.repository.Name, s.robot.Name, quay.Write)
	}
}

func recreatedRobot(f *fixture) {
	s, ctx := f.newSubject(""), f.t.Context()
	f.must(f.client.DeleteRobot(ctx, s.robot.Name))
	_, err := f.client.GetRobot(ctx, s.robot.Name)
	f.want(quay.ErrNotFound, "get the deleted robot", err)
	if _, ok := f.listRobots()[s.robot.Name]; ok {
		f.t.Error("the deleted robot is listed")
	}
	f.isRole(s.repository.Name, s.robot.Name, "")

	again, err := f.client.CreateRobot(ctx, s.robot.Name, "again")
	f.must(err)
	if sameToken(again, s.robot) {
		f.t.Error("the new robot has the token of the deleted one")
	}
	f.isRobot(again)
	f.isRole(s.repository.Name, s.robot.Name, "")
}

// The list names a robot's repositories, nested ones in full and each once.
func robotRepositories(f *fixture) {
	robot, ctx := f.newRobot("a"), f.t.Context()
	a, b := f.newRepository("a", quay.Private), f.newRepository("a/b/c", quay.Public)
	f.isRobot(robot)
	f.must(f.client.SetPermission(ctx, a.Name, robot.Name, quay.Read))
	f.isRobot(robot, a.Name)
	f.must(f.client.SetPermission(ctx, b.Name, robot.Name, quay.Write))
	f.must(f.client.SetPermission(ctx, b.Name, robot.Name, quay.Admin))
	f.isRobot(robot, a.Name, b.Name)
	f.must(f.client.DeletePermission(ctx, a.Name, robot.Name))
	f.isRobot(robot, b.Name)
}

// Its age is told by Quay's own clock, in the list and in each answer about it,
// and no new token makes it younger.
func robotCreated(f *fixture) {
	made := f.newRobot("a")
	f.regenerate(made.Name, http.StatusOK)
	for where, r := range map[string]quay.Robot{"PUT": made, "GET": f.getRobot(made.Name), "the list": f.listRobots()[made.Name]} {
		if age := r.Observed.Sub(r.Created); r.Created.IsZero() || r.Observed.IsZero() || age < -time.Second || age > time.Hour {
			f.t.Errorf("%s: made at %s, seen at %s", where, r.Created, r.Observed)
		}
		if !r.Created.Equal(made.Created) || !r.LastAccessed.IsZero() {
			f.t.Errorf("%s: made at %s, used at %s; want %s, never", where, r.Created, r.LastAccessed, made.Created)
		}
	}
}

// Quay selects robots by a pattern in which _ stands for any character, and
// gives away the tokens of organizations that nobody asked about.
func alikes(f *fixture) {
	name := f.robotPrefix() + "a"
	for _, o := range f.LookAlikes {
		c := f.newClient(o, f.Token)
		f.t.Cleanup(func() {
			if err := c.DeleteRobot(context.WithoutCancel(f.t.Context()), name); err != nil {
				f.t.Errorf("cleaning up: %v", err)
			}
		})
		_, err := c.CreateRobot(f.t.Context(), name, o)
		f.must(err)
	}
	for _, o := range f.LookAlikes {
		list, err := robotsOf(f.t.Context(), f.newClient(o, f.Token))
		f.must(err)
		list = slices.DeleteFunc(list, func(r quay.Robot) bool { return r.Name != name })
		if len(list) != 1 || list[0].Description != o {
			f.t.Errorf("%s has %d robots of the name, want its own alone", o, len(list))
		}
	}
}
