package kubetest

import (
	"cmp"
	"slices"
	"strings"
)

// Call is a request that the Server received, faults included.
type Call struct {
	User            string // "" when the token is unknown
	Verb            string // get, list, create, update, patch, delete
	Group, Resource string // Resource is the plural, as PLURAL/status where it is that; the path of discovery
	Namespace, Name string // Name is "" in a create
	DryRun          bool
}

func (c Call) mutating() bool { return c.Verb != "get" && c.Verb != "list" && c.Verb != "watch" }

// Calls returns every request so far, in the order of their arrival.
func (s *Server) Calls() []Call { return s.log.Calls() }

// Count counts the requests with a verb and a resource, each "" for any.
func (s *Server) Count(verb, resource string) int {
	return s.log.Count(func(c Call) bool {
		return (verb == "" || verb == c.Verb) && (resource == "" || resource == c.Resource)
	})
}

// Mutations counts the requests that are not reads, dry runs among them.
func (s *Server) Mutations() int { return s.log.Count(Call.mutating) }

// ResetCalls forgets the requests so far.
func (s *Server) ResetCalls() { s.log.Reset() }

// Access is what a rule of a role grants.
type Access struct{ Verb, Group, Resource string }

// Used tells what a user has asked for so far, granted or not, in order; discovery
// needs no grant.
func (s *Server) Used(user string) []Access {
	var used []Access
	for _, c := range s.Calls() {
		if c.User == user && !strings.HasPrefix(c.Resource, "/") {
			used = append(used, Access{c.Verb, c.Group, c.Resource})
		}
	}
	slices.SortFunc(used, func(a, b Access) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Verb, b.Verb))
	})
	return slices.Compact(used)
}
