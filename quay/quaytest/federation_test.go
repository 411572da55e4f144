package quaytest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/quay/quaytest"
)

const federation = "/organization/acme/robots/bot/federation"

func TestFederation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quaytest.Options{})
	w.AddRobot(quaytest.Robot{Name: "acme+bot"})
	const one, two = `{"issuer":"https://i.test","subject":"a"}`, `{"issuer":"http://j.test","subject":"b"}`
	for _, row := range []struct {
		why, method, body string
		status            int
		text              string
	}{
		{"none yet", http.MethodGet, "", 200, `[]`},
		{"deleting none", http.MethodDelete, "", 204, ``},
		{"two", http.MethodPost, "[" + one + "," + two + "]", 200, "[" + one + "," + two + "]"},
		{"are shown", http.MethodGet, "", 200, "[" + one + "," + two + "]"},
		{"one replaces all, and what is not known is dropped", http.MethodPost, `[{"issuer":"https://i.test","subject":"a","audiences":["x"]}]`, 200, "[" + one + "]"},
		{"twice the same", http.MethodPost, "[" + one + "," + one + "]", 400, "Duplicate federation config entry"},
		{"no URL", http.MethodPost, `[{"issuer":"i.test","subject":"a"}]`, 400, "Issuer must be a URL"},
		{"no subject", http.MethodPost, `[{"issuer":"https://i.test"}]`, 400, "'subject' is a required property"},
		{"an empty subject", http.MethodPost, `[{"issuer":"https://i.test","subject":""}]`, 400, "Missing one or more required fields"},
		{"no list", http.MethodPost, `{}`, 400, "{} is not of type 'array'"},
		{"what is refused changes nothing", http.MethodGet, "", 200, "[" + one + "]"},
		{"deleting", http.MethodDelete, "", 204, ``},
		{"deleted", http.MethodGet, "", 200, `[]`},
	} {
		got := w.do(row.method, federation, row.body)
		if got.status != row.status || !strings.Contains(got.body, row.text) {
			t.Errorf("%s: %d %s, want %d %s", row.why, got.status, got.body, row.status, row.text)
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		if got := w.do(method, "/organization/acme/robots/nosuch/federation", "[]"); got.status != 400 || !strings.Contains(got.body, `{"message":"Could not find robot`) {
			t.Errorf("%s for no robot: %d %s", method, got.status, got.body)
		}
	}
	w.SetFederation("acme+bot", quaytest.Identity{Issuer: "https://i.test", Subject: "a"})
	w.RegenerateToken("acme+bot")
	if got := w.do(http.MethodGet, federation, ""); strings.TrimSpace(got.body) != "["+one+"]" {
		t.Errorf("it outlives a new token: %s", got.body)
	}
	w.DeleteRobot("acme+bot")
	w.AddRobot(quaytest.Robot{Name: "acme+bot"})
	if got := w.do(http.MethodGet, federation, ""); strings.TrimSpace(got.body) != "[]" {
		t.Errorf("it dies with the robot: %s", got.body)
	}
}

func (w *world) exchange(account string, who quaytest.Identity) (status int, token string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+quaytest.RouteFederatedToken, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.SetBasicAuth(account, quaytest.OIDCToken(who))
	response, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	var sent struct{ Token string }
	if err := json.Unmarshal(text, &sent); err != nil {
		w.t.Fatalf("%d %s", response.StatusCode, text)
	}
	return response.StatusCode, sent.Token
}

// Who is federated gets a password for an hour, which the end of the federation
// does not end.
func TestFederatedPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quaytest.Options{})
	w.AddRepository(quaytest.Repository{Name: "acme/app"})
	w.AddRobot(quaytest.Robot{Name: "acme+bot", Permissions: map[string]string{"acme/app": "write"}})
	w.AddRobot(quaytest.Robot{Name: "acme+other"})
	who := quaytest.Identity{Issuer: "https://i.test", Subject: "a"}
	for why, robot := range map[string]string{"not federated": "acme+bot", "unknown": "acme+nosuch"} {
		if status, _ := w.exchange(robot, who); status != http.StatusBadRequest {
			t.Errorf("%s: %d", why, status)
		}
	}
	w.SetFederation("acme+bot", who)
	if status, _ := w.exchange("acme+bot", quaytest.Identity{Issuer: who.Issuer, Subject: "b"}); status != http.StatusBadRequest {
		t.Errorf("another subject: %d", status)
	}
	status, password := w.exchange("acme+bot", who)
	if status != http.StatusOK {
		t.Fatalf("the exchange: %d", status)
	}
	scope := scopes("repository:acme/app:pull,push")
	if _, c := w.login("acme+bot", password, scope).claims(t); strings.Join(c.Access[0].Actions, " ") != "push pull" {
		t.Errorf("granted %+v", c.Access)
	}
	if got := w.login("acme+other", password, scope); got.status != http.StatusUnauthorized {
		t.Errorf("as another robot: %d", got.status)
	}
	w.do(http.MethodDelete, federation, "")
	w.RegenerateToken("acme+bot")
	if got := w.login("acme+bot", password, scope); got.status != http.StatusOK {
		t.Errorf("after its federation was deleted and its token regenerated: %d", got.status)
	}
	w.DeleteRobot("acme+bot")
	if got := w.login("acme+bot", password, scope); got.status != http.StatusUnauthorized {
		t.Errorf("after the robot was deleted: %d", got.status)
	}
}

func TestTeamMembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quaytest.Options{})
	w.AddOrganization("other", "alice")
	w.AddRobot(quaytest.Robot{Name: "acme+bot"})
	w.AddRobot(quaytest.Robot{Name: "other+bot"})
	const members = "/organization/acme/team/devs/members/"
	for _, row := range []struct {
		why, method, path, body string
		status                  int
		text                    string
	}{
		{"no team", http.MethodPut, members + "acme+bot", "", 404, `"not_found"`},
		{"no team to leave", http.MethodDelete, members + "acme+bot", "", 404, `"not_found"`},
		{"a team", http.MethodPut, "/organization/acme/team/devs", `{"role":"admin"}`, 200, `"new_team":true`},
		{"a role of it", http.MethodPut, "/organization/acme/team/devs", `{"role":"member"}`, 200, `"new_team":false`},
		{"not in it", http.MethodDelete, members + "acme+bot", "", 400, `{"message":"User acme+bot does not belong to team devs"}`},
		{"into it", http.MethodPut, members + "acme+bot", "", 200, `"is_robot":true`},
		{"somebody else's robot", http.MethodPut, members + "other+bot", "", 400, "is not a member of the organization"},
		{"nobody", http.MethodDelete, members + "acme+nosuch", "", 404, `"not_found"`},
		{"shown", http.MethodGet, "/organization/acme/robots?permissions=true", "", 200, `"teams":[{"avatar":`},
		{"out of it", http.MethodDelete, members + "acme+bot", "", 204, ``},
		{"not shown", http.MethodGet, "/organization/acme/robots?permissions=true", "", 200, `"teams":[]`},
		{"the last administrator", http.MethodDelete, "/organization/acme/team/owners/members/alice", "", 400, "User cannot remove themselves from their only admin team."},
		{"the last team of administrators", http.MethodPut, "/organization/acme/team/owners", `{"role":"member"}`, 400, "Cannot remove admin from team 'owners'"},
	} {
		got := w.do(row.method, row.path, row.body)
		if got.status != row.status || !strings.Contains(got.body, row.text) {
			t.Errorf("%s: %d %s, want %d %s", row.why, got.status, got.body, row.status, row.text)
		}
	}
}

// A default permission gives its delegate a role on what is made from then on.
func TestDefaultPermissions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quaytest.Options{})
	w.AddRobot(quaytest.Robot{Name: "acme+bot"})
	w.AddRobot(quaytest.Robot{Name: "acme+gone"})
	w.do(http.MethodPost, "/repository", newRepository("before"))
	w.AddDefaultPermission("acme", "acme+bot", "write")
	w.AddDefaultPermission("acme", "acme+gone", "write")
	w.AddDefaultPermission("acme", "alice", "read") // who makes it is its admin
	w.DeleteRobot("acme+gone")
	w.AddTeam("acme", "devs", "member", "acme+bot")
	if got := w.do(http.MethodPost, "/organization/acme/prototypes", `{"role":"admin","delegate":{"kind":"team","name":"devs"}}`); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	w.do(http.MethodPost, "/repository", newRepository("after"))
	got := map[string]map[string]string{}
	for _, r := range w.Snapshot().Repositories {
		got[r.Name+" accounts"], got[r.Name+" teams"] = r.Permissions, r.Teams
	}
	want := map[string]map[string]string{
		"acme/before accounts": {"alice": "admin"}, "acme/before teams": nil,
		"acme/after accounts": {"alice": "admin", "acme+bot": "write"}, "acme/after teams": {"devs": "admin"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if actions, _ := w.Granted("acme+bot", w.RobotToken("acme+bot"), "acme/after"); strings.Join(actions, " ") != "push pull *" {
		t.Errorf("the robot may %q, its team is given admin", actions)
	}
	if list := w.do(http.MethodGet, "/repository/acme/after/permissions/team/", "").body; !strings.Contains(list, `"devs":{`) {
		t.Errorf("the teams of the repository: %s", list)
	}
}
