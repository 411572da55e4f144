package quaytest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth/quay/quaytest"
)

type listedRobot struct {
	Name, Token  string
	Description  *string
	Repositories []string
}

func (w *world) robots(organization string) []listedRobot {
	w.t.Helper()
	got := w.do(http.MethodGet, "/organization/"+organization+"/robots?permissions=true", "")
	var list struct{ Robots []listedRobot }
	if err := json.Unmarshal([]byte(got.body), &list); err != nil {
		w.t.Fatalf("%d %q: %v", got.status, got.body, err)
	}
	return list.Robots
}

// The list of robots is an unescaped ILIKE: an organization with _ in its name
// sees the robots of look-alikes, and their tokens.
func TestLookAlikeOrganizations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quaytest.Options{NewToken: func(robot string) string { return "CANARY" + strings.ToUpper(robot) }})
	for _, organization := range []string{"my_org", "my-org", "myxorg", "MY-ORG", "my_org2", "amy_org"} {
		w.AddOrganization(organization, "alice")
		w.AddRobot(quaytest.Robot{Name: organization + "+bot"})
	}
	tests := map[string][]string{
		"my_org":  {"MY-ORG+bot", "my-org+bot", "my_org+bot", "myxorg+bot"},
		"my-org":  {"MY-ORG+bot", "my-org+bot"},
		"myxorg":  {"myxorg+bot"},
		"my_org2": {"my_org2+bot"},
	}
	for organization, want := range tests {
		var names []string
		for _, r := range w.robots(organization) {
			names = append(names, r.Name)
			if r.Token != w.RobotToken(r.Name) || !strings.HasPrefix(r.Token, "CANARY") {
				t.Errorf("%s lists %s with the token %q", organization, r.Name, r.Token)
			}
		}
		slices.Sort(names)
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("%s: %s", organization, diff)
		}
	}
}

func TestDeletedRepositoryLingers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quaytest.Options{})
	w.AddRepository(quaytest.Repository{Name: "acme/app"})
	w.AddRobot(quaytest.Robot{Name: "acme+bot", Permissions: map[string]string{"acme/app": "read"}})
	if got := w.robots("acme")[0].Repositories; !slices.Equal(got, []string{"app"}) {
		t.Fatalf("before: %q", got)
	}
	w.DeleteRepository("acme/app")
	uuid := regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	if got := w.robots("acme")[0].Repositories; len(got) != 1 || !uuid.MatchString(got[0]) {
		t.Errorf("deleted: %q, want a UUID", got)
	}
	w.AddRepository(quaytest.Repository{Name: "acme/app"})
	if got := w.do(http.MethodGet, "/repository/acme/app/permissions/user/acme+bot", ""); got.status != http.StatusBadRequest {
		t.Errorf("the permission came back: %d", got.status)
	}
	w.CollectGarbage()
	if got := w.robots("acme")[0].Repositories; len(got) != 0 {
		t.Errorf("collected: %q", got)
	}
	if names, _ := w.do(http.MethodGet, listAcme, "").names(t); !slices.Equal(names, []string{"app"}) {
		t.Errorf("repositories: %q", names)
	}
}

func TestPersonAndSnapshot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quaytest.Options{})
	w.AddRepository(quaytest.Repository{Name: "acme/app", Description: "old", Creator: "alice"})
	w.AddRepository(quaytest.Repository{Name: "acme/pushed", NoDescription: true, Public: true})
	w.AddRobot(quaytest.Robot{Name: "acme+a", Description: "mine", Permissions: map[string]string{"acme/app": "read"}})
	w.AddRobot(quaytest.Robot{Name: "acme+b", NoDescription: true})
	w.SetDescription("acme/app", "new")
	w.SetVisibility("acme/app", true)
	w.SetPermission("acme/app", "acme+a", "admin")
	w.SetPermission("acme/app", "acme+b", "write")
	w.RemovePermission("acme/app", "alice")
	w.DeleteRobot("acme+b")

	want := quaytest.Snapshot{
		Repositories: []quaytest.Repository{
			{Name: "acme/app", Description: "new", Public: true, Creator: "alice", Permissions: map[string]string{"acme+a": "admin"}},
			{Name: "acme/pushed", NoDescription: true, Public: true, Permissions: map[string]string{}},
		},
		Robots: []quaytest.Robot{{Name: "acme+a", Description: "mine", Permissions: map[string]string{"acme/app": "admin"}}},
	}
	if diff := cmp.Diff(want, w.Snapshot()); diff != "" {
		t.Error(diff)
	}
	before := w.RobotToken("acme+a")
	w.RegenerateToken("acme+a")
	if after := w.RobotToken("acme+a"); after == before || !regexp.MustCompile(`^[A-Z0-9]{64}$`).MatchString(after) {
		t.Errorf("the new token is %d characters, changed: %v", len(after), after != before)
	}
	if token := w.RobotToken("acme+b"); token != "" {
		t.Error("a deleted robot has a token")
	}
	if got := w.do(http.MethodGet, "/repository/acme/pushed", "").body; !strings.Contains(got, `"description":null`) {
		t.Errorf("no description: %s", got)
	}
}

func TestPageTokens(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	w := newWorld(t, quaytest.Options{PageSize: 2, Now: func() time.Time { return now }})
	for i := range 5 {
		w.AddRepository(quaytest.Repository{Name: fmt.Sprintf("acme/r%d", i)})
	}
	_, token := w.do(http.MethodGet, listAcme, "").names(t)
	if len(token) != 184 || !strings.HasPrefix(token, "gAAAA") {
		t.Errorf("the page token is %d characters: %q", len(token), token)
	}
	if _, again := w.do(http.MethodGet, listAcme, "").names(t); again == token {
		t.Error("two answers have the same page token")
	}
	page := func(token string) []string {
		names, _ := w.do(http.MethodGet, listAcme+"&next_page="+token, "").names(t)
		return names
	}
	first, second := []string{"r0", "r1"}, []string{"r2", "r3"}
	flipped := token[:100] + string(token[100]^1) + token[101:]
	tests := []struct {
		reason, token string
		age           time.Duration
		want          []string
	}{
		{"fresh", token, 0, second},
		{"used twice", token, 0, second},
		{"almost two days old", token, 48 * time.Hour, second},
		{"older: page 1 again, and no error", token, 48*time.Hour + time.Second, first},
		{"garbage", "garbage", 0, first},
		{"cut off", token[:50], 0, first},
		{"changed", flipped, 0, first},
	}
	start := now
	for _, test := range tests {
		now = start.Add(test.age)
		if got := page(test.token); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.reason, got, test.want)
		}
	}
	// Pages go by id: what is deleted or made meanwhile shifts nothing.
	now = start
	w.DeleteRepository("acme/r0")
	w.AddRepository(quaytest.Repository{Name: "acme/r0"})
	if got := page(token); !slices.Equal(got, second) {
		t.Errorf("after a deletion: %q, want %q", got, second)
	}
}

func TestPrivateLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quaytest.Options{})
	w.Configure(quaytest.Config{Billing: true})
	w.SetPrivateLimit("acme", 1)
	for i, want := range []int{http.StatusCreated, http.StatusPaymentRequired} {
		if got := w.do(http.MethodPost, "/repository", newRepository(fmt.Sprintf("r%d", i))); got.status != want {
			t.Errorf("private repository %d: %d, want %d", i+1, got.status, want)
		}
	}
}
