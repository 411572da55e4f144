package reconcile_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/quay"
	"berth/quay/quaytest"
	"berth/reconcile"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/report"
)

// What earlier programs of this kind got wrong.

// counting is a run that counts the answers with a status.
func (e *env) counting(status int, n *atomic.Int64) *reconcile.Run {
	return e.newRunOver(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			answer, err := next.RoundTrip(r)
			if err == nil && answer.StatusCode == status {
				n.Add(1)
			}
			return answer, err
		})
	})
}

func TestDeletedSecretReturnsWithTheSameToken(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.component("tenant", "api", "uid-1")
	e.run(t)
	for _, name := range []string{"api-image-push", "api-image-pull"} {
		image, login, token := credentialIn(e.cluster.Object("secrets", "tenant", name))
		e.cluster.Delete("secrets", "tenant", name)
		if s := e.run(t); s.Changes != (report.ChangeCount{Create: 1}) {
			t.Errorf("%s: %+v", name, s.Changes)
		}
		newImage, newLogin, newToken := credentialIn(e.cluster.Object("secrets", "tenant", name))
		if token == "" || newImage != image || newLogin != login || newToken != token {
			t.Errorf("%s is not as it was", name)
		}
	}
	if n := e.quay.Requests(http.MethodPost, quaytest.RouteRegenerate); n != 0 {
		t.Errorf("%d tokens were replaced", n)
	}
}

func TestMissingServiceAccount(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.component("tenant", "api", "uid-1")
	e.run(t)
	e.resetCalls()
	e.settled(t)
	usual := e.quay.Total()

	const warning = "ServiceAccount appstudio-pipeline does not exist, so builds cannot use Secret api-image-push yet."
	e.cluster.Delete("serviceaccounts", "tenant", "appstudio-pipeline")
	for round := range 3 {
		e.resetCalls()
		r := e.do(e.newRun())
		if r.ExitCode() != 0 || !strings.Contains(r.text, "Warning: tenant/api: "+warning) {
			t.Errorf("round %d: exit %d, no warning:\n%s", round, r.ExitCode(), r.text)
		}
		if got := e.annotation("tenant", "api", component.AnnotationImage); !strings.Contains(got, warning) {
			t.Errorf("round %d: the tenant is not told: %s", round, got)
		}
		if e.quay.Total() != usual || round > 0 && e.mutations() != 0 {
			t.Errorf("round %d: %d Quay calls, usually %d; %d mutating requests", round, e.quay.Total(), usual, e.mutations())
		}
	}
	e.apply(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: appstudio-pipeline, namespace: tenant}}`)
	e.run(t)
	p := e.look().planOf(t, component.Key{Namespace: "tenant", Name: "api"})
	if d := cmp.Diff(served(p, quay.Private, announced(p, quay.Private, ""), ""), e.viewOf(p)); d != "" {
		t.Errorf("linked when it appears (-want +got):\n%s", d)
	}
	e.settled(t)
}

func TestUsedUpPlan(t *testing.T) {
	t.Parallel()
	const message = "Quay organization plan doesn't allow private image repositories. The platform's administrators must extend the plan."
	for _, concurrency := range []int{1, 4, 16} {
		t.Run(fmt.Sprint(concurrency), func(t *testing.T) {
			t.Parallel()
			e := newEnv()
			e.quay.Configure(quaytest.Config{Billing: true})
			e.quay.SetPrivateLimit(org, 1)
			e.component("tenant", "first", "uid-first")
			e.run(t)
			for i := range 12 {
				e.component("tenant", fmt.Sprintf("private-%d", i), fmt.Sprintf("uid-%d", i))
			}
			e.component("tenant", "site", "uid-site", generate(`{"visibility":"public"}`))

			for round := range 2 {
				e.resetCalls()
				var refusals atomic.Int64
				run := e.counting(http.StatusPaymentRequired, &refusals)
				run.Concurrency = concurrency
				r := e.do(run)
				if n := int(refusals.Load()); n < 3 || n > min(concurrency+3, 12) {
					t.Errorf("round %d: Quay was asked %d times, want three times, and as often as there were Components in flight", round, n)
				}
				if r.ExitCode() != report.ExitFailed || len(r.Failures) != 12 || r.Failures[0].Reason != plan.ReasonQuayPaymentRequired {
					t.Errorf("round %d: exit %d, %d failures: %+v", round, r.ExitCode(), len(r.Failures), r.Failures[0])
				}
				for i := range 12 {
					want := fmt.Sprintf(`{"message":%q}`, message)
					if got := e.annotation("tenant", fmt.Sprintf("private-%d", i), component.AnnotationImage); got != want {
						t.Errorf("round %d: private-%d is told %s", round, i, got)
					}
				}
				site := r.planOf(t, component.Key{Namespace: "tenant", Name: "site"})
				want := served(site, quay.Public, announced(site, quay.Public, ""), "")
				want.Stated = "public"
				if d := cmp.Diff(want, e.viewOf(site)); d != "" {
					t.Errorf("round %d: the public one (-want +got):\n%s", round, d)
				}
				if n := e.cluster.Mutations(); round == 1 && n != 0 {
					t.Errorf("the next run wrote %d times to the cluster", n)
				}
			}
			if n := len(e.quay.Snapshot().Repositories); n != 2 {
				t.Errorf("%d repositories, want those of the two that are served", n)
			}
			e.quay.SetPrivateLimit(org, 100)
			r := e.do(e.newRun())
			for _, p := range r.plan.Components {
				if got := e.annotation("tenant", p.Component.Name, component.AnnotationImage); r.ExitCode() != 0 || strings.Contains(got, "message") {
					t.Errorf("with a larger plan, exit %d, %s is told %s", r.ExitCode(), p.Key(), got)
				}
			}
			e.settled(t)
		})
	}
}

func TestFailedPermissionsLeaveNoOrphans(t *testing.T) {
	t.Parallel()
	e := newEnv()
	for i := range 3 {
		e.component("tenant", fmt.Sprintf("c%d", i), fmt.Sprintf("uid-%d", i))
	}
	fault := e.quay.Inject(quaytest.Fault{Method: http.MethodPut, Route: quaytest.RouteUserPermission, Status: 500, Times: -1})
	for range 3 {
		if r := e.do(e.newRun()); r.Components.Failed != 3 {
			t.Fatalf("%+v", r.Components)
		}
	}
	fault.Remove()
	e.run(t)
	last := e.look()
	if n := len(e.quay.Snapshot().Robots); n != 6 || len(last.plan.Orphans.Robots) != 0 {
		t.Errorf("%d robots, orphans %v", n, last.plan.Orphans)
	}
	e.settled(t)
}

func TestFoldedNamesStayApart(t *testing.T) {
	t.Parallel()
	e := newEnv()
	keys := []component.Key{{Namespace: "a", Name: "b-c"}, {Namespace: "a-b", Name: "c"}, {Namespace: "a", Name: "b.c"}, {Namespace: "a", Name: "b--c"}}
	e.namespace("a")
	e.namespace("a-b")
	for i, k := range keys {
		e.component(k.Namespace, k.Name, fmt.Sprintf("uid-%d", i))
	}
	e.run(t)
	plan, robots := e.look(), map[string]bool{}
	for _, k := range keys {
		p := plan.planOf(t, k)
		robots[p.Names.Push.Robot], robots[p.Names.Pull.Robot] = true, true
		if !strings.HasPrefix(p.Names.Push.Robot, "berth_a_b_c_") {
			t.Errorf("%s does not fold: %s", k, p.Names.Push.Robot)
		}
		if d := cmp.Diff(served(p, quay.Private, announced(p, quay.Private, ""), ""), e.viewOf(p)); d != "" {
			t.Errorf("%s (-want +got):\n%s", k, d)
		}
	}
	if len(robots) != 2*len(keys) {
		t.Errorf("%d robots for %d Components", len(robots), len(keys))
	}
}

func TestServiceAccountsHaveNoConflicts(t *testing.T) {
	t.Parallel()
	const components = 60
	e := newEnv()
	for i := range components {
		e.component("tenant", fmt.Sprintf("c%d", i), fmt.Sprintf("uid-%d", i))
	}
	var conflicts atomic.Int64
	r := e.counting(http.StatusConflict, &conflicts)
	r.Concurrency = 16
	if s := e.do(r); s.ExitCode() != 0 {
		t.Fatal(s.text)
	}
	if n := e.cluster.Count("patch", "serviceaccounts"); n != 1 || conflicts.Load() != 0 {
		t.Errorf("%d patches and %d conflicts for %d links", n, conflicts.Load(), components)
	}
	e.settled(t)
}

// Reads that lag behind must not make anything twice.
func TestStaleReads(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.component("tenant", "api", "uid-1")
	release := e.quay.FreezeReads()
	for range 3 {
		e.do(e.newRun())
	}
	release()
	e.run(t)
	if s := e.quay.Snapshot(); len(s.Repositories) != 1 || len(s.Robots) != 2 {
		t.Errorf("%d repositories, %d robots", len(s.Repositories), len(s.Robots))
	}
	if n := e.quay.Requests(http.MethodPost, quaytest.RouteRegenerate); n != 0 {
		t.Errorf("%d tokens were replaced", n)
	}
	e.settled(t)
}
