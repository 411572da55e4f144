package quaytest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"berth/quay/quaytest"
)

// Each row makes a repository once under a fault.
func TestFaults(t *testing.T) {
	t.Parallel()
	create := func(f quaytest.Fault) quaytest.Fault {
		f.Method, f.Route = http.MethodPost, quaytest.RouteRepositories
		return f
	}
	tests := []struct {
		reason  string
		fault   quaytest.Fault
		status  int // zero: no answer
		made    bool
		inBody  string
		partial bool // the body breaks off
	}{
		{"the gateway fails before Quay sees it", quaytest.Fault{Status: 502}, 502, false, "<h1>502 Bad Gateway</h1>", false},
		{"the gateway gives up after Quay did it", quaytest.Fault{Status: 504, Applied: true}, 504, true, "nginx", false},
		{"Quay fails after the commit", quaytest.Fault{Status: 500, Applied: true}, 500, true, "<html>", false},
		{"a proxy answers with a page", quaytest.Fault{Status: 200}, 200, false, "<html>", false},
		{"the rate limit", quaytest.Fault{Status: 429}, 429, false, "Too Many Requests", false},
		{"an answer of the test's own", quaytest.Fault{Status: 201, ContentType: "application/json", Body: "null"}, 201, false, "null", false},
		{"the connection drops on the way there", quaytest.Fault{Outcome: quaytest.Drop}, 0, false, "", false},
		{"the connection drops on the way back", quaytest.Fault{Outcome: quaytest.Drop, Applied: true}, 0, true, "", false},
		{"the body breaks off", quaytest.Fault{Outcome: quaytest.Truncate}, 201, true, "{", true},
		{"the token is not recognised", quaytest.Fault{Outcome: quaytest.Anonymous}, 403, false, "CSRF", false},
		{"the token has just died", quaytest.Fault{Outcome: quaytest.ExpireToken}, 403, false, "CSRF", false},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, quaytest.Options{})
			fault := w.Inject(create(test.fault))
			got := w.do(http.MethodPost, "/repository", newRepository("app"))
			if got.status != test.status || !strings.Contains(got.body, test.inBody) {
				t.Errorf("%d %q, want %d %q", got.status, got.body, test.status, test.inBody)
			}
			if made := len(w.Snapshot().Repositories) == 1; made != test.made {
				t.Errorf("made: %v, want %v", made, test.made)
			}
			if (test.status == 0) != (got.err != nil && got.header == nil) {
				t.Errorf("error %v", got.err)
			}
			if partial := errors.Is(got.err, io.ErrUnexpectedEOF); test.partial != partial {
				t.Errorf("unexpected end of the body: %v, want %v", partial, test.partial)
			}
			if fault.Hits() != 1 {
				t.Errorf("%d hits", fault.Hits())
			}
			if retryAfter := got.header.Get("Retry-After"); retryAfter != "" {
				t.Errorf("Retry-After %q: Quay sends none", retryAfter)
			}
		})
	}
}

func TestFaultSelectsCalls(t *testing.T) {
	t.Parallel()
	tests := []struct {
		reason string
		fault  quaytest.Fault
		want   []int // statuses of four calls
	}{
		{"the first, unless told otherwise", quaytest.Fault{}, []int{502, 200, 200, 200}},
		{"two after the first", quaytest.Fault{Skip: 1, Times: 2}, []int{200, 502, 502, 200}},
		{"those of a route", quaytest.Fault{Route: quaytest.RouteOrganization}, []int{502, 200, 200, 200}},
		{"none of another route", quaytest.Fault{Route: quaytest.RouteRobots}, []int{200, 200, 200, 200}},
		{"none of another method", quaytest.Fault{Method: http.MethodPut}, []int{200, 200, 200, 200}},
		{"those of a path", quaytest.Fault{Path: "/api/v1/organization/acme", Skip: 3}, []int{200, 200, 200, 502}},
		{"none of another path", quaytest.Fault{Path: "/api/v1/organization/other"}, []int{200, 200, 200, 200}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, quaytest.Options{})
			test.fault.Status = http.StatusBadGateway
			fault := w.Inject(test.fault)
			for i, want := range test.want {
				if got := w.do(http.MethodGet, "/organization/acme", ""); got.status != want {
					t.Errorf("call %d: %d, want %d", i+1, got.status, want)
				}
			}
			fault.Remove()
			if got := w.do(http.MethodGet, "/organization/acme", ""); got.status != http.StatusOK {
				t.Errorf("after Remove: %d", got.status)
			}
		})
	}
}

func TestFaultHeader(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quaytest.Options{})
	w.Inject(quaytest.Fault{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"7"}}})
	if got := w.do(http.MethodGet, "/organization/acme", "").header.Get("Retry-After"); got != "7" {
		t.Errorf("Retry-After %q, want 7", got)
	}
}

// A regenerate whose answer is lost is the fault that matters most: the token
// has changed and nobody knows it.
func TestLostRegenerate(t *testing.T) {
	t.Parallel()
	for _, applied := range []bool{false, true} {
		w := newWorld(t, quaytest.Options{})
		w.AddRobot(quaytest.Robot{Name: "acme+bot"})
		before := w.RobotToken("acme+bot")
		w.Inject(quaytest.Fault{Route: quaytest.RouteRegenerate, Outcome: quaytest.Drop, Applied: applied})
		if got := w.do(http.MethodPost, "/organization/acme/robots/bot/regenerate", ""); got.err == nil {
			t.Errorf("applied %v: answered %d", applied, got.status)
		}
		if changed := w.RobotToken("acme+bot") != before; changed != applied {
			t.Errorf("applied %v: token changed: %v", applied, changed)
		}
	}
}

func TestStall(t *testing.T) {
	t.Parallel()
	for _, applied := range []bool{false, true} {
		arrived := make(chan struct{}, 1)
		w := newWorld(t, quaytest.Options{OnRequest: func(string, string, string) { arrived <- struct{}{} }})
		release := make(chan struct{})
		w.Inject(quaytest.Fault{Outcome: quaytest.Stall, Applied: applied, Release: release, Times: 2})

		ctx, giveUp := context.WithCancel(t.Context())
		go func() { <-arrived; giveUp() }()
		if got := w.doAs(ctx, adminToken, http.MethodPost, "/repository", newRepository("first")); !errors.Is(got.err, context.Canceled) {
			t.Errorf("applied %v: the client gave up and got %d, %v", applied, got.status, got.err)
		}
		go func() { <-arrived; close(release) }()
		if got := w.do(http.MethodPost, "/repository", newRepository("second")); got.status != http.StatusCreated {
			t.Errorf("applied %v: after the release %d, %v", applied, got.status, got.err)
		}
		if !applied && len(w.Snapshot().Repositories) != 1 {
			t.Errorf("a request given up before it took effect made a repository: %+v", w.Snapshot().Repositories)
		}
	}
}

func TestTokenDiesMidRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, quaytest.Options{})
	w.AddRepository(quaytest.Repository{Name: "acme/app"})
	w.Inject(quaytest.Fault{Outcome: quaytest.ExpireToken, Skip: 2})
	want := []int{1, 1, 0, 0} // repositories seen: a dead token reads an empty list
	for i, n := range want {
		got := w.do(http.MethodGet, listAcme, "")
		if names, _ := got.names(t); got.status != http.StatusOK || len(names) != n {
			t.Errorf("call %d: %d with %d repositories, want 200 with %d", i+1, got.status, len(names), n)
		}
	}
	w.AddToken(adminToken, "alice", "org:admin repo:admin")
	if names, _ := w.do(http.MethodGet, listAcme, "").names(t); len(names) != 1 {
		t.Error("a renewed token sees nothing")
	}
}
