// Package fault is what the simulated servers have in common: they remember what
// they were asked, and do wrong what a test tells them to.
//
// It promises that a fault strikes the calls it was made for and no others, however
// many come at once. It knows no server: what a call is, which calls a fault means
// and what is answered come from theirs.
package fault

import (
	"net/http"
	"slices"
	"sync"
)

// Outcome is what becomes of a request that a fault befalls.
type Outcome int

// What can become of it.
const (
	Answer   Outcome = iota // the answer of the fault is sent
	Drop                    // the connection is dropped without an answer
	Truncate                // the true answer breaks off in the middle
	Stall                   // no answer until the request ends or Release is closed; then the true one
	Others                  // the first of a server's own, for which Befall is not called
)

// Fault says which requests go wrong, and how. C is the call that a server remembers
// of a request.
type Fault[C any] struct {
	Matches func(C) bool
	Skip    int // matching calls that pass first
	Times   int // calls that go wrong; zero: one, negative: all

	Outcome Outcome
	Applied bool                      // with Answer, Drop and Stall: the request takes effect first
	Reply   func(http.ResponseWriter) // sends the answer of an Answer
	Release <-chan struct{}           // ends a Stall; nil: only the end of the request does
}

// Injected is a fault at work.
type Injected struct {
	mu         *sync.Mutex
	seen, hits int
	removed    bool
}

// Hits counts the requests that the fault has befallen. A test that injects a fault
// should see that it was not in vain.
func (i *Injected) Hits() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.hits
}

// Remove ends the fault.
func (i *Injected) Remove() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.removed = true
}

// Log is what a server was asked and what is to go wrong; the zero value is an empty
// one. It is safe for concurrent use.
type Log[C any] struct {
	mu     sync.Mutex
	calls  []C
	faults []*injected[C]
}

type injected[C any] struct {
	Injected
	Fault[C]
}

// Inject adds a fault. Of several that match, the first injected one befalls the
// request; all of them count it for their Skip.
func (l *Log[C]) Inject(f Fault[C]) *Injected {
	i := &injected[C]{Injected{mu: &l.mu}, f}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, i)
	return &i.Injected
}

// Record notes a call and returns the fault that befalls it, or nil.
func (l *Log[C]) Record(c C) *Fault[C] {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, c)
	var chosen *injected[C]
	for _, i := range l.faults {
		if i.Matches(c) && i.due() && chosen == nil {
			chosen = i
		}
	}
	if chosen == nil {
		return nil
	}
	chosen.hits++
	return &chosen.Fault
}

// due counts the call and says whether it is one that goes wrong.
func (i *injected[C]) due() bool {
	i.seen++
	return !i.removed && i.seen > i.Skip && (i.Times < 0 || i.hits < max(1, i.Times))
}

// Calls returns every call so far, in the order of their arrival.
func (l *Log[C]) Calls() []C {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.calls)
}

// Count counts the calls that are so.
func (l *Log[C]) Count(so func(C) bool) int {
	n := 0
	for _, c := range l.Calls() {
		if so(c) {
			n++
		}
	}
	return n
}

// Reset forgets the calls so far.
func (l *Log[C]) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = nil
}
