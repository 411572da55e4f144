package quaytest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// request is one request on its way through the server.
type request struct {
	server  *Server
	method  string
	path    string // decoded, as Quay routes it: %2F is a slash
	origin  string // scheme://host of the absolute URLs in answers
	host    string // SERVER_HOSTNAME: the name by which it was asked
	query   url.Values
	route   *route // nil: an unknown path
	handler handler
	params  map[string]string

	contentType string
	body        []byte

	authorization string // the header

	token  string // bearer token; empty: none
	user   string // empty: anonymous
	scopes []string

	state   *state // what the handler reads and writes
	replica *state // what checks for an existing name see
}

func (s *Server) newRequest(r *http.Request, body []byte) *request {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	q := &request{
		server:      s,
		method:      r.Method,
		path:        r.URL.Path,
		origin:      scheme + "://" + r.Host,
		host:        r.Host,
		query:       r.URL.Query(),
		contentType: r.Header.Get("Content-Type"),
		body:        body,
		token:       bearer(r.Header.Get("Authorization")),

		authorization: r.Header.Get("Authorization"),
	}
	q.find()
	return q
}

func (q *request) mutating() bool { return mutates(q.method) }

// mutates says whether Quay protects a method against forged requests.
func mutates(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

func (q *request) template() string {
	if q.route == nil {
		return ""
	}
	return q.route.template
}

// flag reads a boolean of the query: only these words are false, "no" is true
// (util/parsing.py: truthy_bool).
func (q *request) flag(name string, missing bool) bool {
	if !q.query.Has(name) {
		return missing
	}
	return !slices.Contains([]string{"false", "False", "FALSE", "0", "", "null"}, q.query.Get(name))
}

// repository splits the path parameter; a name may have more slashes.
func (q *request) repository() (namespace, name string) {
	namespace, name, _ = strings.Cut(q.params["repository"], "/")
	return namespace, name
}

// robotName is the full name of the robot in the path.
func (q *request) robotName() string { return q.params["organization"] + "+" + q.params["robot"] }
