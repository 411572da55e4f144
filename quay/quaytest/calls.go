package quaytest

// Call is a request that the server received, faults included.
type Call struct {
	Method string
	Route  string // one of the Route constants; empty: an unknown path
	Path   string // decoded, without the query
}

func (c Call) mutating() bool { return mutates(c.Method) }

// Calls returns every request so far, in the order of their arrival.
func (s *Server) Calls() []Call { return s.log.Calls() }

// Requests counts the requests with a method and a route, one of the Route
// constants.
func (s *Server) Requests(method, route string) int {
	mustKnow(route)
	return s.log.Count(func(c Call) bool { return c.Method == method && c.Route == route })
}

// Total counts all requests.
func (s *Server) Total() int { return len(s.Calls()) }

// Mutations counts the requests that are not reads.
func (s *Server) Mutations() int { return s.log.Count(Call.mutating) }

// ResetCalls forgets the requests so far.
func (s *Server) ResetCalls() { s.log.Reset() }
