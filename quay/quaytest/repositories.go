package quaytest

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// repositoryName allows a newline at the end, as `$` does in Python
// (util/names.py:151). The length is checked apart: 255 at most.
var repositoryName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\A[a-z0-9][.a-z0-9_-]*(?:/[a-z0-9][.a-z0-9_-]*)*\n?\z`)
})

var (
	text       = []string{"string"}
	visibility = property{name: "visibility", types: text, enum: []any{"public", "private"}}

	createRepositorySchema = schema{
		required: []string{"repository", "visibility", "description"},
		properties: []property{
			{name: "repository", types: text},
			visibility,
			{name: "namespace", types: text},
			{name: "description", types: text},
			{name: "repo_kind", types: []string{"string", "null"}, enum: []any{"image", nil}},
		},
	}
	describeSchema   = schema{required: []string{"description"}, properties: []property{{name: "description", types: text}}}
	visibilitySchema = schema{required: []string{"visibility"}, properties: []property{visibility}}
	stateSchema      = schema{
		required:   []string{"state"},
		properties: []property{{name: "state", types: text, enum: []any{stateNormal, "READ_ONLY", "MIRROR"}}},
	}
	starSchema = schema{
		required:   []string{"namespace", "repository"},
		properties: []property{{name: "namespace", types: text}, {name: "repository", types: text}},
	}
)

// createRepository checks in Quay's order: body, right, name taken, plan, name, mirror.
func (q *request) createRepository() *response {
	body, refused := q.requiredJSON(createRepositorySchema)
	if refused != nil {
		return refused
	}
	namespace, given := body["namespace"].(string)
	if !given {
		namespace = q.user
	}
	name, description := body["repository"].(string), body["description"].(string)
	private := body["visibility"] == "private"
	switch {
	case !q.mayCreate(namespace):
		return q.unauthorized()
	case q.replica.repository(namespace, name) != nil:
		return q.invalid("Repository already exists")
	case private && !q.mayBePrivate(namespace):
		return q.exceedsLicense()
	case len(name) > 255 || !repositoryName().MatchString(name), q.server.config.NoExtendedNames && strings.Contains(name, "/"):
		return q.invalid("Invalid repository name")
	case q.state.organizations[namespace] != nil && q.state.organizations[namespace].mirrored:
		return q.invalid("Cannot create repository: organization is managed by organization-level mirroring")
	}
	// One that the replica does not know yet runs into the unique index, and
	// Quay then answers with the existing row as if it had made it
	// (data/model/repository.py:159).
	if q.state.repository(namespace, name) == nil {
		q.state.addRepository(&repository{
			namespace: namespace, name: name, description: &description, creator: q.user, public: !private,
		})
	}
	return reply(http.StatusCreated, map[string]any{"namespace": namespace, "name": name, "kind": "image"})
}

func (q *request) mayBePrivate(namespace string) bool {
	if !q.server.config.Billing {
		return true
	}
	_, allowed := q.privateRepositories(namespace)
	return allowed
}

func (q *request) getRepository() *response {
	namespace, name := q.repository()
	r := q.state.repository(namespace, name)
	role := q.repositoryRole(namespace, name)
	if role < read && (r == nil || !r.public) {
		return q.unauthorized()
	}
	if r == nil {
		return q.notFound()
	}
	view := map[string]any{
		"namespace":        r.namespace,
		"name":             r.name,
		"kind":             "image",
		"description":      r.description,
		"is_public":        r.public,
		"is_organization":  q.state.organizations[r.namespace] != nil,
		"is_starred":       q.state.stars[q.user][r.id],
		"status_token":     r.statusToken,
		"trust_enabled":    false,
		"tag_expiration_s": tagExpiration,
		"is_free_account":  true,
		"state":            r.state,
		"can_write":        role >= write,
		"can_admin":        role >= admin,
	}
	if r.public {
		view["status_token"] = ""
	}
	if q.flag("includeTags", true) {
		view["tags"] = map[string]any{}
	}
	if q.flag("includeStats", false) {
		view["stats"] = emptyStats(q.server.options.Now())
	}
	return reply(http.StatusOK, view)
}

// emptyStats is three months of nothing (endpoints/api/repository.py).
func emptyStats(now time.Time) []map[string]any {
	var days []map[string]any
	for day := 1; day < 92; day++ {
		days = append(days, map[string]any{"date": now.AddDate(0, 0, -day).Format(time.DateOnly), "count": 0})
	}
	return days
}

func (q *request) describeRepository() *response {
	return q.withRepository(write, func(r *repository) *response {
		body, refused := q.requiredJSON(describeSchema)
		if refused != nil {
			return refused
		}
		if r == nil {
			return q.notFound()
		}
		description := body["description"].(string)
		r.description = &description
		return success()
	})
}

func success() *response { return reply(http.StatusOK, map[string]any{"success": true}) }

// changeVisibility answers a missing repository with 200 and null, and asks the
// plan even if the repository is private already.
func (q *request) changeVisibility() *response {
	return q.withRepository(admin, func(r *repository) *response {
		body, refused := q.requiredJSON(visibilitySchema)
		if refused != nil {
			return refused
		}
		if r == nil {
			return reply(http.StatusOK, nil)
		}
		private := body["visibility"] == "private"
		if private && !q.mayBePrivate(r.namespace) {
			return q.exceedsLicense()
		}
		r.public = !private
		return success()
	})
}

// changeState checks for the repository before it looks at the state.
func (q *request) changeState() *response {
	return q.withRepository(admin, func(r *repository) *response {
		body, refused := q.requiredJSON(stateSchema)
		if refused != nil {
			return refused
		}
		if r == nil {
			return q.notFound()
		}
		r.state = body["state"].(string)
		return success()
	})
}

// deleteRepository does not mind a missing one.
func (q *request) deleteRepository() *response {
	return q.withRepository(admin, func(r *repository) *response {
		if r != nil {
			q.state.removeRepository(r)
		}
		return noContent()
	})
}

func (q *request) star() *response {
	if q.limit(userScopes) < read {
		return q.unauthorized()
	}
	body, refused := q.requiredJSON(starSchema)
	if refused != nil {
		return refused
	}
	namespace, name := body["namespace"].(string), body["repository"].(string)
	r := q.state.repository(namespace, name)
	if r == nil {
		return q.notFound()
	}
	if q.state.stars[q.user] == nil {
		q.state.stars[q.user] = make(map[int]bool)
	}
	q.state.stars[q.user][r.id] = true
	return reply(http.StatusCreated, map[string]any{"namespace": namespace, "repository": name})
}
