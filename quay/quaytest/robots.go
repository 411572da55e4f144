package quaytest

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// robotShortName allows a newline at the end, as `$` does in Python.
var robotShortName = regexp.MustCompile(`\A[a-z0-9]+(?:[._-][a-z0-9]+)*\n?\z`)

const noSuchRobot = "Could not find robot with specified username"

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
	for _, r := range robots {
		if limited && l.rows <= 0 {
			break
		}
		views = append(views, l.view(r, limited))
	}
	return views
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

// view is what every answer tells of a robot. Nobody ever logs in here.
func (r *robot) view() map[string]any {
	return map[string]any{
		"name":          r.name,
		"created":       r.created.UTC().Format("Mon, 02 Jan 2006 15:04:05") + " -0000",
		"last_accessed": nil,
		"description":   r.description,
	}
}

func (r *robot) viewWithToken() map[string]any {
	view := r.view()
	view["token"] = r.token
	return view
}

// withRobot runs f with the robot of the path for an admin of the organization.
func (q *request) withRobot(f func(*robot) *response) *response {
	if q.orgRole(q.params["organization"]) < orgAdmin {
		return q.unauthorized()
	}
	if q.state.organizations[q.params["organization"]] == nil {
		return q.noSuchOrganization()
	}
	r := q.state.robots[q.robotName()]
	if r == nil {
		return message(http.StatusBadRequest, noSuchRobot)
	}
	return f(r)
}

func (q *request) getRobot() *response {
	return q.withRobot(func(r *robot) *response {
		view := r.viewWithToken()
		view["unstructured_metadata"] = map[string]any{}
		if r.metadata != nil {
			view["unstructured_metadata"] = r.metadata
		}
		return reply(http.StatusOK, view)
	})
}

var createRobotSchema = schema{properties: []property{
	{name: "description", types: text, maxLength: 255},
	{name: "unstructured_metadata", types: []string{"object"}},
}}

// createRobot checks in Quay's order: body, right, robots allowed, name, taken.
func (q *request) createRobot() *response {
	body, refused := q.optionalJSON(createRobotSchema)
	if refused != nil {
		return refused
	}
	if q.orgRole(q.params["organization"]) < orgAdmin {
		return q.unauthorized()
	}
	if q.state.organizations[q.params["organization"]] == nil {
		return q.noSuchOrganization()
	}
	if refused := q.refuseRobot(q.params["robot"], q.robotName()); refused != nil {
		return refused
	}
	description, _ := body["description"].(string)
	metadata, _ := body["unstructured_metadata"].(map[string]any)
	r := q.server.newRobot(q.robotName(), &description)
	r.metadata = metadata
	q.state.robots[r.name] = r
	view := r.viewWithToken()
	view["unstructured_metadata"] = nil
	if metadata != nil {
		view["unstructured_metadata"] = metadata
	}
	return reply(http.StatusCreated, view)
}

func (q *request) refuseRobot(short, name string) *response {
	switch {
	case q.server.config.RobotsDisallow:
		return q.invalid("Robot accounts have been disabled. Please contact your administrator.")
	case !robotShortName.MatchString(short):
		return q.invalid("The name for the robot '" + short + "' is invalid: Namespace must match expression ^([a-z0-9]+(?:[._-][a-z0-9]+)*)$")
	case len(short) < 2 || len(short) > 255:
		return q.invalid("The name for the robot '" + short + "' is invalid: Namespace must be between 2 and 255 characters in length")
	case q.replica.robots[name] != nil:
		return q.invalid("Existing robot with name: " + name)
	case utf8.RuneCountInString(name) > 255:
		return message(http.StatusBadRequest, "value too long for type character varying(255)\n")
	case q.state.robots[name] != nil: // the replica did not know it yet
		return message(http.StatusBadRequest, "duplicate key value violates unique constraint \"user_username\"\n"+
			"DETAIL:  Key (username)=("+name+") already exists.\n")
	}
	return nil
}

func (s *Server) newRobot(name string, description *string) *robot {
	return &robot{
		name:        name,
		description: description,
		token:       s.options.NewToken(name),
		created:     s.options.Now().Truncate(time.Second),
	}
}

func (q *request) deleteRobot() *response {
	return q.withRobot(func(r *robot) *response {
		q.state.removeRobot(r.name)
		return noContent()
	})
}

func (q *request) regenerateRobot() *response {
	return q.withRobot(func(r *robot) *response {
		r.token = q.server.options.NewToken(r.name)
		return reply(http.StatusOK, r.viewWithToken())
	})
}

// robotPermissions asks for a scope of the user first, whatever the rights in
// the organization (robot.py: require_user_admin).
func (q *request) robotPermissions() *response {
	if q.limit(userScopes) < admin {
		return q.unauthorized()
	}
	if q.orgRole(q.params["organization"]) < orgAdmin {
		return message(http.StatusForbidden, "You don't have the permission to access the requested resource. "+
			"It is either read-protected or not readable by the server.")
	}
	return q.withRobot(func(r *robot) *response {
		views := []map[string]any{}
		for id := range q.state.grants[r.name] {
			repository := q.state.repositoryByID(id)
			views = append(views, map[string]any{
				"repository": map[string]any{"name": repository.name, "is_public": repository.public},
				"role":       repository.roles[r.name],
			})
		}
		return reply(http.StatusOK, map[string]any{"permissions": views})
	})
}

// getFederation answers that a robot has no keyless logins.
func (q *request) getFederation() *response {
	return q.withRobot(func(*robot) *response { return reply(http.StatusOK, []any{}) })
}
