package quay

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"berth/quay/quaytest"
)

// silent answers nothing, or nothing after the first bytes.
func silent(status int, first string) answerFunc {
	return func(r *http.Request) (*http.Response, error) {
		if status == 0 {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		pipe, in := io.Pipe()
		go func() {
			_, _ = io.WriteString(in, first)
			<-r.Context().Done()
			_ = in.CloseWithError(r.Context().Err())
		}()
		return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: pipe}, nil
	}
}

// deaf lets no connection come about.
func deaf(r *http.Request) (*http.Response, error) {
	httptrace.ContextClientTrace(r.Context()).GetConn("quay.test:443")
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// Quay's taking too long is Quay's, and the run's end the run's: who takes one
// for the other leaves work undone without a word, or writes when it must not.
func TestWhoseTimeIsOver(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		answer answerFunc
		once   error // of a call that may not be repeated
	}{
		{"no answer", silent(0, ""), ErrUncertain},
		{"half an answer", silent(200, `{"name":"acme+r",`), ErrUncertain},
		{"no connection", deaf, ErrUnavailable},
	} {
		for name, call := range calls {
			t.Run(row.why+"/"+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					kind := row.once
					if name == "GET" || name == "PUT permission" {
						kind = ErrUnavailable
					}
					c, _ := newTestClient(t, row.answer)
					err := call(t.Context(), c)
					if !errors.Is(err, kind) || !errors.Is(err, ErrTimeout) || errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("Quay takes too long: %v, want %v and a timeout of Quay's", err, kind)
					}
					for end, want := range map[time.Duration]error{time.Second: context.DeadlineExceeded, 0: context.Canceled} {
						ctx, cancel := context.WithCancel(t.Context())
						if end > 0 {
							ctx, cancel = context.WithTimeout(t.Context(), end)
						} else {
							time.AfterFunc(time.Second, cancel)
						}
						ended := ErrEnded
						if errors.Is(kind, ErrUncertain) {
							ended = ErrUncertain
						}
						if err := call(ctx, c); !errors.Is(err, want) || !errors.Is(err, ended) || errors.Is(err, ErrTimeout) {
							t.Errorf("the run ends: %v, want %v and %v", err, want, ended)
						}
						cancel()
					}
				})
			})
		}
	}
}

// So it is over the simulator's wire.
func TestStalledSimulatorTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := quaytest.New(quaytest.Options{})
		s.AddUser("alice")
		s.AddOrganization("acme", "alice")
		s.AddToken("oauth-token", "alice", "org:admin repo:admin")
		s.Inject(quaytest.Fault{Outcome: quaytest.Stall, Times: -1})
		c, err := New(Options{
			URL: "https://quay.test", Organization: "acme", Transport: quaytest.Wire(s),
			Token: func() (Token, error) { return NewToken("oauth-token"), nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := robotsOf(t.Context(), c); !errors.Is(err, ErrUnavailable) || !errors.Is(err, ErrTimeout) {
			t.Errorf("%v, want a timeout of Quay's", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := robotsOf(ctx, c); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrTimeout) {
			t.Errorf("%v, want the end of the run", err)
		}
	})
}

// Nothing waits longer than there is time, whatever it waits for: where the wait
// would outlast the run, the call ends at once, and says why.
func TestNothingOutwaitsTheRun(t *testing.T) {
	t.Parallel()
	asked := func(*http.Request) (*http.Response, error) {
		r, err := reply(429, "text/html", "<html>")(nil)
		r.Header.Set("Retry-After", "30")
		return r, err
	}
	for _, row := range []struct {
		why    string
		answer answerFunc
		left   time.Duration // of the run
		most   time.Duration // that the call takes
	}{
		{"a pause", asked, 20 * time.Second, 0},
		{"a restart", reply(502, "text/html", "<html>"), 20 * time.Second, 20 * time.Second},
		{"a failure", html, 2 * time.Second, 2 * time.Second},
		{"doubts about a token", replyJSON(401, `{"detail":"Requires authentication"}`), 500 * time.Millisecond, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, _ := newTestClient(t, row.answer)
			ctx, cancel := context.WithTimeoutCause(t.Context(), row.left, errors.New("the boat leaves"))
			defer cancel()
			start := time.Now()
			_, err := c.GetRobot(ctx, "r")
			if took := time.Since(start); took > row.most {
				t.Errorf("%s: the call took %s", row.why, took)
			}
			if !errors.Is(err, ErrEnded) || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnavailable) {
				t.Errorf("%s: %v, want the end of the run", row.why, err)
			}
			if ctx.Err() != nil {
				t.Errorf("%s: the call came back as late as the end", row.why)
			}
		})
	}
}

// Those in the queue end with the run, and the turn passes on.
func TestTheQueueEndsWithTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClientOf(t, &answers{list: []answerFunc{replyJSON(200, robotBody)}}, 1, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var done, ended atomic.Int32
		var users sync.WaitGroup
		for range 30 {
			users.Go(func() {
				switch _, err := c.GetRobot(ctx, "r"); {
				case err == nil:
					done.Add(1)
				case errors.Is(err, ErrEnded):
					ended.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		users.Wait()
		if done.Load() != 15 || ended.Load() != 15 { // ten at once, one a second
			t.Errorf("%d were answered and %d told of the end", done.Load(), ended.Load())
		}
		start := time.Now()
		if _, err := c.GetRobot(t.Context(), "r"); err != nil || time.Since(start) > time.Second {
			t.Errorf("the next one waits for %s: %v", time.Since(start), err)
		}
	})
}

// What ended the run is told with the end.
func TestTheEndIsTold(t *testing.T) {
	t.Parallel()
	c, _ := newTestClient(t, replyJSON(200, robotBody))
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	_, err := c.GetRobot(ctx, "r")
	if want := "get robot acme+r: the run ended before quay answered: its time is over"; err.Error() != want {
		t.Errorf("it says %q, want %q", err, want)
	}
	why := errors.New("interrupted by signal 15")
	told, stop := context.WithCancelCause(t.Context())
	stop(why)
	_, err = c.GetRobot(told, "r")
	if want := "get robot acme+r: the run ended before quay answered: interrupted by signal 15"; err.Error() != want || !errors.Is(err, why) || !errors.Is(err, context.Canceled) {
		t.Errorf("it says %q, want %q", err, want)
	}
}

func newClientOf(t *testing.T, r http.RoundTripper, qps float64, clients int) *Client {
	t.Helper()
	c, err := New(Options{
		URL: "https://quay.test", Organization: "acme", Transport: r, QPS: qps, Clients: clients,
		Token: func() (Token, error) { return NewToken("oauth-token"), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
