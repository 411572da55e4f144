package quaytest

import (
	"slices"
	"strings"
)

// oauthToken acts as the user who granted it, as far as its scopes allow.
type oauthToken struct {
	user    string
	scopes  []string
	expired bool
}

// bearer takes the token out of an Authorization header: two words, the scheme
// in any case (auth/oauth.py:24). Anything else counts as no token at all.
func bearer(header string) string {
	words := strings.Fields(header)
	if len(words) != 2 || !strings.EqualFold(words[0], "bearer") {
		return ""
	}
	return words[1]
}

// authenticate sets user and scopes. A token that is unknown or expired is not
// an error to Quay: the request goes on as anonymous.
func (q *request) authenticate() {
	t := q.server.tokens[q.token]
	if t == nil || t.expired {
		return
	}
	q.user, q.scopes = t.user, t.scopes
}

// role is a level of access; the names depend on what it is access to.
type role int

const (
	none role = iota
	member
	creator
	orgAdmin

	read  = member
	write = creator
	admin = orgAdmin
)

var (
	teamRoles       = map[string]role{"member": member, "creator": creator, "admin": orgAdmin}
	repositoryRoles = map[string]role{"read": read, "write": write, "admin": admin}

	// What each scope allows at most (auth/permissions.py: SCOPE_MAX_*_ROLES).
	orgScopes        = map[string]role{"repo:create": creator, "org:admin": orgAdmin}
	repositoryScopes = map[string]role{"repo:read": read, "repo:write": write, "repo:admin": admin}
	userScopes       = map[string]role{"user:read": read, "user:admin": admin}
)

func (q *request) limit(scopes map[string]role) role {
	limit := none
	for _, s := range q.scopes {
		limit = max(limit, scopes[s])
	}
	return limit
}

// orgRole is the user's role in an organization, capped by the token's scopes.
// Nobody has one in an organization that does not exist.
func (q *request) orgRole(organization string) role {
	return min(q.state.orgRole(q.user, organization), q.limit(orgScopes))
}

// mayCreate says whether repositories may be created in the namespace.
func (q *request) mayCreate(namespace string) bool { return q.orgRole(namespace) >= creator }

// repositoryRole is the user's role on a repository, existing or not, capped by
// the token's scopes.
func (q *request) repositoryRole(namespace, name string) role {
	return min(q.state.repositoryRole(q.user, namespace, name), q.limit(repositoryScopes))
}

// withRepository runs f with the repository of the path if the user has the
// role on it. It is nil when there is none.
func (q *request) withRepository(need role, f func(*repository) *response) *response {
	namespace, name := q.repository()
	if q.repositoryRole(namespace, name) < need {
		return q.unauthorized()
	}
	return f(q.state.repository(namespace, name))
}

// orgRole is the highest of a user's roles. Everybody is the admin of the
// namespace of their own name, as if it were an organization.
func (st *state) orgRole(user, name string) role {
	if user == "" {
		return none
	}
	if user == name {
		return orgAdmin
	}
	have := none
	if o := st.organizations[name]; o != nil {
		for _, t := range o.teams {
			if slices.Contains(t.members, user) {
				have = max(have, teamRoles[t.role])
			}
		}
	}
	return have
}

func (st *state) repositoryRole(user, namespace, name string) role {
	if st.orgRole(user, namespace) == orgAdmin {
		return admin
	}
	r := st.repository(namespace, name)
	if r == nil {
		return none
	}
	return max(repositoryRoles[r.roles[user]], st.teamRole(user, r))
}

// teamRole is what a user or robot may do with a repository for being in teams
// that were given it.
func (st *state) teamRole(user string, r *repository) role {
	have := none
	if len(r.teams) == 0 || user == "" {
		return have
	}
	for _, t := range st.organizations[r.namespace].teams {
		if slices.Contains(t.members, user) {
			have = max(have, repositoryRoles[r.teams[t.name]])
		}
	}
	return have
}
