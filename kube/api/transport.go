package api

import (
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
)

// transport sees every request as it is sent. It keeps count, refuses writes where
// there are to be none, and decides what client-go may repeat: client-go waits for
// as long as Retry-After says and repeats any request whose answer carries it, a
// write that took effect before its 500 among them.
type transport struct {
	next     http.RoundTripper
	readOnly bool
	log      *slog.Logger
	answered func(status int)
	requests atomic.Int64
	met      atomic.Bool // the cluster has answered once
}

// maxRetryAfter bounds each wait, in seconds.
const maxRetryAfter = 10

// templateKey finds a request's path without names in its context.
type templateKey struct{}

func (t *transport) wrap(next http.RoundTripper) http.RoundTripper {
	t.next = next
	return t
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	template, _ := ctx.Value(templateKey{}).(string)
	if t.readOnly && req.Method != http.MethodGet {
		return nil, ErrReadOnly
	}
	t.requests.Add(1)
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		t.answered(0)
		t.log.DebugContext(ctx, "no answer from the cluster", "method", req.Method, "path", template)
		return nil, err
	}
	t.answered(resp.StatusCode)
	t.log.DebugContext(ctx, "answer from the cluster", "method", req.Method, "path", template, "status", resp.StatusCode)
	t.met.Store(true)
	limitRetry(req.Method, resp)
	return resp, nil
}

// limitRetry leaves a Retry-After only where a repetition is harmless: on reads, and
// on 429, which is answered before anything is done.
func limitRetry(method string, resp *http.Response) {
	const header = "Retry-After"
	seconds, err := strconv.Atoi(resp.Header.Get(header))
	if err != nil || method != http.MethodGet && resp.StatusCode != http.StatusTooManyRequests {
		resp.Header.Del(header)
		return
	}
	resp.Header.Set(header, strconv.Itoa(min(max(seconds, 1), maxRetryAfter)))
}
