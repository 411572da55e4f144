package quay

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Organization is what a token may do in the organization.
type Organization struct {
	// Admin needs both a user in a team with role admin and the scope
	// org:admin (endpoints/api/organization.py:125). Quay answers 200 for an
	// invalid token too, with Admin false.
	Admin bool
	// Observed is when Quay answered, by its own clock; zero: it did not say.
	Observed time.Time
}

// GetOrganization asks what the token may do. [ErrNotFound]: no such organization.
func (c *Client) GetOrganization(ctx context.Context) (Organization, error) {
	k := &call{op: "get organization " + c.organization}
	var answer struct {
		Name  string `json:"name"`
		Admin *bool  `json:"is_admin"`
	}
	if err := c.do(ctx, k, http.MethodGet, path("organization", c.organization), nil, &answer); err != nil {
		return Organization{}, err
	}
	if answer.Name != c.organization || answer.Admin == nil {
		return Organization{}, &Error{Op: k.op, kind: ErrUnexpected, Message: "the answer is not an organization"}
	}
	return Organization{Admin: *answer.Admin, Observed: k.answered}, nil
}

// RemoveFromTeam takes a robot out of a team, and so the team's rights from it.
// That it is not in the team, or that one of the two does not exist, is no error.
func (c *Client) RemoveFromTeam(ctx context.Context, team, robot string) error {
	k := &call{op: "take robot " + c.login(robot) + " out of team " + team, repeatable: true}
	err := c.do(ctx, k, http.MethodDelete, path("organization", c.organization, "team", team, "members", c.login(robot)), nil, nil)
	if errors.Is(err, ErrNotFound) || says(err, "User "+c.login(robot)+" does not belong to team "+team) {
		return nil
	}
	return err
}

// DefaultPermission is a role that a robot is given on each repository that is
// made from now on.
type DefaultPermission struct {
	Robot string // without the organization
	Role  Role
}

// ListDefaultPermissions returns those of the organization that name one of its
// robots; a robot may be named more than once (endpoints/api/prototype.py).
func (c *Client) ListDefaultPermissions(ctx context.Context) ([]DefaultPermission, error) {
	k := &call{op: "list default permissions of " + c.organization}
	var answer struct {
		Prototypes *[]struct {
			Delegate struct {
				Name string `json:"name"`
			} `json:"delegate"`
			Role Role `json:"role"`
		} `json:"prototypes"`
	}
	if err := c.do(ctx, k, http.MethodGet, path("organization", c.organization, "prototypes"), nil, &answer); err != nil {
		return nil, err
	}
	if answer.Prototypes == nil {
		return nil, &Error{Op: k.op, kind: ErrUnexpected, Message: "no list of default permissions"}
	}
	var all []DefaultPermission
	for _, p := range *answer.Prototypes {
		if p.Delegate.Name == "" || !p.Role.valid() {
			return nil, &Error{Op: k.op, kind: ErrUnexpected, Message: "a default permission without a name or role"}
		}
		if robot, ok := strings.CutPrefix(p.Delegate.Name, c.organization+"+"); ok { // no team's name has a +
			all = append(all, DefaultPermission{robot, p.Role})
		}
	}
	return all, nil
}

var organizationName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]+(?:[._-][a-z0-9]+)*$`) })

// maxOrganization leaves a robot's full name, ORGANIZATION+ROBOT, room within
// Quay's 255 characters.
const maxOrganization = 100

// ValidOrganization reports whether a name can be an organization's (util/validation.py:13).
func ValidOrganization(name string) bool {
	return len(name) >= 2 && len(name) <= maxOrganization && organizationName().MatchString(name)
}
