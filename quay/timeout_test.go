package quay

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
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
						if err := call(ctx, c); !errors.Is(err, want) || errors.Is(err, ErrTimeout) {
							t.Errorf("the run ends: %v, want %v", err, want)
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
		if _, err := c.ListRobots(t.Context()); !errors.Is(err, ErrUnavailable) || !errors.Is(err, ErrTimeout) {
			t.Errorf("%v, want a timeout of Quay's", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.ListRobots(ctx); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrTimeout) {
			t.Errorf("%v, want the end of the run", err)
		}
	})
}
