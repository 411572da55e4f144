package quaytest_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"berth/quay/quaytest"
)

func TestLag(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quaytest.Options{})
	w.Lag(2)
	var seen []int
	for _, name := range []string{"a", "b", "c"} {
		if got := w.do(http.MethodPost, "/repository", newRepository(name)); got.status != http.StatusCreated {
			t.Fatalf("%s: %d", name, got.status)
		}
		names, _ := w.do(http.MethodGet, listAcme, "").names(t)
		seen = append(seen, len(names))
	}
	if want := []int{0, 0, 1}; !slices.Equal(seen, want) {
		t.Errorf("repositories seen after each write: %v, want %v", seen, want)
	}
	// A refused write changes nothing, and so brings the replica no further.
	w.do(http.MethodPost, "/repository", newRepository("Bad"))
	if names, _ := w.do(http.MethodGet, listAcme, "").names(t); len(names) != 1 {
		t.Errorf("after a refused write: %q", names)
	}
	if got := len(w.Snapshot().Repositories); got != 3 {
		t.Errorf("there are %d repositories", got)
	}
	w.Lag(0)
	if names, _ := w.do(http.MethodGet, listAcme, "").names(t); len(names) != 3 {
		t.Errorf("without lag: %q", names)
	}
}

// What a person does to teams and robots lags like all else.
func TestLagOfTeamsAndRobots(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quaytest.Options{})
	w.AddRepository(quaytest.Repository{Name: "acme/app"})
	w.AddTeam("acme", "devs", "member")
	w.AddTeam("acme", "ops", "member")
	w.SetTeamPermission("acme/app", "ops", "read")
	w.AddRobot(quaytest.Robot{Name: "acme+bot"})
	w.AddDefaultPermission("acme", "acme+bot", "read")
	look := func() (all string) {
		for _, path := range []string{
			"/repository/acme/app/permissions/team/", "/organization/acme/robots?permissions=true", "/organization/acme/robots/bot/federation",
			"/organization/acme/prototypes", "/repository/acme/app",
		} {
			all += w.do(http.MethodGet, path, "").body
		}
		return all
	}
	var defaults struct{ Prototypes []struct{ ID string } }
	if err := json.Unmarshal([]byte(w.do(http.MethodGet, "/organization/acme/prototypes", "").body), &defaults); err != nil {
		t.Fatal(err)
	}
	release, before := w.FreezeReads(), look()
	w.do(http.MethodPut, "/organization/acme/prototypes/"+defaults.Prototypes[0].ID, `{"role":"write"}`)
	w.SetTeamPermission("acme/app", "devs", "write")
	w.AddToTeam("acme", "devs", "acme+bot")
	w.SetFederation("acme+bot", quaytest.Identity{Issuer: "https://i.test", Subject: "s"})
	w.AddDefaultPermission("acme", "acme+bot", "admin")
	w.SetState("acme/app", "MIRROR")
	w.login("acme+bot", w.RobotToken("acme+bot"), "")
	if got := look(); got != before {
		t.Errorf("frozen: %s, want %s", got, before)
	}
	release()
	for _, now := range []string{`"devs":{`, `"teams":[{`, `https://i.test`, `"role":"write"`, `"role":"admin"`, `"state":"MIRROR"`, `"last_accessed":"`} {
		if got := look(); !strings.Contains(got, now) {
			t.Errorf("released: %s lacks %s", got, now)
		}
	}
}

// The check for an existing name goes to the replica too.
func TestLagHidesExistingNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quaytest.Options{})
	release := w.FreezeReads()
	w.AddRepository(quaytest.Repository{Name: "acme/app", Description: "theirs", Public: true})
	w.AddRobot(quaytest.Robot{Name: "acme+bot", Description: "theirs"})

	got := w.do(http.MethodPut, "/organization/acme/robots/bot", `{"description":"mine"}`)
	if got.status != http.StatusBadRequest || !strings.Contains(got.body, "duplicate key value") {
		t.Errorf("robot: %d %s", got.status, got.body)
	}
	if got := w.do(http.MethodPost, "/repository", newRepository("app")); got.status != http.StatusCreated {
		t.Errorf("repository: %d %s", got.status, got.body)
	}
	all := w.Snapshot()
	if r := all.Repositories[0]; len(all.Repositories) != 1 || !r.Public || r.Description != "theirs" {
		t.Errorf("the repository changed: %+v", all.Repositories)
	}
	if r := all.Robots[0]; len(all.Robots) != 1 || r.Description != "theirs" {
		t.Errorf("the robot changed: %+v", all.Robots)
	}

	if got := w.do(http.MethodGet, "/organization/acme/robots/bot", ""); got.status != http.StatusBadRequest {
		t.Errorf("frozen: %d", got.status)
	}
	release()
	if got := w.do(http.MethodGet, "/organization/acme/robots/bot", ""); got.status != http.StatusOK {
		t.Errorf("released: %d", got.status)
	}
	if got := w.do(http.MethodPut, "/organization/acme/robots/bot", "{}"); !strings.Contains(got.body, "Existing robot") {
		t.Errorf("released: %d %s", got.status, got.body)
	}
}
