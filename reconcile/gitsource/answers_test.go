package gitsource

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

const (
	gitType = "application/x-git-upload-pack-advertisement"
	refs    = "/info/refs?service=git-upload-pack"
	object  = "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d"
	zero    = "0000000000000000000000000000000000000000"
)

// packet frames a line as git does.
func packet(line string) string { return fmt.Sprintf("%04x%s", len(line)+4, line) }

var (
	service = packet("# service=git-upload-pack\n") + "0000"
	v2      = packet("version 2\n") + packet("ls-refs=unborn\n") + packet("fetch=shallow\n") + "0000"
	v0      = packet(object+" HEAD\x00multi_ack thin-pack\n") + packet(object+" refs/heads/main\n") + "0000"
)

// answers are what hosts say and what it means; see the table in the package's comment.
var answers = []struct {
	name string
	host http.HandlerFunc
	want Verdict
}{
	{"version 2", answer(200, gitType, service+v2), public},
	{"version 2 without a service line, as git http-backend", answer(200, gitType, v2), public},
	{"version 2, SHA-256", answer(200, gitType, packet("version 2\n")+packet("fetch\n")+packet("object-format=sha256\n")+"0000"), public},
	{"version 0", answer(200, gitType, service+v0), public},
	{"version 0, SHA-256", answer(200, gitType, service+packet(object+object[:24]+" HEAD\x00ofs-delta\n")), public},
	{"version 0, no HEAD", answer(200, gitType, service+packet(object+" refs/heads/main\x00ofs-delta\n")), public},
	{"version 0, empty repository", answer(200, gitType, service+packet(zero+" capabilities^{}\x00ofs-delta\n")+"0000"), public},
	{"version 0, empty repository, of git 2.39", answer(200, gitType, service+"0000"), public},
	{"version 0, megabytes", answer(200, gitType, service+v0[:len(v0)-4]+strings.Repeat(packet(object+" refs/tags/v1\n"), 40_000)+"0000"), public},
	{"version 0, broken off after its first ref", brokenOff(service + v0), public},
	{"a type with a parameter", answer(200, gitType+"; charset=utf-8", service+v2), public},

	{"asks for a login", answer(401, "text/plain", "no"), asksLogin},
	{"forbids, and asks for a login", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		answer(403, "text/html", "<html>")(w, r)
	}, asksLogin},
	{"forbids, as a limit or a firewall does", answer(403, "text/html", "<html>"), refuses},
	{"forbids, but sends refs", answer(403, gitType, service+v2), refuses},
	{"not found", answer(404, "text/plain", "no"), notFound},
	{"gone", answer(410, "text/plain", "no"), notFound},
	{"withheld for legal reasons", answer(451, "text/plain", "no"), notFound},
	{"a login page", answer(200, "text/html; charset=utf-8", "<form>"), webPage},
	{"a login page as XHTML", answer(200, "application/xhtml+xml", "<form/>"), webPage},
	{"a login page of megabytes", answer(200, "text/html", strings.Repeat("<p>", 1<<20)), webPage},
	{"refs in a web page", answer(200, "text/html", service+v2), webPage},

	{"redirect within the host", redirect(301, "/org/repo.git"+refs, answer(200, gitType, service+v2)), public},
	{"redirect within the host, absolute", redirect(302, "https://example.com:443/org/renamed"+refs, answer(200, gitType, service+v2)), public},
	{"redirect within the host, relative", redirect(307, "../../repo.git"+refs, answer(200, gitType, service+v2)), public},
	{"redirect, permanent, to a private one", redirect(308, "/org/repo.git"+refs, answer(401, "text/plain", "")), asksLogin},
	{"redirect to another host", redirect(302, "https://www.example.com/org/repo"+refs, nil), moved},
	{"redirect to http", redirect(301, "http://example.com/org/repo.git"+refs, nil), elsewhere},
	{"redirect to another port", redirect(302, "https://example.com:8443/org/repo.git"+refs, nil), elsewhere},
	{"redirect with a password", redirect(302, "https://u:p@example.com/org/repo.git"+refs, nil), elsewhere},
	{"redirect to a login page", redirect(302, "/login?then=/org/repo", nil), elsewhere},
	{"redirect to a page below which there is a repository", redirect(302, "/login", answer(200, gitType, service+v2)), elsewhere},
	{"redirect to another question", redirect(302, "/org/repo.git/info/refs?service=git-receive-pack", nil), elsewhere},
	{"redirect to nowhere", redirect(302, "", nil), odd},
	{"redirect to no address", redirect(302, "https://%zz/", nil), odd},
	{"redirect to itself for ever", redirect(302, "/org/repo"+refs, nil), redirects},
	{"not modified", answer(304, "", ""), odd},
	{"multiple choices", answer(300, gitType, ""), odd},

	{"too many requests", answer(429, "text/plain", "later"), busy},
	{"internal error", answer(500, "text/html", "<html>"), failing},
	{"bad gateway, sending refs", answer(502, gitType, service+v2), failing},
	{"unavailable", answer(503, "text/html", "<html>"), failing},
	{"bad request", answer(400, "text/plain", ""), odd},
	{"a proxy's login", answer(407, "text/plain", ""), odd},
	{"no content", answer(204, "", ""), odd},
	{"partial content", answer(206, gitType, service+v2), odd},

	{"dumb server", answer(200, "text/plain", object+"\trefs/heads/main\n"), notGit},
	{"refs as octets", answer(200, "application/octet-stream", service+v2), notGit},
	{"refs of no type", answer(200, "", service+v2), notGit},
	{"refs of a broken type", answer(200, "application/", service+v2), notGit},
	{"refs for pushing", answer(200, "application/x-git-receive-pack-advertisement", service+v2), notGit},
	{"JSON", answer(200, "application/json", `{"error":"no"}`), notGit},

	{"empty body", answer(200, gitType, ""), cutShort},
	{"half a length", answer(200, gitType, "00"), cutShort},
	{"half a line", answer(200, gitType, service[:12]), cutShort},
	{"nothing after the service", answer(200, gitType, service), cutShort},
	{"version 2 without its end", answer(200, gitType, service+v2[:len(v2)-4]), cutShort},
	{"broken off in version 2", brokenOff(service + v2[:20]), cutShort},
	{"capabilities without end", answer(200, gitType, packet("version 2\n")+strings.Repeat(packet("agent=x\n"), 20_000)), tooLarge},
	{"a long first ref", answer(200, gitType, service+packet(object+" HEAD\x00"+strings.Repeat("x", 65_460))), tooLarge},
	{"a web page called refs", answer(200, gitType, "<!DOCTYPE html>"), invalid},
	{"an error for a ref", answer(200, gitType, service+packet("ERR access denied\n")), invalid},
	{"an error first", answer(200, gitType, packet("ERR access denied\n")), invalid},
	{"another service", answer(200, gitType, packet("# service=git-receive-pack\n")+"0000"+v2), invalid},
	{"no flush after the service", answer(200, gitType, service[:len(service)-4]+v0), invalid},
	{"a line in the place of the flush", answer(200, gitType, service[:len(service)-4]+packet("x\n")+v2), invalid},
	{"only flushes", answer(200, gitType, "00000000"), invalid},
	{"version 1", answer(200, gitType, service+packet("version 1\n")+v0), invalid},
	{"version 2 that cannot fetch", answer(200, gitType, service+packet("version 2\n")+packet("ls-refs\n")+"0000"), invalid},
	{"version 0 without a service line", answer(200, gitType, v0), invalid},
	{"a ref without capabilities", answer(200, gitType, service+packet(object+" HEAD\n")), invalid},
	{"a ref of a short object", answer(200, gitType, service+packet("7fd1a60 HEAD\x00x\n")), invalid},
	{"a ref of another name", answer(200, gitType, service+packet(object+" main\x00x\n")), invalid},
	{"a delimiter", answer(200, gitType, service+"0001"), invalid},
	{"a length that is none", answer(200, gitType, "+01e# service=git-upload-pack\n"), invalid},
	{"a length over the limit", answer(200, gitType, "ffff"+strings.Repeat("x", 1000)), invalid},
	{"compressed, which was not asked for", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		answer(200, gitType, "\x1f\x8b\x08\x00\x00\x00\x00\x00")(w, r)
	}, invalid},

	{"closes the connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, noAnswer},
	{"headers without end", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
		answer(200, gitType, service+v2)(w, r)
	}, noAnswer},
	{"cookies and refs only for whoever returns them", func(w http.ResponseWriter, r *http.Request) {
		if len(r.Cookies()) > 0 {
			answer(200, gitType, service+v2)(w, r)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "x"})
		redirect(302, "/org/repo"+refs, nil)(w, r)
	}, redirects},
	{"anything but git's request is refused", func(w http.ResponseWriter, r *http.Request) {
		want := http.Header{
			"Git-Protocol": {"version=2"}, "Accept": {"*/*"}, "User-Agent": {"git/2.0"}, "Pragma": {"no-cache"},
			"Cache-Control": {"no-cache"}, // net/http's server adds it to Pragma
		}
		if r.Method != "GET" || r.RequestURI != "/org/repo"+refs || r.Host != "example.com" || fmt.Sprint(r.Header) != fmt.Sprint(want) {
			answer(400, "text/plain", "")(w, r)
			return
		}
		answer(200, gitType, service+v2)(w, r)
	}, public},
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, row := range answers {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			server := newTLSServer(t, row.host)
			if got := proberOf(server).Probe(t.Context(), "https://example.com/org/repo"); got != row.want {
				t.Errorf("%+v, want %+v", got, row.want)
			}
		})
	}
	if len(answers) < 40 {
		t.Errorf("%d answers are too few", len(answers))
	}
	t.Logf("answers: %d", len(answers))
}

func TestUntrustedServers(t *testing.T) {
	t.Parallel()
	handler := answer(200, gitType, service+v2)
	rows := []struct {
		name    string
		address string
		server  func(*httptest.Server)
		options func(*Options)
		want    Verdict
	}{
		{"an unknown authority", "https://example.com/r", nil, func(o *Options) { o.RootCAs = x509.NewCertPool }, untrusted},
		{"a certificate of another name", "https://other.example/r", nil, nil, untrusted},
		{"an outdated TLS", "https://example.com/r", func(s *httptest.Server) { s.TLS = &tls.Config{MaxVersion: tls.VersionTLS11} }, nil, noAnswer},
		{"a client certificate wanted", "https://example.com/r", func(s *httptest.Server) { s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert} }, nil, noAnswer},
		{"a name that does not exist", "https://nowhere.example/r", nil, nil, noName},
		{"the control", "https://example.com/r", nil, nil, public},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			server := newTLSServer(t, handler, row.server)
			o := Options{Hosts: []string{"example.com", "other.example", "nowhere.example"}, RootCAs: poolOf(server)}
			if row.options != nil {
				row.options(&o)
			}
			if got := newProber(o, guardOf(server)).Probe(t.Context(), row.address); got != row.want {
				t.Errorf("%+v, want %+v", got, row.want)
			}
		})
	}
	t.Run("plain http on the port", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		g := guardOn(portOf(server), true)
		g.resolver = newNames(map[string][]string{"example.com": {"127.0.0.1"}}).resolver()
		if got := newProber(Options{Hosts: []string{"example.com"}}, g).Probe(t.Context(), "https://example.com/r"); got != noAnswer {
			t.Errorf("%+v", got)
		}
	})
	t.Run("nobody on the port", func(t *testing.T) {
		t.Parallel()
		server := newTLSServer(t, handler)
		p := proberOf(server)
		server.Close()
		if got := p.Probe(t.Context(), "https://example.com/r"); got != noAnswer {
			t.Errorf("%+v", got)
		}
	})
}

// answer is a server that says one thing.
func answer(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{contentType}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// redirect sends on who asks for the repository of the tests; others get to next.
func redirect(status int, location string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/org/repo/") {
			next(w, r)
			return
		}
		w.Header()["Location"] = []string{location}
		w.WriteHeader(status)
	}
}

// brokenOff promises more than it sends.
func brokenOff(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100000")
		answer(200, gitType, body)(w, r)
	}
}

func newTLSServer(t *testing.T, handler http.Handler, options ...func(*httptest.Server)) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	for _, option := range options {
		if option != nil {
			option(server)
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// newServer is a plain one; it returns its address.
func newServer(t *testing.T, handler http.HandlerFunc) *url.URL {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// proberOf asks a server, which has the name example.com.
func proberOf(server *httptest.Server) *Prober {
	return newProber(Options{Hosts: []string{"example.com"}, RootCAs: poolOf(server)}, guardOf(server))
}

func guardOf(server *httptest.Server) *guard {
	g := guardOn(portOf(server), true)
	g.resolver = newNames(map[string][]string{"example.com": {"127.0.0.1"}, "other.example": {"127.0.0.1"}}).resolver()
	return g
}

func portOf(server *httptest.Server) uint16 {
	return netip.MustParseAddrPort(server.Listener.Addr().String()).Port()
}

func poolOf(server *httptest.Server) func() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	return func() *x509.CertPool { return pool }
}
