package reconcile_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/kube/kubetest"
)

// Runs that end after the first Component they begin reach everybody, though one tenant,
// whose name sorts first, keeps things waiting that never come to anything.
func TestShortRunsReachEverybody(t *testing.T) {
	t.Parallel()
	const tenants, most = 7, 40
	e := newEnv()
	e.namespace("a")
	for i := range 20 {
		e.component("a", fmt.Sprintf("c%02d", i), fmt.Sprintf("uid-a-%d", i))
	}
	var waiting []string
	for i := range tenants {
		namespace := fmt.Sprintf("t%d", i)
		e.namespace(namespace)
		e.component(namespace, "api", "uid-"+namespace)
		waiting = append(waiting, namespace)
	}
	e.cluster.Inject(kubetest.Fault{Verb: "create", Resource: "secrets", Namespace: "a", Status: http.StatusForbidden, Times: -1})
	runs := 0
	for ; len(waiting) > 0 && runs < most; runs++ {
		ctx, end := context.WithCancel(t.Context())
		r := e.newRunOver(func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(req *http.Request) (*http.Response, error) {
				if req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "/secrets") {
					end()
				}
				return next.RoundTrip(req)
			})
		})
		r.Concurrency = 1
		r.Do(ctx)
		end()
		waiting = slices.DeleteFunc(waiting, func(namespace string) bool { return e.cluster.Object("secrets", namespace, "api-image-pull") != nil })
		e.clock = e.clock.Add(5 * time.Minute)
	}
	if len(waiting) > 0 {
		t.Errorf("after %d runs nobody came to %v", runs, waiting)
	}
}
