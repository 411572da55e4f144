package quay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// transport makes one attempt of a call and turns whatever comes back into
// nothing or an *Error. The answer is decoded here, below the retries, so
// that a body cut short counts as a failed attempt and can be tried again.
type transport struct {
	base     http.RoundTripper
	token    *tokenSource
	throttle *throttle
	readOnly bool
	log      *slog.Logger
	requests atomic.Int64
	retries  atomic.Int64 // of the requests
}

// call travels in the request's context, where the retry policy finds it too:
// after a transport error it sees no request.
type call struct {
	op         string
	repeatable bool // may be sent again when the fate of an earlier attempt is unknown
	timeout    time.Duration
	limit      int64 // bytes of the answer
	decode     func(*json.Decoder) error
	attempts   int // made so far
}

type callKey struct{}

func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	c := callOf(req.Context())
	if t.readOnly && req.Method != http.MethodGet {
		return nil, &Error{Op: c.op, kind: ErrWriteRefused}
	}
	token, generation := t.token.get()
	resp, err := t.attempt(c, req, token)
	if !errors.Is(err, ErrUnauthorized) && !errors.Is(err, ErrForbidden) {
		return resp, err
	}
	// The file is exchanged while programs run, and a 401 can be a passing
	// fault of the registry: ask once more before believing it. Both refusals
	// come before any effect, so this holds for every call.
	token, err2 := t.token.renew(generation)
	if err2 != nil {
		return nil, err
	}
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		req = req.Clone(req.Context())
		req.Body = body
	}
	return t.attempt(c, req, token)
}

func (t *transport) attempt(c *call, req *http.Request, token Token) (*http.Response, error) {
	if err := t.throttle.wait(req.Context()); err != nil {
		return nil, &Error{Op: c.op, kind: ErrUnavailable, cause: err}
	}
	t.requests.Add(1)
	if c.attempts++; c.attempts > 1 {
		t.retries.Add(1)
	}
	ctx, cancel := context.WithTimeout(req.Context(), c.timeout)
	defer cancel()

	var connecting, connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { connecting.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req = req.Clone(ctx)
	req.Header.Set("Authorization", "Bearer "+token.Reveal())

	resp, err := t.base.RoundTrip(req)
	if err != nil {
		if connecting.Load() && !connected.Load() {
			return nil, &Error{Op: c.op, kind: ErrUnavailable, Message: "no connection: " + cause(err), cause: err}
		}
		return nil, t.broken(c, err)
	}
	defer resp.Body.Close()
	t.log.DebugContext(ctx, "quay answered", "op", c.op, "status", resp.StatusCode)

	if err := t.read(c, resp); err != nil {
		return nil, err
	}
	resp.Body = http.NoBody
	return resp, nil
}

// read decodes a good answer and classifies a bad one.
func (t *transport) read(c *call, resp *http.Response) error {
	fail := func(kind error, message string) error {
		return &Error{Op: c.op, Status: resp.StatusCode, Message: message, kind: kind}
	}
	status := resp.StatusCode
	if status >= 200 && status < 300 {
		return t.decode(c, resp)
	}
	if status >= 300 && status < 400 {
		return fail(ErrUnexpected, "a redirect")
	}
	a := readAnswer(resp.Body)
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden && a.ErrorText != "":
		// Shape {"error": …} with 403 is the CSRF refusal: the token is not
		// valid, or the request would not have been asked for a CSRF token.
		return fail(ErrUnauthorized, a.text())
	case status == http.StatusForbidden:
		return fail(ErrForbidden, a.text())
	case status == http.StatusPaymentRequired:
		return fail(ErrPaymentRequired, a.text())
	case status == http.StatusNotFound && isJSON(resp):
		return fail(ErrNotFound, a.text())
	case status == http.StatusBadRequest && a.text() == robotMissing:
		return fail(ErrNotFound, a.text())
	case status == http.StatusTooManyRequests:
		t.throttle.pause(retryAfter(resp))
		return fail(ErrRateLimited, "")
	case status == http.StatusServiceUnavailable && a.ReadOnly:
		return fail(ErrReadOnly, "")
	case status == http.StatusNotImplemented:
		return fail(ErrUnexpected, a.text())
	case status >= 500 && c.repeatable:
		return fail(ErrUnavailable, a.text())
	case status >= 500:
		return fail(ErrUncertain, a.text())
	case isJSON(resp):
		return fail(ErrInvalid, a.text())
	default:
		return fail(ErrUnexpected, "not JSON")
	}
}

func (t *transport) decode(c *call, resp *http.Response) error {
	if !isJSON(resp) { // also a 204, which has no body; a login page must not pass for success
		return &Error{Op: c.op, Status: resp.StatusCode, Message: "not JSON", kind: ErrUnexpected}
	}
	body := &bounded{r: resp.Body, left: c.limit}
	var err error
	if c.decode != nil {
		err = c.decode(json.NewDecoder(body))
	}
	if err == nil {
		_, err = io.Copy(io.Discard, body) // a body shorter than announced shows only at its end
	}
	var own *Error
	switch {
	case err == nil, errors.As(err, &own):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return t.broken(c, err)
	case body.failed == nil || errors.Is(body.failed, errTooLarge):
		return &Error{Op: c.op, Status: resp.StatusCode, Message: "not the JSON this call answers with", kind: ErrUnexpected}
	default:
		return t.broken(c, body.failed)
	}
}

// broken is a request that was sent and whose answer did not arrive whole.
func (t *transport) broken(c *call, err error) error {
	kind := ErrUncertain
	if c.repeatable {
		kind = ErrUnavailable
	}
	return &Error{Op: c.op, kind: kind, Message: cause(err), cause: err}
}

// cause names a network error without the addresses and texts in it.
func cause(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timed out"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the answer was cut short"
	}
	return clean(err.Error())
}

func isJSON(resp *http.Response) bool {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}

// retryAfter reads the seconds form, which is all a proxy in front of Quay
// sends; anything else means "no word".
func retryAfter(resp *http.Response) time.Duration {
	seconds, err := strconv.Atoi(strings.TrimSpace(resp.Header.Get("Retry-After")))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, int(maxWait/time.Second))) * time.Second
}

var errTooLarge = errors.New("the answer is too large")

// bounded reads at most left bytes and remembers why reading stopped, which a
// JSON decoder does not tell.
type bounded struct {
	r      io.Reader
	left   int64
	failed error
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.failed = errTooLarge
		return 0, b.failed
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err != nil && err != io.EOF {
		b.failed = fmt.Errorf("reading the answer: %w", err)
	}
	return n, err
}
