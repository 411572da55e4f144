package reconcile_test

import (
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"berth/kube/kubetest"
	"berth/quay/quaytest"
	"berth/reconcile/decide"
	"berth/reconcile/observe"
	"berth/reconcile/world"
	"berth/testdata/platform"
)

// settledPlatform is both ends with so many settled Components in a namespace.
func settledPlatform(components int) *env {
	e := newEnv()
	e.quay = quaytest.New(quaytest.Options{Now: e.now})
	e.quay.AddUser("platform")
	e.quay.AddOrganization(org, "platform")
	e.quay.AddToken(oauth, "platform", "org:admin repo:admin")
	e.delivery = &delivery{other: kubetest.New(kubetest.Options{})}
	platform.Platform{Registry: e.quay, Cluster: e.cluster, Grouped: components, Settled: true}.Fill(components)
	return e
}

// read reads the world as a run does.
func (e *env) read(t *testing.T) world.World {
	t.Helper()
	r := e.newRun()
	w, err := observe.World(t.Context(), r.Read, platform.Naming(), r.Policy, r.Scope, e.clock, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Of a namespace a run asks and is answered as much more as there are Components more.
func TestANamespaceIsReadInItsOwnSize(t *testing.T) {
	t.Parallel()
	few, many := some(t, 100, 20), some(t, 1000, 200)
	calls, answered := map[int]int{}, map[int]int{}
	for _, n := range []int{few, many} {
		e := settledPlatform(n)
		var bytes atomic.Int64
		q, k := connect("https://"+host, "https://kube.test", quaytest.Wire(e.quay), quaytest.Wire(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			e.cluster.ServeHTTP(counting{w, &bytes}, r)
		})))
		r := newRun(q, k, e.now)
		r.Policy.RemoteSecrets, r.Policy.PullServiceAccounts = world.RemoteSecretsAuto, []string{"default"}
		e.resetCalls()
		if _, err := observe.World(t.Context(), r.Read, platform.Naming(), r.Policy, r.Scope, e.clock, time.Time{}); err != nil {
			t.Fatal(err)
		}
		calls[n], answered[n] = e.quay.Total()+e.cluster.Count("", ""), int(bytes.Load())
	}
	if calls[many] > calls[few]*many/few || answered[many] > answered[few]*many/few*11/10 {
		t.Errorf("%v calls, %v bytes of the cluster: that is not in proportion", calls, answered)
	}
	t.Logf("%d and %d Components of a namespace: %d and %d calls, %d and %d bytes of the cluster",
		few, many, calls[few], calls[many], answered[few], answered[many])
}

// counting counts what is answered.
type counting struct {
	http.ResponseWriter
	bytes *atomic.Int64
}

func (c counting) Write(p []byte) (int, error) {
	c.bytes.Add(int64(len(p)))
	return c.ResponseWriter.Write(p)
}

// What lives of a settled Component when a run has read it, and when it has decided, is what
// its pod's memory goes by.
func TestASettledComponentTakesLittleMemory(t *testing.T) { // not parallel: it counts what the process holds
	const mostRead, mostPlanned = 2800, 3250 // bytes
	few, many := some(t, 200, 50), some(t, 800, 200)
	read, planned := map[int]int{}, map[int]int{}
	for _, n := range []int{few, many} {
		e := settledPlatform(n)
		live := func() int {
			e.resetCalls()
			e.cluster.ExpireLists() // what the simulator would go on with
			runtime.GC()
			runtime.GC() // and what the first one left in pools
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return int(m.HeapAlloc)
		}
		e.read(t) // what is made once
		before := live()
		w := e.read(t)
		read[n] = live() - before
		p := decide.Plan(w)
		planned[n] = live() - before
		if len(w.RemoteSecrets) != n || p.Changes() > 0 {
			t.Fatalf("%d RemoteSecrets, %d changes: it is not settled", len(w.RemoteSecrets), p.Changes())
		}
		for _, held := range []any{e, w, p} {
			runtime.KeepAlive(held)
		}
	}
	each := func(held map[int]int) int { return (held[many] - held[few]) / (many - few) }
	if each(read) > mostRead || each(planned) > mostPlanned {
		t.Errorf("want %d and %d bytes at most", mostRead, mostPlanned)
	}
	t.Logf("a settled Component takes %d bytes when it is read, %d with its plan", each(read), each(planned))
}
