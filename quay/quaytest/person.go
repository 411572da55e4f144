package quaytest

import (
	"slices"
	"strings"
	"time"
)

// Repository is a repository as a person sees it.
type Repository struct {
	Name          string // namespace/name
	Description   string
	NoDescription bool // it is null, as after a push that made the repository
	Public        bool
	Creator       string            // a user, who becomes its admin; empty: nobody does
	State         string            // READ_ONLY, MIRROR or ORG_MIRROR; empty: NORMAL
	Permissions   map[string]string // user or robot (organization+name) -> read, write, admin
	Teams         map[string]string // team -> read, write, admin; nil: none
}

// Robot is a robot account as a person sees it.
type Robot struct {
	Name          string // organization+name
	Description   string
	NoDescription bool              // it is null, as from older versions of Quay
	Permissions   map[string]string // repository (namespace/name) -> read, write, admin
	Teams         []string          // it is a member of, which exist; nil: none
	Federation    []Identity        // who may log in as the robot; nil: nobody
}

// AddRepository adds a repository.
func (s *Server) AddRepository(r Repository) {
	s.change(func(st *state) {
		namespace, name, ok := strings.Cut(r.Name, "/")
		if !ok || st.byName[r.Name] != nil {
			panic("quaytest: no name for a new repository: " + r.Name)
		}
		if !st.users[namespace] {
			st.mustOrganization(namespace)
		}
		added := &repository{namespace: namespace, name: name, creator: r.Creator, public: r.Public, state: r.State}
		if !r.NoDescription {
			added.description = &r.Description
		}
		st.addRepository(added)
		for account, role := range r.Permissions {
			st.mustGrant(r.Name, account, role)
		}
		for team, role := range r.Teams {
			st.mustGrantTeam(r.Name, team, role)
		}
	})
}

// SetVisibility makes a repository public or private.
func (s *Server) SetVisibility(repository string, public bool) {
	s.change(func(st *state) { st.mustRepository(repository).public = public })
}

// SetState makes a repository NORMAL, READ_ONLY, MIRROR or ORG_MIRROR. Only the
// first takes pushes: nobody is a mirroring robot here.
func (s *Server) SetState(repository, to string) {
	s.change(func(st *state) { st.mustRepository(repository).state = to })
}

// SetMirrored lets an organization as a whole be a mirror of another registry's, or not:
// nobody can make a repository in one.
func (s *Server) SetMirrored(organization string, mirrored bool) {
	s.change(func(st *state) { st.mustOrganization(organization).mirrored = mirrored })
}

// SetMirror makes a repository a mirror that a robot works for; Quay keeps the robot.
func (s *Server) SetMirror(repository, robot string) {
	s.change(func(st *state) {
		r := st.mustRepository(repository)
		r.state, r.mirror = "MIRROR", st.mustRobot(robot).name
	})
}

// SetDescription changes a repository's description.
func (s *Server) SetDescription(repository, description string) {
	s.change(func(st *state) { st.mustRepository(repository).description = &description })
}

// DeleteRepository deletes a repository. Until CollectGarbage it lingers under
// a UUID in the lists of the robots that had permissions.
func (s *Server) DeleteRepository(repository string) {
	s.change(func(st *state) { st.removeRepository(st.mustRepository(repository)) })
}

// CollectGarbage removes what lingers of deleted repositories.
func (s *Server) CollectGarbage() { s.change((*state).collectGarbage) }

// AddRobot adds a robot with a new token.
func (s *Server) AddRobot(r Robot) {
	s.change(func(st *state) {
		organization, _, ok := strings.Cut(r.Name, "+")
		if !ok || st.robots[r.Name] != nil {
			panic("quaytest: no name for a new robot: " + r.Name)
		}
		st.mustOrganization(organization)
		description := &r.Description
		if r.NoDescription {
			description = nil
		}
		added := s.newRobot(r.Name, description)
		added.federation = slices.Clone(r.Federation)
		st.robots[r.Name] = added
		for _, team := range r.Teams {
			st.mustTeam(organization, team).add(r.Name)
		}
		for repository, role := range r.Permissions {
			st.mustGrant(repository, r.Name, role)
		}
	})
}

// DeleteRobot deletes a robot, its token and its permissions.
func (s *Server) DeleteRobot(robot string) {
	s.change(func(st *state) { st.removeRobot(st.mustRobot(robot).name) })
}

// RobotToken returns the token a robot has now, or "" if there is no such robot.
func (s *Server) RobotToken(robot string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.state.robots[robot]; r != nil {
		return r.token
	}
	return ""
}

// RegenerateToken gives a robot a new token, behind the client's back.
func (s *Server) RegenerateToken(robot string) {
	s.change(func(st *state) { st.mustRobot(robot).token = s.options.NewToken(robot) })
}

// SetPermission gives a user or robot a role on a repository: read, write or
// admin.
func (s *Server) SetPermission(repository, account, role string) {
	s.change(func(st *state) { st.mustGrant(repository, account, role) })
}

// RemovePermission takes it away.
func (s *Server) RemovePermission(repository, account string) {
	s.change(func(st *state) { st.revoke(st.mustRepository(repository), account) })
}

// SetTeamPermission gives a team of the repository's organization a role on it.
func (s *Server) SetTeamPermission(repository, team, role string) {
	s.change(func(st *state) { st.mustGrantTeam(repository, team, role) })
}

// AddToTeam makes a user or robot a member of a team.
func (s *Server) AddToTeam(organization, team, account string) {
	s.change(func(st *state) {
		if !st.known(account) {
			panic("quaytest: no such account: " + account)
		}
		st.mustTeam(organization, team).add(account)
	})
}

// RemoveFromTeam ends that.
func (s *Server) RemoveFromTeam(organization, team, account string) {
	s.change(func(st *state) { st.mustTeam(organization, team).remove(account) })
}

// RobotTimes are when a robot was made and when it last logged in, zero if never.
func (s *Server) RobotTimes(robot string) (created, lastAccessed time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.state.mustRobot(robot)
	return r.created, r.lastAccessed
}

// SetRobotTimes lets a robot be older than the test.
func (s *Server) SetRobotTimes(robot string, created, lastAccessed time.Time) {
	s.change(func(st *state) {
		r := st.mustRobot(robot)
		r.created, r.lastAccessed = created, lastAccessed
	})
}

func (st *state) mustGrantTeam(repository, team, role string) {
	r := st.mustRepository(repository)
	st.mustTeam(r.namespace, team)
	if repositoryRoles[role] == none {
		panic("quaytest: no such role: " + role)
	}
	if r.teams == nil {
		r.teams = make(map[string]string)
	}
	r.teams[team] = role
}

func (st *state) mustTeam(organization, name string) *team {
	o := st.mustOrganization(organization)
	if !o.hasTeam(name) {
		panic("quaytest: no such team: " + name)
	}
	return o.team(name)
}

func (st *state) mustGrant(repository, account, role string) {
	if repositoryRoles[role] == none || !st.known(account) {
		panic("quaytest: no such permission: " + account + " " + role)
	}
	st.grant(st.mustRepository(repository), account, role)
}

// Backup keeps the state as it is now; restore brings it back, as restoring Quay's
// database does.
func (s *Server) Backup() (restore func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.state.clone()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.state = kept.clone()
	}
}
