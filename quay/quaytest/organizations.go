package quaytest

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
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
			view := q.teamView(o, t)
			view["repo_count"], view["member_count"], view["is_synced"] = q.state.repositoriesOfTeam(o, t), len(t.members), false
			teams[t.name] = view
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
