package quay

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"berth/quay/pace"
)

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
		{name: "503 read-only", answer: replyJSON(503, `{"is_readonly":true,"message":"x"}`), repeated: 1, once: 1, repeatedErr: ErrReadOnly, onceErr: ErrReadOnly, why: "maintenance lasts"},
		{name: "500", answer: html, repeated: 5, once: 1, repeatedErr: ErrUnavailable, onceErr: ErrUncertain, why: "Quay can fail after the effect"},
		{name: "520", answer: replyJSON(520, `{"detail":"x"}`), repeated: 5, once: 1, repeatedErr: ErrUnavailable, onceErr: ErrUncertain, why: "the balancer does not know"},
		{name: "reset", answer: fail(errors.New("connection reset by peer")), repeated: 5, once: 1, repeatedErr: ErrUnavailable, onceErr: ErrUncertain, why: "the answer may have been lost"},
		{name: "truncated", answer: truncated(`{"name":"acme+r"`), repeated: 5, once: 1, repeatedErr: ErrUnavailable, onceErr: ErrUncertain, why: "the effect is done, its answer is not whole"},
		{name: "401", answer: replyJSON(401, `{"detail":"Requires authentication"}`), repeated: 4, once: 4, repeatedErr: ErrUnauthorized, onceErr: ErrUnauthorized, why: "the file is read again, and nothing was done"},
		{name: "403 CSRF", answer: reply(403, "text/html; charset=utf-8", `{"error": "CSRF token was invalid or missing."}`), repeated: 4, once: 4, repeatedErr: ErrUnauthorized, onceErr: ErrUnauthorized, why: "a bad token, in Quay's words"},
		{name: "403", answer: replyJSON(403, `{"detail":"Unauthorized","error_type":"insufficient_scope"}`), repeated: 2, once: 2, repeatedErr: ErrForbidden, onceErr: ErrForbidden, why: "known, but without the right"},
		{name: "403 HTML", answer: reply(403, "text/html", "<html>Blocked"), repeated: 1, once: 1, repeatedErr: ErrUnexpected, onceErr: ErrUnexpected, why: "a firewall's word is not Quay's"},
		{name: "403 of a gateway", answer: replyJSON(403, `{"message":"Forbidden"}`), repeated: 1, once: 1, repeatedErr: ErrUnexpected, onceErr: ErrUnexpected, why: "nor is a gateway's, in JSON"},
		{name: "402", answer: replyJSON(402, `{"detail":"Payment Required"}`), repeated: 1, once: 1, repeatedErr: ErrPaymentRequired, onceErr: ErrPaymentRequired, why: "a plan does not grow by asking"},
		{name: "400", answer: replyJSON(400, `{"detail":"Existing robot"}`), repeated: 1, once: 1, repeatedErr: ErrInvalid, onceErr: ErrInvalid, why: "classified by the caller"},
		{name: "400 missing robot", answer: replyJSON(400, `{"message":"`+robotMissing+`"}`), repeated: 1, once: 1, repeatedErr: ErrNotFound, onceErr: ErrNotFound, why: "Quay's 404 for robots"},
		{name: "404 of a gateway", answer: replyJSON(404, `{"message":"no route"}`), repeated: 1, once: 1, repeatedErr: ErrUnexpected, onceErr: ErrUnexpected, why: "nor is the JSON of something else"},
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

// A 429 holds every worker back, not only the one that saw it.
func TestPauseIsShared(t *testing.T) {
	t.Parallel()
	const longestAsk = 30 * time.Second
	synctest.Test(t, func(t *testing.T) {
		limited := func(*http.Request) (*http.Response, error) {
			r, err := reply(429, "text/html", "<html>")(nil)
			r.Header.Set("Retry-After", "86400")
			return r, err
		}
		c, _ := newTestClient(t, limited, replyJSON(200, robotBody))
		start := time.Now()
		var users sync.WaitGroup
		for i := range 2 {
			users.Go(func() {
				_ = pace.Sleep(t.Context(), time.Duration(i)*time.Second) // the other comes when the pause has begun
				if _, err := c.GetRobot(t.Context(), "r"); err != nil {
					t.Error(err)
				}
				if waited := time.Since(start); waited < longestAsk || waited > longestAsk+time.Second {
					t.Errorf("user %d waited %s; a Retry-After of a day must be cut to %s", i, waited, longestAsk)
				}
			})
		}
		users.Wait()
		if took := time.Since(start); c.Stats().Throttled != took {
			t.Errorf("of %s somebody waited all the time, and it says %s", took, c.Stats().Throttled)
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

// The rate limit answers before Quay sees the request: every call is made again,
// until there is no hope.
func TestRefusedByTheLimitIsRepeated(t *testing.T) {
	t.Parallel()
	limited := reply(429, "text/html", "<html>")
	for name, call := range calls {
		synctest.Test(t, func(t *testing.T) {
			c, server := newTestClient(t, limited)
			start := time.Now()
			if err := call(t.Context(), c); !errors.Is(err, ErrRateLimited) {
				t.Errorf("%s: got %v, want ErrRateLimited", name, err)
			}
			if took := time.Since(start); took < patience || took > patience+10*time.Second {
				t.Errorf("%s: it gave up after %s, want %s", name, took, patience)
			}
			if n := server.count(); n > 40 {
				t.Errorf("%s: %d requests in that time", name, n)
			}
		})
	}
}

// A restart of Quay, when its gateway answers or nobody does, is outlasted by
// every call that may be repeated; one that may not says so at once.
func TestARestartIsOutlasted(t *testing.T) {
	t.Parallel()
	for why, away := range map[string]answerFunc{
		"502":         reply(502, "text/html", "<html>"),
		"503":         reply(503, "text/html", "<html>"),
		"504":         reply(504, "text/html", "<html>"),
		"reset":       fail(errors.New("connection reset by peer")),
		"half a body": truncated(`{"name":"acme+r"`),
	} {
		synctest.Test(t, func(t *testing.T) {
			var back time.Time
			c, server := newTestClient(t, replyJSON(200, robotBody), func(r *http.Request) (*http.Response, error) {
				if time.Now().Before(back) {
					return away(r)
				}
				return replyJSON(200, robotBody)(r)
			})
			get := func() error { _, err := c.GetRobot(t.Context(), "r"); return err }
			if err := get(); err != nil {
				t.Fatal(err)
			}
			back = time.Now().Add(time.Minute)
			if _, err := c.CreateRobot(t.Context(), "r", "mark"); !errors.Is(err, ErrUncertain) || server.count() != 2 {
				t.Errorf("%s: what may not be repeated says %v after %d requests", why, err, server.count()-1)
			}
			var users sync.WaitGroup
			for range 8 {
				users.Go(func() {
					if err := get(); err != nil {
						t.Errorf("%s for a minute: %v", why, err)
					}
				})
			}
			users.Wait()
			if late := time.Since(back); late > maxWait {
				t.Errorf("%s: done %s after Quay was back", why, late)
			}
		})
	}
}

// What lasts longer is no restart; and that one call found out holds for all.
func TestAnOutageIsNotOutlasted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, server := newTestClient(t, reply(502, "text/html", "<html>"))
		for i := range 20 {
			start, before := time.Now(), server.count()
			_, err := c.GetRobot(t.Context(), "r")
			if !errors.Is(err, ErrUnavailable) {
				t.Fatal(err)
			}
			took, requests := time.Since(start), server.count()-before
			if i == 0 && (took < time.Minute || took > restart+maxWait || requests > 1+restartRetries) {
				t.Errorf("the first call gave up after %s and %d requests", took, requests)
			}
			if i > 0 && requests != 1 {
				t.Errorf("call %d made %d requests", i, requests)
			}
		}
	})
}

// Without waits between them the number of attempts is bounded all the same.
func TestAttemptsAreBounded(t *testing.T) {
	t.Parallel()
	server := &answers{list: []answerFunc{reply(502, "text/html", "<html>")}}
	c, err := New(Options{
		URL: "https://quay.test", Organization: "acme", QPS: 1000, Burst: 1000, Transport: server,
		Token:   func() (Token, error) { return NewToken("oauth-token"), nil },
		Backoff: func(int) time.Duration { return 0 },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), restart/2)
	defer cancel()
	if _, err := c.GetRobot(ctx, "r"); !errors.Is(err, ErrUnavailable) || server.count() != 1+restartRetries {
		t.Errorf("%d requests: %v", server.count(), err)
	}
}

// A call that hangs while others are answered is not repeated for ever.
func TestOneCallThatFailsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := newTestClient(t, func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/robots/bad") {
				return reply(504, "text/html", "<html>")(r)
			}
			return replyJSON(200, robotBody)(r)
		})
		ctx, cancel := context.WithCancel(t.Context())
		var others sync.WaitGroup
		others.Go(func() {
			for pace.Sleep(ctx, time.Second) == nil {
				_, _ = c.GetRobot(ctx, "r")
			}
		})
		start := time.Now()
		_, err := c.GetRobot(t.Context(), "bad")
		if took := time.Since(start); !errors.Is(err, ErrUnavailable) || took > restart+maxWait {
			t.Errorf("after %s: %v", took, err)
		}
		cancel()
		others.Wait()
	})
}
