package kubetest

import (
	"net/http"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Outcome is what becomes of a request that a Fault befalls.
type Outcome int

// What can become of it.
const (
	Answer   Outcome = iota // the answer of the Fault is sent
	Drop                    // the connection is dropped without an answer
	Truncate                // the true answer breaks off in the middle
	Stall                   // no answer until the request ends or Release is closed; then the true one
)

// Fault says which requests go wrong, and how.
type Fault struct {
	Verb      string // get, list, create, update, patch, delete; "": any
	Resource  string // as in Call; "": any
	Namespace string // "": any
	Name      string // "": any; a create has none

	Skip  int // matching requests that pass first
	Times int // requests that go wrong; zero: one, negative: all

	Outcome Outcome
	Applied bool // with Answer, Drop and Stall: the request takes effect first

	Status     int                 // of an Answer
	Reason     metav1.StatusReason // of an Answer; "": the usual one of its status
	Message    string              // of an Answer
	RetryAfter int                 // of an Answer, in seconds; zero: none is said
	Page       string              // of an Answer: a page of HTML in place of a Status

	Release <-chan struct{} // ends a Stall; nil: only the end of the request does
}

// Injected is a Fault at work.
type Injected struct {
	server     *Server
	fault      Fault
	seen, hits int
	removed    bool
}

// Inject adds a fault. Of several that match, the first injected one befalls the
// request; all of them count it for their Skip.
func (s *Server) Inject(f Fault) *Injected {
	if f.Outcome == Answer && f.Status == 0 {
		panic("kubetest: a fault that answers needs a status")
	}
	i := &Injected{server: s, fault: f}
	s.mu.Lock()
	defer s.mu.Unlock()
	if plural, _, _ := strings.Cut(f.Resource, "/"); plural != "" {
		s.mustKind(plural)
	}
	s.faults = append(s.faults, i)
	return i
}

// Hits counts the requests that the fault has befallen. A test that injects a fault
// should see that it was not in vain.
func (i *Injected) Hits() int {
	i.server.mu.Lock()
	defer i.server.mu.Unlock()
	return i.hits
}

// Remove ends the fault.
func (i *Injected) Remove() {
	i.server.mu.Lock()
	defer i.server.mu.Unlock()
	i.removed = true
}

func (s *Server) befall(c Call) *Fault {
	var chosen *Injected
	for _, i := range s.faults {
		if i.matches(c) && i.due() && chosen == nil {
			chosen = i
		}
	}
	if chosen == nil {
		return nil
	}
	chosen.hits++
	return &chosen.fault
}

func (i *Injected) matches(c Call) bool {
	f := i.fault
	return (f.Verb == "" || f.Verb == c.Verb) && (f.Resource == "" || f.Resource == c.Resource) &&
		(f.Namespace == "" || f.Namespace == c.Namespace) && (f.Name == "" || f.Name == c.Name)
}

// due counts the request and says whether it is one that goes wrong.
func (i *Injected) due() bool {
	i.seen++
	return !i.removed && i.seen > i.fault.Skip && (i.fault.Times < 0 || i.hits < max(1, i.fault.Times))
}

// misbehave answers a request that a fault befalls.
func (s *Server) misbehave(w http.ResponseWriter, r *http.Request, q request, known bool, f Fault) {
	switch f.Outcome {
	case Truncate:
		s.serve(q, known).truncate(w)
	case Stall:
		if !f.Applied {
			f.wait(r)
		}
		a := s.serve(q, known)
		if f.Applied {
			f.wait(r)
		}
		a.write(w)
	default: // Answer, Drop
		if f.Applied {
			s.serve(q, known)
		}
		if f.Outcome == Drop {
			panic(http.ErrAbortHandler)
		}
		f.answer().write(w)
	}
}

// wait returns when the fault is released and ends the request when the client has
// given up.
func (f Fault) wait(r *http.Request) {
	select {
	case <-f.Release:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

func (f Fault) answer() answer {
	a := answer{status: f.Status, contentType: "text/html", body: []byte(f.Page)}
	if f.Page == "" {
		a = encode(f.Status, metav1.Status{
			TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
			Status:   metav1.StatusFailure, Code: int32(f.Status), Reason: f.reason(), Message: f.Message,
		})
	}
	if f.RetryAfter != 0 {
		a.header = map[string]string{"Retry-After": strconv.Itoa(f.RetryAfter)}
	}
	return a
}

// reason is mostly the name of the status without its spaces.
func (f Fault) reason() metav1.StatusReason {
	switch {
	case f.Reason != "":
		return f.Reason
	case f.Status == http.StatusGone:
		return metav1.StatusReasonExpired
	case f.Status == http.StatusUnprocessableEntity:
		return metav1.StatusReasonInvalid
	case f.Status == http.StatusInternalServerError:
		return metav1.StatusReasonInternalError
	}
	return metav1.StatusReason(strings.ReplaceAll(http.StatusText(f.Status), " ", ""))
}
