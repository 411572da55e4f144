package quaytest

import (
	"cmp"
	"fmt"
	"net/http"

	"berth/quay/quaytest/fault"
)

// Outcome is what becomes of a request that a Fault befalls.
type Outcome = fault.Outcome

// What can become of it, at any server and at this one.
const (
	Answer   = fault.Answer
	Drop     = fault.Drop
	Truncate = fault.Truncate
	Stall    = fault.Stall

	Anonymous   = fault.Others     // the token is taken for unknown, this once
	ExpireToken = fault.Others + 1 // the token dies, from this call on
)

// Fault says which requests go wrong, and how.
type Fault struct {
	Method string // empty: any
	Route  string // one of the Route constants; empty: any, unknown paths too
	Path   string // decoded; empty: any

	Skip  int // matching calls that pass first
	Times int // calls that go wrong; zero: one, negative: all

	Outcome Outcome
	Applied bool // with Answer, Drop and Stall: the request takes effect first

	Status      int         // of an Answer
	ContentType string      // of an Answer; empty: text/html
	Body        string      // of an Answer; empty: a page of HTML
	Header      http.Header // of an Answer, such as Retry-After

	Release <-chan struct{} // ends a Stall; nil: only the end of the request does
}

// Injected is a Fault at work.
type Injected = fault.Injected

// Inject adds a fault. Of several that match, the first injected one befalls
// the request; all of them count it for their Skip.
func (s *Server) Inject(f Fault) *Injected {
	if f.Route != "" {
		mustKnow(f.Route)
	}
	if f.Outcome == Answer && f.Status == 0 {
		panic("quaytest: a fault that answers needs a status")
	}
	return s.log.Inject(fault.Fault[Call]{
		Matches: f.matches, Skip: f.Skip, Times: f.Times,
		Outcome: f.Outcome, Applied: f.Applied, Reply: f.reply, Release: f.Release,
	})
}

func (f Fault) matches(c Call) bool {
	return (f.Method == "" || f.Method == c.Method) && (f.Route == "" || f.Route == c.Route) && (f.Path == "" || f.Path == c.Path)
}

func (f Fault) reply(w http.ResponseWriter) {
	for name, values := range f.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	body := cmp.Or(f.Body, proxyPage(f.Status))
	response{status: f.Status, contentType: cmp.Or(f.ContentType, "text/html"), body: []byte(body)}.write(w)
}

// proxyPage is what the proxy in front of Quay says: rate limits and gateway
// errors are its own.
func proxyPage(status int) string {
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	return "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title +
		"</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
}
