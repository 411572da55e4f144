package quay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// answers plays the server: one answer an attempt, the last one for ever.
type answers struct {
	mu       sync.Mutex
	list     []func(*http.Request) (*http.Response, error)
	requests []*http.Request
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	n := min(len(a.requests), len(a.list)-1)
	a.requests = append(a.requests, r)
	a.mu.Unlock()
	return a.list[n](r)
}

func (a *answers) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.requests)
}

type answerFunc = func(*http.Request) (*http.Response, error)

func reply(status int, contentType, body string) answerFunc {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func replyJSON(status int, body string) answerFunc { return reply(status, "application/json", body) }

func fail(err error) answerFunc {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// truncated sends less than it announced.
func truncated(body string) answerFunc {
	return func(*http.Request) (*http.Response, error) {
		r := io.MultiReader(strings.NewReader(body), errReader{io.ErrUnexpectedEOF})
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(r)}, nil
	}
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

func newTestClient(t *testing.T, list ...answerFunc) (*Client, *answers) {
	t.Helper()
	a := &answers{list: list}
	c, err := New(Options{
		URL: "https://quay.test", Organization: "acme", QPS: 1000, Burst: 1000, Transport: a,
		Token: func() (Token, error) { return NewToken("oauth-token"), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, a
}

var (
	robotBody = `{"name":"acme+r","description":"d","token":"` + canary + `"}`
	html      = reply(500, "text/html", "<html><title>Internal Server Error</title></html>")
)

// The calls of each retry class, as the table of classes names them.
var calls = map[string]func(context.Context, *Client) error{
	"GET":             func(ctx context.Context, c *Client) error { _, err := c.GetRobot(ctx, "r"); return err },
	"PUT permission":  func(ctx context.Context, c *Client) error { return c.SetPermission(ctx, "a/b", "r", Write) },
	"PUT robot":       func(ctx context.Context, c *Client) error { _, err := c.CreateRobot(ctx, "r", "d"); return err },
	"POST repository": func(ctx context.Context, c *Client) error { return c.CreateRepository(ctx, Repository{Name: "a/b"}) },
	"POST regenerate": func(ctx context.Context, c *Client) error { return c.RegenerateRobotToken(ctx, "r") },
}

func TestRetryTable(t *testing.T) {
	t.Parallel()
	repeatable := map[string]bool{"GET": true, "PUT permission": true}
	rows := []struct {
		name   string
		answer answerFunc
		// Attempts until the client gives up, and what it then says, for calls
		// that may be repeated and for those that may not.
		repeated, once       int
		repeatedErr, onceErr error
		why                  string
	}{
		{name: "429", answer: reply(429, "text/html", "<html>"), repeated: 5, once: 5, repeatedErr: ErrRateLimited, onceErr: ErrRateLimited, why: "the proxy answers before Quay sees the request"},
		{name: "503 read-only", answer: replyJSON(503, `{"is_readonly":true,"message":"x"}`), repeated: 1, once: 1, repeatedErr: ErrReadOnly, onceErr: ErrReadOnly, why: "maintenance lasts"},
		{name: "500", answer: html, repeated: 5, once: 1, repeatedErr: ErrUnavailable, onceErr: ErrUncertain, why: "Quay can fail after the effect"},
		{name: "502", answer: reply(502, "text/html", "<html>"), repeated: 5, once: 1, repeatedErr: ErrUnavailable, onceErr: ErrUncertain, why: "the balancer does not know"},
		{name: "520", answer: replyJSON(520, `{"detail":"x"}`), repeated: 5, once: 1, repeatedErr: ErrUnavailable, onceErr: ErrUncertain, why: "the balancer does not know"},
		{name: "reset", answer: fail(errors.New("connection reset by peer")), repeated: 5, once: 1, repeatedErr: ErrUnavailable, onceErr: ErrUncertain, why: "the answer may have been lost"},
		{name: "truncated", answer: truncated(`{"name":"acme+r"`), repeated: 5, once: 1, repeatedErr: ErrUnavailable, onceErr: ErrUncertain, why: "the effect is done, its answer is not whole"},
		{name: "401", answer: replyJSON(401, `{"detail":"Requires authentication"}`), repeated: 2, once: 2, repeatedErr: ErrUnauthorized, onceErr: ErrUnauthorized, why: "the file is read once more; nothing was done"},
		{name: "403 CSRF", answer: reply(403, "text/html; charset=utf-8", `{"error": "CSRF token was invalid or missing."}`), repeated: 2, once: 2, repeatedErr: ErrUnauthorized, onceErr: ErrUnauthorized, why: "a bad token, in Quay's words"},
		{name: "403", answer: replyJSON(403, `{"detail":"Unauthorized"}`), repeated: 2, once: 2, repeatedErr: ErrForbidden, onceErr: ErrForbidden, why: "known, but without the right"},
		{name: "402", answer: replyJSON(402, `{"detail":"Payment Required"}`), repeated: 1, once: 1, repeatedErr: ErrPaymentRequired, onceErr: ErrPaymentRequired, why: "a plan does not grow by asking"},
		{name: "400", answer: replyJSON(400, `{"detail":"Existing robot"}`), repeated: 1, once: 1, repeatedErr: ErrInvalid, onceErr: ErrInvalid, why: "classified by the caller"},
		{name: "400 missing robot", answer: replyJSON(400, `{"message":"`+robotMissing+`"}`), repeated: 1, once: 1, repeatedErr: ErrNotFound, onceErr: ErrNotFound, why: "Quay's 404 for robots"},
		{name: "404 HTML", answer: reply(404, "text/html", "<html>"), repeated: 1, once: 1, repeatedErr: ErrUnexpected, onceErr: ErrUnexpected, why: "HTML never means absent"},
		{name: "308", answer: reply(308, "text/html", ""), repeated: 1, once: 1, repeatedErr: ErrUnexpected, onceErr: ErrUnexpected, why: "a redirect would carry the token away"},
		{name: "200 HTML", answer: reply(200, "text/html", "<html>log in"), repeated: 1, once: 1, repeatedErr: ErrUnexpected, onceErr: ErrUnexpected, why: "a login page is no success"},
		{name: "501", answer: replyJSON(501, `{}`), repeated: 1, once: 1, repeatedErr: ErrUnexpected, onceErr: ErrUnexpected, why: "it will not learn"},
	}
	for _, row := range rows {
		for name, call := range calls {
			t.Run(row.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					if row.name == "truncated" && (name == "PUT permission" || name == "POST repository") {
						row.answer = truncated("")
					}
					c, server := newTestClient(t, row.answer)
					err := call(t.Context(), c)
					attempts, want := row.once, row.onceErr
					if repeatable[name] {
						attempts, want = row.repeated, row.repeatedErr
					}
					if !errors.Is(err, want) {
						t.Errorf("%s: got %v, want %v", row.why, err, want)
					}
					if got := server.count(); got != attempts {
						t.Errorf("%s: %d requests, want %d", row.why, got, attempts)
					}
				})
			})
		}
	}
}

// When no connection came about nothing was sent, and every call may be repeated.
func TestUnsentIsRepeated(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := New(Options{
				URL: "http://" + address, Organization: "acme", QPS: 1000, Burst: 1000,
				Token:   func() (Token, error) { return NewToken("oauth-token"), nil },
				Backoff: func(int) time.Duration { return 0 },
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := call(t.Context(), c); !errors.Is(err, ErrUnavailable) {
				t.Errorf("got %v, want ErrUnavailable", err)
			}
			if s := c.Stats(); s.Requests != 1+maxRetries || s.Retries != maxRetries {
				t.Errorf("%+v, want %d requests", s, 1+maxRetries)
			}
		})
	}
}

// All users of a Client share one rate.
func TestRateIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Options{
			URL: "https://quay.test", Organization: "acme", QPS: 2, Burst: 3, Transport: &answers{list: []answerFunc{replyJSON(200, robotBody)}},
			Token: func() (Token, error) { return NewToken("oauth-token"), nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		var users sync.WaitGroup
		for range 9 {
			users.Go(func() {
				if _, err := c.GetRobot(t.Context(), "r"); err != nil {
					t.Error(err)
				}
			})
		}
		users.Wait()
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("nine requests, three of them at once, took %s, want 3s at two a second", took)
		}
	})
}

// A 429 holds every worker back, not only the one that saw it.
func TestPauseIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limited := func(*http.Request) (*http.Response, error) {
			r, err := reply(429, "text/html", "<html>")(nil)
			r.Header.Set("Retry-After", "86400")
			return r, err
		}
		c, _ := newTestClient(t, limited, replyJSON(200, robotBody))
		start := time.Now()
		if _, err := c.GetRobot(t.Context(), "r"); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(start); waited < maxWait || waited > 2*maxWait {
			t.Errorf("waited %s; a Retry-After of a day must be cut to %s", waited, maxWait)
		}
		if _, err := c.GetRobot(t.Context(), "r"); err != nil {
			t.Fatal(err)
		}
		if c.Stats().Throttled < maxWait-firstWait { // the rest was spent backing off
			t.Errorf("the pause is not counted: %+v", c.Stats())
		}
	})
}

// A run in which everything fails must not multiply its requests by five.
func TestRetryBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := newTestClient(t, html)
		for range 100 {
			_, _ = c.GetRobot(t.Context(), "r")
		}
		s := c.Stats()
		if s.Retries > max(retryFloor, s.Requests/retryShare+1) {
			t.Errorf("%d of %d requests were retries", s.Retries, s.Requests)
		}
	})
}

// The token file is exchanged while programs run.
func TestTokenIsReadAgain(t *testing.T) {
	t.Parallel()
	var reads atomic.Int32
	server := &answers{list: []answerFunc{func(r *http.Request) (*http.Response, error) {
		if r.Header.Get("Authorization") != "Bearer second" {
			return replyJSON(401, `{"detail":"Requires authentication"}`)(r)
		}
		body, _ := io.ReadAll(r.Body)
		if string(body) != `{"description":"d"}` {
			t.Errorf("the second attempt carried %q", body)
		}
		return replyJSON(201, robotBody)(r)
	}}}
	c, err := New(Options{
		URL: "https://quay.test", Organization: "acme", Transport: server,
		Token: func() (Token, error) {
			if reads.Add(1) == 1 {
				return NewToken("first"), nil
			}
			return NewToken("second"), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateRobot(t.Context(), "r", "d"); err != nil {
		t.Fatal(err)
	}
	if server.count() != 2 || reads.Load() != 2 {
		t.Errorf("%d requests and %d reads, want 2 and 2", server.count(), reads.Load())
	}
}

func TestReadOnlyClientSendsNothing(t *testing.T) {
	t.Parallel()
	server := &answers{list: []answerFunc{replyJSON(200, robotBody)}}
	c, err := New(Options{
		URL: "https://quay.test", Organization: "acme", Transport: server, ReadOnly: true,
		Token: func() (Token, error) { return NewToken("t"), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range calls {
		want := ErrWriteRefused
		if name == "GET" {
			want = nil
		}
		if err := call(t.Context(), c); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
	if server.count() != 1 {
		t.Errorf("%d requests were sent, want the GET alone", server.count())
	}
}

// Lists are traps: each row is one that Quay or something before it has set.
func TestLists(t *testing.T) {
	t.Parallel()
	repository := func(name string) string {
		return fmt.Sprintf(`{"namespace":"acme","name":%q,"description":null,"is_public":false,"is_starred":false}`, name)
	}
	page := func(next string, names ...string) answerFunc {
		var all []string
		for _, n := range names {
			all = append(all, repository(n))
		}
		body := `{"repositories":[` + strings.Join(all, ",") + `]`
		if next != "" {
			body += `,"next_page":"` + next + `"`
		}
		return replyJSON(200, body+"}")
	}
	robots := func(list string) answerFunc { return replyJSON(200, `{"robots":[`+list+`]}`) }
	listRepositories := func(c *Client) (int, error) { l, err := c.ListRepositories(context.Background()); return len(l), err }
	listRobots := func(c *Client) (int, error) { l, err := c.ListRobots(context.Background()); return len(l), err }
	rows := []struct {
		name    string
		answers []answerFunc
		list    func(*Client) (int, error)
		want    int
		err     error
	}{
		{"two pages", []answerFunc{page("p2", "a"), page("", "b")}, listRepositories, 2, nil},
		{"an invalid page token brings page one again", []answerFunc{page("p2", "a"), page("p3", "a")}, listRepositories, 0, ErrUnexpected},
		{"a repository twice on a page", []answerFunc{page("", "a", "a")}, listRepositories, 0, ErrUnexpected},
		{"the same page token for ever", []answerFunc{page("p2", "a"), page("p2", "b"), page("p2", "c")}, listRepositories, 0, ErrUnexpected},
		{"an empty page that is not the last", []answerFunc{page("p2")}, listRepositories, 0, ErrUnexpected},
		{"a last page without repositories, as a dead token gets", []answerFunc{page("p2", "a"), page("")}, listRepositories, 0, ErrUnexpected},
		{"no repositories", []answerFunc{page(""), replyJSON(200, `{"is_admin":true}`)}, listRepositories, 0, nil},
		{"no repositories, as a dead token gets", []answerFunc{page(""), replyJSON(200, `{"is_admin":false}`)}, listRepositories, 0, ErrUnauthorized},
		{"no repositories and no organization", []answerFunc{page(""), replyJSON(404, `{"detail":"Not Found"}`)}, listRepositories, 0, ErrNotFound},
		{"null", []answerFunc{replyJSON(200, `null`)}, listRepositories, 0, ErrUnexpected},
		{"another namespace's", []answerFunc{replyJSON(200, `{"repositories":[{"namespace":"other","name":"a","is_public":true,"is_starred":false}]}`)}, listRepositories, 0, ErrUnexpected},
		{"the anonymous list", []answerFunc{replyJSON(200, `{"repositories":[{"namespace":"acme","name":"a","is_public":true}]}`)}, listRepositories, 0, ErrUnauthorized},
		{"no visibility", []answerFunc{replyJSON(200, `{"repositories":[{"namespace":"acme","name":"a","is_starred":false}]}`)}, listRepositories, 0, ErrUnexpected},

		{"robots", []answerFunc{robots(`{"name":"acme+a","token":"T","repositories":[],"description":null}`)}, listRobots, 1, nil},
		{"robots of a look-alike organization", []answerFunc{robots(`{"name":"ac-e+a","token":"T","repositories":[]}`)}, listRobots, 0, nil},
		{"no tokens: not an administrator", []answerFunc{robots(`{"name":"acme+a","repositories":[]}`)}, listRobots, 0, ErrForbidden},
		{"no repositories: not an administrator", []answerFunc{robots(`{"name":"acme+a","token":"T"}`)}, listRobots, 0, ErrForbidden},
		{"a robot twice", []answerFunc{robots(`{"name":"acme+a","token":"T","repositories":[]},{"name":"acme+a","token":"U","repositories":[]}`)}, listRobots, 0, ErrUnexpected},
		{"cut short once, then whole", []answerFunc{truncated(`{"robots":[{"name":"acme+a","token":"T","repositories":[]},`), robots(`{"name":"acme+a","token":"T","repositories":[]}`)}, listRobots, 1, nil},
		{"not a list", []answerFunc{replyJSON(200, `{"message":"x"}`)}, listRobots, 0, ErrUnexpected},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, _ := newTestClient(t, row.answers...)
				got, err := row.list(c)
				if !errors.Is(err, row.err) || row.err == nil && got != row.want {
					t.Errorf("got %d, %v; want %d, %v", got, err, row.want, row.err)
				}
			})
		})
	}
}

// An answer about another robot, or without a token, must not be used.
func TestRobotAnswerIsChecked(t *testing.T) {
	t.Parallel()
	for why, body := range map[string]string{
		"another robot's": `{"name":"acme+other","description":"d","token":"` + canary + `"}`,
		"empty token":     `{"name":"acme+r","description":"d","token":""}`,
		"short token":     `{"name":"acme+r","description":"d","token":"ABC"}`,
		"null":            `null`,
	} {
		c, _ := newTestClient(t, replyJSON(200, body))
		if _, err := c.GetRobot(t.Context(), "r"); !errors.Is(err, ErrUnexpected) {
			t.Errorf("%s: got %v, want ErrUnexpected", why, err)
		}
	}
	c, _ := newTestClient(t, replyJSON(201, `{"name":"acme+r","description":"","token":"`+canary+`"}`))
	if _, err := c.CreateRobot(t.Context(), "r", "d"); !errors.Is(err, ErrUnexpected) {
		t.Errorf("a description that was not kept: got %v, want ErrUnexpected", err)
	}
}

// What Quay sends in an error is repeated only as far as it is harmless.
func TestErrorTexts(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"detail":"the token ` + canary + ` is bad\nsecond line"}`,
		`{"message":{"limit":"` + canary + `"}}`,
		`{"name":"acme+r","token":"` + canary + `"}`,
		canary,
	} {
		c, _ := newTestClient(t, replyJSON(400, body))
		_, err := c.GetRobot(t.Context(), "r")
		if err == nil || leaks(err.Error()) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "https://") {
			t.Errorf("body %.30q gave %v", body, err)
		}
	}
	c, _ := newTestClient(t, replyJSON(400, `{"detail":"`+strings.Repeat("long ", 1000)+`"}`))
	if _, err := c.GetRobot(t.Context(), "r"); len(err.Error()) > 400 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

func TestAnswerIsBounded(t *testing.T) {
	t.Parallel()
	c, _ := newTestClient(t, replyJSON(200, `{"name":"acme+r","token":"`+canary+`","x":"`+strings.Repeat("x", callLimit)+`"}`))
	if _, err := c.GetRobot(t.Context(), "r"); !errors.Is(err, ErrUnexpected) {
		t.Errorf("got %v, want ErrUnexpected", err)
	}
}

func TestNewRefusesUnsafeSettings(t *testing.T) {
	t.Parallel()
	token := func() (Token, error) { return NewToken("t"), nil }
	for url, ok := range map[string]bool{
		"https://quay.io": true, "https://quay.io/": true, "https://quay.example:8443": true,
		"http://127.0.0.1:8080": true, "http://localhost:8080": true,
		"http://quay.io": false, "quay.io": false, "": false, "ftp://quay.io": false,
		"https://user:secret@quay.io": false, "https://quay.io/api": false,
	} {
		_, err := New(Options{URL: url, Organization: "acme", Token: token})
		if (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error repeats the URL: %v", err)
		}
	}
	if _, err := New(Options{URL: "https://quay.io", Token: func() (Token, error) { return Token{}, nil }}); err == nil {
		t.Error("an empty token was accepted")
	}
}

// A cancelled context ends waiting at once and is seen as what it is.
func TestCancelledContext(t *testing.T) {
	t.Parallel()
	c, server := newTestClient(t, replyJSON(200, robotBody))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.GetRobot(ctx, "r"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if server.count() != 0 {
		t.Errorf("%d requests after the end", server.count())
	}
}
