package pace

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"
)

// registry limits the rate, some way off.
type registry struct {
	allow   func() bool // says whether a request may pass now, concurrently; nil: always
	latency time.Duration
	http    int // its major version
	answer  func(context.Context) (status int, err error)
	refused atomic.Int64
}

func newRegistry(version int, allow func() bool) *registry {
	return &registry{allow: allow, latency: 50 * time.Millisecond, http: version}
}

func (r *registry) get(ctx context.Context) (*http.Response, error) {
	resp := &http.Response{StatusCode: http.StatusOK, ProtoMajor: r.http}
	if err := Sleep(ctx, r.latency); err != nil {
		return nil, err
	}
	switch {
	case r.allow != nil && !r.allow():
		r.refused.Add(1)
		resp.StatusCode = http.StatusTooManyRequests
	case r.answer != nil:
		var err error
		if resp.StatusCode, err = r.answer(ctx); err != nil {
			return nil, err
		}
	}
	return resp, nil
}

// client asks a registry at the pace that is found, again whenever the limit refused it.
type client struct {
	*Limiter
	registry *registry
}

// What the tests begin with, and the most that they try.
const startHTTP1, startHTTP2, most = 5, 20, 50

func newClient(r *registry, qps float64) client {
	return client{New(Range{First: startHTTP1, HTTP2: startHTTP2, Most: cmp.Or(qps, most)}, 10), r}
}

func (c client) call(t *testing.T) {
	t.Helper()
	for {
		p, err := c.Enter(t.Context())
		if err != nil {
			t.Error(err)
			return
		}
		resp, err := c.registry.get(t.Context()) //nolint:bodyclose // it has none
		c.Learn(p, resp)
		if err != nil || resp.StatusCode != http.StatusTooManyRequests {
			return
		}
	}
}

// users make so many calls each, side by side.
func (c client) users(t *testing.T, n, calls int) {
	t.Helper()
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for range calls {
				c.call(t)
			}
		})
	}
	all.Wait()
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
	const users, calls = 8, 1000
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
				c := newClient(r, row.qps)
				ctx, cancel := context.WithCancel(t.Context())
				others := make(chan int, 1)
				if row.other.perSecond > 0 {
					go func() { others <- row.other.run(ctx, row.limit) }()
				} else {
					others <- 0
				}
				start := time.Now()
				c.users(t, users, calls/users)
				took := time.Since(start)
				cancel()
				left := row.rate - float64(<-others)/took.Seconds()
				if ratio := took.Seconds() / (calls / left); ratio > cmp.Or(row.ratio, 1.15) {
					t.Errorf("it took %.2f times as long as at the rate that was left to us (%.1f a second)", ratio, left)
				}
				if n := r.refused.Load(); n > calls/15 {
					t.Errorf("%d refusals for %d calls", n, calls)
				}
			})
		})
	}
}

// Clients that know nothing of each other share what a registry lets all have, each finding
// its part: together they take about as long as one would, and none of them starves.
func TestClientsShareARate(t *testing.T) {
	t.Parallel()
	const clients, users, calls = 4, 8, 1000
	for _, row := range []struct {
		why   string
		http  int
		rate  float64
		limit func() bool
	}{
		{"Quay's own, of an address", 1, 5, bucket(5, 25)},
		{"as one connection has over HTTP/2", 2, 50, bucket(50, 100)},
		{"less than they begin with", 2, 20, bucket(20, 25)},
		{"far less", 2, 5, bucket(5, 25)},
		{"a window", 2, 20, window(200, 10*time.Second)},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRegistry(row.http, row.limit)
				start := time.Now()
				var all sync.WaitGroup
				var took [clients]time.Duration
				for i := range took {
					all.Go(func() {
						client{New(Range{startHTTP1 / clients, startHTTP2, most, most / clients}, 3), r}.users(t, users, calls/clients/users)
						took[i] = time.Since(start)
					})
				}
				all.Wait()
				first, last := slices.Min(took[:]), slices.Max(took[:])
				if ratio := last.Seconds() / (calls / row.rate); ratio > 1.25 {
					t.Errorf("together they took %.2f times as long as one at the rate of all", ratio)
				}
				if first < last/3 {
					t.Errorf("one was done after %s, another after %s", first, last)
				}
				if n := r.refused.Load(); n > calls/5 {
					t.Errorf("%d refusals for %d calls", n, calls)
				}
			})
		})
	}
}

// Where nothing is refused the rate comes to the most that is tried within seconds, so that
// two hundred new Components, a thousand calls, are a matter of twenty; and not at once.
func TestTheRateRisesSoon(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		http        int
		within      time.Duration
		least, most int64 // calls by then
	}{
		{2, time.Second, 30, 10 + 35},
		{2, 3 * time.Second, 120, 10 + 3*most},
		{2, 21 * time.Second, 1004, 10 + 21*most},
		{1, time.Second, 13, 10 + 8},
		{1, 5 * time.Second, 90, 10 + 120},
		{1, 24 * time.Second, 1004, 10 + 24*most},
	} {
		synctest.Test(t, func(t *testing.T) {
			var calls atomic.Int64
			r := newRegistry(row.http, func() bool { calls.Add(1); return true })
			c := newClient(r, 0)
			ctx, cancel := context.WithTimeout(t.Context(), row.within)
			defer cancel()
			var users sync.WaitGroup
			for range 8 {
				users.Go(func() {
					for {
						p, err := c.Enter(ctx)
						if err != nil {
							return
						}
						resp, _ := r.get(ctx) //nolint:bodyclose // it has none
						c.Learn(p, resp)
					}
				})
			}
			users.Wait()
			if n := calls.Load(); n < row.least || n > row.most {
				t.Errorf("over HTTP/%d %d calls in %v, not %d to %d", row.http, n, row.within, row.least, row.most)
			}
		})
	}
}

// A ceiling that is below what the registry allows is used to the last call, and
// never passed: so many at once, and then one after the other.
func TestTheCeilingIsFilled(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		qps  float64
		took time.Duration // of a hundred calls, ten of them at once
	}{
		{2, 45 * time.Second},
		{5, 18 * time.Second},
		{1.25, 72 * time.Second},
		{0.5, 3 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newClient(&registry{}, row.qps)
			start := time.Now()
			c.users(t, 5, 20)
			if took := time.Since(start); took.Round(time.Microsecond) != row.took {
				t.Errorf("%v a second: took %s, want %s", row.qps, took, row.took)
			}
			if limited := c.Limited(); limited.Round(time.Microsecond) != row.took {
				t.Errorf("%v a second: limited for %s; somebody waited all the time, %s", row.qps, limited, row.took)
			}
		})
	}
}

// What the rate begins with is known only when the first answer comes.
func TestTheRateBeginsWithTheProtocol(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		http      int
		qps, want float64
	}{
		{http: 1, want: 5},
		{http: 2, want: 20},
		{http: 2, qps: 8, want: 8},
		{http: 1, qps: 2, want: 2},
	} {
		c := newClient(&registry{http: row.http}, row.qps)
		c.call(t)
		if got := c.limiter.Limit(); got != rate.Limit(row.want) {
			t.Errorf("%+v: it begins with %v a second", row, got)
		}
	}
}

// A rate that nobody uses is not proven by the answers.
func TestAnUnusedRateDoesNotRise(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(newRegistry(1, nil), 0)
		for range 50 {
			c.call(t)
			_ = Sleep(t.Context(), time.Second) // of virtual time
		}
		if got := c.limiter.Limit(); got != startHTTP1 {
			t.Errorf("one call a second made the rate %v", got)
		}
		if limited := c.Limited(); limited != 0 {
			t.Errorf("nobody waited, and it says %s", limited)
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
		newClient(r, 0).users(t, 50, 1)
		// Those that were under way at the first refusal, then one each time.
		if n := r.refused.Load(); n > 14+11 {
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
	for why, probe := range map[string]func(context.Context) error{
		"no answer": func(context.Context) error { return errors.New("connection reset by peer") },
		"hangs":     func(ctx context.Context) error { return Sleep(ctx, 20*time.Second) },
	} {
		synctest.Test(t, func(t *testing.T) {
			var turn atomic.Int64
			c := newClient(&registry{http: 1, answer: func(ctx context.Context) (int, error) {
				switch turn.Add(1) {
				case 2:
					return http.StatusTooManyRequests, nil
				case 3:
					return http.StatusOK, probe(ctx)
				}
				return http.StatusOK, nil
			}}, 0)
			c.call(t)
			start := time.Now()
			var soon atomic.Int32
			var users sync.WaitGroup
			for range 8 {
				users.Go(func() {
					c.call(t)
					if time.Since(start) < 5*time.Second {
						soon.Add(1)
					}
				})
			}
			users.Wait()
			if soon.Load() < 7 {
				t.Errorf("%s: only %d of 8 were served soon", why, soon.Load())
			}
			if c.probe != nil {
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
		c := newClient(r, 0)
		for range 10 {
			c.users(t, 8, 1)
			_ = Sleep(t.Context(), 10*time.Second) // of virtual time
		}
		if n := r.refused.Load(); n > 8 {
			t.Errorf("%d were refused, more than came together once", n)
		}
		if c.found != 0 || c.limiter.Limit() < startHTTP1 {
			t.Errorf("the rate was taken for too high: %v, it is %v", c.found, c.limiter.Limit())
		}
	})
}

// However often it is refused, the rate does not come to nothing; and a registry in
// trouble does not raise it.
func TestTheRateHasAFloor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := 0
		c := newClient(&registry{http: 1, allow: func() bool { turns++; return turns%2 != 0 }}, 0)
		for range 60 {
			c.call(t)
		}
		if got := c.limiter.Limit(); got < slowest {
			t.Errorf("the rate fell to %v", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		fails := func(context.Context) (int, error) { return http.StatusBadGateway, nil }
		c := newClient(&registry{http: 1, answer: fails}, 0)
		c.users(t, 8, 10)
		if got := c.limiter.Limit(); got != startHTTP1 {
			t.Errorf("failures made the rate %v", got)
		}
	})
}
