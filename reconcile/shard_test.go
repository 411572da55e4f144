package reconcile_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"berth/quay/quaytest"
	"berth/reconcile/component"
	"berth/reconcile/report"
	"berth/reconcile/world"
)

// Four shards at once bring a world to where one run brings its twin, with as many
// writes, and no two of them write in one namespace.
func TestShardsTogetherAreOneRun(t *testing.T) {
	t.Parallel()
	w := newTwins(some(t, 200, 20), 10, 4)
	w.serve(t, "from nothing")

	served := w.one.lookAs(w.one.shardRun(world.Shard{}))
	w.one.drift(served, w.components)
	w.many.drift(served, w.components)
	w.serve(t, "after drift")

	w.many.resetCalls()
	w.many.together(t, w.shards)
	if n := w.many.mutations(); n > 0 {
		t.Errorf("four shards of a settled world make %d mutating requests", n)
	}
}

// What others make while a run reads does not look as if it were lost: the robots are
// listed when the Secrets are.
func TestWhatOthersMakeMeanwhileIsNotLost(t *testing.T) {
	t.Parallel()
	e := newEnv()
	for i := range 30 {
		e.component("tenant", fmt.Sprintf("c-%02d", i), fmt.Sprintf("uid-%02d", i))
	}
	listed := 0
	others := e.newRunOver(direct)
	r := e.newRunOver(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(req *http.Request) (*http.Response, error) {
			answer, err := next.RoundTrip(req)
			if strings.HasSuffix(req.URL.Path, "/organization/"+org+"/robots") && listed == 0 {
				listed = e.cluster.Count("list", "secrets")
				others.Do(t.Context())
			}
			return answer, err
		})
	})
	e.resetCalls()
	if s := e.lookAs(r); listed == 0 || s.Err != nil {
		t.Errorf("after %d lists of Secrets: %v", listed, s.Err)
	}
	e.run(t)
	e.settled(t)
}

// While the number of shards changes, a namespace may be in the hands of two runs.
func TestOverlapOfTwoNumbersOfShards(t *testing.T) {
	t.Parallel()
	namespace := newEnds().component.Namespace
	var both []world.Shard
	for _, count := range []int{2, 3} {
		both = append(both, ownerOf(t, namespace, count))
	}
	schedules := some(t, 2_000, 100)
	most := 0
	for i := range schedules {
		s := randomSchedule(rand.New(rand.NewPCG(3, uint64(i))), both...)
		most = max(most, s.made)
		for _, v := range s.violations {
			t.Errorf("schedule %d: %s", i, v)
		}
	}
	if most < 2 {
		t.Error("the runs never overlapped: none was in the way of another")
	}
}

// ownerOf finds the shard that a namespace is in, by what it plans.
func ownerOf(t *testing.T, namespace string, count int) world.Shard {
	t.Helper()
	e := newEnv()
	if namespace != "tenant" {
		e.namespace(namespace)
	}
	e.component(namespace, "api", "uid-1")
	for i := range count {
		s := world.Shard{Index: i, Count: count}
		if r := e.shardRun(s); e.lookAs(r).Components.Total == 1 {
			return s
		}
	}
	t.Fatalf("no shard of %d owns namespace %s", count, namespace)
	return world.Shard{}
}

// A scope is given to all shards alike: what is named and not there is told by one
// of them, and what is another's is no error.
func TestAScopeIsDividedToo(t *testing.T) {
	t.Parallel()
	e := newEnv()
	for i := range 6 {
		e.namespace(fmt.Sprintf("tenant-%d", i))
		e.component(fmt.Sprintf("tenant-%d", i), "api", fmt.Sprintf("uid-%d", i))
	}
	for _, row := range []struct {
		why                                string
		scope                              world.Scope
		components, changed, failed, reads int
	}{
		{"everything", world.Scope{}, 6, 6, 0, 6},
		{"a namespace", world.Scope{Namespaces: []string{"tenant-1"}}, 1, 1, 0, 1},
		{"a name", world.Scope{Only: []component.Key{{Namespace: "tenant-2", Name: "api"}}}, 1, 1, 0, 1},
		{"a name that is not there", world.Scope{Only: []component.Key{{Namespace: "tenant-2", Name: "apy"}}}, 1, 0, 1, 0},
		{"a rotation", world.Scope{Rotate: []component.Key{{Namespace: "tenant-3", Name: "api"}}}, 6, 6, 0, 6},
		{"a rotation of what is not there", world.Scope{Rotate: []component.Key{{Namespace: "tenant-3", Name: "apy"}}}, 7, 6, 1, 6},
	} {
		var sum report.ComponentCount
		for i := range 3 {
			r := e.shardRun(world.Shard{Index: i, Count: 3})
			row.scope.Shard = r.Scope.Shard
			r.Scope = row.scope
			seen := e.lookAs(r)
			sum.Total += seen.Components.Total
			sum.Changed += seen.Components.Changed
			sum.Failed += seen.Components.Failed
			if want := fmt.Sprintf("Read %d Component", row.reads); !strings.Contains(seen.text, want) {
				t.Errorf("%s: shard %d does not say %q:\n%s", row.why, i, want, seen.text)
			}
		}
		if want := (report.ComponentCount{Total: row.components, Changed: row.changed, Failed: row.failed}); sum != want {
			t.Errorf("%s: %+v, want %+v", row.why, sum, want)
		}
	}
}

// Only what is a shard's own is audited.
func TestAShardAuditsItsOwn(t *testing.T) {
	t.Parallel()
	e := newEnv()
	namespaces := map[string]int{}
	for i := range 8 {
		name := fmt.Sprintf("tenant-%d", i)
		e.namespace(name)
		e.component(name, "api", fmt.Sprintf("uid-%d", i))
	}
	e.together(t, 1)
	for i := range 3 {
		e.resetCalls()
		s := e.lookAs(e.shardRun(world.Shard{Index: i, Count: 3}))
		if n := e.quay.Requests(http.MethodGet, quaytest.RouteUserPermissions); n != s.Components.Total {
			t.Errorf("shard %d has %d Components and looked at %d", i, s.Components.Total, n)
		}
		for _, c := range e.quay.Calls() {
			if c.Route == quaytest.RouteUserPermissions {
				namespaces[strings.Split(strings.TrimPrefix(c.Path, "/api/v1/repository/"), "/")[1]]++
			}
		}
	}
	for i := range 8 {
		if n := namespaces[fmt.Sprintf("tenant-%d", i)]; n != 1 {
			t.Errorf("tenant-%d was looked at by %d shards: %v", i, n, namespaces)
		}
	}
}
