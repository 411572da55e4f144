package quaytest

import (
	"fmt"
	"net/http"
	"strconv"
)

// Outcome is what becomes of a request that a Fault befalls.
type Outcome int

// What can become of it.
const (
	Answer      Outcome = iota // the answer of the Fault is sent
	Drop                       // the connection is dropped without an answer
	Truncate                   // the true answer breaks off in the middle
	Stall                      // no answer until the request ends or Release is closed; then the true one
	Anonymous                  // the token is taken for unknown, this once
	ExpireToken                // the token dies, from this call on
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
type Injected struct {
	server     *Server
	fault      Fault
	seen, hits int
	removed    bool
}

// Inject adds a fault. Of several that match, the first injected one befalls
// the request; all of them count it for their Skip.
func (s *Server) Inject(f Fault) *Injected {
	if f.Route != "" {
		mustKnow(f.Route)
	}
	if f.Outcome == Answer && f.Status == 0 {
		panic("quaytest: a fault that answers needs a status")
	}
	i := &Injected{server: s, fault: f}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, i)
	return i
}

// Hits counts the requests that the fault has befallen. A test that injects a
// fault should see that it was not in vain.
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
	return (f.Method == "" || f.Method == c.Method) && (f.Route == "" || f.Route == c.Route) && (f.Path == "" || f.Path == c.Path)
}

// due counts the call and says whether it is one that goes wrong.
func (i *Injected) due() bool {
	i.seen++
	return !i.removed && i.seen > i.fault.Skip && (i.fault.Times < 0 || i.hits < max(1, i.fault.Times))
}

// misbehave answers a request that a fault befalls.
func (s *Server) misbehave(w http.ResponseWriter, r *http.Request, q *request, f Fault) {
	switch f.Outcome {
	case Anonymous:
		q.token = ""
		s.serve(q).write(w)
	case ExpireToken:
		s.ExpireToken(q.token)
		s.serve(q).write(w)
	case Truncate:
		s.serve(q).truncate(w)
	case Stall:
		if !f.Applied {
			f.wait(r)
		}
		answer := s.serve(q)
		if f.Applied {
			f.wait(r)
		}
		answer.write(w)
	default: // Answer, Drop
		if f.Applied {
			s.serve(q)
		}
		f.end(w)
	}
}

// wait returns when the fault is released and ends the request when the client
// has given up.
func (f Fault) wait(r *http.Request) {
	select {
	case <-f.Release:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

// end sends the fault's own answer, or drops the connection.
func (f Fault) end(w http.ResponseWriter) {
	if f.Outcome == Drop {
		panic(http.ErrAbortHandler)
	}
	for name, values := range f.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	body := f.Body
	if body == "" {
		body = proxyPage(f.Status)
	}
	contentType := f.ContentType
	if contentType == "" {
		contentType = "text/html"
	}
	response{status: f.Status, contentType: contentType, body: []byte(body)}.write(w)
}

// proxyPage is what the proxy in front of Quay says: rate limits and gateway
// errors are its own.
func proxyPage(status int) string {
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	return "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title +
		"</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
}

// truncate promises the whole body and sends half of it. Without a body the
// answer is lost altogether.
func (a response) truncate(w http.ResponseWriter) {
	if len(a.body) == 0 {
		panic(http.ErrAbortHandler)
	}
	a.header(w)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body[:len(a.body)/2]) // the client may be gone
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
