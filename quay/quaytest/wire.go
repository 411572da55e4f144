package quaytest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
)

// Wire leads every request to a handler in this process, without a network: a
// connection that the handler drops is an error, an answer that breaks off is cut
// short. It stands in for a listener where there are many servers, or where
// addresses must not vary.
func Wire(h http.Handler) http.RoundTripper { return wire{h} }

type wire struct{ handler http.Handler }

var errDropped = errors.New("the connection was dropped")

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	r = r.Clone(ctx)
	if r.Body == nil {
		r.Body = http.NoBody
	}
	answer := &wireAnswer{header: http.Header{}}
	whole := w.serve(answer, r)
	switch {
	case ctx.Err() != nil: // as net/http says it, whatever the handler did meanwhile
		return nil, context.Cause(ctx)
	case whole:
		return answer.response(r, nil), nil
	case answer.status == 0:
		return nil, errDropped
	}
	return answer.response(r, io.ErrUnexpectedEOF), nil
}

// serve reports whether the handler came to its end, and did not abort.
func (w wire) serve(answer *wireAnswer, r *http.Request) (whole bool) {
	defer func() {
		switch v := recover(); v {
		case nil:
			whole = true
		case http.ErrAbortHandler:
		default:
			panic(v)
		}
	}()
	w.handler.ServeHTTP(answer, r)
	return true
}

// wireAnswer collects what a handler writes.
type wireAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *wireAnswer) Header() http.Header { return a.header }

func (a *wireAnswer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *wireAnswer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// response is what the client reads; end is the error after its last byte.
func (a *wireAnswer) response(r *http.Request, end error) *http.Response {
	a.WriteHeader(http.StatusOK)
	body := io.Reader(&a.body)
	length := int64(a.body.Len())
	if end != nil {
		body, length = io.MultiReader(&a.body, broken{end}), -1
	}
	return &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(body), ContentLength: length, Request: r,
	}
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }
