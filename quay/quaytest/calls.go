package quaytest

import "slices"

// Call is a request that the server received, faults included.
type Call struct {
	Method string
	Route  string // one of the Route constants; empty: an unknown path
	Path   string // decoded, without the query
}

func (c Call) mutating() bool { return mutates(c.Method) }

// Calls returns every request so far, in the order of their arrival.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Requests counts the requests with a method and a route, one of the Route
// constants.
func (s *Server) Requests(method, route string) int {
	mustKnow(route)
	return s.count(func(c Call) bool { return c.Method == method && c.Route == route })
}

// Total counts all requests.
func (s *Server) Total() int { return s.count(func(Call) bool { return true }) }

// Mutations counts the requests that are not reads.
func (s *Server) Mutations() int { return s.count(Call.mutating) }

// ResetCalls forgets the requests so far.
func (s *Server) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

func (s *Server) count(is func(Call) bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.calls {
		if is(c) {
			n++
		}
	}
	return n
}

// record notes the call and returns the fault that befalls it, or nil.
func (s *Server) record(q *request) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := Call{Method: q.method, Route: q.template(), Path: q.path}
	s.calls = append(s.calls, c)
	return s.befall(c)
}
