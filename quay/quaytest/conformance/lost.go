package conformance

import (
	"fmt"
	"net/http"

	"berth/quay"
	"berth/quay/quaytest"
)

// What takes effect and whose answer is lost: a call that may be repeated is,
// and succeeds; one that may not is sent once and says so.
var lostAnswers = []part{
	{name: "the connection drops", needs: simulator, check: lost(quaytest.Fault{Outcome: quaytest.Drop, Applied: true})},
	{name: "the answer breaks off", needs: simulator, check: lost(quaytest.Fault{Outcome: quaytest.Truncate})},
	{name: "the balancer gives up", needs: simulator, check: lost(quaytest.Fault{Applied: true, Status: http.StatusBadGateway})},
	{name: "nothing took effect", needs: simulator, check: neverArrived},
	{name: "a read breaks off", needs: simulator, check: lostReads},
}

func lost(fault quaytest.Fault) func(*fixture) {
	return func(f *fixture) {
		for i, w := range writes {
			s := f.newSubject(fmt.Sprint(i))
			kind, requests := error(nil), 2
			if w.once {
				kind, requests = quay.ErrUncertain, 1
			}
			if w.prepare != nil {
				w.prepare(f, s)
			}
			f.sent(w, s, fault, kind, requests)
			w.done(f, s)
		}
	}
}

// sent makes one call whose first attempt goes wrong, and demands what it says
// and how many requests reached the server.
func (f *fixture) sent(w write, s subject, fault quaytest.Fault, kind error, requests int) {
	f.t.Helper()
	fault.Method, fault.Route = w.method, w.route
	injected := f.Simulator.Inject(fault)
	before := f.Simulator.Requests(w.method, w.route)
	f.want(kind, w.name, w.do(f.t.Context(), f.client, s))
	if n := f.Simulator.Requests(w.method, w.route) - before; n != requests {
		f.t.Errorf("%s: %d requests, want %d", w.name, n, requests)
	}
	if injected.Hits() != 1 {
		f.t.Errorf("%s: the fault befell %d requests", w.name, injected.Hits())
	}
}

// A call that must not be repeated says the same when nothing came of it.
func neverArrived(f *fixture) {
	for i, w := range writes {
		if !w.once {
			continue
		}
		s := f.newSubject(fmt.Sprint(i))
		f.sent(w, s, quaytest.Fault{Outcome: quaytest.Drop}, quay.ErrUncertain, 1)
		f.untouched(s)
	}
}

// A read is made again, and nothing of the half answer stays.
func lostReads(f *fixture) {
	s := f.newSubject("")
	for i := range 3 { // or the half holds no whole robot
		f.newSubject(fmt.Sprint(i))
	}
	for _, r := range reads {
		fault := f.Simulator.Inject(quaytest.Fault{Method: http.MethodGet, Outcome: quaytest.Truncate})
		f.want(nil, r.name, r.do(f.t.Context(), f.client, s))
		if fault.Hits() != 1 {
			f.t.Errorf("%s: the fault befell %d requests", r.name, fault.Hits())
		}
	}
	for _, route := range []string{quaytest.RouteRepository, quaytest.RouteRepositories, quaytest.RouteRobot, quaytest.RouteRobots} {
		f.Simulator.Inject(quaytest.Fault{Method: http.MethodGet, Route: route, Outcome: quaytest.Truncate})
	}
	f.untouched(s)
}
