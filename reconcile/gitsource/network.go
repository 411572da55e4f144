package gitsource

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// errInternal says that a name has an address that is not public.
var errInternal = errors.New("an address that is not public")

// guard decides which addresses may be connected to: when a name is looked up,
// and again at the moment of the connection, since a name can change between
// the two.
type guard struct {
	addresses *ssrf.Guardian
	resolver  *net.Resolver
	port      uint16
	listed    bool                       // whoever listed the hosts vouches for their addresses
	opened    func(address string) error // nil, or a test that counts what gets past the guard
}

func newGuard(o Options) *guard {
	return guardOn(443, len(o.Hosts) > 0)
}

// guardOn lets connections to one port pass, to listed hosts on any address.
func guardOn(port uint16, listed bool) *guard {
	options := []ssrf.Option{ssrf.WithPorts(port)}
	if listed {
		options = append(options,
			ssrf.WithAllowedV4Prefixes(netip.MustParsePrefix("0.0.0.0/0")),
			ssrf.WithAllowedV6Prefixes(netip.MustParsePrefix("::/0")))
	}
	return &guard{addresses: ssrf.New(options...), resolver: net.DefaultResolver, port: port, listed: listed}
}

// network makes its transport when a host is asked, which most runs do not.
type network struct{ transport func() *http.Transport }

func (n network) RoundTrip(r *http.Request) (*http.Response, error) {
	return n.transport().RoundTrip(r)
}

// transport is HTTP/1.1 over verified TLS with one idle connection a host. It
// asks for nothing compressed, so nothing is ever unpacked.
func (g *guard) transport(o Options) *http.Transport {
	t := &http.Transport{
		DialContext:            g.dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		DisableCompression:     true,
		TLSHandshakeTimeout:    budget, // a connection outlives the question that it was made for
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        15 * time.Second,
		MaxResponseHeaderBytes: 16 << 10,
	}
	if o.RootCAs != nil {
		t.TLSClientConfig.RootCAs = o.RootCAs()
	}
	if o.Proxy != nil {
		t.DialContext = (&net.Dialer{Timeout: budget}).DialContext // to the proxy, always
		t.Proxy = func(req *http.Request) (*url.URL, error) {
			return o.Proxy, g.check(req.Context(), req.URL.Hostname())
		}
	}
	return t
}

func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if err := g.check(ctx, host); err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: budget, Resolver: g.resolver, Control: g.control}
	return d.DialContext(ctx, network, net.JoinHostPort(g.name(host), strconv.Itoa(int(g.port))))
}

// check looks a name up and refuses it when one of its addresses is not
// public: a name for the inside is no source, whatever else it is.
func (g *guard) check(ctx context.Context, host string) error {
	if g.listed { // and perhaps known to the proxy only
		return nil
	}
	ips, err := g.resolver.LookupNetIP(ctx, "ip", g.name(host))
	if err != nil {
		return err
	}
	for _, ip := range ips {
		if g.addresses.SafeAddr(ip.Unmap()) != nil { // some resolvers map every IPv4 address
			return errInternal
		}
	}
	return nil
}

// name is what is looked up: as it stands, without the search domains of a
// cluster, in which a namespace com would own github.com. A listed host may
// have a short name.
func (g *guard) name(host string) string {
	if _, err := netip.ParseAddr(host); err == nil || g.listed {
		return host
	}
	return host + "."
}

// control runs on the socket, with the address that it is about to be connected to.
func (g *guard) control(network, address string, c syscall.RawConn) error {
	if err := g.addresses.Safe(network, address, c); err != nil {
		return fmt.Errorf("%w: %w", errInternal, err)
	}
	if g.opened != nil {
		return g.opened(address)
	}
	return nil
}
