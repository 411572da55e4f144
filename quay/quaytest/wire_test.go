package quaytest_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"berth/quay/quaytest"
)

// Without a network a request ends as with one: whoever gave up is told that,
// and not that a connection was dropped.
func TestWireEndsAsTheNetworkDoes(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		fault  quaytest.Fault
		giveUp bool
		want   error
	}{
		{"dropped", quaytest.Fault{Outcome: quaytest.Drop}, false, nil},
		{"given up before it took effect", quaytest.Fault{Outcome: quaytest.Stall}, true, context.Canceled},
		{"given up after it took effect", quaytest.Fault{Outcome: quaytest.Stall, Applied: true}, true, context.Canceled},
		{"given up while it was answered", quaytest.Fault{Status: http.StatusBadGateway}, true, context.Canceled},
	} {
		for where, over := range map[string]func(*world) http.RoundTripper{
			"network": func(w *world) http.RoundTripper { return w.client.Transport },
			"wire":    func(w *world) http.RoundTripper { return quaytest.Wire(w.Server) },
		} {
			if where == "network" && row.fault.Outcome == quaytest.Answer {
				continue // which may tell either of the two, whichever it sees first
			}
			arrived := make(chan struct{}, 1)
			ctx, giveUp := context.WithCancel(t.Context())
			w := newWorld(t, quaytest.Options{OnRequest: func(string, string, string) {
				if row.giveUp && row.fault.Outcome != quaytest.Stall {
					giveUp()
				}
				arrived <- struct{}{}
			}})
			go func() {
				<-arrived
				if row.giveUp {
					giveUp()
				}
			}()
			w.Inject(row.fault)
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/api/v1/organization/acme", nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := over(w).RoundTrip(r)
			if err == nil {
				_ = response.Body.Close()
				t.Errorf("%s over the %s: answered %d", row.why, where, response.StatusCode)
			} else if errors.Is(err, context.Canceled) != (row.want != nil) {
				t.Errorf("%s over the %s: %v, want %v", row.why, where, err, row.want)
			}
			giveUp()
		}
	}
}
