package quay

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var refusals = map[string]answerFunc{
	"401":      replyJSON(401, `{"detail":"Requires authentication","error_type":"invalid_token"}`),
	"403 CSRF": reply(403, "text/html; charset=utf-8", `{"error": "CSRF token was invalid or missing."}`),
}

// Quay refuses a good token for a moment now and then. No call has taken effect
// by then, so that each is made again.
func TestPassingRefusals(t *testing.T) {
	t.Parallel()
	for name, refusal := range refusals {
		for n := range 6 {
			synctest.Test(t, func(t *testing.T) {
				var list []answerFunc
				for range n {
					list = append(list, refusal)
				}
				c, server := newTestClient(t, append(list, replyJSON(201, robotBody))...)
				start := time.Now()
				_, err := c.CreateRobot(t.Context(), "r", "d")
				if passing := n <= len(doubts); passing != (err == nil) || err != nil && !errors.Is(err, ErrUnauthorized) {
					t.Errorf("%d times %s: %v", n, name, err)
				}
				if sent := server.count(); sent != 1+min(n, len(doubts)) {
					t.Errorf("%d times %s: %d requests", n, name, sent)
				}
				if took := time.Since(start); took > 5*time.Second {
					t.Errorf("%d times %s: it took %s", n, name, took)
				}
			})
		}
	}
}

// A dead token is doubted once for all, not by each of thousands of calls, and
// a new one in its file is as good as any.
func TestDeadTokenIsDoubtedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var file atomic.Value
		file.Store("dead")
		server := &answers{list: []answerFunc{func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("Authorization") == "Bearer alive" {
				return replyJSON(200, robotBody)(r)
			}
			return refusals["401"](r)
		}}}
		c, err := New(Options{
			URL: "https://quay.test", Organization: "acme", QPS: 1000, Burst: 1000, Transport: server,
			Token: func() (Token, error) { return NewToken(file.Load().(string)), nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		get := func() error { _, err := c.GetRobot(t.Context(), "r"); return err }
		if err := get(); !errors.Is(err, ErrUnauthorized) || server.count() != 1+len(doubts) {
			t.Fatalf("%v after %d requests", err, server.count())
		}
		before := server.count()
		var workers sync.WaitGroup
		for range 20 {
			workers.Go(func() {
				if err := get(); !errors.Is(err, ErrUnauthorized) {
					t.Error(err)
				}
			})
		}
		workers.Wait()
		if n := server.count() - before; n != 2*20 {
			t.Errorf("20 calls with a dead token made %d requests, want two each", n)
		}
		file.Store("alive")
		if err := get(); err != nil {
			t.Errorf("with a new token: %v", err)
		}
		file.Store("dead again")
		c.transport.token.current = NewToken("dead again")
		before = server.count()
		if err := get(); !errors.Is(err, ErrUnauthorized) || server.count()-before != 1+len(doubts) {
			t.Errorf("a token that was good is doubted anew: %v after %d requests", err, server.count()-before)
		}
	})
}

// The end of the run ends the waiting.
func TestRefusalAtTheEndOfTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, server := newTestClient(t, refusals["401"])
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if _, err := c.GetRobot(ctx, "r"); !errors.Is(err, context.DeadlineExceeded) || server.count() != 2 {
			t.Errorf("%v after %d requests", err, server.count())
		}
	})
}
