package conformance

import (
	"fmt"
	"net/http"
	"strings"

	"berth/quay"
	"berth/quay/quaytest"
)

var repositories = []part{
	{name: "names", check: repositoryNames},
	{name: "names that Quay refuses", check: invalidRepositoryNames},
	{name: "one that exists", check: existingRepository},
	{name: "one that does not exist", check: missingRepository},
	{name: "description", check: describe},
	{name: "visibility", check: changeVisibility},
	{name: "deletion", check: deletedRepository},
	{name: "more than a page", check: pages, needs: patience},
	{name: "a page read without a token", check: anonymousPage, needs: simulator},
}

// maxName is Quay's limit for a repository without, and a robot with, its
// organization.
const maxName = 255

// fill returns a suffix that makes a name of n characters.
func fill(prefix string, n int) string { return strings.Repeat("x", n-len(prefix)) }

func repositoryNames(f *fixture) {
	for i, row := range []struct{ suffix, why string }{
		{"a", "the shortest"},
		{"b/c/d", "slashes are part of a name"},
		{"b/c", "so a name may begin with another one"},
		{"a--b", "names in Kubernetes may hold two dashes"},
		{"a.b..c", "dots"},
		{"a_b__c", "underscores"},
		{"0-.", "a digit first, anything last"},
		{"robots/permissions", "words of the API's own paths"},
		{fill(f.repositoryPrefix(), maxName), "the longest"},
	} {
		v := []quay.Visibility{quay.Private, quay.Public}[i%2]
		f.t.Log(row.why)
		f.isRepository(f.newRepository(row.suffix, v))
	}
}

func invalidRepositoryNames(f *fixture) {
	for _, row := range []struct{ suffix, why string }{
		{"Upper", "upper case"},
		{"-a", "a dash first"},
		{"a/.b", "a dot first, further down"},
		{"a//b", "nothing between slashes"},
		{"a/", "nothing after one"},
		{"a b", "a blank"},
		{"é", "not ASCII"},
		{fill(f.repositoryPrefix(), maxName+1), "too long"},
	} {
		name := f.repositoryPrefix() + row.suffix // never there, and no path to clean up
		err := f.client.CreateRepository(f.t.Context(), quay.Repository{Name: name, Visibility: quay.Private})
		f.want(quay.ErrInvalid, "create repository with "+row.why, err)
	}
	name := f.repositoryName("a")
	err := f.client.CreateRepository(f.t.Context(), quay.Repository{Name: name, Visibility: "secret"})
	f.want(quay.ErrInvalid, "create repository of no known visibility", err)
}

// A repository that exists is never taken for the one that was to be made.
func existingRepository(f *fixture) {
	old := f.newRepository("a", quay.Public)
	err := f.client.CreateRepository(f.t.Context(), quay.Repository{Name: old.Name, Description: "new", Visibility: quay.Private})
	f.want(quay.ErrInvalid, "create repository", err)
	f.isRepository(old)
}

func missingRepository(f *fixture) {
	name, ctx := f.repositoryName("a"), f.t.Context()
	_, err := f.client.GetRepository(ctx, name)
	f.want(quay.ErrNotFound, "get repository", err)
	f.want(quay.ErrNotFound, "describe repository", f.client.DescribeRepository(ctx, name, "new"))
	for _, v := range []quay.Visibility{quay.Private, quay.Public} {
		f.want(quay.ErrNotFound, "make repository "+string(v), f.client.ChangeVisibility(ctx, name, v))
	}
	if _, ok := f.listRepositories()[name]; ok {
		f.t.Error("asking for a repository has made it")
	}
}

func describe(f *fixture) {
	r := f.newRepository("a/b", quay.Private)
	for _, text := range []string{"plain", "two\nlines, \"quoted\" and ünïcode ⚓", strings.Repeat("long ", 200), ""} {
		r.Description = text
		f.must(f.client.DescribeRepository(f.t.Context(), r.Name, text))
		f.isRepository(r)
	}
}

func changeVisibility(f *fixture) {
	r := f.newRepository("a/b", quay.Private)
	for _, v := range []quay.Visibility{quay.Public, quay.Public, quay.Private, quay.Private} {
		r.Visibility = v
		f.must(f.client.ChangeVisibility(f.t.Context(), r.Name, v))
		f.isRepository(r)
	}
	f.want(quay.ErrInvalid, "no known visibility", f.client.ChangeVisibility(f.t.Context(), r.Name, "secret"))
	f.isRepository(r)
}

// A deleted repository's name leaves every list at once, and a new one of its
// name has none of its permissions.
func deletedRepository(f *fixture) {
	s := f.newSubject("")
	f.deleteRepository(f.t.Context(), s.repository.Name)
	_, err := f.client.GetRepository(f.t.Context(), s.repository.Name)
	f.want(quay.ErrNotFound, "get the deleted repository", err)
	if _, ok := f.listRepositories()[s.repository.Name]; ok {
		f.t.Error("the deleted repository is listed")
	}
	for _, name := range f.listRobots()[s.robot.Name].Repositories {
		if name == s.repository.Name {
			f.t.Error("the robot is listed with the deleted repository")
		}
	}

	f.must(f.client.CreateRepository(f.t.Context(), s.repository))
	f.isRepository(s.repository)
	f.isRole(s.repository.Name, s.robot.Name, "")
}

// pageSize is Quay's and cannot be asked for (endpoints/api/repository.py).
const pageSize = 100

func (f *fixture) newPages() []quay.Repository {
	f.t.Helper()
	var all []quay.Repository
	for i := range pageSize + 1 {
		all = append(all, f.newRepository(fmt.Sprintf("%03d", i), quay.Private))
	}
	return all
}

func pages(f *fixture) {
	all := f.newPages()
	before := f.client.Stats().Requests
	listed := f.listRepositories()
	if n := f.client.Stats().Requests - before; n < 2 {
		f.t.Errorf("%d repositories took %d requests", len(all), n)
	}
	for _, want := range all {
		if listed[want.Name] != want {
			f.t.Errorf("the list shows %+v, want %+v", listed[want.Name], want)
		}
	}
}

// To nobody Quay shows an empty page, which must not pass for the end.
func anonymousPage(f *fixture) {
	f.newPages()
	for _, row := range []struct {
		why     string
		page    int
		outcome quaytest.Outcome
		kind    error
	}{
		{"the token dies before the list", 0, quaytest.ExpireToken, quay.ErrUnauthorized},
		{"the token dies within the list", 1, quaytest.ExpireToken, quay.ErrUnexpected},
		{"Quay forgets the token for one request", 1, quaytest.Anonymous, quay.ErrUnexpected},
	} {
		c := f.newClient(f.Organization, f.newToken("admin", "org:admin repo:admin"))
		fault := f.Simulator.Inject(quaytest.Fault{
			Method: http.MethodGet, Route: quaytest.RouteRepositories, Skip: row.page, Outcome: row.outcome,
		})
		_, err := c.ListRepositories(f.t.Context())
		f.want(row.kind, row.why, err)
		if fault.Hits() != 1 {
			f.t.Errorf("%s: the page was not asked for", row.why)
		}
	}
}
