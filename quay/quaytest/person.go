package quaytest

import "strings"

// Repository is a repository as a person sees it.
type Repository struct {
	Name          string // namespace/name
	Description   string
	NoDescription bool // it is null, as after a push that made the repository
	Public        bool
	Creator       string            // a user, who becomes its admin; empty: nobody does
	Permissions   map[string]string // user or robot (organization+name) -> read, write, admin
}

// Robot is a robot account as a person sees it.
type Robot struct {
	Name          string // organization+name
	Description   string
	NoDescription bool              // it is null, as from older versions of Quay
	Permissions   map[string]string // repository (namespace/name) -> read, write, admin
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
		added := &repository{namespace: namespace, name: name, creator: r.Creator, public: r.Public}
		if !r.NoDescription {
			added.description = &r.Description
		}
		st.addRepository(added)
		for account, role := range r.Permissions {
			st.mustGrant(r.Name, account, role)
		}
	})
}

// SetVisibility makes a repository public or private.
func (s *Server) SetVisibility(repository string, public bool) {
	s.change(func(st *state) { st.mustRepository(repository).public = public })
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
		st.robots[r.Name] = s.newRobot(r.Name, description)
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

func (st *state) mustGrant(repository, account, role string) {
	if repositoryRoles[role] == none || !st.known(account) {
		panic("quaytest: no such permission: " + account + " " + role)
	}
	st.grant(st.mustRepository(repository), account, role)
}
