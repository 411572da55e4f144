package reconcile_test

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"berth/kube/kubetest"
	"berth/reconcile"
	"berth/reconcile/component"
	"berth/reconcile/report"
)

// asksForAll puts a request on the namespace.
func (e *env) asksForAll(request string) {
	e.apply(`{apiVersion: v1, kind: Namespace, metadata: {name: tenant, annotations: {image.redhat.com/generate: %q}}}`, request)
}

// namespaceAnnotation reads one of a namespace's, whatever the Component.
func (e *env) namespaceAnnotation(namespace, _, annotation string) string {
	metadata, _ := e.cluster.Object("namespaces", "", namespace)["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	value, _ := annotations[annotation].(string)
	return value
}

// standing is what stands on the namespace of a request.
func (e *env) standing() string {
	return e.namespaceAnnotation("tenant", "", component.AnnotationGenerate) + e.namespaceAnnotation("tenant", "", component.AnnotationRotation)
}

const gracefully = `{"rotate":"graceful"}`

// settledForAll is a namespace whose Secret is filled.
func settledForAll() *env {
	e := twoForAll()
	e.forAll(direct).Do(context.Background())
	e.clock = e.clock.Add(time.Hour)
	e.resetCalls()
	return e
}

// askedForAll settles the namespace and asks.
func (e *env) askedForAll(request string) {
	e.forAll(direct).Do(context.Background())
	e.clock = e.clock.Add(time.Hour)
	e.quay.ResetCalls()
	e.asksForAll(request)
}

// A request on the namespace is read as one on a Component is, and answered there.
func TestNamespaceRequest(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		why, request string
		made         int
		alive        bool // the earlier login, after the run
		told         string
	}{
		{"to revoke", "true", 1, false, ""},
		{"to revoke, as people write it", " True\n", 1, false, ""},
		{"gracefully", gracefully, 1, true, ""},
		{"what image-controller left", "failed", 0, true, ""},
		{"what is no request", "please", 0, true, "annotation image.redhat.com/generate of a namespace takes"},
		{"a visibility, which it has not", `{"visibility":"public"}`, 0, true, "annotation image.redhat.com/generate of a namespace takes"},
	} {
		e := settledForAll()
		_, first, token := credentialIn(e.cluster.Object("secrets", "tenant", component.NamespaceSecret))
		e.asksForAll(test.request)
		seen := e.do(e.forAll(direct))
		if seen.Summary.Result() != report.ResultOK || !strings.Contains(seen.text, test.told) || test.told == "" && strings.Contains(seen.text, "Warning") {
			t.Errorf("%s: %s", test.why, seen.text)
		}
		if made := e.made()["namespace"]; len(made) != test.made || len(e.made()) != test.made {
			t.Errorf("%s: made %v", test.why, e.made())
		}
		if _, alive := e.quay.Granted(first, token, cart); alive != test.alive {
			t.Errorf("%s: the earlier login lives: %t", test.why, alive)
		}
		told := e.namespaceAnnotation("tenant", "", component.AnnotationImage)
		if answered := e.standing() == ""; answered != (test.made > 0) || answered != (told == `{"pullSecret":"components-namespace-pull","rotated":"2026-03-16T13:07:00Z","rotations":1}`) {
			t.Errorf("%s: there stands %q, told is %q", test.why, e.standing(), told)
		}
		if pending := seen.Summary.Rotations.Pending; pending != 0 {
			t.Errorf("%s: %d rotations are said to wait", test.why, pending)
		}
		e.clock = e.clock.Add(overlap)
		e.forAll(direct).Do(context.Background())
		e.runForAll(t, false)
		if wrong := append(e.lacks(cart, till), e.blamed...); len(wrong) > 0 || len(e.namespaceRobots()) != 1 {
			t.Errorf("%s: %v, robots %v", test.why, wrong, e.namespaceRobots())
		}
	}
}

// The first robot is as new as a request could want.
func TestNamespaceRequestThatTheFirstRobotAnswers(t *testing.T) {
	t.Parallel()
	e := twoForAll()
	e.asksForAll("true")
	e.runForAll(t, true)
	if robots := e.namespaceRobots(); len(robots) != 1 || len(e.made()) > 0 || e.standing() != "" {
		t.Errorf("robots %v, there stands %q", robots, e.standing())
	}
	e.runForAll(t, false)
}

// A run that cannot write on the namespace says so and makes nothing, in however many runs;
// and what else it has to do goes on.
func TestNamespaceRequestThatCannotBeRecorded(t *testing.T) {
	t.Parallel()
	for _, standing := range []bool{false, true} {
		e := settledForAll()
		e.asksForAll("true")
		if standing { // the right goes when a marker is there
			k := &killer{at: 3, how: beforeSending, writes: true}
			e.forAll(k.between).Do(context.Background())
		}
		roles, err := os.ReadFile("../deploy/base/rbac.yaml")
		if err != nil {
			t.Fatal(err)
		}
		e.cluster.Apply([]byte(strings.Replace(string(roles), "resources: [namespaces]\n  verbs: [get, list, patch]", "resources: [namespaces]\n  verbs: [get, list]", 1)))
		e.component("tenant", "shop", "uid-shop")
		for range 5 {
			e.clock = e.clock.Add(15 * time.Minute)
			seen := e.do(e.forAll(direct))
			if seen.Summary.Result() != report.ResultOK || !strings.Contains(seen.text, "patch Namespace tenant: forbidden") || seen.Summary.Rotations.Pending != 1 {
				t.Errorf("%s, %d pending", seen.text, seen.Summary.Rotations.Pending)
			}
		}
		want := 0
		if standing {
			want = 1
		}
		if made := e.made()["namespace"]; len(made) != want || e.standing() == "" {
			t.Errorf("unrecordable runs: robots made %d, want %d; there stands %q", len(made), want, e.standing())
		}
		if wrong := append(e.lacks(cart, till, "acme/tenant/shop"), e.blamed...); len(wrong) > 0 {
			t.Error(wrong)
		}
	}
}

// Whoever puts the request back after each run, as a GitOps tool does, is rotated ever more
// seldom, and told.
func TestNamespaceRequestAgainAndAgain(t *testing.T) {
	t.Parallel()
	e := settledForAll()
	told := false
	for range 4 * 24 {
		e.asksForAll("true")
		told = strings.Contains(e.do(e.forAll(direct)).text, "it has been rotated within a day") || told
		e.clock = e.clock.Add(15 * time.Minute)
	}
	if made := len(e.made()["namespace"]); made < 4 || made > 7 || !told {
		t.Errorf("%d rotations in a day, told: %t", made, told)
	}
	if wrong := append(e.lacks(cart, till), e.blamed...); len(wrong) > 0 {
		t.Error(wrong)
	}
}

// Where its Secret is not to be written, or is not there, the request stands and says why.
func TestNamespaceRequestInTheWay(t *testing.T) {
	t.Parallel()
	for why, spoil := range map[string]func(*env, *reconcile.Run){
		"it is immutable": func(e *env, _ *reconcile.Run) {
			e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: components-namespace-pull, namespace: tenant}, immutable: true}`)
		},
		"it has none that is Berth's": func(e *env, _ *reconcile.Run) { e.cluster.Delete("secrets", "tenant", component.NamespaceSecret) },
		"works on repositories that this run has not read": func(_ *env, r *reconcile.Run) {
			r.Scope.Only = []component.Key{{Namespace: "tenant", Name: "cart"}}
		},
		"the Secret would not take a new login, so nothing was made": func(e *env, _ *reconcile.Run) {
			e.cluster.Inject(kubetest.Fault{Verb: "patch", Resource: "secrets", Status: http.StatusForbidden})
		},
		"it changed while it was being worked on": func(e *env, r *reconcile.Run) {
			_, k := e.clients(func(end http.RoundTripper) http.RoundTripper {
				return roundTrip(func(r *http.Request) (*http.Response, error) {
					if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/namespaces/tenant") {
						e.asksForAll(gracefully)
					}
					return end.RoundTrip(r)
				})
			})
			q, _ := endsOf(r)
			rewire(r, q, k)
		},
	} {
		e := settledForAll()
		e.asksForAll("true")
		r := e.forAll(direct)
		spoil(e, r)
		seen := e.do(r)
		stands := e.namespaceAnnotation("tenant", "", component.AnnotationGenerate)
		if !strings.Contains(seen.text, why) || seen.Summary.Result() != report.ResultOK || len(e.made()) > 0 || stands != e.standing() || stands == "" {
			t.Errorf("%s: made %v, there stands %q\n%s", why, e.made(), e.standing(), seen.text)
		}
	}
}

// A run that was slow does not take the second request for the first, which another has
// answered: its robot is younger than what somebody wants to be rid of.
func TestNamespaceRequestThatAnotherRunAnswered(t *testing.T) {
	t.Parallel()
	e := settledForAll()
	e.asksForAll("true")
	second := ""
	e.forAll(func(end http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if second == "" && r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/namespaces/tenant") {
				e.clock = e.clock.Add(20 * time.Minute)
				e.forAll(direct).Do(context.Background())
				_, second, _ = credentialIn(e.cluster.Object("secrets", "tenant", component.NamespaceSecret))
				e.asksForAll("true")
			}
			return end.RoundTrip(r)
		})
	}).Do(context.Background())
	for range 3 {
		e.clock = e.clock.Add(2 * time.Hour)
		e.forAll(direct).Do(context.Background())
	}
	_, now, _ := credentialIn(e.cluster.Object("secrets", "tenant", component.NamespaceSecret))
	if second == "" || now <= second || len(e.made()["namespace"]) != 2 || e.standing() != "" || len(e.blamed) > 0 {
		t.Errorf("it was at %s and is at %s; made %v; there stands %q; %v", second, now, e.made(), e.standing(), e.blamed)
	}
}

// In a run those who ask come before those whose time it is.
func TestNamespaceRequestsComeFirst(t *testing.T) {
	t.Parallel()
	e := newEnv()
	for _, name := range []string{"aged", "old", "tenant"} {
		if name != "tenant" {
			e.namespace(name)
		}
		e.stands(name, `{"auths":{}}`, "")
		e.component(name, "cart", "uid-"+name)
	}
	e.forAll(direct).Do(context.Background())
	e.clock = e.clock.Add(40 * 24 * time.Hour)
	e.asksForAll(gracefully)
	e.resetCalls()
	r := e.forAll(direct)
	r.Policy.MaxRotations = 1
	r.Do(context.Background())
	if made := e.made()["namespace"]; len(made) != 1 || !strings.Contains(made[0], "_tenant_") || e.standing() != "" {
		t.Errorf("made %v, there stands %q", made, e.standing())
	}
}
