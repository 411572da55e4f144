package quaytest_test

import (
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
