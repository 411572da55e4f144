package kubetest

import (
	"net/http"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"berth/quay/quaytest/fault"
)

// Outcome is what becomes of a request that a Fault befalls.
type Outcome = fault.Outcome

// What can become of it.
const (
	Answer   = fault.Answer
	Drop     = fault.Drop
	Truncate = fault.Truncate
	Stall    = fault.Stall
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
type Injected = fault.Injected

// Inject adds a fault. Of several that match, the first injected one befalls the
// request; all of them count it for their Skip.
func (s *Server) Inject(f Fault) *Injected {
	if f.Outcome == Answer && f.Status == 0 {
		panic("kubetest: a fault that answers needs a status")
	}
	if plural, _, _ := strings.Cut(f.Resource, "/"); plural != "" {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.mustKind(plural)
	}
	return s.log.Inject(fault.Fault[Call]{
		Matches: f.matches, Skip: f.Skip, Times: f.Times,
		Outcome: f.Outcome, Applied: f.Applied, Reply: f.answer().write, Release: f.Release,
	})
}

func (f Fault) matches(c Call) bool {
	return (f.Verb == "" || f.Verb == c.Verb) && (f.Resource == "" || f.Resource == c.Resource) &&
		(f.Namespace == "" || f.Namespace == c.Namespace) && (f.Name == "" || f.Name == c.Name)
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
