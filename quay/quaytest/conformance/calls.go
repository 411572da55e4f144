package conformance

import (
	"context"
	"net/http"

	"berth/quay"
	"berth/quay/quaytest"
)

// subject is a repository and a robot with the role write on it.
type subject struct {
	repository quay.Repository
	robot      quay.Robot
	// Names of nothing yet.
	newRepository, newRobot string
}

// newSubject makes a private repository and a robot whose names end in suffix.
func (f *fixture) newSubject(suffix string) subject {
	f.t.Helper()
	s := subject{
		repository:    f.newRepository("old"+suffix, quay.Private),
		robot:         f.newRobot("old" + suffix),
		newRepository: f.repositoryName("new" + suffix),
		newRobot:      f.robotName("new" + suffix),
	}
	f.must(f.client.SetPermission(f.t.Context(), s.repository.Name, s.robot.Name, quay.Write))
	return s
}

// untouched demands that nothing happened to the subject.
func (f *fixture) untouched(s subject) {
	f.t.Helper()
	f.isRepository(s.repository)
	f.isRobot(s.robot, s.repository.Name)
	f.isRole(s.repository.Name, s.robot.Name, quay.Write)
	_, err := f.client.GetRepository(f.t.Context(), s.newRepository)
	f.want(quay.ErrNotFound, "get what was not created", err)
	_, err = f.client.GetRobot(f.t.Context(), s.newRobot)
	f.want(quay.ErrNotFound, "get what was not created", err)
}

// call is one call of the client on a subject.
type call struct {
	name string
	do   func(context.Context, *quay.Client, subject) error
}

var reads = []call{
	{"list repositories", func(ctx context.Context, c *quay.Client, _ subject) error {
		_, err := c.ListRepositories(ctx)
		return err
	}},
	{"list robots", func(ctx context.Context, c *quay.Client, _ subject) error {
		_, err := robotsOf(ctx, c)
		return err
	}},
	{"list permissions", func(ctx context.Context, c *quay.Client, s subject) error {
		_, err := c.ListRobotPermissions(ctx, s.repository.Name)
		return err
	}},
	{"list default permissions", func(ctx context.Context, c *quay.Client, _ subject) error {
		_, err := c.ListDefaultPermissions(ctx)
		return err
	}},
	{"get repository", func(ctx context.Context, c *quay.Client, s subject) error {
		_, err := c.GetRepository(ctx, s.repository.Name)
		return err
	}},
	{"get robot", func(ctx context.Context, c *quay.Client, s subject) error {
		_, err := c.GetRobot(ctx, s.robot.Name)
		return err
	}},
}

// write is a call that changes the subject.
type write struct {
	call
	method, route string
	once          bool // must not be sent again when its fate is unknown
	prepare       func(*fixture, subject)
	// done demands that it took effect, exactly as it was meant.
	done func(*fixture, subject)
}

var writes = []write{
	{
		call: call{"create repository", func(ctx context.Context, c *quay.Client, s subject) error {
			return c.CreateRepository(ctx, quay.Repository{Name: s.newRepository, Visibility: quay.Private})
		}},
		method: http.MethodPost, route: quaytest.RouteRepositories, once: true,
		done: func(f *fixture, s subject) {
			f.isRepository(quay.Repository{Name: s.newRepository, Visibility: quay.Private})
		},
	},
	{
		call: call{"create robot", func(ctx context.Context, c *quay.Client, s subject) error {
			_, err := c.CreateRobot(ctx, s.newRobot, "new")
			return err
		}},
		method: http.MethodPut, route: quaytest.RouteRobot, once: true,
		done: func(f *fixture, s subject) {
			if got := f.getRobot(s.newRobot); got.Description != "new" {
				f.t.Errorf("the robot is described as %q", got.Description)
			}
		},
	},
	{
		call: call{"describe repository", func(ctx context.Context, c *quay.Client, s subject) error {
			return c.DescribeRepository(ctx, s.repository.Name, "new")
		}},
		method: http.MethodPut, route: quaytest.RouteRepository,
		done: func(f *fixture, s subject) {
			f.isRepository(quay.Repository{Name: s.repository.Name, Description: "new", Visibility: quay.Private})
		},
	},
	{
		call: call{"change visibility", func(ctx context.Context, c *quay.Client, s subject) error {
			return c.ChangeVisibility(ctx, s.repository.Name, quay.Public)
		}},
		method: http.MethodPost, route: quaytest.RouteVisibility,
		done: func(f *fixture, s subject) {
			f.isRepository(quay.Repository{Name: s.repository.Name, Description: s.repository.Description, Visibility: quay.Public})
		},
	},
	{
		call: call{"set permission", func(ctx context.Context, c *quay.Client, s subject) error {
			return c.SetPermission(ctx, s.repository.Name, s.robot.Name, quay.Read)
		}},
		method: http.MethodPut, route: quaytest.RouteUserPermission,
		done: func(f *fixture, s subject) { f.isRole(s.repository.Name, s.robot.Name, quay.Read) },
	},
	{
		call: call{"delete permission", func(ctx context.Context, c *quay.Client, s subject) error {
			return c.DeletePermission(ctx, s.repository.Name, s.robot.Name)
		}},
		method: http.MethodDelete, route: quaytest.RouteUserPermission,
		done: func(f *fixture, s subject) { f.isRole(s.repository.Name, s.robot.Name, "") },
	},
	{
		call: call{"remove from team", func(ctx context.Context, c *quay.Client, s subject) error {
			return c.RemoveFromTeam(ctx, owners, s.robot.Name)
		}},
		method: http.MethodDelete, route: quaytest.RouteTeamMember,
		prepare: func(f *fixture, s subject) { f.addToOwners(s.robot.Name) },
		done:    func(f *fixture, s subject) { f.inTeams(s.robot.Name) },
	},
	{
		call: call{"delete robot", func(ctx context.Context, c *quay.Client, s subject) error {
			return c.DeleteRobot(ctx, s.robot.Name)
		}},
		method: http.MethodDelete, route: quaytest.RouteRobot,
		done: func(f *fixture, s subject) {
			_, err := f.client.GetRobot(f.t.Context(), s.robot.Name)
			f.want(quay.ErrNotFound, "get the deleted robot", err)
		},
	},
}
