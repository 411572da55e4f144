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
	"sync/atomic"
	"time"

	"berth/quay/pace"
)

// transport makes one attempt of a call and turns whatever comes back into
// nothing or an *Error. The answer is decoded here, below the retries, so
// that a body cut short counts as a failed attempt and can be tried again.
type transport struct {
	base     func() http.RoundTripper
	token    *tokenSource
	pace     *pace.Limiter
	doubting func(context.Context, int) error // waits before a refusal is doubted
	readOnly bool
	log      *slog.Logger
	answered func(login bool, status int)
	requests atomic.Int64 // to the API
	logins   atomic.Int64 // to the registry's token endpoint
	retries  atomic.Int64 // of both
}

// call travels in the request's context, where the retry policy finds it too:
// after a transport error it sees no request.
type call struct {
	op         string
	path       string
	repeatable bool // may be sent again when the fate of an earlier attempt is unknown
	timeout    time.Duration
	limit      int64                     // bytes of the answer
	recent     bool                      // not known to every Quay in use
	decode     func(*json.Decoder) error // nil: a good answer is a 204
	login      *login                    // of a robot, sent in place of the organization's token
	attempts   int                       // made so far,
	failures   int                       // of these, other than refusals by the rate limit
	failing    time.Time                 // since when it fails
	refused    time.Time                 // since when the rate limit refuses it
	answered   time.Time                 // by Quay's clock, zero if it did not say
}

type callKey struct{}

func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	c := callOf(req.Context())
	if t.readOnly && req.Method != http.MethodGet {
		return nil, &Error{Op: c.op, kind: ErrWriteRefused}
	}
	if c.login != nil {
		return t.attempt(c, req, c.login.header())
	}
	token, generation := t.token.get()
	resp, err := t.attempt(c, req, "Bearer "+token.Reveal())
	for n := 0; t.token.doubt(err, n); n++ {
		if err := t.doubting(req.Context(), n); err != nil {
			return nil, ended(req.Context(), c.op, err)
		}
		var err2 error
		if token, generation, err2 = t.token.renew(generation); err2 != nil {
			break
		}
		if req.GetBody != nil {
			body, err := req.GetBody()
			if err != nil {
				return nil, err
			}
			req = req.Clone(req.Context())
			req.Body = body
		}
		resp, err = t.attempt(c, req, "Bearer "+token.Reveal())
	}
	t.token.learn(err)
	return resp, err
}

func (t *transport) attempt(c *call, req *http.Request, authorization string) (*http.Response, error) {
	run := req.Context()
	p, err := t.pace.Enter(run)
	if err != nil {
		return nil, ended(run, c.op, err)
	}
	t.count(c)
	ctx, cancel := context.WithTimeout(run, c.timeout)
	defer cancel()

	var connecting, connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { connecting.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req = req.Clone(ctx)
	req.Header.Set("Authorization", authorization)

	resp, err := t.base().RoundTrip(req)
	t.pace.Learn(p, resp)
	if err != nil {
		t.answered(c.login != nil, 0)
		if connecting.Load() && !connected.Load() {
			return nil, unsent(run, ctx, c, err)
		}
		return nil, broken(run, ctx, c, err)
	}
	defer resp.Body.Close()
	t.answered(c.login != nil, resp.StatusCode)
	t.log.DebugContext(ctx, "quay answered", "op", c.op, "status", resp.StatusCode)

	err = t.read(c, resp)
	var own *Error
	switch {
	case err == nil:
		resp.Body = http.NoBody
		return resp, nil
	case errors.As(err, &own):
		return nil, own
	}
	return nil, broken(run, ctx, c, err)
}

func (t *transport) count(c *call) {
	if c.login != nil {
		t.logins.Add(1)
	} else {
		t.requests.Add(1)
	}
	if c.attempts++; c.attempts > 1 {
		t.retries.Add(1)
	}
}

func (t *transport) sent() int64 { return t.requests.Load() + t.logins.Load() }

// read decodes a good answer and classifies a bad one. An error that is no
// *Error says that the answer did not arrive whole.
func (t *transport) read(c *call, resp *http.Response) error {
	c.answered, _ = http.ParseTime(resp.Header.Get("Date"))
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return decode(c, resp)
	}
	message, kind := classify(c, resp)
	return &Error{Op: c.op, Status: resp.StatusCode, Message: message, kind: kind}
}

func decode(c *call, resp *http.Response) error {
	odd := func(message string) error {
		return &Error{Op: c.op, Status: resp.StatusCode, Message: message, kind: ErrUnexpected}
	}
	if c.decode == nil {
		if resp.StatusCode != http.StatusNoContent || resp.Header.Get("Content-Type") != "" && !isJSON(resp) {
			return odd("not the empty answer that this call has")
		}
		return nil
	}
	if !isJSON(resp) { // also a 204, which has no body; a login page must not pass for success
		return odd("not JSON")
	}
	body := &bounded{r: resp.Body, left: c.limit}
	d := json.NewDecoder(body)
	err := c.decode(d)
	if err == nil {
		err = end(d)
	}
	var own *Error
	switch {
	case err == nil, errors.As(err, &own):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case body.failed == nil || errors.Is(body.failed, errTooLarge):
		return odd("not the JSON this call answers with")
	default:
		return body.failed
	}
}

// end demands that nothing follows. A body that is shorter than announced shows
// only here, too.
func end(d *json.Decoder) error {
	switch _, err := d.Token(); err {
	case io.EOF:
		return nil
	case nil:
		return errors.New("more than one answer")
	default:
		return err
	}
}

// unsent is a call that no connection came about for.
func unsent(run, own context.Context, c *call, err error) error {
	if run.Err() != nil {
		return ended(run, c.op, run.Err())
	}
	err = timedOut(own, err)
	return &Error{Op: c.op, kind: ErrUnavailable, Message: "no connection: " + cause(err), cause: err}
}

// broken is a request that was sent and whose answer did not arrive whole. That
// the run ended the caller must see as such; its own time is Quay's.
func broken(run, own context.Context, c *call, err error) error {
	switch {
	case run.Err() != nil && c.repeatable:
		return ended(run, c.op, run.Err())
	case run.Err() != nil:
		e := ended(run, c.op, run.Err())
		e.kind = ErrUncertain
		return e
	}
	err = timedOut(own, err)
	kind := ErrUncertain
	if c.repeatable {
		kind = ErrUnavailable
	}
	return &Error{Op: c.op, kind: kind, Message: cause(err), cause: err}
}

// timedOut tells Quay's taking longer than a call may.
func timedOut(call context.Context, err error) error {
	if call.Err() != nil {
		return ErrTimeout
	}
	return err
}

// cause names a network error without the addresses and texts in it.
func cause(err error) string {
	switch {
	case errors.Is(err, ErrTimeout):
		return "timed out"
	case errors.Is(err, context.DeadlineExceeded):
		return "its time is over"
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
