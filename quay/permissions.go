package quay

import (
	"context"
	"net/http"
	"strings"
)

// Role of an account on a repository.
type Role string

// The roles there are.
const (
	Read  Role = "read"
	Write Role = "write"
	Admin Role = "admin"
)

func (r Role) valid() bool { return r == Read || r == Write || r == Admin }

type permissionJSON struct {
	Name string `json:"name"`
	Role Role   `json:"role"`
}

// ListRobotPermissions returns the roles that robots of the organization have
// on a repository, by robot. People are left out: their permissions are their
// own business. A missing repository has none, as Quay answers.
func (c *Client) ListRobotPermissions(ctx context.Context, repository string) (map[string]Role, error) {
	k := &call{op: "list permissions on " + c.full(repository)}
	var answer struct {
		Permissions map[string]permissionJSON `json:"permissions"`
	}
	// Without the slash at its end Quay redirects.
	if err := c.do(ctx, k, http.MethodGet, path("repository", c.organization, repository, "permissions", "user", ""), nil, &answer); err != nil {
		return nil, err
	}
	if answer.Permissions == nil {
		return nil, &Error{Op: k.op, kind: ErrUnexpected, Message: "no list of permissions"}
	}
	roles := map[string]Role{}
	for account, p := range answer.Permissions {
		if p.Name != account || !p.Role.valid() {
			return nil, &Error{Op: k.op, kind: ErrUnexpected, Message: "a permission without a name or role"}
		}
		if robot, ok := strings.CutPrefix(account, c.organization+"+"); ok {
			roles[robot] = p.Role
		}
	}
	return roles, nil
}

// SetPermission gives a robot exactly this role on a repository.
func (c *Client) SetPermission(ctx context.Context, repository, robot string, role Role) error {
	k := &call{op: "let robot " + c.login(robot) + " " + string(role) + " " + c.full(repository), repeatable: true}
	var answer permissionJSON
	err := c.do(ctx, k, http.MethodPut, c.permissionPath(repository, robot), map[string]string{"role": string(role)}, &answer)
	if err == nil && answer != (permissionJSON{c.login(robot), role}) {
		return &Error{Op: k.op, kind: ErrUnexpected, Message: "another permission was answered"}
	}
	return err
}

// DeletePermission takes a robot's role on a repository away. No role, no
// robot and no repository are no error.
func (c *Client) DeletePermission(ctx context.Context, repository, robot string) error {
	err := c.do(ctx, &call{op: "remove robot " + c.login(robot) + " from " + c.full(repository), repeatable: true},
		http.MethodDelete, c.permissionPath(repository, robot), nil, nil)
	if says(err, noPermission) {
		return nil
	}
	return err
}

func (c *Client) permissionPath(repository, robot string) string {
	return path("repository", c.organization, repository, "permissions", "user", c.login(robot))
}
