package gitsource

import (
	"context"
	"sync"

	"berth/quay/pace"
)

const (
	hostConcurrency = 4
	hostBurst       = 20
	enoughSaid      = 5    // times in a row that a host says one thing of itself, and is believed
	maxHosts        = 1024 // remembered without being in use
)

// hostRate is where the rate of a host is looked for. It may be lower: gitlab.com lets an
// address ask 500 times a minute (docs.gitlab.com/user/gitlab_com/rate_limits).
var hostRate = pace.Range{First: 10, Most: 30}

// hosts keeps one host's many repositories from hammering it, and from
// standing in the way of other hosts.
type hosts struct {
	mu    sync.Mutex
	known map[string]*host
}

type host struct {
	users int // callers that ask it or wait to; guarded by hosts.mu
	slots chan struct{}
	pace  *pace.Limiter

	mu    sync.Mutex
	said  Verdict // of the host itself, last,
	times int     // and how often in a row
}

// note takes note of a verdict. That its name is not known or that it has no time a host
// says whatever the repository.
func (h *host) note(v Verdict) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if v != h.said {
		h.said, h.times = v, 0
	}
	h.times++
}

// over is what the host says to all; nil: it has to be asked.
func (h *host) over() *Verdict {
	h.mu.Lock()
	defer h.mu.Unlock()
	if said := h.said; h.times >= enoughSaid && (said == noName || said == busy) {
		return &said
	}
	return nil
}

// turn waits until a request may be sent, or says why none is.
func (h *host) turn(ctx context.Context) (pace.Pass, *Verdict) {
	if said := h.over(); said != nil {
		return pace.Pass{}, said
	}
	turn, err := h.pace.Enter(ctx)
	if err != nil {
		return turn, &notWaited
	}
	said := h.over() // which others may have learned meanwhile
	if said != nil {
		h.pace.Learn(turn, nil)
	}
	return turn, said
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
		h = &host{slots: make(chan struct{}, hostConcurrency), pace: pace.New(hostRate, hostBurst)}
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
