package quaytest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// listRobots leaves out tokens and permissions, without a word, for members who
// are not admins.
func (q *request) listRobots() *response {
	limit, refused := q.robotLimit()
	if refused != nil {
		return refused
	}
	organization := q.params["organization"]
	role := q.orgRole(organization)
	if role < member {
		return q.unauthorized()
	}
	return q.robotsOf(organization, limit, role == orgAdmin)
}

// listUserRobots lists nothing, but for the ILIKE: users are given no robots here.
func (q *request) listUserRobots() *response {
	limit, refused := q.robotLimit()
	if refused != nil {
		return refused
	}
	if q.limit(userScopes) < admin {
		return q.unauthorized()
	}
	return q.robotsOf(q.user, limit, true)
}

func (q *request) robotsOf(namespace string, limit int, all bool) *response {
	if limit < 0 {
		return serverError()
	}
	list := robotList{
		request:     q,
		token:       all && q.flag("token", true),
		permissions: all && q.flag("permissions", false),
		rows:        limit,
	}
	return reply(http.StatusOK, map[string]any{"robots": list.robots(q.state.robotsLike(namespace), limit > 0)})
}

func (q *request) robotLimit() (int, *response) {
	if !q.query.Has("limit") {
		return 0, nil
	}
	limit, err := strconv.Atoi(strings.TrimSpace(q.query.Get("limit")))
	if err != nil {
		return 0, message(http.StatusBadRequest, map[string]any{"limit": "If specified, the number of robots to return."})
	}
	return limit, nil
}

// robotsLike selects as Quay does, with ILIKE 'organization+%' and nothing
// escaped: case is ignored and _ stands for any character, so that robots of
// other organizations may come along.
func (st *state) robotsLike(organization string) []*robot {
	pattern := strings.ToLower(organization) + "+"
	var found []*robot
	for name, r := range st.robots {
		if likePrefix(strings.ToLower(name), pattern) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b *robot) int { return strings.Compare(a.name, b.name) })
	return found
}

func likePrefix(name, pattern string) bool {
	if len(name) < len(pattern) {
		return false
	}
	for i := range len(pattern) {
		if pattern[i] != '_' && pattern[i] != name[i] {
			return false
		}
	}
	return true
}

// robotList builds the list. Its limit counts rows of the join of robots,
// repositories and teams, and so may cut a robot's repositories short.
type robotList struct {
	*request
	token, permissions bool
	rows               int // still to come
}

func (l *robotList) robots(robots []*robot, limited bool) []map[string]any {
	views := []map[string]any{}
	l.shuffle(len(robots), func(i, j int) { robots[i], robots[j] = robots[j], robots[i] })
	slices.SortStableFunc(robots, lastAccessedFirst)
	for _, r := range robots {
		if limited && l.rows <= 0 {
			break
		}
		views = append(views, l.view(r, limited))
	}
	return views
}

// lastAccessedFirst orders as DESC does in PostgreSQL: those never used come
// before all others.
func lastAccessedFirst(a, b *robot) int {
	switch {
	case a.lastAccessed.Equal(b.lastAccessed):
		return 0
	case a.lastAccessed.IsZero():
		return -1
	case b.lastAccessed.IsZero():
		return 1
	}
	return b.lastAccessed.Compare(a.lastAccessed)
}

// shuffle shows that an order is arbitrary.
func (q *request) shuffle(n int, swap func(i, j int)) { q.server.random.Shuffle(n, swap) }

func (l *robotList) view(r *robot, limited bool) map[string]any {
	view := r.view()
	if l.token {
		view["token"] = r.token
	}
	if !l.permissions {
		l.rows--
		return view
	}
	repositories, teams := l.repositoriesOf(r.name), l.teamsOf(r.name)
	if limited {
		repositories = repositories[:min(len(repositories), max(1, l.rows/max(1, len(teams))))]
	}
	l.rows -= max(1, len(repositories)) * max(1, len(teams))
	view["repositories"], view["teams"] = repositories, teams
	return view
}

// repositoriesOf names the repositories, never the roles on them. Deleted ones
// are among them under a UUID.
func (q *request) repositoriesOf(robot string) []string {
	names := []string{}
	for id := range q.state.grants[robot] {
		names = append(names, q.state.repositoryByID(id).name)
	}
	slices.Sort(names)
	q.shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names
}

func (q *request) teamsOf(robot string) []map[string]any {
	views := []map[string]any{}
	organization, _, _ := strings.Cut(robot, "+")
	if o := q.state.organizations[organization]; o != nil {
		for _, t := range o.teams {
			if slices.Contains(t.members, robot) {
				views = append(views, map[string]any{"name": t.name, "avatar": avatar(t.name, "team")})
			}
		}
	}
	return views
}
