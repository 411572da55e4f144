package conformance

import (
	"strings"

	"berth/quay"
	"berth/quay/quaytest"
)

// What a token may do, and that one without the right never reads absence.
var access = []part{
	{name: "an administrator's token", check: administrator},
	{name: "an organization that does not exist", check: missingOrganization},
	{name: "an unknown token", check: unknownToken},
	{name: "a token without org:admin", check: creatorsToken, needs: lesserToken},
	{name: "an organization without repositories", check: nothingThere, needs: emptyOrganization},
}

func administrator(f *fixture) {
	o, err := f.client.GetOrganization(f.t.Context())
	f.must(err)
	if !o.Admin {
		f.t.Error("the token is not an administrator's; nothing else here can hold")
	}
}

func missingOrganization(f *fixture) {
	c := f.newClient("berth-conformance-"+f.random, f.Token)
	_, err := c.GetOrganization(f.t.Context())
	f.want(quay.ErrNotFound, "get organization", err)
	_, err = c.ListRepositories(f.t.Context())
	f.want(quay.ErrNotFound, "list repositories", err)
}

// Quay takes an unknown token for no token: the organization is shown, the list
// of repositories is empty, and none of that is an error.
func unknownToken(f *fixture) {
	s := f.newSubject("")
	c := f.newClient(f.Organization, quay.NewToken(strings.Repeat(f.random, 4)))
	o, err := c.GetOrganization(f.t.Context())
	f.must(err)
	if o.Admin {
		f.t.Error("an unknown token is an administrator's")
	}
	for _, r := range reads {
		f.want(quay.ErrUnauthorized, r.name, r.do(f.t.Context(), c, s))
	}
	for _, w := range writes {
		f.want(quay.ErrUnauthorized, w.name, w.do(f.t.Context(), c, s))
	}
	f.untouched(s)
}

// A member who is no administrator gets a list of robots without tokens.
func creatorsToken(f *fixture) {
	s := f.newSubject("")
	c := f.newClient(f.Organization, f.LesserToken)
	o, err := c.GetOrganization(f.t.Context())
	f.must(err)
	if o.Admin {
		f.t.Error("a creator's token is an administrator's")
	}
	for _, r := range reads {
		want := quay.ErrForbidden
		if r.name == "list repositories" { // what a member may see of them is nothing
			want = quay.ErrUnauthorized
		}
		f.want(want, r.name, r.do(f.t.Context(), c, s))
	}
	for _, w := range writes {
		if w.route != quaytest.RouteRepositories { // the one thing it may do
			f.want(quay.ErrForbidden, w.name, w.do(f.t.Context(), c, s))
		}
	}
	f.untouched(s)
}

// An empty list is believed of a token that may see everything.
func nothingThere(f *fixture) {
	f.client = f.newClient(f.EmptyOrganization, f.Token)
	if list := f.listRepositories(); len(list) != 0 {
		f.t.Errorf("the empty organization lists %d repositories", len(list))
	}
	if list := f.listRobots(); len(list) != 0 {
		f.t.Errorf("the empty organization lists %d robots", len(list))
	}
}
