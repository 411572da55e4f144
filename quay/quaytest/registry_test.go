package quaytest_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"berth/quay/quaytest"
)

// login asks the registry's token endpoint; password empty: without a login.
func (w *world) login(account, password, query string) answer {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+quaytest.RouteRegistryToken+"?"+query, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if password != "" {
		r.SetBasicAuth(account, password)
	}
	response, err := w.client.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{status: response.StatusCode, header: response.Header, body: string(text), err: err}
}

func scopes(all ...string) string {
	return url.Values{"scope": all, "service": {"quay.test"}}.Encode()
}

type claims struct {
	Issuer   string  `json:"iss"`
	Audience *string `json:"aud"`
	Subject  string  `json:"sub"`
	Issued   int64   `json:"iat"`
	Expires  int64   `json:"exp"`
	Access   []struct {
		Type, Name string
		Actions    []string
	}
}

func (a answer) claims(t *testing.T) (token string, c claims) {
	t.Helper()
	var sent struct{ Token string }
	if err := json.Unmarshal([]byte(a.body), &sent); err != nil || a.status != http.StatusOK {
		t.Fatalf("%d %s %v", a.status, a.body, err)
	}
	parts := strings.Split(sent.Token, ".")
	if len(parts) != 3 {
		t.Fatalf("the token has %d parts", len(parts))
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return sent.Token, c
}

// registryWorld holds a robot of each role on acme/app, and others with none.
func registryWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, quaytest.Options{})
	w.AddRepository(quaytest.Repository{Name: "acme/app/api"})
	w.AddRepository(quaytest.Repository{Name: "acme/private"})
	w.AddRepository(quaytest.Repository{Name: "acme/public", Public: true})
	w.AddTeam("acme", "devs", "member")
	w.AddTeam("acme", "makers", "creator")
	for _, role := range []string{"read", "write", "admin"} {
		w.AddRobot(quaytest.Robot{Name: "acme+" + role, Permissions: map[string]string{"acme/app/api": role}})
	}
	w.AddRobot(quaytest.Robot{Name: "acme+none"})
	w.AddRobot(quaytest.Robot{Name: "acme+owner", Teams: []string{"owners"}})
	w.AddRobot(quaytest.Robot{Name: "acme+maker", Teams: []string{"makers"}})
	w.AddRobot(quaytest.Robot{Name: "acme+member", Teams: []string{"devs"}})
	return w
}

// What each login is granted, in Quay's order of the actions.
func TestRegistryGrants(t *testing.T) {
	t.Parallel()
	const all = ":pull,push,*"
	for _, row := range []struct{ account, scope, want, why string }{
		{"write", "acme/app/api" + all, "push pull", "the role write"},
		{"write", "acme/app/api:pull,push", "push pull", "asked without *"},
		{"write", "acme/app/api:push", "push", "only what was asked"},
		{"read", "acme/app/api" + all, "pull", "the role read"},
		{"admin", "acme/app/api" + all, "push pull *", "the role admin"},
		{"admin", "acme/app/api:pull", "pull", "only what was asked"},
		{"none", "acme/app/api" + all, "", "no permission"},
		{"read", "acme/private" + all, "", "another repository"},
		{"read", "acme/nosuch" + all, "", "no such repository"},
		{"read", "nosuch/app" + all, "", "no such namespace"},
		{"none", "acme/public" + all, "pull", "a public one"},
		{"owner", "acme/private" + all, "push pull *", "the team owners is an administrator everywhere"},
		{"owner", "acme/nosuch:pull", "pull", "even where nothing is"},
		{"member", "acme/private" + all, "", "a member has nothing by that alone"},
		{"maker", "acme/private" + all, "", "nor has who may create"},
		{"maker", "acme/made" + all, "push pull *", "but a push makes what is missing"},
		{"", "acme/public" + all, "pull", "without a login"},
		{"", "acme/private" + all, "", "without a login, a private one"},
	} {
		t.Run(row.why+"/"+row.scope, func(t *testing.T) {
			t.Parallel()
			w := registryWorld(t)
			account, subject := "acme+"+row.account, "acme+"+row.account
			if row.account == "" {
				account, subject = "", "(anonymous)"
			}
			// The oracle first: it must not make what the registry makes.
			repository, actions, _ := strings.Cut(row.scope, ":")
			if ":"+actions == all && account != "" {
				got, ok := w.Granted(account, w.RobotToken(account), repository)
				if !ok || strings.Join(got, " ") != row.want {
					t.Errorf("the oracle: %q, %v, want %q", got, ok, row.want)
				}
			}
			before := len(w.Snapshot().Repositories)
			password := ""
			if account != "" {
				password = w.RobotToken(account)
			}
			_, c := w.login(account, password, scopes("repository:"+row.scope)).claims(t)
			if len(c.Access) != 1 || c.Access[0].Type != "repository" || c.Access[0].Name != repository ||
				c.Access[0].Actions == nil || strings.Join(c.Access[0].Actions, " ") != row.want {
				t.Errorf("%+v, want %q", c.Access, row.want)
			}
			if c.Issuer != "quay" || c.Subject != subject || c.Audience == nil || *c.Audience != "quay.test" || c.Expires-c.Issued != 3600 {
				t.Errorf("%+v", c)
			}
			if made := len(w.Snapshot().Repositories) - before; made != map[bool]int{true: 1}[row.account == "maker" && repository == "acme/made"] {
				t.Errorf("%d repositories were made", made)
			}
		})
	}
}

func TestRegistryRefuses(t *testing.T) {
	t.Parallel()
	const wrong = "Could not find robot with username: acme+read and supplied password."
	scope := scopes("repository:acme/app/api:pull")
	w := registryWorld(t)
	good := w.RobotToken("acme+read")
	for _, row := range []struct {
		why, account, password, query string
		status                        int
		code, text                    string
	}{
		{"a wrong token", "acme+read", "WRONG", scope, 401, "UNAUTHORIZED", wrong},
		{"another robot's", "acme+read", w.RobotToken("acme+write"), scope, 401, "UNAUTHORIZED", wrong},
		{"an unknown robot", "acme+nosuch", good, scope, 401, "UNAUTHORIZED", "Could not find robot with specified username"},
		{"a person", "alice", "secret", scope, 401, "UNAUTHORIZED", "Invalid Username or Password"},
		{"nobody, who asks for nothing", "", "", "", 401, "UNAUTHORIZED", "access to the requested resource is not authorized"},
		{"a scope that cannot be read", "acme+read", good, scopes("repository:acme/app:delete"), 400, "INVALID_REQUEST", "Unable to decode repository and actions: repository:acme/app:delete"},
		{"a name that cannot be", "acme+read", good, scopes("repository:acme/UPPER:pull"), 400, "NAME_INVALID", "Invalid repository name: acme/UPPER"},
	} {
		got := w.login(row.account, row.password, row.query)
		want := fmt.Sprintf(`{"errors":[{"code":%q,"detail":{},"message":%q}]}`, row.code, row.text)
		if got.status != row.status || strings.TrimSpace(got.body) != want {
			t.Errorf("%s: %d %s, want %d %s", row.why, got.status, got.body, row.status, want)
		}
		challenge := got.header.Get("WWW-Authenticate")
		if (row.status == http.StatusUnauthorized) != strings.HasPrefix(challenge, `Bearer realm="`+w.url+`/v2/auth",service="127.0.0.1:`) {
			t.Errorf("%s: the challenge is %q", row.why, challenge)
		}
	}
	if got := w.login("acme+owner", w.RobotToken("acme+owner"), scopes("repository:acme/nosuch:*")); got.status != 500 || !strings.Contains(got.body, "<html>") {
		t.Errorf("an administrator who asks for * where nothing is: %d %s", got.status, got.body)
	}
	if _, c := w.login("acme+read", good, "").claims(t); c.Audience != nil || c.Access == nil || len(c.Access) != 0 {
		t.Errorf("a login that asks for nothing: %+v", c)
	}
	if _, c := w.login("acme+read", good, scopes("repository:acme/app/api:pull", "repository:acme/public:pull")).claims(t); len(c.Access) != 2 {
		t.Errorf("two scopes: %+v", c.Access)
	}

	w.Configure(quaytest.Config{NoAnonymous: true})
	if got := w.login("acme+read", "WRONG", scope); got.status != 401 || !strings.Contains(got.body, `{"error":"Anonymous access is not allowed"}`) {
		t.Errorf("where nobody may be anonymous: %d %s", got.status, got.body)
	}
	w.Configure(quaytest.Config{RobotsDisallow: true})
	if got := w.login("acme+read", good, scope); got.status != 401 {
		t.Errorf("where robots are disallowed: %d %s", got.status, got.body)
	}
	if _, ok := w.Granted("acme+read", good, "acme/app/api"); ok {
		t.Error("the oracle accepts a disallowed robot")
	}
}

func TestRegistryTakesNoOtherMethod(t *testing.T) {
	t.Parallel()
	w := registryWorld(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+quaytest.RouteRegistryToken, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := w.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if kind := response.Header.Get("Content-Type"); response.StatusCode != 405 || !strings.HasPrefix(kind, "text/html") {
		t.Errorf("POST: %d %s", response.StatusCode, kind)
	}
}

// A login is worth what it is at the moment of asking.
func TestRegistryFollowsTheState(t *testing.T) {
	t.Parallel()
	w := registryWorld(t)
	old := w.RobotToken("acme+write")
	is := func(when, password, want string) {
		t.Helper()
		got, ok := w.Granted("acme+write", password, "acme/app/api")
		if text := strings.Join(got, " "); text != want && !(want == "refused" && !ok) {
			t.Errorf("%s: %q, %v, want %q", when, text, ok, want)
		}
		answer := w.login("acme+write", password, scopes("repository:acme/app/api:pull,push,*"))
		if want == "refused" {
			if answer.status != http.StatusUnauthorized {
				t.Errorf("%s: the registry answers %d", when, answer.status)
			}
			return
		}
		if _, c := answer.claims(t); strings.Join(c.Access[0].Actions, " ") != want {
			t.Errorf("%s: the registry grants %q, want %q", when, c.Access[0].Actions, want)
		}
	}
	is("at first", old, "push pull")
	for _, state := range []string{"READ_ONLY", "MIRROR"} {
		if got := w.do(http.MethodPut, "/repository/acme/app/api/changestate", `{"state":"`+state+`"}`); got.status != 200 || !strings.Contains(got.body, `"success":true`) {
			t.Fatalf("%d %s", got.status, got.body)
		}
		is(state, old, "pull")
		if got := w.do(http.MethodGet, "/repository/acme/app/api", ""); !strings.Contains(got.body, `"state":"`+state+`"`) {
			t.Errorf("%s: %s", state, got.body)
		}
		if got := w.do(http.MethodGet, listAcme, ""); !strings.Contains(got.body, `"state":"`+state+`"`) {
			t.Errorf("%s: %s", state, got.body)
		}
	}
	w.SetState("acme/app/api", "NORMAL")
	w.SetPermission("acme/app/api", "acme+write", "read")
	is("less of a role", old, "pull")
	w.RemovePermission("acme/app/api", "acme+write")
	is("no role", old, "")
	w.SetTeamPermission("acme/app/api", "devs", "write")
	is("before it is in the team", old, "")
	w.AddToTeam("acme", "devs", "acme+write")
	is("in a team that may push", old, "push pull")
	w.AddToTeam("acme", "owners", "acme+write")
	is("in the team of owners", old, "push pull *")
	for _, team := range []string{"owners", "devs"} {
		if got := w.do(http.MethodDelete, "/organization/acme/team/"+team+"/members/acme+write", ""); got.status != http.StatusNoContent {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	is("in no team", old, "")
	w.SetVisibility("acme/app/api", true)
	is("public", old, "pull")
	w.SetPermission("acme/app/api", "acme+write", "write")
	w.RegenerateToken("acme+write")
	is("the token before", old, "refused")
	is("the new token", w.RobotToken("acme+write"), "push pull")
	w.DeleteRobot("acme+write")
	is("deleted", old, "refused")
}
