// Package quay is a small, honest client of the Quay v1 API: exactly the calls
// that keeping repositories, robot accounts and their permissions needs.
//
// It promises: one rate limit and one pause for all users of a Client; no call
// that could take effect twice is ever repeated blindly; what is not Quay's
// own word that a thing is missing is never reported as missing; lists are
// complete and free of contradictions, or an error; a token is a [Token] and
// appears in no error, log or string.
//
// It leaves to others what the names mean, and what to do about an error.
// Repositories and robots are named without their organization.
//
// Facts about Quay's behaviour are from quay/quay at ffba0c70e.
package quay

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"berth/quay/pace"

	"github.com/hashicorp/go-retryablehttp"
)

// Options are the settings of a Client.
type Options struct {
	URL          string                // see ParseAddress; plain http only on a loopback address
	Organization string                // whose repositories and robots these are
	Token        func() (Token, error) // an OAuth token; asked again when Quay refuses the last one
	RootCAs      func() *x509.CertPool // asked for when the first connection is made; nil: the system's
	QPS          float64               // requests per second of all users and Clients together, at most; zero: as many as Quay allows anybody
	Burst        int                   // at once beyond that; zero: 10
	Clients      int                   // that ask at the same time, this one among them; zero: it is alone
	ReadOnly     bool                  // refuse every write before it is sent
	Bookmarks    func() []string       // of an earlier list of repositories, see [Client.Bookmarks]; nil: none
	UserAgent    string
	Transport    http.RoundTripper               // nil: HTTP/2 over TLS
	Backoff      func(attempt int) time.Duration // after a failure; nil: up to 10 s, random
	Logger       *slog.Logger                    // debug records only; nil: none
	// Answered is told, by several at once, of each request: whether it was a robot's login,
	// and the status of the answer, 0 for none. It may be nil.
	Answered func(login bool, status int)
}

// Client speaks to one organization of one Quay. It is safe for concurrent use.
type Client struct {
	origin       string // scheme://host, the only one that is ever asked
	host         string // with its port
	organization string
	userAgent    string
	http         *retryablehttp.Client
	transport    *transport
	bookmarks    func() []string
	pages        atomic.Pointer[[]string] // the bookmarks of the last list
}

// Stats counts what a Client has sent.
type Stats struct {
	Requests  int           // HTTP requests to the API, retries included
	Logins    int           // to the registry's token endpoint, see [Client.Granted], retries included
	Retries   int           // of both
	Throttled time.Duration // time during which at least one user waited for the rate limit
}

const (
	// The rate that Quay allows is not told anywhere, so it is found.
	startHTTP1 = 5  // what Quay's proxy allows an address over HTTP/1.1 (conf/nginx/rate-limiting.conf.jnj:80)
	startHTTP2 = 20 // it allows a connection 50 over HTTP/2
	autoQPS    = 50 // the most that it allows anybody, and so the most that is tried unasked

	callTimeout  = 30 * time.Second
	robotTimeout = 120 * time.Second // 40,000 robots took Quay 3 s here, many times that on a large registry
	callLimit    = 8 << 20
	robotLimit   = 256 << 20 // 40,000 robots are 11.5 MB
)

// pace is where the rate of one client is looked for. An address is all clients', so they
// begin together as one would, and what the settings allow they divide. A connection over
// HTTP/2 is each one's own, until a refusal tells that somebody counts them together.
func (o Options) pace() *pace.Limiter {
	clients := float64(max(1, o.Clients))
	r := pace.Range{First: startHTTP1 / clients, HTTP2: startHTTP2, Most: cmp.Or(o.QPS/clients, autoQPS), Part: cmp.Or(o.QPS, autoQPS) / clients}
	return pace.New(r, cmp.Or(o.Burst, 10))
}

// New returns a Client. It reads the token but sends nothing.
func New(o Options) (*Client, error) {
	address, err := ParseAddress(o.URL)
	if err != nil {
		return nil, err
	}
	token, err := newTokenSource(o.Token)
	if err != nil {
		return nil, fmt.Errorf("reading the Quay token: %w", err)
	}
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	if o.Answered == nil {
		o.Answered = func(bool, int) {}
	}
	base := func() http.RoundTripper { return o.Transport }
	if o.Transport == nil {
		base = sync.OnceValue(func() http.RoundTripper { return newHTTPTransport(o.RootCAs) })
	}
	t := &transport{
		base:     base,
		token:    token,
		pace:     o.pace(),
		doubting: pauseFor(o.Backoff),
		readOnly: o.ReadOnly,
		log:      o.Logger,
		answered: o.Answered,
	}
	p := &policy{sent: t.sent, backoff: o.Backoff}
	if p.backoff == nil {
		p.backoff = backoff
	}
	return &Client{
		origin:       address.URL,
		host:         address.Host,
		organization: o.Organization,
		userAgent:    o.UserAgent,
		transport:    t,
		bookmarks:    o.Bookmarks,
		http: &retryablehttp.Client{
			HTTPClient:   &http.Client{Transport: t}, // which takes a redirect for an error
			RetryMax:     math.MaxInt,                // the policy ends it, and waits
			CheckRetry:   p.check,
			Backoff:      func(time.Duration, time.Duration, int, *http.Response) time.Duration { return 0 },
			ErrorHandler: retryablehttp.PassthroughErrorHandler,
		},
	}, nil
}

// newHTTPTransport is called when somebody connects: to read the system's certificates takes
// longer than all else before the first call, and that one is of the cluster.
func newHTTPTransport(roots func() *x509.CertPool) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if roots != nil {
		t.TLSClientConfig.RootCAs = roots()
	}
	t.ForceAttemptHTTP2 = true // Quay's proxy allows 50 requests per second on HTTP/2, 5 on HTTP/1
	return t
}

// Stats returns the counts so far.
func (c *Client) Stats() Stats {
	return Stats{
		Requests:  int(c.transport.requests.Load()),
		Logins:    int(c.transport.logins.Load()),
		Retries:   int(c.transport.retries.Load()),
		Throttled: c.transport.pace.Limited(),
	}
}

// apiPath is where Quay's API is, and the registry's token endpoint is not.
const apiPath = "/api/v1"

// do makes one call of the API. body and into may be nil; into is decoded from
// a good answer.
func (c *Client) do(ctx context.Context, k *call, method, path string, body, into any) error {
	return c.send(ctx, k, method, apiPath+path, body, into)
}

func (c *Client) send(ctx context.Context, k *call, method, path string, body, into any) error {
	if k.timeout == 0 {
		k.timeout, k.limit = callTimeout, callLimit
	}
	k.repeatable = k.repeatable || method == http.MethodGet
	if into != nil {
		k.decode = func(d *json.Decoder) error { return d.Decode(into) }
	}
	var payload any // an untyped nil, or retryablehttp sends an empty body
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("%s: encoding the request: %w", k.op, err)
		}
		payload = bytes.NewReader(encoded)
	}
	k.path = path
	ctx = context.WithValue(ctx, callKey{}, k)
	req, err := retryablehttp.NewRequestWithContext(ctx, method, c.origin+path, payload)
	if err != nil {
		return fmt.Errorf("%s: %w", k.op, err)
	}
	if payload != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("User-Agent", c.userAgent)
	resp, err := c.http.Do(req)
	if err != nil {
		return failure(ctx, k.op, err)
	}
	return resp.Body.Close()
}

// failure takes our own error out of the layers that net/http puts around it,
// for these name the URL.
func failure(ctx context.Context, op string, err error) error {
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	if ctx.Err() != nil {
		return ended(ctx, op, ctx.Err())
	}
	return &Error{Op: op, kind: ErrUnavailable, Message: cause(err), cause: err}
}

// path joins escaped segments. A repository's name holds slashes, which
// separate segments.
func path(segments ...string) string {
	var b strings.Builder
	for _, s := range segments {
		for part := range strings.SplitSeq(s, "/") {
			b.WriteByte('/')
			b.WriteString(url.PathEscape(part))
		}
	}
	return b.String()
}
