package quay

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// overNetwork returns a client on the real transport, without waits.
func overNetwork(t *testing.T, url string, roots *x509.CertPool, transport http.RoundTripper) *Client {
	t.Helper()
	c, err := New(Options{
		URL: url, Organization: "acme", QPS: 1000, Burst: 1000, RootCAs: func() *x509.CertPool { return roots }, Transport: transport,
		Token:   func() (Token, error) { return NewToken("oauth-token"), nil },
		Backoff: func(int) time.Duration { return 0 },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Quay's proxy allows ten times as much on HTTP/2.
func TestHTTP2AndCustomCA(t *testing.T) {
	t.Parallel()
	var major atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		major.Store(int32(r.ProtoMajor))
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, robotBody)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	c := overNetwork(t, server.URL, roots, nil)
	if _, err := c.GetRobot(t.Context(), "r"); err != nil {
		t.Fatal(err)
	}
	if major.Load() != 2 {
		t.Errorf("the request came by HTTP/%d", major.Load())
	}
}

// What is trusted takes long to read, and is not asked for before somebody connects.
func TestWhatIsTrustedIsReadOnceAndLate(t *testing.T) {
	t.Parallel()
	asked := 0
	c, err := New(Options{
		URL: "https://127.0.0.1:1", Organization: "acme", Backoff: func(int) time.Duration { return 0 },
		Token:   func() (Token, error) { return NewToken("oauth-token"), nil },
		RootCAs: func() *x509.CertPool { asked++; return x509.NewCertPool() },
	})
	if err != nil || asked > 0 {
		t.Fatalf("asked for %d times by making the client (%v)", asked, err)
	}
	for range 2 {
		if _, err := c.GetOrganization(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if asked != 1 {
		t.Errorf("asked for %d times", asked)
	}
}

// A certificate that cannot be verified does not get better by asking again.
func TestUntrustedCertificateIsNotRetried(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	for name, call := range calls {
		c := overNetwork(t, server.URL, x509.NewCertPool(), nil)
		if err := call(t.Context(), c); !errors.Is(err, ErrUnavailable) || c.Stats().Requests != 1 {
			t.Errorf("%s: %d attempts, %v", name, c.Stats().Requests, err)
		}
	}
}

// When the handshake breaks off nothing was sent, and every call may be repeated.
func TestBrokenHandshakeIsRepeated(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	var accepted atomic.Int32
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			_ = conn.Close()
		}
	}()
	for name, call := range calls {
		accepted.Store(0)
		c := overNetwork(t, "https://"+listener.Addr().String(), nil, nil)
		if err := call(t.Context(), c); !errors.Is(err, ErrUnavailable) || c.Stats().Requests != 1+maxRetries {
			t.Errorf("%s: %d attempts, %v", name, c.Stats().Requests, err)
		}
		if n := accepted.Load(); n != 1+maxRetries {
			t.Errorf("%s: %d connections", name, n)
		}
	}
}

// A name that cannot be looked up was never connected to.
func TestFailedLookupIsRepeated(t *testing.T) {
	t.Parallel()
	transport := newHTTPTransport(nil)
	transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "quay.test", IsNotFound: true}}
	}
	for name, call := range calls {
		c := overNetwork(t, "https://quay.test", nil, transport)
		if err := call(t.Context(), c); !errors.Is(err, ErrUnavailable) || c.Stats().Requests != 1+maxRetries {
			t.Errorf("%s: %d attempts, %v", name, c.Stats().Requests, err)
		}
	}
}
