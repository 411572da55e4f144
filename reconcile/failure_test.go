package reconcile_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"berth/kube/kubetest"
	"berth/quay/quaytest"
	"berth/reconcile"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/report"
)

// situation is a world with work to do.
type situation struct {
	name string
	make func(t testing.TB, e *env)
}

var situations = []situation{
	{"new Components", func(_ testing.TB, e *env) {
		e.component("tenant", "api", "uid-1")
		e.component("tenant", "site", "uid-2", generate(`{"visibility":"public"}`))
	}},
	{"everything amiss", func(t testing.TB, e *env) {
		e.component("tenant", "api", "uid-1")
		e.component("tenant", "old", "uid-2")
		e.run(t)
		n := e.look().planOf(t, component.Key{Namespace: "tenant", Name: "api"}).Names
		e.quay.SetDescription(org+"/tenant/api", "by hand") // to be adopted
		e.quay.SetVisibility(org+"/tenant/api", true)
		e.quay.SetPermission(org+"/tenant/api", org+"+"+n.Push.Robot, "admin")
		e.quay.SetPermission(org+"/library/tools", org+"+"+n.Push.Robot, "read")
		e.quay.AddToTeam(org, "owners", org+"+"+n.Pull.Robot)
		e.quay.RegenerateToken(org + "+" + n.Push.Robot)
		e.cluster.Delete("secrets", "tenant", n.Pull.Secret)
		e.apply(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: appstudio-pipeline, namespace: tenant}, secrets: []}`)
		e.component("tenant", "api", "uid-1", `image.redhat.com/image: gone`)
		e.cluster.Delete("components", "tenant", "old") // its robots are superseded
		e.component("tenant", "old", "uid-3")
	}},
}

// build makes the situation, beside things of others.
func (s situation) build(t testing.TB) *env {
	e := newEnv()
	e.quay.AddRepository(quaytest.Repository{Name: org + "/library/tools", Description: "by hand"})
	e.quay.AddRobot(quaytest.Robot{Name: org + "+ci", Description: "by hand", Permissions: map[string]string{org + "/library/tools": "admin"}})
	s.make(t, e)
	e.resetCalls()
	return e
}

// carefully is a run that makes one request after the other.
func (e *env) carefully() *reconcile.Run { return e.carefullyOver(direct) }

func (e *env) carefullyOver(b between) *reconcile.Run {
	r := e.newRunOver(b)
	r.Concurrency, r.Policy.Adopt = 1, true
	return r
}

// end is the state a situation should come to, and what it takes.
type end struct {
	views        map[string]view
	repositories int
	robots       int
	quay         []quaytest.Call // mutating
	cluster      []kubetest.Call
}

func (e *env) end(r record) end {
	out := end{views: map[string]view{}}
	for _, p := range r.plan.Components {
		out.views[p.Key().String()] = e.viewOf(p)
	}
	state := e.quay.Snapshot()
	out.repositories, out.robots = len(state.Repositories), len(state.Robots)
	return out
}

// goal is where a run without failures leads.
func (s situation) goal(t *testing.T) (out end) {
	synctest.Test(t, func(t *testing.T) {
		e := s.build(t)
		r := e.do(e.carefully())
		if r.ExitCode() != 0 {
			t.Fatalf("exit %d:\n%s", r.ExitCode(), r.text)
		}
		out = e.end(r)
		for _, c := range e.quay.Calls() {
			if c.Method != http.MethodGet {
				out.quay = append(out.quay, c)
			}
		}
		for _, c := range e.cluster.Calls() {
			if c.Verb != "get" && c.Verb != "list" {
				out.cluster = append(out.cluster, c)
			}
		}
	})
	return out
}

// settlesTo makes a clean run and demands that it leads to the goal, with
// nothing double, nothing lost and no token replaced.
func (e *env) settlesTo(t *testing.T, goal end, first record) {
	t.Helper()
	if code := first.ExitCode(); code == report.ExitBug {
		t.Fatalf("exit %d:\n%s", code, first.text)
	}
	second := e.do(e.carefully())
	if second.ExitCode() != 0 {
		t.Fatalf("the clean run exits %d:\n%safter:\n%s", second.ExitCode(), second.text, first.text)
	}
	got := e.end(second)
	if d := cmp.Diff(goal.views, got.views); d != "" {
		t.Errorf("the clean run leads elsewhere (-want +got):\n%s\nafter:\n%s", d, first.text)
	}
	if got.repositories != goal.repositories || got.robots != goal.robots {
		t.Errorf("%d repositories and %d robots, want %d and %d", got.repositories, got.robots, goal.repositories, goal.robots)
	}
	if n := e.quay.Requests(http.MethodPost, quaytest.RouteRegenerate); n != 0 {
		t.Errorf("%d tokens were replaced", n)
	}
	e.resetCalls()
	if third := e.do(e.carefully()); third.Changes != (report.ChangeCount{}) || e.mutations() != 0 {
		t.Errorf("not settled:\n%s", third.text)
	}
}

// troubles are the ways in which one call goes wrong.
var troubles = []struct {
	name string
	quay quaytest.Fault
	kube kubetest.Fault
}{
	{"dropped", quaytest.Fault{Outcome: quaytest.Drop}, kubetest.Fault{Outcome: kubetest.Drop}},
	{"applied, answer dropped", quaytest.Fault{Outcome: quaytest.Drop, Applied: true}, kubetest.Fault{Outcome: kubetest.Drop, Applied: true}},
	{"answer cut short", quaytest.Fault{Outcome: quaytest.Truncate}, kubetest.Fault{Outcome: kubetest.Truncate}},
	{"applied, then 500", quaytest.Fault{Status: 500, Applied: true}, kubetest.Fault{Status: 500, Applied: true}},
	{"502", quaytest.Fault{Status: 502}, kubetest.Fault{Status: 502, Page: "<html>"}},
	{"429", quaytest.Fault{Status: 429}, kubetest.Fault{Status: 429}},
	{"timeout", quaytest.Fault{Outcome: quaytest.Stall}, kubetest.Fault{Outcome: kubetest.Stall}},
	{"applied, then timeout", quaytest.Fault{Outcome: quaytest.Stall, Applied: true}, kubetest.Fault{Outcome: kubetest.Stall, Applied: true}},
}

// Every mutating call fails once in every way; the next run settles.
func TestEveryWriteMayFail(t *testing.T) {
	t.Parallel()
	var cells, failed atomic.Int64
	n, step := 0, every(t, 8)
	run := func(t *testing.T, name string, cell func(*testing.T)) {
		if n++; n%step != 0 {
			return
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, cell)
			cells.Add(1)
		})
	}
	t.Run("all", func(t *testing.T) {
		for _, s := range situations {
			goal := s.goal(t)
			for _, trouble := range troubles {
				for i, c := range goal.quay {
					fault := trouble.quay
					fault.Method, fault.Route = c.Method, c.Route
					fault.Skip = earlier(goal.quay[:i], func(o quaytest.Call) bool { return o.Method == c.Method && o.Route == c.Route })
					run(t, fmt.Sprintf("%s/%s/%s %s/%d", s.name, trouble.name, c.Method, c.Route, i), func(t *testing.T) {
						e := s.build(t)
						first := e.tryWith(t, goal, e.quay.Inject(fault).Hits, &failed)
						if done := fault.Applied || fault.Outcome == quaytest.Truncate; done && first.ExitCode() != 0 {
							t.Errorf("it was done, and one look would have shown it:\n%s", first.text)
						}
					})
				}
				for i, c := range goal.cluster {
					fault := trouble.kube
					fault.Verb, fault.Resource = c.Verb, c.Resource
					fault.Skip = earlier(goal.cluster[:i], func(o kubetest.Call) bool { return o.Verb == c.Verb && o.Resource == c.Resource })
					run(t, fmt.Sprintf("%s/%s/%s %s/%d", s.name, trouble.name, c.Verb, c.Resource, i), func(t *testing.T) {
						e := s.build(t)
						e.tryWith(t, goal, e.cluster.Inject(fault).Hits, &failed)
					})
				}
			}
		}
	})
	t.Logf("%d cells of call and trouble, %d runs failed, all settled by the next", cells.Load(), failed.Load())
}

func earlier[C any](calls []C, alike func(C) bool) (n int) {
	for _, c := range calls {
		if alike(c) {
			n++
		}
	}
	return n
}

func (e *env) tryWith(t *testing.T, goal end, hits func() int, failed *atomic.Int64) record {
	t.Helper()
	first := e.do(e.carefully())
	if hits() != 1 {
		t.Fatalf("the call failed %d times", hits())
	}
	if first.ExitCode() != 0 {
		failed.Add(1)
	}
	e.settlesTo(t, goal, first)
	return first
}

// The OAuth token dies at every call of a run.
func TestTokenDiesAtEveryCall(t *testing.T) {
	t.Parallel()
	for _, s := range situations {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			goal := s.goal(t)
			calls := 0
			for ; ; calls++ {
				e := s.build(t)
				state, fault := e.quay.Snapshot(), e.quay.Inject(quaytest.Fault{Outcome: quaytest.ExpireToken, Skip: calls})
				first := e.do(e.carefully())
				if fault.Hits() == 0 {
					break
				}
				if first.ExitCode() != report.ExitRejected {
					t.Fatalf("call %d: exit %d:\n%s", calls, first.ExitCode(), first.text)
				}
				if first.plan.Components == nil && (e.mutations() != 0 || !cmp.Equal(state, e.quay.Snapshot())) {
					t.Errorf("call %d: something was written without a plan", calls)
				}
				for _, c := range e.listing(componentsPath) {
					if strings.Contains(marshaled(c), "message") {
						t.Errorf("call %d: a tenant is told of it: %s", calls, marshaled(c))
					}
				}
				e.quay.AddToken(oauth, "platform", "org:admin repo:admin")
				e.settlesTo(t, goal, first)
			}
			if calls < len(goal.quay) {
				t.Fatalf("the token died at %d calls only", calls)
			}
			t.Logf("%s: the token died at each of %d calls", s.name, calls)
		})
	}
}

// Quay goes into maintenance before every write of a run.
func TestReadOnlyAtEveryWrite(t *testing.T) {
	t.Parallel()
	for _, s := range situations {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			goal := s.goal(t)
			for n := range goal.quay {
				e := s.build(t)
				writes, later := 0, 0
				r := e.carefullyOver(func(next http.RoundTripper) http.RoundTripper {
					return roundTrip(func(r *http.Request) (*http.Response, error) {
						switch {
						case r.Method == http.MethodGet:
						case writes > n:
							later++
						case r.URL.Host == host:
							if writes++; writes > n {
								e.quay.Configure(quaytest.Config{ReadOnly: true})
							}
						}
						return next.RoundTrip(r)
					})
				})
				first := e.do(r)
				if first.ExitCode() != report.ExitFailed || len(first.Failures) == 0 || first.Failures[0].Reason != plan.ReasonQuayReadOnly {
					t.Fatalf("write %d: exit %d, failures %+v", n, first.ExitCode(), first.Failures)
				}
				if writes != n+1 || later != 0 {
					t.Errorf("write %d: %d writes after Quay said that it takes none", n, later)
				}
				e.quay.Configure(quaytest.Config{})
				e.settlesTo(t, goal, first)
			}
		})
	}
}

// What Quay does not show may be there: nothing is written.
func TestBrokenListWritesNothing(t *testing.T) {
	t.Parallel()
	const asJSON = "application/json"
	loop := `{"repositories":[{"namespace":"acme","name":"x/%d","is_public":false,"is_starred":false}],"next_page":"same"}`
	for _, row := range []struct {
		name   string
		faults []quaytest.Fault
	}{
		{"a page of HTML that says 200", []quaytest.Fault{{Status: 200, Times: -1}}},
		{"a gateway's error", []quaytest.Fault{{Status: 502, Times: -1}}},
		{"cut short", []quaytest.Fault{{Outcome: quaytest.Truncate, Times: -1}}},
		{"null", []quaytest.Fault{{Status: 200, ContentType: asJSON, Body: "null", Times: -1}}},
		{"no list", []quaytest.Fault{{Status: 200, ContentType: asJSON, Body: "{}", Times: -1}}},
		{"404", []quaytest.Fault{{Status: 404, ContentType: asJSON, Body: "{}", Times: -1}}},
		{"the same page for ever", []quaytest.Fault{{Status: 200, ContentType: asJSON, Body: fmt.Sprintf(loop, 1), Times: -1}}},
		{"one page token twice", []quaytest.Fault{
			{Status: 200, ContentType: asJSON, Body: fmt.Sprintf(loop, 1)},
			{Status: 200, ContentType: asJSON, Body: fmt.Sprintf(loop, 2), Times: -1},
		}},
	} {
		for _, s := range situations {
			for _, route := range []string{quaytest.RouteRepositories, quaytest.RouteRobots} {
				t.Run(row.name+"/"+s.name+"/"+route, func(t *testing.T) {
					t.Parallel()
					e := s.build(t)
					for _, f := range row.faults {
						f.Method, f.Route = http.MethodGet, route
						e.quay.Inject(f)
					}
					r := e.do(e.carefully())
					if r.Result() != report.ResultFailed || r.Err == nil || e.mutations() != 0 {
						t.Errorf("%s, exit %d, %d mutating requests:\n%s", r.Result(), r.ExitCode(), e.mutations(), r.text)
					}
				})
			}
		}
	}
}

// To a token that it does not know Quay lists no repository, and says 200. Where
// our robots have permissions, that is no empty organization.
func TestEmptyListIsNoAbsence(t *testing.T) {
	t.Parallel()
	e := situations[1].build(t)
	fault := e.quay.Inject(quaytest.Fault{Method: http.MethodGet, Route: quaytest.RouteRepositories, Outcome: quaytest.Anonymous})
	r := e.do(e.carefully())
	if fault.Hits() != 1 || r.Result() != report.ResultFailed || e.mutations() != 0 {
		t.Errorf("%s, %d mutating requests:\n%s", r.Result(), e.mutations(), r.text)
	}
}
