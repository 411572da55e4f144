package quaytest

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Granted is what a login, organization+robot and its password, is worth on a
// repository (namespace/name) at this moment: the actions that the registry's
// token endpoint would grant of push, pull and *, in Quay's order. ok is false
// when it would refuse the login. It asks the state as it is, lag or not, and
// changes nothing: neither is the robot used by it, nor a repository made.
func (s *Server) Granted(login, password, repository string) (actions []string, ok bool) {
	namespace, name, _ := strings.Cut(repository, "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuseLogin(s.state, login, password, "") != "" {
		return nil, false
	}
	return s.state.permit(login, namespace, name, everything).actions, true
}

// refuseLogin says why a robot's login is refused; empty: it is not
// (data/model/user.py: verify_robot). A token of the registry's own for this host
// is a password, too, whatever became of the robot's since. host empty: any.
func (s *Server) refuseLogin(st *state, name, password, host string) string {
	wrong := "Could not find robot with username: " + name + " and supplied password."
	r := st.robots[name]
	switch {
	case s.config.RobotsDisallow:
		return "Robot account have been disabled. Please contact your administrator."
	case r == nil:
		return noSuchRobot
	case password == r.token:
		return ""
	case strings.Count(password, ".") != 2:
		return wrong
	}
	c, ok := s.jwts.verify(password)
	switch {
	case !ok:
		return wrong
	case c.Subject != name:
		return "Token does not match robot"
	case c.Audience == nil || host != "" && *c.Audience != host:
		return "Invalid audience for robot token"
	}
	return ""
}

// asked are the actions that a scope names.
type asked struct{ push, pull, all bool }

var everything = asked{push: true, pull: true, all: true}

// permit is what an account (empty: nobody) may do with a repository.
type permit struct {
	actions []string // never nil
	creates bool     // a push to a repository that is not there makes it
	crashes bool     // Quay fails on what was asked
}

// permit follows endpoints/v2/v2auth.py: _authorize_or_downscope_request.
func (st *state) permit(account, namespace, name string, a asked) permit {
	p := permit{actions: []string{}}
	if st.organizations[namespace] == nil && !st.users[namespace] {
		return p
	}
	r, have := st.repository(namespace, name), st.repositoryRole(account, namespace, name)
	normal := r != nil && r.state == stateNormal
	if a.push && r == nil && st.orgRole(account, namespace) >= creator {
		p.creates, normal, have = true, true, admin // its maker is its admin
	}
	if a.push && have >= write && normal {
		p.actions = append(p.actions, "push")
	}
	if a.pull && (have >= read || r != nil && r.public) {
		p.actions = append(p.actions, "pull")
	}
	if a.all && have >= admin {
		if normal {
			p.actions = append(p.actions, "*")
		}
		p.crashes = r == nil && !p.creates
	}
	return p
}

// scopePattern is of the part after the host, which may stand first.
var scopePattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\Arepository:((?:[.a-zA-Z0-9_-]+/)*[.a-zA-Z0-9_-]+):((?:push|pull|\*)(?:,(?:push|pull|\*))*)\n?\z`)
})

// authorize is the token endpoint of the registry (endpoints/v2/v2auth.py:
// generate_registry_jwt). Who comes without a login may pull what is public.
func (q *request) authorize() *response {
	account, password, isBasic := basic(q.authorization)
	if strings.HasPrefix(account, "$") {
		return q.notSimulated() // OAuth, access and application tokens
	}
	refusal := ""
	switch {
	case q.authorization == "":
	case !isBasic:
		refusal = "Specified credentials are invalid"
	case !strings.Contains(account, "+"):
		refusal = "Invalid Username or Password" // users have none here
	default:
		refusal = q.server.refuseLogin(q.state, account, password, q.host)
	}
	scopes := q.query["scope"]
	switch {
	case q.server.config.NoAnonymous && (q.authorization == "" || refusal != ""):
		return legacyError(http.StatusUnauthorized, "Anonymous access is not allowed")
	case refusal != "":
		return q.denied(refusal)
	case q.authorization == "" && !slices.ContainsFunc(scopes, func(s string) bool { return s != "" }):
		return q.denied("access to the requested resource is not authorized")
	}
	q.server.use(account)
	granted, failed := q.accesses(account, scopes)
	if failed != nil {
		return failed
	}
	var audience *string
	if q.query.Has("service") {
		service := q.query.Get("service")
		audience = &service
	}
	return reply(http.StatusOK, map[string]any{"token": q.server.jwts.issue(account, audience, granted)})
}

// accesses are what each scope is granted.
func (q *request) accesses(account string, scopes []string) ([]access, *response) {
	all := []access{}
	for _, scope := range scopes {
		if scope == "" {
			continue
		}
		m := scopePattern().FindStringSubmatch(strings.Replace(scope, "repository:"+q.host+"/", "repository:", 1))
		if m == nil {
			return nil, registryError(http.StatusBadRequest, "INVALID_REQUEST", "Unable to decode repository and actions: "+scope)
		}
		namespace, name, ok := strings.Cut(m[1], "/")
		if !ok {
			namespace, name = "library", m[1]
		}
		if len(name) > 255 || !repositoryName().MatchString(name) {
			return nil, registryError(http.StatusBadRequest, "NAME_INVALID", "Invalid repository name: "+m[1])
		}
		words := strings.Split(m[2], ",")
		p := q.state.permit(account, namespace, name, asked{
			push: slices.Contains(words, "push"), pull: slices.Contains(words, "pull"), all: slices.Contains(words, "*"),
		})
		if p.crashes {
			return nil, serverError()
		}
		if p.creates {
			q.server.pushToCreate(namespace, name, account)
		}
		asSent := strings.TrimPrefix(scope, "repository:")
		all = append(all, access{"repository", asSent[:strings.LastIndexByte(asSent, ':')], p.actions})
	}
	return all, nil
}

// pushToCreate makes a private repository that a replica may not know of yet.
func (s *Server) pushToCreate(namespace, name, account string) {
	if s.state.repository(namespace, name) == nil {
		s.lag.remember(s.state)
		s.state.addRepository(&repository{namespace: namespace, name: name, creator: account})
	}
}

const accessThreshold = time.Minute // between two updates of last_accessed

// use notes that a robot has logged in (data/model/_basequery.py:
// update_last_accessed).
func (s *Server) use(account string) {
	r, now := s.state.robots[account], s.options.Now()
	if r != nil && !s.config.NoLastAccessed && !s.config.ReadOnly && now.Sub(r.lastAccessed) >= accessThreshold {
		r.lastAccessed = now.Truncate(time.Second)
	}
}

// denied is a refused login.
func (q *request) denied(text string) *response {
	answer := registryError(http.StatusUnauthorized, "UNAUTHORIZED", text)
	scheme, _, _ := strings.Cut(q.origin, ":")
	answer.challenge = `Bearer realm="` + scheme + "://" + q.host + RouteRegistryToken + `",service="` + q.host + `"`
	return answer
}

// registryError is the error shape of the registry (endpoints/v2/errors.py).
func registryError(status int, code, text string) *response {
	return reply(status, map[string]any{"errors": []map[string]any{{"code": code, "detail": map[string]any{}, "message": text}}})
}

// basic takes a login out of an Authorization header (auth/basic.py).
func basic(header string) (account, password string, ok bool) {
	words := strings.Fields(header)
	if len(words) != 2 || !strings.EqualFold(words[0], "basic") {
		return "", "", false
	}
	text, err := base64.StdEncoding.DecodeString(words[1])
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(text), ":")
}
