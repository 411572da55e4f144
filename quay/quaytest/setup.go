package quaytest

import (
	"maps"
	"slices"
	"strings"
)

// AddUser adds a user.
func (s *Server) AddUser(name string) {
	s.change(func(st *state) { st.users[name] = true })
}

// AddToken lets an OAuth token act as a user within scopes, such as
// "org:admin repo:admin".
func (s *Server) AddToken(token, user, scopes string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.state.users[user] {
		panic("quaytest: no such user: " + user)
	}
	s.tokens[token] = &oauthToken{user: user, scopes: strings.Fields(scopes)}
}

// ExpireToken ends a token's life. An unknown one stays unknown.
func (s *Server) ExpireToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tokens[token]; t != nil {
		t.expired = true
	}
}

// AddOrganization adds an organization; its team "owners" holds the owner.
func (s *Server) AddOrganization(name, owner string) {
	s.change(func(st *state) {
		if !st.users[owner] {
			panic("quaytest: no such user: " + owner)
		}
		st.organizations[name] = &organization{name: name, teams: []*team{{name: "owners", role: "admin", members: []string{owner}}}}
	})
}

// AddTeam adds a team with a role (member, creator or admin) and its members,
// or changes it.
func (s *Server) AddTeam(organization, name, role string, members ...string) {
	s.change(func(st *state) {
		if teamRoles[role] == none {
			panic("quaytest: no such role of a team: " + role)
		}
		t := st.mustOrganization(organization).team(name)
		t.role, t.members = role, slices.Clone(members)
	})
}

// SetPrivateLimit sets how many private repositories the organization's plan
// allows under [Config].Billing. Without, it is none.
func (s *Server) SetPrivateLimit(organization string, n int) {
	s.change(func(st *state) { st.mustOrganization(organization).privateLimit = n })
}

// change makes a write outside the API.
func (s *Server) change(f func(*state)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lag.remember(s.state)
	f(s.state)
}

func (st *state) mustOrganization(name string) *organization {
	o := st.organizations[name]
	if o == nil {
		panic("quaytest: no such organization: " + name)
	}
	return o
}

func (st *state) mustRepository(name string) *repository {
	r := st.byName[name]
	if r == nil {
		panic("quaytest: no such repository: " + name)
	}
	return r
}

func (st *state) mustRobot(name string) *robot {
	r := st.robots[name]
	if r == nil {
		panic("quaytest: no such robot: " + name)
	}
	return r
}

// Snapshot is the state for assertions, without what is deleted and without
// tokens.
type Snapshot struct {
	Repositories []Repository // in the order of their creation
	Robots       []Robot      // by name
}

// Snapshot returns the state as it is, lag or not.
func (s *Server) Snapshot() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all Snapshot
	for _, r := range s.state.repositories {
		if !r.deleted {
			all.Repositories = append(all.Repositories, r.snapshot())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.state.robots)) {
		all.Robots = append(all.Robots, s.state.robotSnapshot(name))
	}
	return all
}

func (r *repository) snapshot() Repository {
	out := Repository{
		Name:        r.namespace + "/" + r.name,
		Public:      r.public,
		Creator:     r.creator,
		Permissions: maps.Clone(r.roles),
		Teams:       maps.Clone(r.teams),
	}
	if r.state != stateNormal {
		out.State = r.state
	}
	out.Description, out.NoDescription = deref(r.description)
	return out
}

func (st *state) robotSnapshot(name string) Robot {
	out := Robot{Name: name, Permissions: make(map[string]string)}
	out.Description, out.NoDescription = deref(st.robots[name].description)
	out.Federation = slices.Clone(st.robots[name].federation)
	organization, _, _ := strings.Cut(name, "+")
	for _, t := range st.organizations[organization].teams {
		if slices.Contains(t.members, name) {
			out.Teams = append(out.Teams, t.name)
		}
	}
	for id := range st.grants[name] {
		if r := st.repositoryByID(id); !r.deleted {
			out.Permissions[r.namespace+"/"+r.name] = r.roles[name]
		}
	}
	return out
}

func deref(text *string) (value string, missing bool) {
	if text == nil {
		return "", true
	}
	return *text, false
}
