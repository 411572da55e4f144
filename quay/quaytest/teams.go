package quaytest

import (
	"net/http"
	"slices"
	"strings"
)

func (q *request) teamView(o *organization, t *team) map[string]any {
	inTeam := slices.Contains(t.members, q.user) && q.limit(orgScopes) > none
	return map[string]any{
		"name":        t.name,
		"description": t.description,
		"role":        t.role,
		"avatar":      avatar(t.name, "team"),
		"can_view":    inTeam || q.orgRole(o.name) == orgAdmin,
	}
}

// repositoriesOfTeam counts those that a team was given.
func (st *state) repositoriesOfTeam(o *organization, t *team) int {
	n := 0
	for _, r := range st.repositories {
		if r.namespace == o.name && r.teams[t.name] != "" {
			n++
		}
	}
	return n
}

var teamSchema = schema{
	required: []string{"role"},
	properties: []property{
		{name: "role", types: []string{"string"}, enum: []any{"member", "creator", "admin"}},
		{name: "description", types: []string{"string"}},
	},
}

func (q *request) putTeam() *response {
	if q.orgRole(q.params["organization"]) < orgAdmin {
		return q.unauthorized()
	}
	body, refused := q.requiredJSON(teamSchema)
	if refused != nil {
		return refused
	}
	o := q.state.organizations[q.params["organization"]]
	if o == nil {
		return q.noSuchOrganization()
	}
	isNew := !o.hasTeam(q.params["team"])
	t, role := o.team(q.params["team"]), body["role"].(string)
	if t.role == "admin" && role != "admin" && o.onlyAdminTeam(q.user) == t {
		return message(http.StatusBadRequest, "Cannot remove admin from team '"+t.name+"' because calling user would no longer have admin on org '"+o.name+"'")
	}
	t.role = role
	if description, ok := body["description"].(string); ok {
		t.description = description
	}
	view := q.teamView(o, t)
	view["new_team"] = isNew
	return reply(http.StatusOK, view)
}

// onlyAdminTeam is the team that alone makes a user an administrator, or nil.
func (o *organization) onlyAdminTeam(user string) *team {
	var only *team
	for _, t := range o.teams {
		if t.role == "admin" && slices.Contains(t.members, user) {
			if only != nil {
				return nil
			}
			only = t
		}
	}
	return only
}

// team finds or adds a team.
func (o *organization) team(name string) *team {
	for _, t := range o.teams {
		if t.name == name {
			return t
		}
	}
	t := &team{name: name, role: "member"}
	o.teams = append(o.teams, t)
	return t
}

// noSuchOrganization is for a user's namespace, which its owner may ask about as
// if it were an organization.
func (q *request) noSuchOrganization() *response {
	return message(http.StatusBadRequest, "Organization does not exist: "+q.params["organization"])
}

// putTeamMember adds robots only: humans would be invited.
func (q *request) putTeamMember() *response {
	name, account := q.params["organization"], q.params["account"]
	if q.orgRole(name) < orgAdmin {
		return q.unauthorized()
	}
	o := q.state.organizations[name]
	if o == nil || !o.hasTeam(q.params["team"]) {
		return q.notFound()
	}
	if q.state.users[account] {
		return q.notSimulated()
	}
	if q.state.robots[account] == nil {
		return q.invalid("Unknown user")
	}
	if !strings.HasPrefix(account, name+"+") {
		return message(http.StatusBadRequest, "Cannot add the specified robot to this team, as it is not a member of the organization")
	}
	o.team(q.params["team"]).add(account)
	view := q.state.account(account)
	view["kind"], view["invited"] = "user", false
	return reply(http.StatusOK, view)
}

func (t *team) add(account string) {
	if !slices.Contains(t.members, account) {
		t.members = append(t.members, account)
	}
}

func (t *team) remove(account string) {
	t.members = slices.DeleteFunc(t.members, func(m string) bool { return m == account })
}

// deleteTeamMember removes a user or a robot (data/model/team.py:76).
func (q *request) deleteTeamMember() *response {
	name, account := q.params["organization"], q.params["account"]
	if q.orgRole(name) < orgAdmin {
		return q.unauthorized()
	}
	o := q.state.organizations[name]
	if o == nil || !o.hasTeam(q.params["team"]) || !q.state.known(account) {
		return q.notFound()
	}
	t := o.team(q.params["team"])
	switch {
	case !slices.Contains(t.members, account):
		return message(http.StatusBadRequest, "User "+account+" does not belong to team "+t.name)
	case account == q.user && o.onlyAdminTeam(account) == t:
		return message(http.StatusBadRequest, "User cannot remove themselves from their only admin team.")
	}
	t.remove(account)
	return noContent()
}

func (o *organization) hasTeam(name string) bool {
	return slices.ContainsFunc(o.teams, func(t *team) bool { return t.name == name })
}
