package gitsource

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxRedirects = 3
	maxAnswer    = 64 << 10 // bytes
)

// ask sends the one request, and those that the host redirects it to; one that the host has
// no time for comes again. Waiting for the host's turn costs nothing of the budget.
func (p *Prober) ask(ctx context.Context, r repository) Verdict {
	h, leave, err := p.hosts.enter(ctx, r.host)
	if err != nil {
		return notWaited
	}
	defer leave()
	left := budget
	for redirected := 0; redirected <= maxRedirects; {
		turn, said := h.turn(ctx)
		if said != nil {
			return *said
		}
		start := time.Now()
		verdict, next := p.attempt(ctx, r, left, func(resp *http.Response) { h.pace.Learn(turn, resp) })
		h.note(verdict)
		if verdict == busy {
			continue
		}
		if next == nil {
			return verdict
		}
		r = *next
		left -= time.Since(start)
		redirected++
	}
	return redirects
}

// attempt sends one request. It returns what the answer means, or where it redirects to.
// learn is told of the answer, nil where there is none.
func (p *Prober) attempt(ctx context.Context, r repository, timeout time.Duration, learn func(*http.Response)) (Verdict, *repository) {
	timed, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(timed, http.MethodGet, r.refs(), nil)
	if err != nil {
		learn(nil)
		return badAddress, nil
	}
	req.Header = http.Header{
		"User-Agent":   {p.userAgent},
		"Accept":       {"*/*"},
		"Pragma":       {"no-cache"},
		"Git-Protocol": {"version=2"},
	}
	// Not a client: that would follow redirects and keep cookies.
	resp, err := p.transport.RoundTrip(req)
	learn(resp)
	if err != nil {
		return unanswered(ctx, err), nil
	}
	defer resp.Body.Close()
	body := &io.LimitedReader{R: resp.Body, N: maxAnswer}
	verdict, next := judge(r, resp, body)
	if timed.Err() != nil && verdict == cutShort {
		verdict = unanswered(ctx, timed.Err())
	}
	_, _ = io.Copy(io.Discard, body) // what is read to its end leaves a connection to use again
	return verdict, next
}

// judge is the table of the package's comment, from the first answered row down.
func judge(r repository, resp *http.Response, body *io.LimitedReader) (Verdict, *repository) {
	switch status := resp.StatusCode; status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return redirected(r, resp)
	case http.StatusUnauthorized:
		return asksLogin, nil
	case http.StatusForbidden: // limits and firewalls say so, too
		if resp.Header.Get("WWW-Authenticate") == "" {
			return refuses, nil
		}
		return asksLogin, nil
	case http.StatusNotFound, http.StatusGone, http.StatusUnavailableForLegalReasons:
		return notFound, nil
	case http.StatusTooManyRequests:
		return busy, nil
	case http.StatusOK:
		return judgeContent(resp.Header.Get("Content-Type"), body), nil
	default:
		if status >= 500 {
			return failing, nil
		}
		return odd, nil
	}
}

func judgeContent(contentType string, body *io.LimitedReader) Verdict {
	mediaType, _, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil:
		return notGit
	case mediaType == "text/html", mediaType == "application/xhtml+xml":
		return webPage
	case mediaType != "application/x-git-upload-pack-advertisement":
		return notGit
	}
	err = readAdvertisement(body)
	switch {
	case err == nil:
		return public
	case errors.Is(err, errInvalid):
		return invalid
	case body.N == 0:
		return tooLarge
	default:
		return cutShort
	}
}

// redirected returns the repository an answer redirects to. Like git, it takes
// only another place for the same question.
func redirected(from repository, resp *http.Response) (Verdict, *repository) {
	location, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || resp.Header.Get("Location") == "" {
		return odd, nil
	}
	base, err := url.Parse(from.refs())
	if err != nil {
		return odd, nil
	}
	target := base.ResolveReference(location)
	if host, ok := normaliseHost(strings.TrimSuffix(strings.TrimSuffix(target.Host, target.Port()), ":")); !ok || host != from.host {
		return moved, nil
	}
	address, isRefs := strings.CutSuffix(target.String(), "/info/refs?service=git-upload-pack")
	to, refusal := normalise(address)
	if !isRefs || refusal != nil {
		return elsewhere, nil
	}
	return Verdict{}, &to
}

// unanswered says why there was no answer. The guard's refusal is a definite one.
func unanswered(ctx context.Context, err error) Verdict {
	var (
		lookup      *net.DNSError
		certificate *tls.CertificateVerificationError
		timeout     interface{ Timeout() bool }
	)
	switch {
	case errors.Is(err, errInternal):
		return internal
	case ctx.Err() != nil:
		return notWaited
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return late
	case errors.As(err, &lookup):
		return noName
	case errors.As(err, &certificate):
		return untrusted
	default:
		return noAnswer
	}
}
