// Package pace finds the rate of requests that a host allows, and holds all users of a client
// to it.
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
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Range is where the rate of a host is looked for, which tells it nowhere: requests a second.
type Range struct {
	First float64 // before anything is known,
	HTTP2 float64 // and as soon as the first answer came over HTTP/2; zero: the same
	Most  float64
	Part  float64 // the most as soon as one was refused: what refuses may count other clients, too; zero: the same
}

// How it is found.
const (
	slowest    = 0.2             // requests a second, however often they are refused: a run that stands still finds nothing;
	lowest     = 0.04            // of the first rate, where that is less
	gain       = 0.5             // what a good answer adds, until the first refusal: half of the rate, each second
	fall       = 1.0 / 3         // what a refusal takes
	regained   = 8 * time.Second // after which the rate that was found is tried again
	enough     = 10              // answers that tell of a rate,
	longEnough = time.Second     // if they took so long
	firstPause = 250 * time.Millisecond
	lastPause  = 10 * time.Second // of those that double while nothing but refusals comes
	longestAsk = 30 * time.Second // of those that the host names: a Retry-After of a day is a mistake
	probeTime  = time.Second      // how long the others wait for the first answer after a pause
)

// Limiter holds all users of a client to one rate, and finds the highest that
// the host allows. It begins slowly and rises while all is well. A 429 stops all
// for a moment, and takes a third; then the rate returns along a curve like that of
// TCP (RFC 9438): fast to about where it was refused, slowly past it, and faster
// again, for another client may have gone. It is steeper than TCP's cubic: where a
// host forgives nothing, what lies below the rate is lost. It rises with answers
// to calls that had to wait, and not otherwise: a rate that nobody used is not proven.
type Limiter struct {
	limiter *rate.Limiter
	ceiling float64 // of this client,
	part    float64 // and once it was refused
	http2   float64 // what it begins with there
	floor   float64
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

// New begins anew; burst is how many requests may be sent at once beyond the rate, until the
// first refusal.
func New(r Range, burst int) *Limiter {
	l := &Limiter{ceiling: r.Most, part: cmp.Or(r.Part, r.Most), http2: r.HTTP2, floor: min(slowest, r.First*lowest), turn: make(chan struct{}, 1)}
	l.limiter = rate.NewLimiter(rate.Limit(min(r.First, l.ceiling)), max(1, burst))
	return l
}

// Enter returns when the next request may be sent, in the order in which it was
// called. An error is the context's, and comes at once when waiting would outlast it.
func (l *Limiter) Enter(ctx context.Context) (Pass, error) {
	var p Pass
	if err := ctx.Err(); err != nil {
		return p, err
	}
	defer func() { l.count(p.waited, -1) }()
	wait := func() {
		l.count(!p.waited, 1)
		p.waited = true
	}
	select {
	case l.turn <- struct{}{}:
	default:
		wait()
		select {
		case l.turn <- struct{}{}:
		case <-ctx.Done():
			return p, ctx.Err()
		}
	}
	defer func() { <-l.turn }()
	turn := l.limiter.Reserve()
	if d := turn.Delay(); d > 0 {
		wait()
		if err := Sleep(ctx, d); err != nil {
			turn.Cancel()
			return p, err
		}
	}
	for {
		d, probe := l.held(&p)
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
// goes first, so that a host that still refuses does so once; the others
// wait for its answer, for a while.
func (l *Limiter) held(p *Pass) (time.Duration, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if d := l.until.Sub(now); d > 0 {
		return d, nil
	}
	if l.probe != nil {
		if d := l.until.Add(probeTime).Sub(now); d > 0 {
			return d, l.probe
		}
	}
	if l.refused && l.probe == nil {
		l.probe = make(chan struct{})
		l.until = now // since when the others wait
		p.probe = l.probe
	}
	p.pauses = l.pauses
	return 0, nil
}

// count adds to the users that wait, if that is so.
func (l *Limiter) count(so bool, n int) {
	if so {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.limited.add(n, time.Now())
	}
}

// Limited is the time during which at least one user had to wait.
func (l *Limiter) Limited() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.limited.total(time.Now())
}
