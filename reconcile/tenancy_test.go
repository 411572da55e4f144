package reconcile_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/kube/kubetest"
	"berth/quay"
	"berth/quay/quaytest"
	"berth/reconcile"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/report"
)

var neighbours = []component.Key{{Namespace: "blue", Name: "api"}, {Namespace: "blue", Name: "api-image"}, {Namespace: "red", Name: "api"}, {Namespace: "red", Name: "web"}}

// town is a world in which every Component needs a write of every kind: its
// pull robot and Secret are gone, its push Secret is dead, its link and its
// annotation are gone.
func town(t testing.TB) (*env, map[component.Key]plan.Component) {
	e := newEnv()
	for _, k := range neighbours {
		if e.cluster.Object("namespaces", "", k.Namespace) == nil {
			e.namespace(k.Namespace)
		}
		e.component(k.Namespace, k.Name, uidOf(k))
	}
	e.run(t)
	plans := map[component.Key]plan.Component{}
	before := e.look()
	for _, k := range neighbours {
		p := before.planOf(t, k)
		plans[k] = p
		e.quay.DeleteRobot(org + "+" + p.Names.Pull.Robot)
		e.quay.RegenerateToken(org + "+" + p.Names.Push.Robot)
		e.cluster.Delete("secrets", k.Namespace, p.Names.Pull.Secret)
		e.apply(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: appstudio-pipeline, namespace: %s}, secrets: []}`, k.Namespace)
		e.component(k.Namespace, k.Name, uidOf(k), `image.redhat.com/image: gone`)
	}
	e.resetCalls()
	return e, plans
}

func uidOf(k component.Key) string { return "uid-" + k.Namespace + "-" + k.Name }

// mishap is a way for one Component to fail.
type mishap struct {
	name   string
	reason plan.Reason
	exit   int
	happen func(e *env, p plan.Component) *reconcile.Run
}

// answering is a fault of the cluster that befalls the writes of one Secret.
func answering(verb string, status int, statusReason string) func(*env, plan.Component) *reconcile.Run {
	if verb == "patch" {
		return func(e *env, p plan.Component) *reconcile.Run {
			e.cluster.Inject(kubetest.Fault{Verb: "patch", Resource: "secrets", Namespace: p.Component.Namespace, Name: p.Names.Push.Secret, Status: status, Times: -1})
			return e.newRun()
		}
	}
	return func(e *env, p plan.Component) *reconcile.Run { // a create has no name but in its body
		path := "/api/v1/namespaces/" + p.Component.Namespace + "/secrets"
		name := fmt.Sprintf(`"name":%q`, p.Names.Pull.Secret)
		return e.newRunOver(func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.Method != http.MethodPost || r.URL.Path != path {
					return next.RoundTrip(r)
				}
				body, err := io.ReadAll(r.Body)
				if err != nil || !bytes.Contains(body, []byte(name)) {
					r.Body = io.NopCloser(bytes.NewReader(body))
					return next.RoundTrip(r)
				}
				answer := fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d}`, statusReason, status)
				return &http.Response{
					StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(answer)), Request: r,
				}, nil
			})
		})
	}
}

func quayFault(f quaytest.Fault, path func(component.Names) string) func(*env, plan.Component) *reconcile.Run {
	return func(e *env, p plan.Component) *reconcile.Run {
		f.Path, f.Times = "/api/v1"+path(*p.Names), -1
		e.quay.Inject(f)
		return e.newRun()
	}
}

func pullRobot(n component.Names) string { return "/organization/" + org + "/robots/" + n.Pull.Robot }

// panicking breaks at the making of one robot.
type panicking struct {
	registry
	at string
}

func (p panicking) CreateRobot(ctx context.Context, name, description string) (quay.Robot, error) {
	if name == p.at {
		panic("out of order")
	}
	return p.registry.CreateRobot(ctx, name, description)
}

var mishaps = []mishap{
	{"Secret cannot be made: 403", plan.ReasonKubeForbidden, 1, answering("create", 403, "Forbidden")},
	{"Secret cannot be made: exists for ever", plan.ReasonKubeConflict, 0, answering("create", 409, "AlreadyExists")},
	{"Secret cannot be made: 422", plan.ReasonKubeConflict, 1, answering("create", 422, "Invalid")},
	{"Secret cannot be made: 500", plan.ReasonKubeUnavailable, 1, answering("create", 500, "InternalError")},
	{"Secret cannot be changed: 403", plan.ReasonKubeForbidden, 1, answering("patch", 403, "")},
	{"Secret cannot be changed: 409 for ever", plan.ReasonKubeConflict, 0, answering("patch", 409, "")},
	{"Secret cannot be changed: 422", plan.ReasonKubeConflict, 1, answering("patch", 422, "")},
	{"Secret cannot be changed: 500", plan.ReasonKubeUnavailable, 1, answering("patch", 500, "")},
	{
		"robot cannot be made: 500", plan.ReasonQuayUnavailable, 1,
		quayFault(quaytest.Fault{Method: http.MethodPut, Status: 500}, pullRobot),
	},
	{
		"robot cannot be made: dropped", plan.ReasonQuayUnavailable, 1,
		quayFault(quaytest.Fault{Outcome: quaytest.Drop}, pullRobot),
	},
	{
		"permission cannot be given: 400", plan.ReasonQuayRefused, 1,
		quayFault(quaytest.Fault{Method: http.MethodPut, Status: 400, ContentType: "application/json", Body: `{"message":"no"}`}, func(n component.Names) string {
			return "/repository/" + org + "/" + n.Repository + "/permissions/user/" + org + "+" + n.Pull.Robot
		}),
	},
	{"repository cannot be closed: 402", plan.ReasonQuayPaymentRequired, 1, func(e *env, p plan.Component) *reconcile.Run {
		e.quay.SetVisibility(org+"/"+p.Names.Repository, true)
		return quayFault(quaytest.Fault{Status: 402}, func(n component.Names) string {
			return "/repository/" + org + "/" + n.Repository + "/changevisibility"
		})(e, p)
	}},
	{"panic", plan.ReasonPanic, report.ExitBug, func(e *env, p plan.Component) *reconcile.Run {
		r := e.newRun()
		q, k := endsOf(r)
		rewire(r, panicking{q, p.Names.Pull.Robot}, k)
		return r
	}},
	{"Secret not ours", plan.ReasonNotOurs, 0, func(e *env, p plan.Component) *reconcile.Run {
		e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: %s, namespace: %s}}`, p.Names.Pull.Secret, p.Component.Namespace)
		return e.newRun()
	}},
	{"repository not ours", plan.ReasonNotOurs, 1, func(e *env, p plan.Component) *reconcile.Run {
		e.quay.SetDescription(org+"/"+p.Names.Repository, "by hand")
		return e.newRun()
	}},
	{"robot not ours", plan.ReasonNotOurs, 1, func(e *env, p plan.Component) *reconcile.Run {
		e.quay.AddRobot(quaytest.Robot{Name: org + "+" + p.Names.Pull.Robot, Description: "by hand"})
		return e.newRun()
	}},
	{"annotation not readable", plan.ReasonInvalidComponent, 0, func(e *env, p plan.Component) *reconcile.Run {
		e.component(p.Component.Namespace, p.Component.Name, p.Component.UID, generate(`{"visibility":`))
		return e.newRun()
	}},
}

// Whatever befalls one Component, its neighbours come out as if nothing had.
func TestNeighboursOfAFailure(t *testing.T) {
	t.Parallel()
	for _, victim := range neighbours {
		for _, m := range mishaps {
			t.Run(victim.String()+"/"+m.name, func(t *testing.T) {
				t.Parallel()
				e, plans := town(t)
				got := e.do(m.happen(e, plans[victim]))
				if got.ExitCode() != m.exit || len(got.Failures) != 1 || got.Failures[0].Reason != m.reason || got.Failures[0].Component != victim.String() {
					t.Fatalf("exit %d, failures %+v:\n%s", got.ExitCode(), got.Failures, got.text)
				}
				for _, k := range neighbours {
					p := plans[k]
					if k == victim {
						continue
					}
					want := served(p, quay.Private, announced(p, quay.Private, ""), "")
					if d := cmp.Diff(want, e.viewOf(p)); d != "" {
						t.Errorf("%s (-want +got):\n%s", k, d)
					}
				}
			})
		}
	}
	t.Logf("%d Components, %d mishaps each", len(neighbours), len(mishaps))
}

// The same world without a mishap is served whole: else the test above would
// show nothing.
func TestNeighboursWithoutAFailure(t *testing.T) {
	t.Parallel()
	e, plans := town(t)
	for k, p := range plans {
		if cmp.Equal(e.viewOf(p), served(p, quay.Private, announced(p, quay.Private, ""), "")) {
			t.Fatalf("%s has nothing to do", k)
		}
	}
	if s := e.run(t); s.Changes != (report.ChangeCount{Create: 12, Update: 12}) {
		t.Errorf("%+v", s.Changes)
	}
	for k, p := range plans {
		if d := cmp.Diff(served(p, quay.Private, announced(p, quay.Private, ""), ""), e.viewOf(p)); d != "" {
			t.Errorf("%s (-want +got):\n%s", k, d)
		}
	}
	e.settled(t)
}
