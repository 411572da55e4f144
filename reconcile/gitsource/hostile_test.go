package gitsource

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"code.dny.dev/ssrf"
)

// hostile are addresses that lead inside, or try to. Those that only the check
// of the address stops would be connected to without it.
var hostile = []struct {
	address string
	guarded bool // stopped by nothing but the check of the address
	why     string
}{
	// Plain literals of every range that is not public.
	{"https://127.0.0.1/a/b", true, "loopback"},
	{"https://127.0.0.1./a/b", true, "loopback with the trailing dot of a name"},
	{"https://127.0.0.1:443/a/b", true, "loopback with the port"},
	{"https://127.255.255.254/a/b", true, "the end of loopback"},
	{"https://0.0.0.0/a/b", true, "this host, on Linux"},
	{"https://0.1.2.3/a/b", true, "this network"},
	{"https://10.0.0.1/a/b", true, "private"},
	{"https://10.96.0.1/a/b", true, "where an API server of a cluster often is"},
	{"https://100.64.0.1/a/b", true, "shared address space"},
	{"https://100.100.100.200/a/b", true, "metadata of a cloud"},
	{"https://169.254.169.254/latest/meta-data", true, "metadata of most clouds"},
	{"https://169.254.170.2/v2/credentials", true, "credentials of a container"},
	{"https://172.16.0.1/a/b", true, "private"},
	{"https://172.30.0.1/a/b", true, "where an API server of OpenShift is"},
	{"https://172.31.255.254/a/b", true, "private, its end"},
	{"https://192.0.0.192/a/b", true, "protocol assignments; metadata of a cloud"},
	{"https://192.0.2.1/a/b", true, "documentation"},
	{"https://192.88.99.1/a/b", true, "6to4 relays"},
	{"https://192.168.1.1/a/b", true, "private"},
	{"https://198.18.0.1/a/b", true, "benchmarks"},
	{"https://198.51.100.1/a/b", true, "documentation"},
	{"https://203.0.113.1/a/b", true, "documentation"},
	{"https://224.0.0.1/a/b", true, "multicast"},
	{"https://239.255.255.250/a/b", true, "multicast"},
	{"https://240.0.0.1/a/b", true, "reserved"},
	{"https://255.255.255.255/a/b", true, "broadcast"},
	{"https://[::]/a/b", true, "unspecified"},
	{"https://[::1]/a/b", true, "loopback"},
	{"https://[0:0:0:0:0:0:0:1]/a/b", true, "loopback, long"},
	{"https://[::ffff:127.0.0.1]/a/b", true, "IPv4-mapped"},
	{"https://[::ffff:7f00:1]/a/b", true, "IPv4-mapped, in hexadecimal"},
	{"https://[::ffff:a9fe:a9fe]/a/b", true, "IPv4-mapped metadata"},
	{"https://[::127.0.0.1]/a/b", true, "IPv4-compatible"},
	{"https://[64:ff9b::7f00:1]/a/b", true, "NAT64"},
	{"https://[64:ff9b:1::a00:1]/a/b", true, "local NAT64"},
	{"https://[100::1]/a/b", true, "discard-only"},
	{"https://[2001::1]/a/b", true, "Teredo"},
	{"https://[2001:db8::1]/a/b", true, "documentation"},
	{"https://[2002:7f00:1::]/a/b", true, "6to4 of loopback"},
	{"https://[2002:a00:1::1]/a/b", true, "6to4 of a private address"},
	{"https://[3fff::1]/a/b", true, "documentation"},
	{"https://[fc00::1]/a/b", true, "unique local"},
	{"https://[fd00:ec2::254]/a/b", true, "metadata of a cloud"},
	{"https://[fe80::1]/a/b", true, "link-local"},
	{"https://[fec0::1]/a/b", true, "site-local"},
	{"https://[ff02::1]/a/b", true, "multicast"},

	// Other spellings.
	{"https://2130706433/a/b", false, "decimal"},
	{"https://017700000001/a/b", false, "octal"},
	{"https://0x7f000001/a/b", false, "hexadecimal"},
	{"https://0X7F000001/a/b", false, "hexadecimal in upper case"},
	{"https://0x7f.1/a/b", false, "hexadecimal, short"},
	{"https://127.1/a/b", false, "short"},
	{"https://127.0.1/a/b", false, "short"},
	{"https://0/a/b", false, "the shortest"},
	{"https://0177.0.0.1/a/b", false, "octal parts"},
	{"https://127.0.0.01/a/b", false, "a leading zero"},
	{"https://127.0.0.0x1/a/b", false, "one hexadecimal part"},
	{"https://0x7f.0x0.0x0.0x1/a/b", false, "hexadecimal parts"},
	{"https://2852039166/a/b", false, "metadata, decimal"},
	{"https://0xa9fea9fe/a/b", false, "metadata, hexadecimal"},
	{"https://4294967296/a/b", false, "decimal past the end"},
	{"https://127.0.0.1.1/a/b", false, "a number last"},
	{"https://[fe80::1%25eth0]/a/b", false, "a zone"},
	{"https://[::ffff:127.0.0.1%25lo]/a/b", false, "a zone on a mapped one"},
	{"https://[127.0.0.1]/a/b", false, "IPv4 in brackets"},
	{"https://[::1/a/b", false, "a bracket left open"},
	{"https://::1/a/b", false, "IPv6 without brackets"},
	{"https://127。0。0。1/a/b", false, "ideographic full stops"},
	{"https://１２７．０．０．１/a/b", false, "fullwidth digits"},
	{"https://①②⑦.0.0.1/a/b", false, "circled digits"},
	{"https://locaLhoſt/a/b", false, "a long s"},
	{"https://%31%32%37.0.0.1/a/b", false, "a percent-encoded host"},
	{"https://%e3%80%82127.0.0.1/a/b", false, "a percent-encoded full stop"},

	// Confused authorities.
	{"https://github.com@127.0.0.1/a/b", false, "a user that looks like a host"},
	{"https://127.0.0.1@127.0.0.1/a/b", false, "a user"},
	{"https://user:password@loopback.example/a/b", false, "a password"},
	{"https://@127.0.0.1/a/b", false, "an empty user"},
	{"https://github.com:443@127.0.0.1/a/b", false, "a user that looks like a host and a port"},
	{"https://github.com#@127.0.0.1/a/b", false, "a fragment"},
	{"https://github.com?@127.0.0.1/a/b", false, "a query"},
	{`https://github.com\@127.0.0.1/a/b`, false, "a backslash"},
	{`https:\\127.0.0.1/a/b`, false, "backslashes"},
	{"https:127.0.0.1/a/b", false, "no slashes"},
	{"https:///127.0.0.1/a/b", false, "no host"},
	{"//127.0.0.1/a/b", false, "no scheme"},
	{"https://127.0.0.1:8443/a/b", false, "another port"},
	{"https://127.0.0.1:0443/a/b", false, "a port spelled oddly"},
	{"https://127.0.0.1:22/a/b", false, "ssh's port"},
	{"https://127.0.0.1\r\nHost: x/a/b", false, "a line of its own"},
	{"https://127.0.0.1\x00.example/a/b", false, "a zero byte"},
	{"https://127.0.0.1\t/a/b", false, "a tab"},
	{" https://127.0.0.1/a/b", false, "a space before"},
	{"http://127.0.0.1/a/b", false, "in the clear"},
	{"git://127.0.0.1/a/b", false, "git's own protocol"},
	{"gopher://127.0.0.1:443/_GET", false, "another scheme"},
	{"file:///etc/passwd", false, "a file"},
	{"ext::sh -c id", false, "a command"},

	// Names that lead inside.
	{"https://localhost/a/b", true, "the name of loopback"},
	{"https://loopback.example/a/b", true, "a name of loopback"},
	{"https://LOOPBACK.example./a/b", true, "the same name"},
	{"https://private.example/a/b", true, "a name of a private address"},
	{"https://metadata.example/a/b", true, "a name of a cloud's metadata"},
	{"https://six.example/a/b", true, "a name of loopback, IPv6"},
	{"https://mapped.example/a/b", true, "a name of an IPv4-mapped address"},
	{"https://nat64.example/a/b", true, "a name of a NAT64 address"},
	{"https://mixed.example/a/b", true, "a name of a public and an internal address"},
	{"https://rebinding.example/a/b", true, "a name that leads inside from the second look-up on"},
	{"https://rebinding6.example/a/b", true, "a name that leads inside from the second look-up on, IPv6"},
}

var hostileNames = map[string][]string{
	"localhost":          {"127.0.0.1"},
	"loopback.example":   {"127.0.0.1"},
	"private.example":    {"10.1.2.3"},
	"metadata.example":   {"169.254.169.254"},
	"six.example":        {"::1"},
	"mapped.example":     {"::ffff:127.0.0.1"},
	"nat64.example":      {"64:ff9b::7f00:1"},
	"mixed.example":      {"9.9.9.9 127.0.0.1"},
	"rebinding.example":  {"9.9.9.9", "127.0.0.1"},
	"rebinding6.example": {"2620:fe::9", "::1"},
}

// wire counts what gets past a guard: connections that a listener on loopback
// accepts, and all that were about to be made. No other is made.
type wire struct {
	accepted, opened atomic.Int64
	guard            *guard
}

func newWire(t *testing.T) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.accepted.Add(1)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	w.guard = guardOn(netip.MustParseAddrPort(l.Addr().String()).Port(), false)
	w.guard.resolver = newNames(hostileNames).resolver()
	w.guard.opened = func(address string) error {
		w.opened.Add(1)
		if address == l.Addr().String() {
			return nil
		}
		return errors.New("a test reaches loopback only")
	}
	return w
}

func TestHostileAddressesAreNotConnectedTo(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	for _, row := range hostile {
		v := newProber(Options{}, w.guard).Probe(t.Context(), row.address)
		if v.Answer != Private || row.guarded && v != internal {
			t.Errorf("%q (%s): %+v", row.address, row.why, v)
		}
		if n := w.opened.Swap(0); n != 0 {
			t.Errorf("%q (%s): %d connections", row.address, row.why, n)
		}
	}
	if len(hostile) < 60 {
		t.Errorf("%d addresses are too few", len(hostile))
	}
	t.Logf("hostile addresses: %d, connections: %d", len(hostile), w.accepted.Load())
	if w.accepted.Load() != 0 {
		t.Error("an internal address was connected to")
	}
}

// With every address allowed, the same addresses are connected to: what stops
// them above is the guard.
func TestWithoutTheGuardHostileAddressesAreConnectedTo(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	w.guard.addresses = ssrf.New(ssrf.WithAnyPort(),
		ssrf.WithAllowedV4Prefixes(netip.MustParsePrefix("0.0.0.0/0")), ssrf.WithAllowedV6Prefixes(netip.MustParsePrefix("::/0")))
	for _, row := range hostile {
		newProber(Options{}, w.guard).Probe(t.Context(), row.address)
		if n := w.opened.Swap(0); row.guarded != (n > 0) {
			t.Errorf("%q (%s): %d connections", row.address, row.why, n)
		}
	}
	if w.accepted.Load() == 0 {
		t.Error("the listener was not reached, so that the other test shows nothing")
	}
}

// The guard lets through what it should, under the name as it stands.
func TestPublicNamesAreConnectedTo(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{"four.example": "9.9.9.9", "six.example": "2620:fe::9", "mapped.example": "::ffff:9.9.9.9"} {
		w := newWire(t)
		known := newNames(map[string][]string{name: {address}})
		w.guard.resolver = known.resolver()
		if v := newProber(Options{}, w.guard).Probe(t.Context(), "https://"+name+"/a/b"); v != noAnswer || w.opened.Load() != 1 {
			t.Errorf("%s: %+v, %d connections", name, v, w.opened.Load())
		}
		for host, want := range map[string]string{name: name + ".", address: address} {
			if got := w.guard.name(host); got != want {
				t.Errorf("%s is looked up as %s", host, got)
			}
		}
	}
	if got := guardOn(443, true).name("git.tools.svc"); got != "git.tools.svc" {
		t.Errorf("a listed short name is looked up as %s", got)
	}
}

func TestRedirectsInsideAreNotFollowed(t *testing.T) {
	t.Parallel()
	const refs = "/a/b/info/refs?service=git-upload-pack"
	for _, location := range []string{
		"https://127.0.0.1" + refs, "https://[::1]" + refs, "https://loopback.example" + refs, "https://rebinding.example" + refs,
		"http://public.example" + refs, "http://127.0.0.1" + refs, "//127.0.0.1" + refs, `\\127.0.0.1` + refs, "https://public.example@127.0.0.1" + refs,
		"https://user@public.example" + refs, "https://public.example:8443" + refs, "file:///etc" + refs, "https://2130706433" + refs,
	} {
		w := newWire(t)
		network := w.guard.transport(Options{})
		requests := 0
		p := newProber(Options{Transport: transportFunc(func(req *http.Request) (*http.Response, error) {
			if requests++; requests > 1 {
				return network.RoundTrip(req)
			}
			return &http.Response{StatusCode: 302, Header: http.Header{"Location": {location}}, Body: http.NoBody}, nil
		})}, w.guard)
		if v := p.Probe(t.Context(), "https://public.example/a/b"); v.Answer == Public || requests != 1 || w.opened.Load() != 0 {
			t.Errorf("%s: %+v after %d requests and %d connections", location, v, requests, w.opened.Load())
		}
	}
}

// A proxy sees names, so they are looked up before it is asked.
func TestAProxyIsNotAskedForInternalNames(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	var connects atomic.Int64
	proxy := newServer(t, func(http.ResponseWriter, *http.Request) { connects.Add(1) })
	for _, row := range hostile {
		if strings.HasPrefix(row.address, "https://rebinding") {
			continue // the proxy's to refuse
		}
		v := newProber(Options{Proxy: proxy}, w.guard).Probe(context.Background(), row.address)
		if v.Answer != Private || connects.Load() != 0 {
			t.Fatalf("%q (%s): %+v, %d requests to the proxy", row.address, row.why, v, connects.Load())
		}
	}
	p := newProber(Options{Proxy: proxy, Hosts: []string{"*.example"}}, guardOn(443, true))
	if v := p.Probe(context.Background(), "https://loopback.example/a/b"); v != noAnswer || connects.Load() != 1 {
		t.Errorf("a listed host: %+v, %d requests to the proxy", v, connects.Load())
	}
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// Not even a proxy, or whatever else carries requests, hears of an address that gives itself away.
func TestHostileLiteralsAreNoRequest(t *testing.T) {
	t.Parallel()
	p := New(Options{Transport: transportFunc(func(req *http.Request) (*http.Response, error) {
		t.Errorf("%s was asked", req.URL)
		return nil, errors.New("not here")
	})})
	for _, row := range hostile {
		if !row.guarded || strings.ContainsAny(row.address, "[") || strings.Trim(row.address, "htps:/ab.0123456789") == "" {
			p.Probe(t.Context(), row.address)
		}
	}
}

func TestAProxyOfTheEnvironmentIsNotUsed(t *testing.T) { // not parallel: the environment is everybody's
	proxy := newServer(t, func(http.ResponseWriter, *http.Request) { t.Error("the proxy was asked") })
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"} {
		t.Setenv(name, proxy.String())
	}
	server := newTLSServer(t, answer(200, gitType, service+v2))
	if v := proberOf(server).Probe(t.Context(), "https://example.com/a/b"); v != public {
		t.Errorf("%+v", v)
	}
}
