package quaytest

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// The route templates, as Requests, Fault and Call name them. {repository} is
// namespace/name; names with more slashes match too.
const (
	RouteConfig           = "/config"
	RouteOrganizations    = "/organization/"
	RouteOrganization     = "/organization/{organization}"
	RoutePrivate          = "/organization/{organization}/private"
	RoutePrototypes       = "/organization/{organization}/prototypes"
	RoutePrototype        = "/organization/{organization}/prototypes/{prototype}"
	RouteTeam             = "/organization/{organization}/team/{team}"
	RouteTeamMember       = "/organization/{organization}/team/{team}/members/{account}"
	RouteRobots           = "/organization/{organization}/robots"
	RouteRobot            = "/organization/{organization}/robots/{robot}"
	RouteRegenerate       = "/organization/{organization}/robots/{robot}/regenerate"
	RouteRobotPermissions = "/organization/{organization}/robots/{robot}/permissions"
	RouteFederation       = "/organization/{organization}/robots/{robot}/federation"
	RouteRepositories     = "/repository"
	RouteRepository       = "/repository/{repository}"
	RouteVisibility       = "/repository/{repository}/changevisibility"
	RouteState            = "/repository/{repository}/changestate"
	RouteUserPermissions  = "/repository/{repository}/permissions/user/"
	RouteTeamPermissions  = "/repository/{repository}/permissions/team/"
	RouteUserPermission   = "/repository/{repository}/permissions/user/{account}"
	RouteTransitive       = "/repository/{repository}/permissions/user/{account}/transitive"
	RouteStarred          = "/user/starred"
	RouteUserRobots       = "/user/robots"
	RouteRegistryToken    = "/v2/auth"                       // the registry's, not below /api/v1
	RouteFederatedToken   = "/oauth2/federation/robot/token" // nor is this
)

const (
	apiPrefix      = "/api/v1"
	repositoryPath = `([^/]+(?:/[^/]+)+)` // namespace/name
)

type (
	handler  func(*request) *response
	handlers map[string]handler // by method
)

type route struct {
	template string
	web      bool // not below /api/v1, and without its checks
	pattern  *regexp.Regexp
	begin    string // of every path that matches, and its end: most are no match by these already
	end      string
	params   []string
	handlers handlers
}

// routes are tried in order: the longer ones before {repository}, which matches
// them all.
var routes = sync.OnceValue(func() []*route {
	return []*route{
		newRoute(RouteConfig, handlers{"GET": (*request).getConfig}),
		newRoute(RouteRegistryToken, handlers{"GET": (*request).authorize}),
		newRoute(RouteFederatedToken, handlers{"GET": (*request).exchangeToken}),
		newRoute(RouteOrganizations, handlers{"POST": (*request).notSimulated}),
		newRoute(RouteOrganization, handlers{"GET": (*request).getOrganization}),
		newRoute(RoutePrivate, handlers{"GET": (*request).getPrivate}),
		newRoute(RoutePrototypes, handlers{"GET": (*request).listPrototypes, "POST": (*request).createPrototype}),
		newRoute(RoutePrototype, handlers{"PUT": (*request).changePrototype, "DELETE": (*request).deletePrototype}),
		newRoute(RouteTeam, handlers{"PUT": (*request).putTeam, "DELETE": (*request).notSimulated}),
		newRoute(RouteTeamMember, handlers{"PUT": (*request).putTeamMember, "DELETE": (*request).deleteTeamMember}),
		newRoute(RouteRobots, handlers{"GET": (*request).listRobots}),
		newRoute(RouteRobot, handlers{"GET": (*request).getRobot, "PUT": (*request).createRobot, "DELETE": (*request).deleteRobot}),
		newRoute(RouteRegenerate, handlers{"POST": (*request).regenerateRobot}),
		newRoute(RouteRobotPermissions, handlers{"GET": (*request).robotPermissions}),
		newRoute(RouteFederation, handlers{
			"GET": (*request).getFederation, "POST": (*request).postFederation, "DELETE": (*request).deleteFederation,
		}),
		newRoute(RouteRepositories, handlers{"GET": (*request).listRepositories, "POST": (*request).createRepository}),
		newRoute(RouteVisibility, handlers{"POST": (*request).changeVisibility}),
		newRoute(RouteState, handlers{"PUT": (*request).changeState}),
		newRoute(RouteTransitive, handlers{"GET": (*request).transitivePermission}),
		newRoute(RouteUserPermission, handlers{
			"GET": (*request).getPermission, "PUT": (*request).putPermission, "DELETE": (*request).deletePermission,
		}),
		newRoute(RouteUserPermissions, handlers{"GET": (*request).listPermissions}),
		newRoute(RouteTeamPermissions, handlers{"GET": (*request).listTeamPermissions}),
		newRoute(RouteRepository, handlers{
			"GET": (*request).getRepository, "PUT": (*request).describeRepository, "DELETE": (*request).deleteRepository,
		}),
		newRoute(RouteUserRobots, handlers{"GET": (*request).listUserRobots}),
		newRoute(RouteStarred, handlers{"POST": (*request).star}),
	}
})

var webRoutes = []string{RouteConfig, RouteRegistryToken, RouteFederatedToken}

var parameter = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\{(\w+)\}`) })

func newRoute(template string, h handlers) *route {
	r := &route{template: template, web: slices.Contains(webRoutes, template), handlers: h}
	for _, m := range parameter().FindAllStringSubmatch(template, -1) {
		r.params = append(r.params, m[1])
	}
	pattern := strings.ReplaceAll(template, "{repository}", repositoryPath)
	pattern = parameter().ReplaceAllString(pattern, `([^/]+)`)
	if !r.web {
		pattern = apiPrefix + pattern
	}
	r.begin, _, _ = strings.Cut(template, "{")
	r.end = template[strings.LastIndex(template, "}")+1:]
	if !r.web {
		r.begin = apiPrefix + r.begin
	}
	r.pattern = regexp.MustCompile(`\A` + pattern + `\z`)
	return r
}

// slashless paths are not repositories: Quay knows that they lack their slash.
var slashless = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\A/api/v1/repository/` + repositoryPath + `/permissions/(user|team)\z`)
})

// find sets the request's route, handler and path parameters. A known path with
// a wrong method has a route but no handler.
func (q *request) find() {
	if strings.HasPrefix(q.path, apiPrefix+"/repository/") && slashless().MatchString(q.path) {
		return
	}
	method := q.method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, r := range routes() {
		if !strings.HasPrefix(q.path, r.begin) || !strings.HasSuffix(q.path, r.end) {
			continue
		}
		match := r.pattern.FindStringSubmatch(q.path)
		if match == nil {
			continue
		}
		if q.route == nil {
			q.route = r
		}
		if h := r.handlers[method]; h != nil {
			q.route, q.handler = r, h
			q.params = make(map[string]string, len(r.params))
			for i, name := range r.params {
				q.params[name] = match[i+1]
			}
			return
		}
	}
}

func mustKnow(template string) {
	for _, r := range routes() {
		if r.template == template {
			return
		}
	}
	panic("quaytest: no such route: " + template)
}

// unrouted is what Quay answers when no call of the API fits: its web pages
// take every GET, and redirect to the path with a slash first.
func (q *request) unrouted() *response {
	if q.method == http.MethodOptions {
		return &response{status: http.StatusOK, contentType: htmlType}
	}
	if q.mutating() && q.route != nil && !q.route.web {
		return message(http.StatusMethodNotAllowed, "The method is not allowed for the requested URL.")
	}
	if q.mutating() {
		return page(http.StatusMethodNotAllowed, "<!doctype html>\n<html lang=en>\n<title>405 Method Not Allowed</title>\n"+
			"<h1>Method Not Allowed</h1>\n<p>The method is not allowed for the requested URL.</p>\n")
	}
	if merged := repeatedSlash().ReplaceAllString(q.path, "/"); merged != q.path {
		return q.redirect(merged)
	}
	if !strings.HasSuffix(q.path, "/") && strings.HasPrefix(q.path, "/api/") {
		return q.redirect(q.path + "/")
	}
	return page(http.StatusNotFound, "<!DOCTYPE html>\n<html ng-app=\"quay\" class=\"onprem\">\n  <head>\n  </head>\n</html>\n")
}

var repeatedSlash = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`/{2,}`) })

func (q *request) redirect(path string) *response {
	to := q.origin + (&url.URL{Path: path}).EscapedPath()
	answer := page(http.StatusPermanentRedirect, "<!doctype html>\n<html lang=en>\n<title>Redirecting...</title>\n<h1>Redirecting...</h1>\n"+
		"<p>You should be redirected automatically to the target URL: <a href=\""+to+"\">"+to+"</a>.</p>\n")
	answer.location = to
	return answer
}

// notSimulated stands for calls that Quay has and this one does not.
func (q *request) notSimulated() *response {
	return page(http.StatusNotImplemented, "quaytest does not simulate this call\n")
}
