// Package quaytest is a Quay in memory for tests: an [http.Handler] that
// answers the v1 calls Berth makes as the real server does, oddities included.
//
// It promises never to be kinder than the real one. A dead token reads empty
// lists instead of failing, names are matched by SQL patterns, a deleted
// repository lingers under a UUID, "not found" is mostly 400 and sometimes 500.
// The recording of a real server in testdata shows it: see the test of the
// transcript. What it cannot answer faithfully it answers with 501.
//
// Beyond the API a test may play the person at Quay's web pages (AddRepository,
// SetPermission, RegenerateToken), break things (Inject, Lag, FreezeReads) and
// count what was asked (Requests, Calls).
//
// The methods of [Server] that set up or change things panic when their
// arguments make no sense, as a mistake in a test should end the test. It knows
// nothing of Berth's client. Of the registry's /v2 it has the token endpoint; the
// rest it leaves to others.
//
// Facts are from quay/quay at ffba0c70e.
package quaytest

import (
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"berth/quay/quaytest/fault"
)

// Options are the settings of a Server; the zero value is a usable one.
type Options struct {
	PageSize  int                              // repositories on a page; zero: 100, as Quay
	Now       func() time.Time                 // nil: time.Now
	NewToken  func(robot string) string        // makes robot tokens, [A-Z0-9]{64}, without using the Server; nil: random ones
	OnRequest func(method, route, path string) // called when a request is counted and before it is looked at, concurrently and without locks
}

// Server is a Quay in memory. It is safe for concurrent use.
type Server struct {
	options Options
	pages   pageTokens
	log     fault.Log[Call]
	jwts    jwts

	mu     sync.Mutex // guards everything below
	state  *state
	tokens map[string]*oauthToken
	config Config
	random *rand.Rand // fixed seed: orders are arbitrary, yet a failure can be repeated
	lag    lag
}

// New returns a Server without users, organizations or tokens.
func New(o Options) *Server {
	if o.PageSize <= 0 {
		o.PageSize = 100
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewToken == nil {
		o.NewToken = func(string) string { return randomToken() }
	}
	return &Server{
		options: o,
		pages:   newPageTokens(o.Now),
		jwts:    newJWTs(o.Now),
		state:   newState(),
		tokens:  make(map[string]*oauthToken),
		random:  rand.New(rand.NewPCG(1, 2)),
	}
}

// maxBody is far above what any call needs; Quay allows robots 1 MiB.
const maxBody = 2 << 20

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	q := s.newRequest(r, body)
	w.Header().Set("Date", s.options.Now().UTC().Format(http.TimeFormat))
	f := s.log.Record(Call{Method: q.method, Route: q.template(), Path: q.path})
	if s.options.OnRequest != nil {
		s.options.OnRequest(q.method, q.template(), q.path)
	}
	switch {
	case f == nil:
	case f.Outcome == Anonymous:
		q.token = ""
	case f.Outcome == ExpireToken:
		s.ExpireToken(q.token)
	default:
		f.Befall(w, r, func() func(http.ResponseWriter) { return s.serve(q).write })
		return
	}
	s.serve(q).write(w)
}

// serve carries the request out and returns Quay's answer.
func (s *Server) serve(q *request) response {
	s.mu.Lock()
	defer s.mu.Unlock()
	q.authenticate()
	answer := q.refuse()
	if answer == nil {
		answer = q.run()
	}
	if q.method == http.MethodHead {
		answer.body = nil
	}
	return *answer
}

// refuse makes the checks that come before those of the call itself, in Quay's
// order (endpoints/api/__init__.py: decorators of the API, then of the resource).
func (q *request) refuse() *response {
	switch {
	case q.handler == nil:
		return q.unrouted()
	case q.route.web:
		return nil
	case q.mutating() && q.user == "":
		return legacyError(http.StatusForbidden, "CSRF token was invalid or missing.")
	case q.server.config.ReadOnly && q.method != http.MethodGet:
		return readOnly()
	case q.server.config.NoAnonymous && q.user == "":
		return legacyError(http.StatusUnauthorized, "Anonymous access is not allowed")
	}
	return nil
}

// run calls the handler. Reads may see an older state; so do the checks of a
// write for an existing name, which Quay sends to a replica too.
func (q *request) run() *response {
	s := q.server
	q.replica = s.lag.view(s.state)
	q.state = s.state
	if !q.mutating() {
		q.state = q.replica
		return q.handler(q)
	}
	undo := s.lag.remember(s.state)
	answer := q.handler(q)
	if answer.status >= http.StatusBadRequest {
		undo()
	}
	return answer
}
