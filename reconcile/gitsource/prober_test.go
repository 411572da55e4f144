package gitsource

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"
)

// pass lets the time of a test's bubble go by.
func pass(d time.Duration) { <-time.After(d) }

// ok answers as a public repository does.
func ok() *http.Response {
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {gitType}}, Body: io.NopCloser(strings.NewReader(service + v2))}
}

func TestAThousandCallersWithOneAddressSendOneRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var requests atomic.Int64
		p := New(Options{Transport: transportFunc(func(*http.Request) (*http.Response, error) {
			requests.Add(1)
			pass(time.Second) // all callers are waiting by then
			return ok(), nil
		})})
		spellings := []string{"https://git.example/a/b", "HTTPS://GIT.example/a/b/", "https://git.example.:443/a/b//"}
		var all sync.WaitGroup
		for i := range 1000 {
			all.Go(func() {
				if v := p.Probe(t.Context(), spellings[i%len(spellings)]); v != public {
					t.Errorf("%+v", v)
				}
			})
		}
		all.Wait()
		if v := p.Probe(t.Context(), spellings[0]); v != public || requests.Load() != 1 {
			t.Errorf("%+v after %d requests", v, requests.Load())
		}
	})
}

func TestOneHostIsAskedSlowlyAndOthersDoNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now, most := map[string]int{}, map[string]int{}
		var times []time.Duration // of the requests to the large host
		start := time.Now()
		p := New(Options{Transport: transportFunc(func(req *http.Request) (*http.Response, error) {
			host := req.URL.Host
			mu.Lock()
			now[host]++
			most[host] = max(most[host], now[host])
			if host == "large.example" {
				times = append(times, time.Since(start))
			}
			mu.Unlock()
			pass(50 * time.Millisecond)
			mu.Lock()
			now[host]--
			mu.Unlock()
			return ok(), nil
		})})
		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				if v := p.Probe(t.Context(), fmt.Sprintf("https://large.example/a/%d", i)); v != public {
					t.Errorf("%+v", v) // waiting for its turn, 8 s here, costs nothing of the 5 s
				}
			})
		}
		synctest.Wait()
		for i := range 10 {
			all.Go(func() {
				p.Probe(t.Context(), fmt.Sprintf("https://small%d.example/a/b", i))
				if waited := time.Since(start); waited != 50*time.Millisecond {
					t.Errorf("a small host waited %v", waited)
				}
			})
		}
		all.Wait()
		if most["large.example"] != hostConcurrency {
			t.Errorf("%d requests at a time", most["large.example"])
		}
		for i, at := range times {
			earliest := time.Duration(max(0, i-hostBurst)) * time.Second / time.Duration(hostRate.Most)
			if at < earliest {
				t.Errorf("request %d came after %v, not after %v", i, at, earliest)
			}
		}
		if early := slices.IndexFunc(times, func(at time.Duration) bool { return at >= time.Second }); early > hostBurst+15 {
			t.Errorf("%d requests in the first second, when nothing is known of the host", early)
		}
		if whole := time.Since(start); len(times) != 200 || whole > 8*time.Second {
			t.Errorf("%d requests in %v", len(times), whole)
		}
	})
}

// A host that has no time is asked more slowly until it has: nobody waits for another run.
func TestABusyHostIsAskedMoreSlowly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var busy, requests atomic.Int64
		allowed := rate.NewLimiter(8, 25)
		p := New(Options{Transport: transportFunc(func(*http.Request) (*http.Response, error) {
			requests.Add(1)
			pass(50 * time.Millisecond)
			if !allowed.Allow() {
				busy.Add(1)
				return &http.Response{StatusCode: http.StatusTooManyRequests, Body: http.NoBody}, nil
			}
			return ok(), nil
		})})
		start := time.Now()
		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				if v := p.Probe(t.Context(), fmt.Sprintf("https://git.example/a/%d", i)); v != public {
					t.Errorf("%+v", v)
				}
			})
		}
		all.Wait()
		if took, n := time.Since(start), busy.Load(); took > 26*time.Second || n > 20 {
			t.Errorf("%v, and %d refusals of %d", took, n, requests.Load())
		}
	})
}

// What a host says of itself it need not say of each repository.
func TestAHostThatAnswersNobodyIsAskedFewTimes(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why  string
		host transportFunc
		want Verdict
		most int64
		took time.Duration
	}{
		{"its name is not known", func(*http.Request) (*http.Response, error) { return nil, &net.DNSError{Err: "no such host"} }, noName, enoughSaid + hostConcurrency - 1, 0},
		{"it never has time", func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusTooManyRequests, Body: http.NoBody}, nil
		}, busy, enoughSaid + hostConcurrency - 1, 10 * time.Second},
		{"its repositories are not there", func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusNotFound, Body: http.NoBody}, nil
		}, notFound, 200, 8 * time.Second},
		{"it fails, as it may for one repository", func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusBadGateway, Body: http.NoBody}, nil
		}, failing, 200, 19 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			var requests atomic.Int64
			p := New(Options{Transport: transportFunc(func(req *http.Request) (*http.Response, error) {
				requests.Add(1)
				return row.host(req)
			})})
			start := time.Now()
			var all sync.WaitGroup
			for i := range 200 {
				all.Go(func() {
					if v := p.Probe(t.Context(), fmt.Sprintf("https://git.example/a/%d", i)); v != row.want {
						t.Errorf("%s: %+v", row.why, v)
					}
				})
			}
			all.Wait()
			if took := time.Since(start); requests.Load() > row.most || took > row.took {
				t.Errorf("%s: %d requests in %v", row.why, requests.Load(), took)
			}
		})
	}
}

// The 5 s are the host's, whatever it does with them.
func TestSlowHosts(t *testing.T) {
	t.Parallel()
	hang := func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	redirectTo := func(place string) *http.Response {
		return &http.Response{StatusCode: 302, Header: http.Header{"Location": {place + refs}}, Body: http.NoBody}
	}
	rows := []struct {
		name string
		host func(requests int, req *http.Request) (*http.Response, error)
		want Verdict
		took time.Duration
	}{
		{"no answer", func(_ int, req *http.Request) (*http.Response, error) { return hang(req) }, late, budget},
		{"a body that stops", func(_ int, req *http.Request) (*http.Response, error) {
			resp := ok()
			resp.Body = &drip{ctx: req.Context(), text: service}
			return resp, nil
		}, late, budget},
		{"a body that drips", func(_ int, req *http.Request) (*http.Response, error) {
			resp := ok()
			resp.Body = &drip{ctx: req.Context(), text: strings.Repeat(service+v2, 100), pause: time.Second}
			return resp, nil
		}, late, budget},
		{"a refusal whose body stops", func(_ int, req *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 401, Body: &drip{ctx: req.Context()}}, nil
		}, asksLogin, budget},
		{"redirects share the time", func(n int, req *http.Request) (*http.Response, error) {
			if n == 1 {
				pass(3 * time.Second)
				return redirectTo("/c/d"), nil
			}
			return hang(req)
		}, late, budget},
		{"in time", func(n int, _ *http.Request) (*http.Response, error) {
			pass(time.Second)
			if n <= maxRedirects {
				return redirectTo(fmt.Sprintf("/c/%d", n)), nil
			}
			return ok(), nil
		}, public, 4 * time.Second},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				requests := 0
				p := New(Options{Transport: transportFunc(func(req *http.Request) (*http.Response, error) {
					requests++
					return row.host(requests, req)
				})})
				start := time.Now()
				got := p.Probe(t.Context(), "https://git.example/a/b")
				if took := time.Since(start); got != row.want || took != row.took {
					t.Errorf("%+v after %v, want %+v after %v", got, took, row.want, row.took)
				}
			})
		})
	}
}

// drip is a body of one byte at a time that never ends.
type drip struct {
	ctx   context.Context
	text  string
	pause time.Duration
}

func (d *drip) Read(p []byte) (int, error) {
	if d.text == "" {
		<-d.ctx.Done()
		return 0, d.ctx.Err()
	}
	select {
	case <-time.After(d.pause):
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	}
	n := copy(p[:1], d.text)
	d.text = d.text[n:]
	return n, nil
}

func (d *drip) Close() error { return nil }

func TestTheEndOfOneCallersContextIsNobodyElses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var requests atomic.Int64
		p := New(Options{Transport: transportFunc(func(req *http.Request) (*http.Response, error) {
			requests.Add(1)
			select {
			case <-time.After(2 * time.Second):
				return ok(), nil
			case <-req.Context().Done():
				return nil, req.Context().Err()
			}
		})})
		const address = "https://git.example/a/b"
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if v := p.Probe(short, address); v != notWaited {
				t.Errorf("the caller whose context ended: %+v", v)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if v := p.Probe(t.Context(), address); v != public {
				t.Errorf("the caller who waited: %+v", v)
			}
		})
		all.Go(func() {
			if v := p.Probe(short, address); v != notWaited {
				t.Errorf("the waiting caller whose context ended: %+v", v)
			}
		})
		all.Wait()
		if n := requests.Load(); n != 2 {
			t.Errorf("%d requests", n)
		}
	})
}

// A caller that has no time for the host's turn leaves it, and its address, to others.
func TestWaitingForTheTurnEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := New(Options{Transport: transportFunc(func(*http.Request) (*http.Response, error) {
			pass(4 * time.Second)
			return ok(), nil
		})})
		quick := New(Options{Transport: transportFunc(func(*http.Request) (*http.Response, error) { return ok(), nil })})
		for name, row := range map[string]struct {
			p      *Prober
			before int
		}{"all are busy": {slow, hostConcurrency}, "the rate is used up": {quick, hostBurst}} {
			var all sync.WaitGroup
			for i := range row.before {
				all.Go(func() { row.p.Probe(t.Context(), fmt.Sprintf("https://git.example/a/%d", i)) })
			}
			synctest.Wait()
			short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			if v := row.p.Probe(short, "https://git.example/a/b"); v != notWaited {
				t.Errorf("%s: %+v", name, v)
			}
			cancel()
			if v := row.p.Probe(t.Context(), "https://git.example/a/b"); v != public {
				t.Errorf("%s, then: %+v", name, v)
			}
			all.Wait()
			if n := row.p.hosts.known["git.example"].users; n != 0 {
				t.Errorf("%s: %d users are left", name, n)
			}
		}
	})
}

func TestTheMemoryForHostsIsBounded(t *testing.T) {
	t.Parallel()
	p := New(Options{Transport: transportFunc(func(*http.Request) (*http.Response, error) { return ok(), nil })})
	busy := p.hosts.use("busy.example")
	for i := range 3 * maxHosts {
		p.Probe(t.Context(), fmt.Sprintf("https://h%d.example/a", i))
		if n := len(p.hosts.known); n > maxHosts {
			t.Fatalf("%d hosts are remembered", n)
		}
	}
	if p.hosts.known["busy.example"] != busy {
		t.Error("a host was forgotten while it was in use")
	}
}

func TestOneHostsRepositoriesShareAConnection(t *testing.T) {
	t.Parallel()
	var connections, requests sync.Map
	server := newTLSServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connections.Store(r.RemoteAddr, true)
		requests.Store(r.URL.Path, true)
		answer([]int{200, 401, 404}[len(r.URL.Path)%3], gitType, service+v2)(w, r)
	}))
	p := proberOf(server)
	for i := range 12 {
		p.Probe(t.Context(), "https://example.com/"+strings.Repeat("x", i))
	}
	if c, r := size(&connections), size(&requests); c != 1 || r != 12 {
		t.Errorf("%d connections for %d requests", c, r)
	}
}

func size(m *sync.Map) (n int) {
	m.Range(func(any, any) bool { n++; return true })
	return n
}
