package quay

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"berth/quay/quaytest"
)

// far is a registry some way off that speaks HTTP/2.
type far struct {
	http.RoundTripper
	latency time.Duration
}

func (f far) RoundTrip(r *http.Request) (*http.Response, error) {
	<-time.After(f.latency) // of virtual time
	resp, err := f.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.ProtoMajor = 2
	}
	return resp, err
}

// Four shards, each of which reads all pages, take no longer than one run, as long as the
// registry lets them ask so often: each has a connection, and is told by a refusal if all are
// counted together. They begin with one run's burst among them, which is what they lose.
func TestShardsAreNotSlower(t *testing.T) {
	t.Parallel()
	const pages, allowed = 100, 50
	e := newPagesEnv(10 * pages)
	if _, err := e.list(t); err != nil {
		t.Fatal(err)
	}
	took := func(shards int) (took time.Duration) {
		e.server.ResetCalls()
		synctest.Test(t, func(t *testing.T) {
			proxy := &quaytest.Proxy{Server: e.server, API: rate.NewLimiter(allowed, 2*allowed).Allow}
			start := time.Now()
			var all sync.WaitGroup
			for range shards {
				c, err := New(Options{
					URL: "https://quay.test", Organization: "acme", Clients: shards, Burst: (10 + shards - 1) / shards,
					Transport: far{quaytest.Wire(proxy), 600 * time.Millisecond},
					Token:     func() (Token, error) { return NewToken("oauth-token"), nil },
					Bookmarks: func() []string { return e.marks },
				})
				if err != nil {
					t.Fatal(err)
				}
				all.Go(func() {
					_, err := c.GetOrganization(t.Context())
					repositories, err2 := c.ListRepositories(t.Context())
					if err != nil || err2 != nil || len(repositories) != 10*pages {
						t.Errorf("%d repositories, %v, %v", len(repositories), err, err2)
					}
					if n := c.Stats().Requests; n != 1+pages+maxBookmarks {
						t.Errorf("one of %d made %d calls", shards, n)
					}
				})
			}
			all.Wait()
			took = time.Since(start)
			if n := proxy.Refused(); n > 0 {
				t.Errorf("%d calls of %d shards were refused", n, shards)
			}
		})
		return took
	}
	one, four := took(1), took(4)
	if four > one+one/10 { // the burst, which they divide, and in which order they ask
		t.Errorf("four shards take %s, one run %s", four, one)
	}
}

// Where the address is counted, as it is over HTTP/1.1, shards begin together as one run does,
// and whatever the settings allow they divide.
func TestShardsBeginAsOne(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		qps           float64
		shards, http  int
		least, atMost int // calls of all together in the first second
	}{
		{0, 1, 1, 10 + 5, 10 + 7},
		{0, 4, 1, 10 + 5, 12 + 7},
		{0, 4, 2, 12 + 4*20, 12 + 4*30},
		{8, 4, 2, 10 + 8, 12 + 8},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			var calls atomic.Int64
			for range row.shards {
				limiter := Options{QPS: row.qps, Clients: row.shards, Burst: (10 + row.shards - 1) / row.shards}.pace()
				for range 40 {
					go func() {
						if p, err := limiter.Enter(ctx); err == nil {
							calls.Add(1)
							limiter.Learn(p, &http.Response{StatusCode: http.StatusOK, ProtoMajor: row.http})
						}
					}()
				}
			}
			<-ctx.Done()
			synctest.Wait()
			if n := int(calls.Load()); n < row.least || n > row.atMost {
				t.Errorf("%d shards over HTTP/%d, %v a second: %d calls", row.shards, row.http, row.qps, n)
			}
		})
	}
}
