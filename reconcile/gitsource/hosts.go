package gitsource

import (
	"context"
	"sync"

	"golang.org/x/time/rate"
)

const (
	hostConcurrency = 4
	hostRate        = 10 // requests per second
	hostBurst       = 20
	maxHosts        = 1024 // remembered without being in use
)

// hosts keeps one host's many repositories from hammering it, and from
// standing in the way of other hosts.
type hosts struct {
	mu    sync.Mutex
	known map[string]*host
}

type host struct {
	users int // callers that ask it or wait to; guarded by hosts.mu
	slots chan struct{}
	rate  *rate.Limiter
}

// enter waits until the host may be asked one question more; leave must
// follow. It fails when the context ends first.
func (hs *hosts) enter(ctx context.Context, name string) (h *host, leave func(), err error) {
	h = hs.use(name)
	select {
	case h.slots <- struct{}{}:
		return h, func() { <-h.slots; hs.release(h) }, nil
	case <-ctx.Done():
		hs.release(h)
		return nil, nil, ctx.Err()
	}
}

func (hs *hosts) use(name string) *host {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h := hs.known[name]
	if h == nil {
		hs.makeRoom()
		h = &host{slots: make(chan struct{}, hostConcurrency), rate: rate.NewLimiter(hostRate, hostBurst)}
		hs.known[name] = h
	}
	h.users++
	return h
}

func (hs *hosts) release(h *host) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h.users--
}

// makeRoom forgets hosts nobody asks. Their rate starts afresh when they come
// back, which takes maxHosts other hosts first.
func (hs *hosts) makeRoom() {
	if hs.known == nil {
		hs.known = map[string]*host{}
	}
	if len(hs.known) < maxHosts {
		return
	}
	for name, h := range hs.known {
		if h.users == 0 {
			delete(hs.known, name)
		}
	}
}
