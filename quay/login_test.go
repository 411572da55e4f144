package quay

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// jwt encodes claims as a registry does; its signature is of no account.
func jwt(claims string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

func grantBody(actions string) string {
	return `{"token":"` + jwt(`{"aud":"quay.test","sub":"acme+r","access":[{"type":"repository","name":"acme/a/b","actions":`+actions+`}]}`) + `"}`
}

func TestGranted(t *testing.T) {
	t.Parallel()
	refused := replyJSON(401, `{"errors":[{"code":"UNAUTHORIZED","detail":{},"message":"Could not find robot"}]}`)
	claims := func(text string) answerFunc { return replyJSON(200, `{"token":"`+jwt(text)+`"}`) }
	const good = `{"aud":"quay.test","sub":"acme+r","access":[{"type":"repository","name":"acme/a/b","actions":["pull"]}]}`
	change := func(old, replacement string) answerFunc {
		if !strings.Contains(good, old) {
			t.Fatalf("there is no %s", old)
		}
		return claims(strings.Replace(good, old, replacement, 1))
	}
	for _, row := range []struct {
		why    string
		answer answerFunc
		want   Grant
		role   Role
		err    error
	}{
		{"push and pull", replyJSON(200, grantBody(`["push","pull"]`)), Grant{true, []string{"pull", "push"}}, Write, nil},
		{"pull", claims(good), Grant{true, []string{"pull"}}, Read, nil},
		{"all", replyJSON(200, grantBody(`["push","pull","*"]`)), Grant{true, []string{"*", "pull", "push"}}, Admin, nil},
		{"no role has these", replyJSON(200, grantBody(`["push"]`)), Grant{true, []string{"push"}}, "", nil},
		{"nothing, and a good login", replyJSON(200, grantBody(`[]`)), Grant{true, nil}, "", nil},
		{"one named twice", replyJSON(200, grantBody(`["pull","pull"]`)), Grant{true, []string{"pull"}}, Read, nil},
		{"refused", refused, Grant{}, "", nil},
		{"refused where nobody may be anonymous", reply(401, "text/html; charset=utf-8", `{"error": "Anonymous access is not allowed"}`), Grant{}, "", nil},

		{"a 401 of something else", reply(401, "text/html", "<html>log in"), Grant{}, "", ErrUnexpected},
		{"a 401 of something else, in JSON", replyJSON(401, `{"message":"log in"}`), Grant{}, "", ErrUnexpected},
		{"403", replyJSON(403, `{"detail":"Unauthorized","error_type":"insufficient_scope"}`), Grant{}, "", ErrUnexpected},
		{"a firewall's 403", reply(403, "text/html", "<html>"), Grant{}, "", ErrUnexpected},
		{"404", replyJSON(404, `{"detail":"Not Found","error_type":"not_found"}`), Grant{}, "", ErrUnexpected},
		{"402", replyJSON(402, `{"detail":"x"}`), Grant{}, "", ErrUnexpected},
		{"what was asked cannot be read", replyJSON(400, `{"errors":[{"code":"INVALID_REQUEST","message":"Unable to decode"}]}`), Grant{}, "", ErrInvalid},
		{"a redirect", reply(307, "text/html", ""), Grant{}, "", ErrUnexpected},
		{"in trouble", reply(502, "text/html", "<html>"), Grant{}, "", ErrUnavailable},
		{"too often", reply(429, "text/html", "<html>"), Grant{}, "", ErrRateLimited},
		{"HTML", reply(200, "text/html", "<html>"), Grant{}, "", ErrUnexpected},
		{"null", replyJSON(200, `null`), Grant{}, "", ErrUnexpected},
		{"no token", replyJSON(200, `{}`), Grant{}, "", ErrUnexpected},
		{"not a token", replyJSON(200, `{"token":"abc"}`), Grant{}, "", ErrUnexpected},
		{"not base64", replyJSON(200, `{"token":"a.!.c"}`), Grant{}, "", ErrUnexpected},
		{"not JSON inside", claims(`x`), Grant{}, "", ErrUnexpected},
		{"another's", change("acme+r", "acme+s"), Grant{}, "", ErrUnexpected},
		{"for another service", change("quay.test", "else.test"), Grant{}, "", ErrUnexpected},
		{"on another repository", change("acme/a/b", "acme/a"), Grant{}, "", ErrUnexpected},
		{"on another kind of thing", change(`"repository"`, `"registry"`), Grant{}, "", ErrUnexpected},
		{"of no actions", change(`,"actions":["pull"]`, ``), Grant{}, "", ErrUnexpected},
		{"of unknown actions", change(`"pull"`, `"fly"`), Grant{}, "", ErrUnexpected},
		{"on nothing", change(`[{"type":"repository","name":"acme/a/b","actions":["pull"]}]`, `[]`), Grant{}, "", ErrUnexpected},
		{"longer than any", replyJSON(200, `{"token":"`+strings.Repeat("x", tokenLimit)+`"}`), Grant{}, "", ErrUnexpected},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, server := newTestClient(t, row.answer)
				got, err := c.Granted(t.Context(), "r", NewToken(canary), "a/b")
				if !errors.Is(err, row.err) || got.Accepted != row.want.Accepted || !slices.Equal(got.Actions, row.want.Actions) || got.Role() != row.role {
					t.Errorf("got %+v, role %q, %v; want %+v, %q, %v", got, got.Role(), err, row.want, row.role, row.err)
				}
				if err != nil && leaks(err.Error()) {
					t.Errorf("the error shows the login: %v", err)
				}
				repeated := row.err == ErrUnavailable || row.err == ErrRateLimited //nolint:errorlint // a table's values
				if n := server.count(); (n > 1) != repeated {
					t.Errorf("%d requests", n)
				}
				if s := c.Stats(); s.Requests != 0 || s.Logins != server.count() {
					t.Errorf("counted as %+v, %d were sent", s, server.count())
				}
			})
		})
	}
}

// The registry sees the robot's login and never the organization's token; the
// API sees it the other way round.
func TestWhoseCredentialIsSent(t *testing.T) {
	t.Parallel()
	c, server := newTestClient(t, replyJSON(200, grantBody(`[]`)), replyJSON(200, robotBody))
	if _, err := c.Granted(t.Context(), "r", NewToken(canary), "a/b"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.GetRobot(t.Context(), "r"); err != nil {
		t.Fatal(err)
	}
	asked := server.requests[0]
	if user, password, ok := asked.BasicAuth(); !ok || user != "acme+r" || password != canary || len(asked.Header["Authorization"]) != 1 {
		t.Errorf("the registry was sent %q", asked.Header["Authorization"])
	}
	if got := asked.URL.String(); got != "https://quay.test/v2/auth?scope=repository%3Aacme%2Fa%2Fb%3Apull%2Cpush%2C%2A&service=quay.test" {
		t.Errorf("the registry was asked %s", got)
	}
	if got := server.requests[1].Header["Authorization"]; !reflect.DeepEqual(got, []string{"Bearer oauth-token"}) {
		t.Errorf("the API was sent %q", got)
	}
}

// Neither credential follows a redirect, be it to a path of the same server.
func TestCredentialsStayAtTheirHost(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a request was led to %s", r.URL)
	}))
	t.Cleanup(elsewhere.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		asked := 0
		quay := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked++
			to := elsewhere.URL + r.URL.Path
			if asked%2 == 0 {
				to = "/elsewhere"
			}
			http.Redirect(w, r, to, status)
		}))
		t.Cleanup(quay.Close)
		c := overNetwork(t, quay.URL, nil, nil)
		for range 2 {
			_, err := c.Granted(t.Context(), "r", NewToken(canary), "a")
			_, err2 := c.GetRobot(t.Context(), "r")
			if !errors.Is(err, ErrUnexpected) || !errors.Is(err2, ErrUnexpected) {
				t.Errorf("%d: got %v and %v", status, err, err2)
			}
		}
		if asked != 4 {
			t.Errorf("%d: %d requests", status, asked)
		}
	}
}

func TestFederation(t *testing.T) {
	t.Parallel()
	to := func(location string) answerFunc {
		return func(r *http.Request) (*http.Response, error) {
			resp, err := reply(308, "text/html", "")(r)
			resp.Header.Set("Location", location)
			return resp, err
		}
	}
	const path = "/api/v1/organization/acme/robots/r/federation"
	missing := replyJSON(400, `{"message":"`+robotMissing+`"}`)
	empty := reply(204, "application/json", "")
	for _, row := range []struct {
		why           string
		answer        answerFunc
		federated     bool
		read, deleted error
	}{
		{"none", replyJSON(200, `[]`), false, nil, ErrUnexpected},
		{"some", replyJSON(200, `[{"issuer":"https://i","subject":"s"}]`), true, nil, ErrUnexpected},
		{"deleted", empty, false, ErrUnexpected, nil},
		{"deleted, without a type", reply(204, "", ""), false, ErrUnexpected, nil},
		{"no robot", missing, false, ErrNotFound, ErrNotFound},
		{"older: no such page", reply(404, "text/html", "<html>"), false, nil, nil},
		{"older: no such call", replyJSON(405, `{"message":"The method is not allowed"}`), false, nil, nil},
		{"older: no such call, in HTML", reply(405, "text/html", "<html>"), false, nil, nil},
		{"older: the path with a slash", to("https://quay.test" + path + "/"), false, nil, nil},
		{"led elsewhere", to("https://quay.test/login"), false, ErrUnexpected, ErrUnexpected},
		{"a firewall", reply(403, "text/html", "<html>"), false, ErrUnexpected, ErrUnexpected},
		{"a login page", reply(200, "text/html", "<html>"), false, ErrUnexpected, ErrUnexpected},
		{"null", replyJSON(200, `null`), false, ErrUnexpected, ErrUnexpected},
		{"no list", replyJSON(200, `{}`), false, ErrUnexpected, ErrUnexpected},
		{"in trouble", reply(502, "text/html", "<html>"), false, ErrUnavailable, ErrUnavailable},
		{"in maintenance", replyJSON(503, `{"is_readonly":true}`), false, ErrReadOnly, ErrReadOnly},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, _ := newTestClient(t, row.answer)
				if got, err := c.Federated(t.Context(), "r"); got != row.federated || !errors.Is(err, row.read) {
					t.Errorf("reading: %v, %v, want %v, %v", got, err, row.federated, row.read)
				}
				if err := c.DeleteFederation(t.Context(), "r"); !errors.Is(err, row.deleted) {
					t.Errorf("deleting: %v, want %v", err, row.deleted)
				}
			})
		})
	}
}

// What a list or a single answer says of a robot, and what an older Quay does not.
func TestRobotsAges(t *testing.T) {
	t.Parallel()
	dated := func(date, body string) answerFunc {
		return func(r *http.Request) (*http.Response, error) {
			resp, err := replyJSON(200, body)(r)
			resp.Header["Date"] = []string{date}
			return resp, err
		}
	}
	const date = "Fri, 27 Nov 2026 14:23:05 GMT"
	for _, row := range []struct{ why, date, fields, want string }{
		{
			"all", date, `,"created":"Mon, 23 Nov 2026 15:32:24 -0000","last_accessed":"Tue, 24 Nov 2026 08:00:00 -0000","teams":[{"name":"owners","avatar":{}},{"name":"devs"}]`,
			`made 2026-11-23T15:32:24Z used 2026-11-24T08:00:00Z seen 2026-11-27T14:23:05Z teams ["owners" "devs"]`,
		},
		{
			"never used, in no team", date, `,"created":"Mon, 23 Nov 2026 15:32:24 -0000","last_accessed":null,"teams":[]`,
			`made 2026-11-23T15:32:24Z used 0001-01-01T00:00:00Z seen 2026-11-27T14:23:05Z teams [] told`,
		},
		{"an older Quay", date, ``, `made 0001-01-01T00:00:00Z used 0001-01-01T00:00:00Z seen 2026-11-27T14:23:05Z teams []`},
		{"no date", "", `,"created":null,"teams":null`, `made 0001-01-01T00:00:00Z used 0001-01-01T00:00:00Z seen 0001-01-01T00:00:00Z teams []`},
		{"dates that cannot be read", "yesterday", `,"created":"yesterday","last_accessed":7`, `made 0001-01-01T00:00:00Z used 0001-01-01T00:00:00Z seen 0001-01-01T00:00:00Z teams []`},
		{"another zone", date, `,"created":"Mon, 23 Nov 2026 17:32:24 +0200"`, `made 2026-11-23T15:32:24Z used 0001-01-01T00:00:00Z seen 2026-11-27T14:23:05Z teams []`},
	} {
		body := `{"name":"acme+r","token":"` + canary + `","repositories":[]` + row.fields + `}`
		c, _ := newTestClient(t, dated(row.date, `{"robots":[`+body+`]}`), dated(row.date, body))
		list, err := robotsOf(t.Context(), c)
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %v, %v", row.why, list, err)
		}
		one, err := c.GetRobot(t.Context(), "r")
		if err != nil {
			t.Fatal(err)
		}
		for where, r := range map[string]Robot{"list": list[0], "single": one} {
			times, _ := json.Marshal([]any{r.Created, r.LastAccessed, r.Observed})
			var text []string
			_ = json.Unmarshal(times, &text)
			got := fmt.Sprintf("made %s used %s seen %s teams %q", text[0], text[1], text[2], r.Teams)
			if r.Teams != nil && len(r.Teams) == 0 {
				got += " told"
			}
			if got != row.want {
				t.Errorf("%s, %s: %s, want %s", row.why, where, got, row.want)
			}
		}
	}
}

// The token endpoint is the same registry's: its calls take their turn, too.
func TestLoginsAreLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClientOf(t, &answers{list: []answerFunc{replyJSON(200, grantBody(`[]`))}}, 2, 1)
		start := time.Now()
		for range 20 {
			if _, err := c.Granted(t.Context(), "r", NewToken(canary), "a/b"); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("ten at once and ten more at two a second took %s", took)
		}
	})
}
