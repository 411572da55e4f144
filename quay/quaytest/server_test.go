package quaytest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"berth/quay/quaytest"
)

const adminToken = "adminadminadminadminadminadminadminadmin"

// world is a server with the organization acme, whose owner is alice, and a
// client with her token.
type world struct {
	*quaytest.Server
	t      *testing.T
	url    string
	client *http.Client
}

func newWorld(t *testing.T, o quaytest.Options) *world {
	t.Helper()
	s := quaytest.New(o)
	s.AddUser("alice")
	s.AddToken(adminToken, "alice", "org:admin repo:admin")
	s.AddOrganization("acme", "alice")
	listening := httptest.NewServer(s)
	t.Cleanup(listening.Close)
	// One connection a request: a dropped one is then never retried silently.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return &world{Server: s, t: t, url: listening.URL, client: client}
}

type answer struct {
	status int
	header http.Header
	body   string
	err    error // of the request or of reading the body
}

func (w *world) do(method, path, body string) answer {
	w.t.Helper()
	return w.doAs(w.t.Context(), adminToken, method, path, body)
}

func (w *world) doAs(ctx context.Context, token, method, path, body string) answer {
	w.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, w.url+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	response, err := w.client.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{status: response.StatusCode, header: response.Header, body: string(text), err: err}
}

// names lists the repositories on a page, and the token of the next.
func (a answer) names(t *testing.T) (names []string, next string) {
	t.Helper()
	var page struct {
		Repositories []struct{ Name string }
		NextPage     string `json:"next_page"`
	}
	if err := json.Unmarshal([]byte(a.body), &page); err != nil {
		t.Fatalf("%d %q: %v", a.status, a.body, err)
	}
	for _, r := range page.Repositories {
		names = append(names, r.Name)
	}
	return names, page.NextPage
}

func newRepository(name string) string {
	return fmt.Sprintf(`{"namespace":"acme","repository":%q,"visibility":"private","description":"d"}`, name)
}

const listAcme = "/repository?namespace=acme"

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quaytest.Options{OnRequest: func(string, string, string) {}})
	w.Lag(2)
	fault := w.Inject(quaytest.Fault{Outcome: quaytest.Drop, Skip: 20, Times: 3})
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 10 {
				name := fmt.Sprintf("r%d-%d", worker, i)
				w.do(http.MethodPost, "/repository", newRepository(name))
				w.do(http.MethodPut, "/organization/acme/robots/"+name, "{}")
				w.do(http.MethodGet, "/organization/acme/robots?permissions=true", "")
				w.do(http.MethodGet, listAcme, "")
				w.Snapshot()
				w.CollectGarbage()
			}
		})
	}
	group.Wait()
	if got := w.Total(); got != 8*10*4 {
		t.Errorf("%d requests, want %d", got, 8*10*4)
	}
	if fault.Hits() != 3 {
		t.Errorf("%d requests dropped, want 3", fault.Hits())
	}
}

func TestCalls(t *testing.T) {
	t.Parallel()
	var seen []string
	w := newWorld(t, quaytest.Options{OnRequest: func(method, route, path string) {
		seen = append(seen, method+" "+route+" "+path)
	}})
	w.do(http.MethodPut, "/organization/acme/robots/bot", "{}")
	w.do(http.MethodGet, "/organization/acme/robots/bot", "")
	w.do(http.MethodGet, "/organization/acme/robots/nosuch", "")
	w.do(http.MethodGet, "/repository/acme/team/app", "")
	w.do(http.MethodGet, "/nosuch/", "")

	counts := []struct {
		what      string
		got, want int
	}{
		{"GET robot", w.Requests(http.MethodGet, quaytest.RouteRobot), 2},
		{"PUT robot", w.Requests(http.MethodPut, quaytest.RouteRobot), 1},
		{"GET robots", w.Requests(http.MethodGet, quaytest.RouteRobots), 0},
		{"GET repository of a nested name", w.Requests(http.MethodGet, quaytest.RouteRepository), 1},
		{"all", w.Total(), 5},
		{"mutations", w.Mutations(), 1},
	}
	for _, c := range counts {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", c.what, c.got, c.want)
		}
	}
	last := w.Calls()[4]
	if want := (quaytest.Call{Method: http.MethodGet, Path: "/api/v1/nosuch/"}); last != want {
		t.Errorf("last call %+v, want %+v", last, want)
	}
	if len(seen) != 5 || seen[0] != "PUT /organization/{organization}/robots/{robot} /api/v1/organization/acme/robots/bot" {
		t.Errorf("OnRequest saw %q", seen)
	}
	w.ResetCalls()
	if w.Total() != 0 {
		t.Error("calls remain after ResetCalls")
	}
}

// A count of a route that does not exist is zero for ever: the test that asks
// for it cannot fail.
func TestUnknownRoutePanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	newWorld(t, quaytest.Options{}).Requests(http.MethodGet, "/repositories")
}

func TestNoAnonymous(t *testing.T) {
	t.Parallel()
	tests := []struct {
		reason, method, path string
		status               int
		body                 string
	}{
		{"reads are refused outright", http.MethodGet, listAcme, 401, `{"error":"Anonymous access is not allowed"}`},
		{"even where anybody may read", http.MethodGet, "/organization/acme", 401, `{"error":"Anonymous access is not allowed"}`},
		{"writes fail the check for forgery first", http.MethodPost, "/repository", 403, `{"error":"CSRF token was invalid or missing."}`},
		{"wrong methods come before either", http.MethodPatch, "/repository", 405, `{"message":"The method is not allowed for the requested URL."}`},
	}
	w := newWorld(t, quaytest.Options{})
	w.Configure(quaytest.Config{NoAnonymous: true})
	for _, test := range tests {
		got := w.doAs(t.Context(), "nosuchtoken", test.method, test.path, "{}")
		if got.status != test.status || strings.TrimSpace(got.body) != test.body {
			t.Errorf("%s: %d %s", test.reason, got.status, got.body)
		}
	}
	if got := w.do(http.MethodGet, listAcme, ""); got.status != http.StatusOK {
		t.Errorf("with a token: %d", got.status)
	}
}

func TestParseConfig(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want quaytest.Config
		fail bool
	}{
		{text: `{}`},
		{text: `{"REGISTRY_STATE":"readonly"}`, want: quaytest.Config{ReadOnly: true}},
		{text: `{"FEATURE_BILLING":true,"ROBOTS_DISALLOW":true}`, want: quaytest.Config{Billing: true, RobotsDisallow: true}},
		{text: `{"FEATURE_EXTENDED_REPOSITORY_NAMES":false}`, want: quaytest.Config{NoExtendedNames: true}},
		{text: `{"FEATURE_ANONYMOUS_ACCESS":false}`, want: quaytest.Config{NoAnonymous: true}},
		{text: `{"FEATURE_QUOTA_MANAGEMENT":true}`, fail: true},
		{text: `{"FEATURE_BILLING":"yes"}`, fail: true},
		{text: `{`, fail: true},
	}
	for _, test := range tests {
		got, err := quaytest.ParseConfig([]byte(test.text))
		if (err != nil) != test.fail || got != test.want {
			t.Errorf("%s: %+v, %v", test.text, got, err)
		}
	}
}
