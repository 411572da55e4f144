package quay

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
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

// robotsOf keeps all that the list of robots tells.
func robotsOf(ctx context.Context, c *Client) (all []Robot, err error) {
	err = c.EachRobot(ctx, func() func(Robot) {
		all = nil
		return func(r Robot) { all = append(all, r) }
	})
	return all, err
}
