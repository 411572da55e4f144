package quaytest

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
)

// getOrganization needs no right: the answer says how much of one there is.
func (q *request) getOrganization() *response {
	o := q.state.organizations[q.params["organization"]]
	if o == nil {
		return q.notFound()
	}
	role := q.orgRole(o.name)
	view := map[string]any{
		"name":      o.name,
		"email":     "",
		"avatar":    avatar(o.name, "user"),
		"is_admin":  role == orgAdmin,
		"is_member": role >= member,
	}
	if role >= member {
		teams, order := map[string]any{}, []string{}
		for _, t := range o.teams {
			teams[t.name] = q.teamView(o, t)
			order = append(order, t.name)
		}
		view["teams"], view["ordered_teams"] = teams, order
	}
	if role == orgAdmin {
		view["invoice_email"] = false
		view["invoice_email_address"] = nil
		view["tag_expiration_s"] = tagExpiration
		view["is_free_account"] = true
	}
	return reply(http.StatusOK, view)
}

const tagExpiration = 1209600 // seconds: Quay's default of two weeks

func (q *request) teamView(o *organization, t *team) map[string]any {
	inTeam := slices.Contains(t.members, q.user) && q.limit(orgScopes) > none
	return map[string]any{
		"name":         t.name,
		"description":  t.description,
		"role":         t.role,
		"avatar":       avatar(t.name, "team"),
		"can_view":     inTeam || q.orgRole(o.name) == orgAdmin,
		"repo_count":   0, // teams are given no repositories here
		"member_count": len(t.members),
		"is_synced":    false,
	}
}

// avatar has a hash and a color that depend on the name alone.
func avatar(name, kind string) map[string]any {
	sum := sha256.Sum256([]byte(name))
	hash := hex.EncodeToString(sum[:])
	return map[string]any{"name": name, "hash": hash, "color": "#" + hash[:6], "kind": kind}
}

// getPrivate exists only where repositories are paid for.
func (q *request) getPrivate() *response {
	if !q.server.config.Billing {
		return q.unrouted()
	}
	name := q.params["organization"]
	if !q.mayCreate(name) {
		return q.unauthorized()
	}
	count, allowed := q.privateRepositories(name)
	view := map[string]any{"privateAllowed": allowed}
	if q.orgRole(name) == orgAdmin {
		view["privateCount"] = count
	}
	return reply(http.StatusOK, view)
}

// privateRepositories counts a namespace's private repositories and says
// whether its plan allows one more.
func (q *request) privateRepositories(namespace string) (count int, allowed bool) {
	for _, r := range q.state.repositories {
		if r.namespace == namespace && !r.public && !r.deleted {
			count++
		}
	}
	limit := 0
	if o := q.state.organizations[namespace]; o != nil {
		limit = o.privateLimit
	}
	return count, count < limit
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
	t := o.team(q.params["team"])
	t.role = body["role"].(string)
	t.description, _ = body["description"].(string)
	return reply(http.StatusOK, q.teamView(o, t))
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
	t := o.team(q.params["team"])
	if !slices.Contains(t.members, account) {
		t.members = append(t.members, account)
	}
	return reply(http.StatusOK, q.state.account(account))
}

func (o *organization) hasTeam(name string) bool {
	return slices.ContainsFunc(o.teams, func(t *team) bool { return t.name == name })
}
