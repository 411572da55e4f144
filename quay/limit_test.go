package quay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"berth/quay/quaytest"
)

// registry is a Quay behind a proxy that limits the rate, some way off.
type registry struct {
	*quaytest.Proxy
	latency time.Duration
	http    int // its major version
}

func (r registry) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := sleep(req.Context(), r.latency); err != nil {
		return nil, err
	}
	resp, err := quaytest.Wire(r.Proxy).RoundTrip(req)
	if err == nil {
		resp.ProtoMajor = r.http
	}
	return resp, err
}

func newRegistry(version int, allow func() bool) registry {
	s := quaytest.New(quaytest.Options{})
	s.AddUser("alice")
	s.AddOrganization("acme", "alice")
	s.AddToken("oauth-token", "alice", "org:admin repo:admin")
	return registry{&quaytest.Proxy{Server: s, API: allow, Tokens: allow}, 50 * time.Millisecond, version}
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

// newComponent makes the five calls that a new Component takes.
func newComponent(ctx context.Context, c *Client, name string) error {
	if err := c.CreateRepository(ctx, Repository{Name: name, Visibility: Private}); err != nil {
		return err
	}
	for _, role := range []Role{Write, Read} {
		robot := name + "_" + string(role)
		if _, err := c.CreateRobot(ctx, robot, "d"); err != nil {
			return err
		}
		if err := c.SetPermission(ctx, name, robot, role); err != nil {
			return err
		}
	}
	return nil
}

// serve makes new Components, eight at a time, and returns how long it took.
func serve(t *testing.T, c *Client, components int) time.Duration {
	t.Helper()
	start := time.Now()
	next := make(chan int)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for i := range next {
				if err := newComponent(t.Context(), c, fmt.Sprintf("c%03d", i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range components {
		next <- i
	}
	close(next)
	workers.Wait()
	return time.Since(start)
}

// bucket is the limit that nginx has: perSecond, and burst beyond it.
func bucket(perSecond float64, burst int) func() bool {
	return rate.NewLimiter(rate.Limit(perSecond), burst).Allow
}

// window lets n requests pass in each stretch of time.
func window(n int, length time.Duration) func() bool {
	var mu sync.Mutex
	var began time.Time
	var passed int
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now().Truncate(length); now != began {
			began, passed = now, 0
		}
		passed++
		return passed <= n
	}
}

// neighbour is another client of the same address: it asks so often a second,
// whatever it is told, and pauses as long as it is busy.
type neighbour struct {
	perSecond float64
	busy      time.Duration // zero: for ever
}

// run asks until the context ends, and returns how often it was let through.
func (n neighbour) run(ctx context.Context, allow func() bool) (passed int) {
	pace := rate.NewLimiter(rate.Limit(n.perSecond), 1)
	start := time.Now()
	for pace.Wait(ctx) == nil {
		rests := n.busy > 0 && time.Since(start)/n.busy%2 == 1
		if !rests && allow() {
			passed++
		}
	}
	return passed
}

// The limiter finds what it may, whatever the limit is like: with neither a storm
// of refusals nor a standstill.
func TestTheRateIsFound(t *testing.T) {
	t.Parallel()
	const components, calls = 200, 1000
	for _, row := range []struct {
		why   string
		http  int
		qps   float64
		rate  float64 // what the registry lets all have
		limit func() bool
		other neighbour
		ratio float64 // zero: 1.15
	}{
		{why: "Quay's own over HTTP/1.1", http: 1, rate: 5, limit: bucket(5, 25)},
		{why: "Quay's own over HTTP/2", http: 2, rate: 50, limit: bucket(50, 100)},
		{why: "far more than we begin with", http: 1, rate: 50, limit: bucket(50, 100)},
		{why: "more than we begin with", http: 2, rate: 30, limit: bucket(30, 10)},
		{why: "less than we begin with", http: 2, rate: 13, limit: bucket(13, 20)},
		{why: "far less than we begin with", http: 2, rate: 2, limit: bucket(2, 5)},
		{why: "no bucket to speak of", http: 1, rate: 5, limit: bucket(5, 1)},
		{why: "a ceiling a little above it", http: 1, qps: 5.5, rate: 5, limit: bucket(5, 25)},
		{why: "so, without a bucket", http: 1, qps: 5.5, rate: 5, limit: bucket(5, 1)},
		{why: "a window of a second", http: 1, rate: 5, limit: window(5, time.Second)},
		{why: "a window of ten seconds", http: 2, rate: 20, limit: window(200, 10*time.Second)},
		{why: "a window of a minute", http: 1, rate: 5, limit: window(300, time.Minute)},
		{why: "a quiet neighbour", http: 1, rate: 10, limit: bucket(10, 25), other: neighbour{perSecond: 4}},
		{why: "a neighbour who takes most", http: 1, rate: 10, limit: bucket(10, 25), other: neighbour{perSecond: 8}},
		{why: "a neighbour who comes and goes", http: 2, rate: 20, limit: bucket(20, 25), other: neighbour{18, 20 * time.Second}, ratio: 3},
		{why: "a window with a neighbour", http: 1, rate: 10, limit: window(100, 10*time.Second), other: neighbour{perSecond: 5}},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRegistry(row.http, row.limit)
				c := newClientOf(t, r, row.qps, 1)
				ctx, cancel := context.WithCancel(t.Context())
				others := make(chan int, 1)
				if row.other.perSecond > 0 {
					go func() { others <- row.other.run(ctx, row.limit) }()
				} else {
					others <- 0
				}
				took := serve(t, c, components)
				cancel()
				left := row.rate - float64(<-others)/took.Seconds()
				if ratio := took.Seconds() / (calls / left); ratio > cmp.Or(row.ratio, 1.15) {
					t.Errorf("it took %.2f times as long as at the rate that was left to us (%.1f a second)", ratio, left)
				}
				if n := r.Refused(); n > calls/15 {
					t.Errorf("%d refusals for %d calls", n, calls)
				}
			})
		})
	}
}

// A ceiling that is below what the registry allows is used to the last call, and
// never passed: so many at once, and then one after the other.
func TestTheCeilingIsFilled(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		qps     float64
		clients int
		took    time.Duration // of a hundred calls, ten of them at once
	}{
		{2, 1, 45 * time.Second},
		{5, 1, 18 * time.Second},
		{5, 2, 36 * time.Second},
		{5, 4, 72 * time.Second},
		{0.5, 1, 3 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newClientOf(t, &answers{list: []answerFunc{replyJSON(200, robotBody)}}, row.qps, row.clients)
			start := time.Now()
			var users sync.WaitGroup
			for range 5 {
				users.Go(func() {
					for range 20 {
						if _, err := c.GetRobot(t.Context(), "r"); err != nil {
							t.Error(err)
						}
					}
				})
			}
			users.Wait()
			if took := time.Since(start); took.Round(time.Microsecond) != row.took {
				t.Errorf("%v a second for %d: took %s, want %s", row.qps, row.clients, took, row.took)
			}
			if limited := c.Stats().Throttled; limited.Round(time.Microsecond) != row.took {
				t.Errorf("%v a second for %d: limited for %s; somebody waited all the time, %s", row.qps, row.clients, limited, row.took)
			}
		})
	}
}

// What the rate begins with is known only when the first answer comes.
func TestTheRateBeginsWithTheProtocol(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		http, clients int
		qps, want     float64
	}{
		{http: 1, clients: 1, want: 5},
		{http: 2, clients: 1, want: 20},
		{http: 2, clients: 4, want: 5},
		{http: 2, clients: 1, qps: 8, want: 8},
		{http: 1, clients: 4, qps: 8, want: 1.25},
	} {
		c := newClientOf(t, newRegistry(row.http, nil), row.qps, row.clients)
		if _, err := c.GetOrganization(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := c.transport.throttle.limiter.Limit(); got != rate.Limit(row.want) {
			t.Errorf("%+v: it begins with %v a second", row, got)
		}
	}
}

// A rate that nobody uses is not proven by the answers.
func TestAnUnusedRateDoesNotRise(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClientOf(t, newRegistry(1, nil), 0, 1)
		for range 50 {
			if _, err := c.GetOrganization(t.Context()); err != nil {
				t.Fatal(err)
			}
			_ = sleep(t.Context(), time.Second)
		}
		if got := c.transport.throttle.limiter.Limit(); got != startHTTP1 {
			t.Errorf("one call a second made the rate %v", got)
		}
		if s := c.Stats(); s.Throttled != 0 {
			t.Errorf("nobody waited, and it says %s", s.Throttled)
		}
	})
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

// While all that comes is refusals, one request in a while asks again, however
// many wait; and the first good answer ends the pauses.
func TestOneAsksForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		opens := time.Now().Add(time.Minute)
		r := newRegistry(2, func() bool { return time.Now().After(opens) })
		r.latency = 900 * time.Millisecond
		c := newClientOf(t, r, 0, 1)
		var users sync.WaitGroup
		for range 50 {
			users.Go(func() {
				if _, err := c.GetOrganization(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		users.Wait()
		// Those that were under way at the first refusal, then one each time.
		if n := r.Refused(); n > 14+11 {
			t.Errorf("%d refusals in a minute", n)
		}
		if late := time.Since(opens); late > lastPause+50/startHTTP1*time.Second {
			t.Errorf("done %s after the registry opened", late)
		}
	})
}

// The one that asks for all may itself meet trouble, or hang: the others do not
// depend on it.
func TestTheOneWhoAsksFails(t *testing.T) {
	t.Parallel()
	hangs := func(r *http.Request) (*http.Response, error) {
		_ = sleep(r.Context(), 20*time.Second)
		return replyJSON(200, robotBody)(nil)
	}
	for why, probe := range map[string]answerFunc{
		"no answer": fail(errors.New("connection reset by peer")),
		"hangs":     hangs,
	} {
		synctest.Test(t, func(t *testing.T) {
			c, _ := newTestClient(t, replyJSON(200, robotBody), reply(429, "text/html", "<html>"), probe, replyJSON(200, robotBody))
			if _, err := c.GetRobot(t.Context(), "r"); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			var soon atomic.Int32
			var users sync.WaitGroup
			for range 8 {
				users.Go(func() {
					if _, err := c.GetRobot(t.Context(), "r"); err != nil {
						t.Error(err)
					}
					if time.Since(start) < 5*time.Second {
						soon.Add(1)
					}
				})
			}
			users.Wait()
			if soon.Load() < 7 {
				t.Errorf("%s: only %d of 8 were served soon", why, soon.Load())
			}
			if c.transport.throttle.probe != nil {
				t.Errorf("%s: the others still wait for it", why)
			}
		})
	}
}

// Users that come together, now and then, meet a registry that lets two in at once:
// it is no matter of the rate, and they learn it once.
func TestTooManyAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRegistry(1, bucket(50, 2))
		c := newClientOf(t, r, 0, 1)
		for range 10 {
			var users sync.WaitGroup
			for range 8 {
				users.Go(func() {
					if _, err := c.GetOrganization(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			users.Wait()
			_ = sleep(t.Context(), 10*time.Second)
		}
		if n := r.Refused(); n > 8 {
			t.Errorf("%d were refused, more than came together once", n)
		}
		if th := c.transport.throttle; th.found != 0 || th.limiter.Limit() < startHTTP1 {
			t.Errorf("the rate was taken for too high: %v, it is %v", th.found, th.limiter.Limit())
		}
	})
}

// However often it is refused, the rate does not come to nothing; and a registry in
// trouble does not raise it.
func TestTheRateHasAFloor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := 0
		c := newClientOf(t, &answers{list: []answerFunc{func(r *http.Request) (*http.Response, error) {
			if turns++; turns%2 == 0 {
				return reply(429, "text/html", "<html>")(r)
			}
			return replyJSON(200, robotBody)(r)
		}}}, 0, 1)
		for range 60 {
			if _, err := c.GetRobot(t.Context(), "r"); err != nil {
				t.Fatal(err)
			}
		}
		if got := c.transport.throttle.limiter.Limit(); got < slowestQPS {
			t.Errorf("the rate fell to %v", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c := newClientOf(t, &answers{list: []answerFunc{html}}, 0, 1)
		var users sync.WaitGroup
		for range 8 {
			users.Go(func() {
				for range 10 {
					_, _ = c.GetRobot(t.Context(), "r")
				}
			})
		}
		users.Wait()
		if got := c.transport.throttle.limiter.Limit(); got != startHTTP1 {
			t.Errorf("failures made the rate %v", got)
		}
	})
}
