package quaytest

import (
	"net/http"
	"regexp"
	"slices"
	"sync"
	"time"
	"unicode/utf8"
)

// robotShortName allows a newline at the end, as `$` does in Python.
var robotShortName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\A[a-z0-9]+(?:[._-][a-z0-9]+)*\n?\z`) })

const noSuchRobot = "Could not find robot with specified username"

// view is what every answer tells of a robot.
func (r *robot) view() map[string]any {
	return map[string]any{
		"name":          r.name,
		"created":       date(r.created),
		"last_accessed": date(r.lastAccessed),
		"description":   r.description,
	}
}

// date is how the API writes one (endpoints/api/__init__.py: format_date).
func date(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("Mon, 02 Jan 2006 15:04:05") + " -0000"
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
	case !robotShortName().MatchString(short):
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
		if slices.ContainsFunc(q.state.repositories, func(m *repository) bool { return !m.deleted && m.mirror == r.name }) {
			return q.invalid("Robot is being used by a mirror") // robot.py:330
		}
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
