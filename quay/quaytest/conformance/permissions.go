package conformance

import (
	"berth/quay"
)

var permissions = []part{
	{name: "set and changed", check: setPermission},
	{name: "of two robots", check: listPermissions},
	{name: "of a repository that does not exist", check: permissionsOfMissing},
	{name: "of a robot that does not exist", check: permissionsOfMissingRobot},
	{name: "taken away", check: deletePermission},
	{name: "of a deleted robot", check: permissionsOfDeleted},
}

var roles = []quay.Role{quay.Read, quay.Write, quay.Admin}

func setPermission(f *fixture) {
	robot := f.newRobot("a")
	for _, suffix := range []string{"a", "a/b/c", "a--b.c"} {
		r := f.newRepository(suffix, quay.Private)
		f.isRole(r.Name, robot.Name, "")
		for _, role := range append(roles, quay.Read, quay.Read) {
			f.must(f.client.SetPermission(f.t.Context(), r.Name, robot.Name, role))
			f.isRole(r.Name, robot.Name, role)
		}
		f.want(quay.ErrInvalid, "no known role", f.client.SetPermission(f.t.Context(), r.Name, robot.Name, "owner"))
		f.isRole(r.Name, robot.Name, quay.Read)
	}
}

// The list is of robots alone, though whoever made the repository is its
// administrator.
func listPermissions(f *fixture) {
	r, push, pull := f.newRepository("a/b", quay.Private), f.newRobot("push"), f.newRobot("pull")
	f.must(f.client.SetPermission(f.t.Context(), r.Name, push.Name, quay.Write))
	f.must(f.client.SetPermission(f.t.Context(), r.Name, pull.Name, quay.Read))
	f.isRole(r.Name, push.Name, quay.Write)
	f.isRole(r.Name, pull.Name, quay.Read)
	all, err := f.client.ListRobotPermissions(f.t.Context(), r.Name)
	f.must(err)
	if len(all) != 2 {
		f.t.Errorf("the list is %v, want two robots", all)
	}
}

// Quay fails where it should say that there is no repository. To the client
// that is a registry in trouble, and in no case success.
func permissionsOfMissing(f *fixture) {
	name, robot, ctx := f.repositoryName("a"), f.newRobot("a"), f.t.Context()
	all, err := f.client.ListRobotPermissions(ctx, name)
	f.must(err)
	if len(all) != 0 {
		f.t.Errorf("the list is %v, want none", all)
	}
	f.want(nil, "delete permission", f.client.DeletePermission(ctx, name, robot.Name))
	before := f.client.Stats().Retries
	f.want(quay.ErrUnavailable, "set permission", f.client.SetPermission(ctx, name, robot.Name, quay.Read))
	if f.client.Stats().Retries == before {
		f.t.Error("a failure of Quay's was not tried again")
	}
	f.isRobot(robot)
}

func permissionsOfMissingRobot(f *fixture) {
	r, name, ctx := f.newRepository("a", quay.Private), f.robotName("a"), f.t.Context()
	f.want(quay.ErrInvalid, "set permission", f.client.SetPermission(ctx, r.Name, name, quay.Read))
	f.want(nil, "delete permission", f.client.DeletePermission(ctx, r.Name, name))
	f.isRole(r.Name, name, "")
}

func deletePermission(f *fixture) {
	r, a, b := f.newRepository("a", quay.Private), f.newRobot("a"), f.newRobot("b")
	f.must(f.client.SetPermission(f.t.Context(), r.Name, a.Name, quay.Write))
	f.must(f.client.SetPermission(f.t.Context(), r.Name, b.Name, quay.Read))
	for range 2 { // the second time there is none
		f.must(f.client.DeletePermission(f.t.Context(), r.Name, a.Name))
		f.isRole(r.Name, a.Name, "")
		f.isRole(r.Name, b.Name, quay.Read)
	}
	f.isRobot(a)
}

func permissionsOfDeleted(f *fixture) {
	s := f.newSubject("")
	f.must(f.client.DeleteRobot(f.t.Context(), s.robot.Name))
	f.isRole(s.repository.Name, s.robot.Name, "")
	f.isRepository(s.repository)
}
