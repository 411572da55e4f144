package api

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"
)

// A run rests on its lists, and client-go repeats them only where the answer says when.
const (
	firstWait = 500 * time.Millisecond
	maxWait   = 10 * time.Second

	// A page that the API server itself fails is tried again few times, and so is all while
	// no answer has ever come, which is rather a wrong address; the restart of an API server
	// is to be outlasted.
	fewRetries     = 4
	restartRetries = 9
)

// again waits and reports whether a page of a list, of which n attempts were made again
// already, is to be tried once more.
func (c *Client) again(ctx context.Context, err error, n int) bool {
	most := restartRetries
	if e, ok := errors.AsType[*Error](err); ok && e.Status == http.StatusInternalServerError || !c.transport.met.Load() {
		most = fewRetries
	}
	if n >= most || !transient(ctx, err) {
		return false
	}
	wait := c.backoff(n)
	if end, ok := ctx.Deadline(); ok && time.Until(end) < wait {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// transient reports whether an error passes by itself: there was no answer, or only a
// part of one, or it came from a server that has too much to do or is being started.
func transient(ctx context.Context, err error) bool {
	var certificate *tls.CertificateVerificationError
	e, ok := errors.AsType[*Error](err)
	if !ok || ctx.Err() != nil || !e.Is(ErrUnavailable) || errors.As(err, &certificate) {
		return false
	}
	switch {
	case e.Status == 0:
		return true
	case e.Status == http.StatusOK: // an answer that is whole, and wrong, has no cause
		return e.cause != nil
	}
	return e.Status == http.StatusTooManyRequests || e.Status >= http.StatusInternalServerError
}

// backoff is a random time up to an exponentially growing bound and at least half of it.
func backoff(n int) time.Duration {
	bound := maxWait
	if n < 5 {
		bound = min(firstWait<<n, maxWait)
	}
	return bound/2 + rand.N(bound/2) //nolint:gosec // jitter, not a secret
}
