package quay

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"berth/quay/pace"
)

const (
	firstWait = 500 * time.Millisecond
	maxWait   = 10 * time.Second

	maxRetries = 4  // of a call that Quay itself fails
	retryFloor = 20 // of these a run may always make, however few its calls;
	retryShare = 5  // beyond them, at most one call in five is one

	// A restart of Quay takes a minute: its gateway answers, or nobody does.
	restart        = 75 * time.Second
	restartRetries = 16 // which take a minute at least

	// patience is how long a call is refused by the rate limit. It has no effect
	// there and may be repeated at any time.
	patience = 5 * time.Minute
)

// policy says which failed attempts are made again, and when. A call that is not
// repeatable is sent again only when nothing was sent or when the rate limit
// answered, which it does before Quay sees the request.
type policy struct {
	sent    func() int64
	backoff func(attempt int) time.Duration
	failed  atomic.Int64 // calls made again because Quay itself failed them

	mu   sync.Mutex
	met  bool      // Quay, or the gateway before it, has answered once
	away time.Time // since when Quay itself has answered nothing; zero: it is there
}

// check is told how each attempt ended, and returns when the next one is due.
func (p *policy) check(ctx context.Context, _ *http.Response, err error) (bool, error) {
	c, now := callOf(ctx), time.Now()
	if away := p.note(err, now); err == nil || !p.again(c, err, away, now) {
		return false, err
	}
	if errors.Is(err, ErrRateLimited) {
		return true, nil // the limiter lets it wait
	}
	c.failures++
	if over := pace.Sleep(ctx, p.backoff(c.failures-1)); over != nil {
		return false, ended(ctx, c.op, over)
	}
	return true, nil
}

// note keeps since when Quay is away, and returns it; zero: it is there, or never
// was, which is rather a wrong address than a restart.
func (p *policy) note(err error, now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	own, _ := errors.AsType[*Error](err)
	switch {
	case errors.Is(err, ErrEnded), errors.Is(err, ErrWriteRefused): // nobody was asked to the end
	case own == nil || !own.silent():
		p.met, p.away = true, time.Time{}
	case p.met || own.Status != 0:
		p.met = true
		if p.away.IsZero() {
			p.away = now
		}
	}
	return p.away
}

func (p *policy) again(c *call, err error, away, now time.Time) bool {
	if errors.Is(err, ErrRateLimited) {
		c.refused = cmp.Or(c.refused, now)
		return now.Sub(c.refused) < patience
	}
	var certificate *tls.CertificateVerificationError
	if !errors.Is(err, ErrUnavailable) || errors.As(err, &certificate) {
		return false
	}
	c.failing = cmp.Or(c.failing, now)
	own, _ := errors.AsType[*Error](err)
	if !away.IsZero() && own.silent() {
		// What others met counts, too: where Quay stays away, each call need not
		// find that out for itself.
		return c.failures < restartRetries && now.Sub(away) < restart && now.Sub(c.failing) < restart
	}
	if n := p.failed.Load(); c.failures >= maxRetries || n >= retryFloor && n*retryShare >= p.sent() {
		return false
	}
	p.failed.Add(1)
	return true
}

// backoff is a random time up to an exponentially growing bound and at least
// half of it, so that workers that failed together do not come back together.
func backoff(attempt int) time.Duration {
	bound := maxWait
	if attempt < 5 {
		bound = min(firstWait<<attempt, maxWait)
	}
	return bound/2 + rand.N(bound/2) //nolint:gosec // jitter, not a secret
}
