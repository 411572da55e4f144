package quay

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	maxRetries  = 4
	firstWait   = 500 * time.Millisecond
	maxWait     = 30 * time.Second
	retryFloor  = 20 // retries a run may always make, however few its calls
	retryShare  = 5  // beyond them, at most one call in five is a retry
	pauseFactor = 2
)

// policy says which failed attempts are made again. A call that is not
// repeatable is sent again only when nothing was sent or when the rate limit
// answered, which it does before Quay sees the request.
type policy struct {
	sent    func() int64
	retries *atomic.Int64
}

func (p *policy) check(ctx context.Context, _ *http.Response, err error) (bool, error) {
	if ctx.Err() != nil || err == nil {
		return false, err
	}
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) || !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrRateLimited) {
		return false, err
	}
	if n := p.retries.Load(); n >= retryFloor && n*retryShare >= p.sent() {
		return false, err
	}
	return true, nil
}

// backoff waits a random time up to an exponentially growing bound, so that
// workers that failed together do not come back together.
func backoff(_, _ time.Duration, attempt int, _ *http.Response) time.Duration {
	bound := min(firstWait<<attempt, maxWait)
	return rand.N(bound) //nolint:gosec // jitter, not a secret
}

// throttle holds all workers of a run to one rate, and all of them back when
// Quay says 429.
type throttle struct {
	limiter *rate.Limiter

	mu     sync.Mutex
	until  time.Time     // no request before
	next   time.Duration // pause after the next 429 that names none
	waited time.Duration
}

func newThrottle(qps float64, burst int) *throttle {
	return &throttle{limiter: rate.NewLimiter(rate.Limit(qps), burst), next: time.Second}
}

// wait returns when the next request may be sent.
func (t *throttle) wait(ctx context.Context) error {
	for d := t.pausing(); d > 0; d = t.pausing() {
		if err := t.sleep(ctx, d); err != nil {
			return err
		}
	}
	turn := t.limiter.Reserve()
	if err := t.sleep(ctx, turn.Delay()); err != nil {
		turn.Cancel()
		return err
	}
	return nil
}

func (t *throttle) pausing() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Until(t.until)
}

func (t *throttle) sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t.mu.Lock()
	t.waited += d
	t.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// pause stops all requests for d, or for a growing time when d is zero. Many
// workers see the same 429: only the first one sets the pause.
func (t *throttle) pause(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if now.Before(t.until) {
		return
	}
	if d <= 0 {
		d = t.next
		t.next = min(t.next*pauseFactor, maxWait)
	}
	t.until = now.Add(d)
}

func (t *throttle) total() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.waited
}
