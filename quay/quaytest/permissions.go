package quaytest

import (
	"net/http"
	"slices"
	"strings"
)

const noPermission = "User does not have permission for repo."

// listPermissions of a missing repository is an empty answer.
func (q *request) listPermissions() *response {
	return q.withRepository(admin, func(r *repository) *response {
		views := map[string]any{}
		if r != nil {
			for account := range r.roles {
				views[account] = q.permission(r, account)
			}
		}
		return reply(http.StatusOK, map[string]any{"permissions": views})
	})
}

// listTeamPermissions has what a person gave teams, see SetTeamPermission.
func (q *request) listTeamPermissions() *response {
	return q.withRepository(admin, func(r *repository) *response {
		views := map[string]any{}
		if r != nil {
			for team, role := range r.teams {
				views[team] = map[string]any{"role": role, "name": team, "avatar": avatar(team, "team")}
			}
		}
		return reply(http.StatusOK, map[string]any{"permissions": views})
	})
}

func (q *request) permission(r *repository, account string) map[string]any {
	view := q.state.account(account)
	view["role"] = r.roles[account]
	if q.state.organizations[r.namespace] != nil {
		view["is_org_member"] = q.state.belongs(account, r.namespace)
	}
	return view
}

// account is what an answer tells of a user or robot.
func (st *state) account(name string) map[string]any {
	isRobot, kind := st.robots[name] != nil, "user"
	if isRobot {
		kind = "robot"
	}
	return map[string]any{"name": name, "is_robot": isRobot, "avatar": avatar(name, kind)}
}

func (st *state) known(account string) bool { return st.users[account] || st.robots[account] != nil }

// belongs says whether an account is a robot of an organization or in a team.
func (st *state) belongs(account, organization string) bool {
	if strings.HasPrefix(account, organization+"+") {
		return true
	}
	return slices.ContainsFunc(st.organizations[organization].teams, func(t *team) bool {
		return slices.Contains(t.members, account)
	})
}

func (q *request) getPermission() *response {
	return q.withRepository(admin, func(r *repository) *response {
		account := q.params["account"]
		if r == nil || r.roles[account] == "" {
			return message(http.StatusBadRequest, noPermission)
		}
		return reply(http.StatusOK, q.permission(r, account))
	})
}

var permissionSchema = schema{
	required:   []string{"role"},
	properties: []property{{name: "role", types: text, enum: []any{"read", "write", "admin"}}},
}

// putPermission ends in an uncaught exception when there is no such repository
// (data/model/permission.py:431).
func (q *request) putPermission() *response {
	return q.withRepository(admin, func(r *repository) *response {
		body, refused := q.requiredJSON(permissionSchema)
		if refused != nil {
			return refused
		}
		account := q.params["account"]
		namespace, _ := q.repository()
		owner, _, isRobot := strings.Cut(account, "+")
		switch {
		case account == namespace:
			return q.invalid("Namespace owner must always be admin.")
		case !q.state.known(account):
			return q.invalid("Invalid username: " + account)
		case isRobot && owner != namespace:
			return q.invalid("Cannot add robot " + account + " under namespace " + namespace)
		case r == nil:
			return serverError()
		}
		q.state.grant(r, account, body["role"].(string))
		return reply(http.StatusOK, q.permission(r, account))
	})
}

// deletePermission refuses in another shape than getPermission.
func (q *request) deletePermission() *response {
	return q.withRepository(admin, func(r *repository) *response {
		account := q.params["account"]
		if r == nil || r.roles[account] == "" {
			return q.invalid(noPermission)
		}
		q.state.revoke(r, account)
		return noContent()
	})
}

func (q *request) transitivePermission() *response {
	return q.withRepository(admin, func(r *repository) *response {
		account := q.params["account"]
		if r == nil || r.roles[account] == "" {
			return q.notFound()
		}
		return reply(http.StatusOK, map[string]any{"permissions": []map[string]any{{"role": r.roles[account]}}})
	})
}
