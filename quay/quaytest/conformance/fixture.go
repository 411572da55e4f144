package conformance

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/quay"
)

// fixture is what a part works with: a client of the target and names that
// nobody else has.
type fixture struct {
	Target
	t      *testing.T
	client *quay.Client
	plain  *http.Client
	random string
}

func newFixture(t *testing.T, target Target) *fixture {
	t.Helper()
	f := &fixture{Target: target, t: t, random: strings.ToLower(rand.Text()[:10])}
	// Not the default transport: servers of other tests close its connections as they end.
	f.plain = &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
	f.client = f.newClient(target.Organization, target.Token)
	if target.Simulator != nil {
		t.Cleanup(f.checkClean)
	}
	return f
}

// newClient returns a client that is in no hurry with a real Quay only.
func (f *fixture) newClient(organization string, token quay.Token) *quay.Client {
	f.t.Helper()
	o := quay.Options{
		URL: f.URL, Organization: organization, UserAgent: "berth-conformance",
		Token: func() (quay.Token, error) { return token, nil },
	}
	if f.Simulator != nil {
		o.QPS, o.Burst = 1e6, 1e6
		o.Backoff = func(int) time.Duration { return 0 }
	}
	c, err := quay.New(o)
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

// newToken makes a member of the organization with a team's role (member,
// creator or admin) and returns a token of theirs.
func (f *fixture) newToken(role, scopes string) quay.Token {
	user, token := "conformance-"+role, rand.Text()
	f.Simulator.AddUser(user)
	f.Simulator.AddTeam(f.Organization, user, role, user)
	f.Simulator.AddToken(token, user, scopes)
	return quay.NewToken(token)
}

// want demands a kind of error; nil: none.
func (f *fixture) want(kind error, what string, err error) {
	f.t.Helper()
	if !errors.Is(err, kind) {
		f.t.Errorf("%s: got error %v, want %v", what, err, kind)
	}
}

// must ends the part: what comes after would make no sense.
func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) repositoryPrefix() string { return "berth-conformance-" + f.random + "/" }
func (f *fixture) robotPrefix() string      { return "berth_conformance_" + f.random + "_" }

// repositoryName returns a name and makes sure that nothing stays of it.
func (f *fixture) repositoryName(suffix string) string {
	name := f.repositoryPrefix() + suffix
	f.t.Cleanup(func() { f.deleteRepository(context.WithoutCancel(f.t.Context()), name) })
	return name
}

// robotName returns a name and makes sure that nothing stays of it.
func (f *fixture) robotName(suffix string) string {
	name := f.robotPrefix() + suffix
	f.t.Cleanup(func() {
		if err := f.client.DeleteRobot(context.WithoutCancel(f.t.Context()), name); err != nil {
			f.t.Errorf("cleaning up: %v", err)
		}
	})
	return name
}

func (f *fixture) newRepository(suffix string, v quay.Visibility) quay.Repository {
	f.t.Helper()
	r := quay.Repository{Name: f.repositoryName(suffix), Description: "berth conformance, " + suffix, Visibility: v}
	f.must(f.client.CreateRepository(f.t.Context(), r))
	return r
}

func (f *fixture) newRobot(suffix string) quay.Robot {
	f.t.Helper()
	r, err := f.client.CreateRobot(f.t.Context(), f.robotName(suffix), "berth conformance, "+suffix)
	f.must(err)
	return r
}

// deleteRepository is a plain request: the client cannot delete repositories.
func (f *fixture) deleteRepository(ctx context.Context, name string) {
	f.t.Helper()
	if status := f.request(ctx, http.MethodDelete, "/repository/"+f.Organization+"/"+name, nil, nil); status != http.StatusNoContent {
		f.t.Errorf("deleting repository %s: HTTP %d", name, status)
	}
}

// request is a call of the API that the client does not have. into is decoded
// from a JSON answer.
func (f *fixture) request(ctx context.Context, method, path string, body, into any) (status int) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var text bytes.Buffer
	if body != nil {
		f.must(json.NewEncoder(&text).Encode(body))
	}
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(f.URL, "/")+"/api/v1"+path, &text)
	f.must(err)
	r.Header.Set("Authorization", "Bearer "+f.Token.Reveal())
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := f.plain.Do(r)
	f.must(err)
	defer func() { _ = answer.Body.Close() }()
	if into != nil && answer.StatusCode == http.StatusOK {
		f.must(json.NewDecoder(answer.Body).Decode(into))
	}
	return answer.StatusCode
}

// checkClean runs after all other cleaning up.
func (f *fixture) checkClean() {
	left := f.Simulator.Snapshot()
	for _, r := range left.Repositories {
		if strings.Contains(r.Name, f.random) {
			f.t.Errorf("repository %s was left behind", r.Name)
		}
	}
	for _, r := range left.Robots {
		if strings.Contains(r.Name, f.random) {
			f.t.Errorf("robot %s was left behind", r.Name)
		}
	}
}

// isRepository demands that GET and the list show exactly this.
func (f *fixture) isRepository(want quay.Repository) {
	f.t.Helper()
	got, err := f.client.GetRepository(f.t.Context(), want.Name)
	f.must(err)
	if got != want {
		f.t.Errorf("GET shows %+v, want %+v", got, want)
	}
	if listed := f.listRepositories()[want.Name]; listed != want {
		f.t.Errorf("the list shows %+v, want %+v", listed, want)
	}
}

// isRobot demands that GET and the list show this robot and token, and the list
// these repositories.
func (f *fixture) isRobot(want quay.Robot, repositories ...string) {
	f.t.Helper()
	got, err := f.client.GetRobot(f.t.Context(), want.Name)
	f.must(err)
	listed, ok := f.listRobots()[want.Name]
	if !ok {
		f.t.Fatalf("the list lacks robot %s", want.Name)
	}
	for where, r := range map[string]quay.Robot{"GET": got, "the list": listed} {
		if r.Name != want.Name || r.Description != want.Description {
			f.t.Errorf("%s shows robot %q, %q, want %q, %q", where, r.Name, r.Description, want.Name, want.Description)
		}
		if !sameToken(r, want) {
			f.t.Errorf("%s shows another token of robot %s", where, want.Name)
		}
	}
	slices.Sort(listed.Repositories)
	slices.Sort(repositories)
	if !slices.Equal(listed.Repositories, repositories) {
		f.t.Errorf("the list shows robot %s on %q, want %q", want.Name, listed.Repositories, repositories)
	}
}

func sameToken(a, b quay.Robot) bool { return a.Token.Reveal() == b.Token.Reveal() }

// getRobot ends the part when there is no such robot.
func (f *fixture) getRobot(name string) quay.Robot {
	f.t.Helper()
	r, err := f.client.GetRobot(f.t.Context(), name)
	f.must(err)
	return r
}

func (f *fixture) listRepositories() map[string]quay.Repository {
	f.t.Helper()
	list, err := f.client.ListRepositories(f.t.Context())
	f.must(err)
	byName := map[string]quay.Repository{}
	for _, r := range list {
		byName[r.Name] = r
	}
	if len(byName) != len(list) {
		f.t.Errorf("a list of %d names %d", len(list), len(byName))
	}
	return byName
}

// robotsOf keeps all that the list of robots tells.
func robotsOf(ctx context.Context, c *quay.Client) (all []quay.Robot, err error) {
	err = c.EachRobot(ctx, func() func(quay.Robot) {
		all = nil
		return func(r quay.Robot) { all = append(all, r) }
	})
	return all, err
}

func (f *fixture) listRobots() map[string]quay.Robot {
	f.t.Helper()
	list, err := robotsOf(f.t.Context(), f.client)
	f.must(err)
	byName := map[string]quay.Robot{}
	for _, r := range list {
		byName[r.Name] = r
	}
	if len(byName) != len(list) {
		f.t.Errorf("a list of %d names %d", len(list), len(byName))
	}
	return byName
}

// isRole demands the role that a robot has on a repository; empty: none.
func (f *fixture) isRole(repository, robot string, want quay.Role) {
	f.t.Helper()
	roles, err := f.client.ListRobotPermissions(f.t.Context(), repository)
	f.must(err)
	if got := roles[robot]; got != want {
		f.t.Errorf("robot %s has role %q on %s, want %q", robot, got, repository, want)
	}
}
