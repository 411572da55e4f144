// Package pace finds the rate of requests that a registry allows, and holds all users of
// a client to it.
//
// It promises: one rate and one pause for all; the order in which they came; never a storm
// of refusals, and never a standstill; no wait beyond the end of a context.
//
// It leaves to others what is sent, which calls are made again, and what any answer means
// but its status: that the rate limit refused it, that a server is in trouble, or neither.
package pace

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// The rate that a registry allows is not told anywhere, so it is found. Rates are
// requests a second of all clients that share it.
const (
	startHTTP1 = 5   // what Quay's proxy allows an address over HTTP/1.1 (conf/nginx/rate-limiting.conf.jnj:80)
	startHTTP2 = 20  // it allows a connection 50 over HTTP/2
	autoQPS    = 50  // the most that it allows anybody, and so the most that is tried unasked
	slowestQPS = 0.2 // however often it is refused: a run that stands still finds nothing
)

// How it is found.
const (
	gain       = 0.5             // what a good answer adds, until the first refusal: half of the rate, each second
	fall       = 1.0 / 3         // what a refusal takes
	regained   = 8 * time.Second // after which the rate that was found is tried again
	enough     = 10              // answers that tell of a rate,
	longEnough = time.Second     // if they took so long
	firstPause = 250 * time.Millisecond
	lastPause  = 10 * time.Second // of those that double while nothing but refusals comes
	longestAsk = 30 * time.Second // of those that the registry names: a Retry-After of a day is a mistake
	probeTime  = time.Second      // how long the others wait for the first answer after a pause
)

// Limiter holds all users of a client to one rate, and finds the highest that
// the registry allows. It begins slowly and rises while all is well. A 429 stops all
// for a moment, and takes a third; then the rate returns along a curve like that of
// TCP (RFC 9438): fast to about where it was refused, slowly past it, and faster
// again, for another client may have gone. It is steeper than TCP's cubic: where a
// registry forgives nothing, what lies below the rate is lost. It rises with answers
// to calls that had to wait, and not otherwise: a rate that nobody used is not proven.
type Limiter struct {
	limiter *rate.Limiter
	ceiling float64       // of this client
	part    float64       // of what all clients may together that is this one's
	turn    chan struct{} // is held by who is next; the others queue for it

	mu      sync.Mutex
	met     bool          // an answer told which HTTP it is
	found   float64       // the rate to return to; zero: never refused
	since   float64       // seconds at the limit since the last refusal
	answers int           // good ones since a refusal that told of the rate,
	from    time.Duration // and the time limited by then
	until   time.Time     // no request before
	pauses  int           // so far
	pause   time.Duration // the last one
	refused bool          // and nothing but refusals since
	probe   chan struct{} // closed when the first request after a pause is answered; nil: there is none
	limited stopwatch
}

// Pass lets one request go.
type Pass struct {
	pauses int           // how many there had been: an answer to it tells nothing of later ones
	waited bool          // it was held back
	probe  chan struct{} // not nil: it is the first after a pause
}

// New is for one of so many clients that share a rate; qps is of all of
// them, zero for what the registry allows.
func New(qps float64, burst, clients int) *Limiter {
	if qps <= 0 {
		qps = autoQPS
	}
	part := 1 / float64(max(1, clients))
	t := &Limiter{ceiling: qps * part, part: part, turn: make(chan struct{}, 1)}
	t.limiter = rate.NewLimiter(rate.Limit(min(startHTTP1*part, t.ceiling)), max(1, burst))
	return t
}

// Enter returns when the next request may be sent, in the order in which it was
// called. An error is the context's, and comes at once when waiting would outlast it.
func (t *Limiter) Enter(ctx context.Context) (Pass, error) {
	var p Pass
	if err := ctx.Err(); err != nil {
		return p, err
	}
	defer func() { t.count(p.waited, -1) }()
	wait := func() {
		t.count(!p.waited, 1)
		p.waited = true
	}
	select {
	case t.turn <- struct{}{}:
	default:
		wait()
		select {
		case t.turn <- struct{}{}:
		case <-ctx.Done():
			return p, ctx.Err()
		}
	}
	defer func() { <-t.turn }()
	turn := t.limiter.Reserve()
	if d := turn.Delay(); d > 0 {
		wait()
		if err := Sleep(ctx, d); err != nil {
			turn.Cancel()
			return p, err
		}
	}
	for {
		d, probe := t.held(&p)
		if d <= 0 {
			return p, nil
		}
		wait()
		if err := sleepUnless(ctx, d, probe); err != nil {
			return p, err
		}
	}
}

// held says how long nobody may go, or lets the request pass. After a pause one
// goes first, so that a registry that still refuses does so once; the others
// wait for its answer, for a while.
func (t *Limiter) held(p *Pass) (time.Duration, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if d := t.until.Sub(now); d > 0 {
		return d, nil
	}
	if t.probe != nil {
		if d := t.until.Add(probeTime).Sub(now); d > 0 {
			return d, t.probe
		}
	}
	if t.refused && t.probe == nil {
		t.probe = make(chan struct{})
		t.until = now // since when the others wait
		p.probe = t.probe
	}
	p.pauses = t.pauses
	return 0, nil
}

// Learn takes note of an answer; nil: there was none.
func (t *Limiter) Learn(p Pass, resp *http.Response) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.probe != nil {
		close(p.probe)
		if t.probe == p.probe {
			t.probe = nil
		}
	}
	switch {
	case resp == nil || resp.StatusCode >= http.StatusInternalServerError: // Quay is in trouble, which says nothing of a limit
	case resp.StatusCode != http.StatusTooManyRequests:
		t.accept(p, resp)
	case p.pauses == t.pauses: // or one that was sent together with it has said so already
		t.refuse(p, retryAfter(resp))
	}
}

func (t *Limiter) accept(p Pass, resp *http.Response) {
	t.answers++
	if p.pauses < t.pauses {
		return
	}
	t.refused = false
	r := float64(t.limiter.Limit())
	switch {
	case !t.met && resp.ProtoMajor >= 2:
		r = startHTTP2 * t.part
	case !p.waited:
	case t.found == 0:
		r += gain
	default:
		t.since += 1 / r
		x := t.since/regained.Seconds() - 1
		r = t.found * (1 + fall*math.Pow(x, 5))
	}
	t.met = true
	t.set(r)
}

func (t *Limiter) refuse(p Pass, asked time.Duration) {
	now := time.Now()
	if t.refused {
		t.pause = min(2*t.pause, lastPause)
	} else {
		t.pause = firstPause
		t.lower(p, now)
	}
	t.refused = true
	t.pauses++
	t.until = now.Add(cmp.Or(asked, t.pause))
}

// lower sets the rate below the one that was refused. What came through between two
// refusals is a measure of what the registry allows, but a low one, since there was a
// pause; the refused rate is a high one. The truth is between.
func (t *Limiter) lower(p Pass, now time.Time) {
	tooMany := !p.waited && t.limiter.Burst() > 1
	t.limiter.SetBurst(1) // from the first refusal on evenly,
	if tooMany {
		return // for it was about so many at once, not about the rate
	}
	r := float64(t.limiter.Limit())
	took := t.limited.total(now) - t.from
	told := t.answers >= enough && took >= longEnough
	if t.found > 0 && told {
		r = min(r, math.Sqrt(r*float64(t.answers)/took.Seconds()))
	}
	if t.found == 0 || told {
		t.answers, t.from = 0, t.limited.total(now)
	}
	t.found, t.since = r, 0
	t.set(r * (1 - fall))
}

func (t *Limiter) set(r float64) {
	t.limiter.SetLimit(rate.Limit(min(max(r, slowestQPS*t.part), t.ceiling)))
}

// count adds to the users that wait, if that is so.
func (t *Limiter) count(so bool, n int) {
	if so {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.limited.add(n, time.Now())
	}
}

// Limited is the time during which at least one user had to wait.
func (t *Limiter) Limited() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.limited.total(time.Now())
}

// stopwatch runs while there is anybody.
type stopwatch struct {
	n       int
	began   time.Time
	stopped time.Duration
}

func (s *stopwatch) add(n int, now time.Time) {
	s.stopped = s.total(now)
	s.began = now
	s.n += n
}

func (s *stopwatch) total(now time.Time) time.Duration {
	if s.n == 0 {
		return s.stopped
	}
	return s.stopped + now.Sub(s.began)
}

// retryAfter reads the seconds form, which is all a proxy in front of Quay
// sends; anything else means "no word".
func retryAfter(resp *http.Response) time.Duration {
	seconds, err := strconv.Atoi(strings.TrimSpace(resp.Header.Get("Retry-After")))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, int(longestAsk/time.Second))) * time.Second
}

// Sleep waits, unless that takes longer than the context lasts: then there is
// nothing to wait for.
func Sleep(ctx context.Context, d time.Duration) error { return sleepUnless(ctx, d, nil) }

// sleepUnless ends also when something else does.
func sleepUnless(ctx context.Context, d time.Duration, other <-chan struct{}) error {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < d {
		return context.DeadlineExceeded
	}
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-other:
	case <-timer.C:
	}
	return nil
}
