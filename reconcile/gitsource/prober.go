package gitsource

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Options are the settings of a Prober.
type Options struct {
	// Hosts are the host names that may be asked, exact or *.suffix; none: any
	// host with public addresses. The addresses of a listed host may be internal,
	// as are those of all hosts in a network that reaches IPv4 through DNS64.
	Hosts   []string
	RootCAs func() *x509.CertPool // asked for when the first connection is made; nil: the system's
	// Proxy is the one that all requests go through; nil: none, whatever the
	// environment says. The proxy chooses the address it connects to. Without
	// Hosts a name is looked up here first all the same, so it must be known here.
	Proxy     *url.URL
	UserAgent string            // empty: git's, since some hosts show everybody else a web page
	Transport http.RoundTripper // nil: the guarded network; for tests and demos
}

// Prober asks git hosts, each distinct address once. It is safe for concurrent use.
type Prober struct {
	allowed   []string // nil: any
	guard     *guard
	transport http.RoundTripper
	userAgent string
	hosts     hosts

	mu    sync.Mutex
	asked map[string]*question // by normalised address
}

// question is what all callers with one address share.
type question struct {
	done      chan struct{} // closed when the rest is written
	verdict   Verdict
	abandoned bool // its caller's context ended first
}

// budget is the time that a host has for its answer, redirects included.
const budget = 5 * time.Second

// New returns a Prober. It sends nothing.
func New(o Options) *Prober { return newProber(o, newGuard(o)) }

func newProber(o Options, g *guard) *Prober {
	p := &Prober{
		allowed:   normaliseHosts(o.Hosts),
		guard:     g,
		transport: o.Transport,
		userAgent: o.UserAgent,
		asked:     map[string]*question{},
	}
	if p.transport == nil {
		p.transport = network{sync.OnceValue(func() *http.Transport { return g.transport(o) })}
	}
	if p.userAgent == "" {
		p.userAgent = "git/2.0"
	}
	return p
}

// Probe says whether anybody may read the repository at the address. Callers
// with the same normalised address share one request and its verdict; a caller
// whose context ends gets Unknown, and does not spoil it for the others.
func (p *Prober) Probe(ctx context.Context, address string) Verdict {
	r, refusal := p.classify(address)
	if refusal != nil {
		return *refusal
	}
	for {
		q, mine := p.question(r)
		if mine {
			p.answer(ctx, q, r)
			return q.verdict
		}
		select {
		case <-q.done:
			if !q.abandoned {
				return q.verdict
			}
		case <-ctx.Done():
			return notWaited
		}
	}
}

// Asks reports whether a host has to be asked about an address: it is one, and may be asked.
// Of any other [Prober.Probe] has its verdict at once.
func (p *Prober) Asks(address string) bool {
	_, refusal := p.classify(address)
	return refusal == nil
}

// question returns the one about a repository, and whether the caller is the
// one who has to answer it.
func (p *Prober) question(r repository) (q *question, mine bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if q, asked := p.asked[r.String()]; asked {
		return q, false
	}
	q = &question{done: make(chan struct{})}
	p.asked[r.String()] = q
	return q, true
}

func (p *Prober) answer(ctx context.Context, q *question, r repository) {
	defer close(q.done)
	q.verdict = p.ask(ctx, r)
	if q.verdict == notWaited {
		q.abandoned = true
		p.mu.Lock()
		delete(p.asked, r.String())
		p.mu.Unlock()
	}
}
