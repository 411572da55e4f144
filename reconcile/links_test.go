package reconcile_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"berth/kube/kubetest"
	"berth/reconcile/component"
	"berth/reconcile/report"
	"berth/reconcile/report/jsonl"
)

// linked are the names in a ServiceAccount's list.
func (e *env) linked(namespace, account, list string) []string {
	var names []string
	entries, _ := e.cluster.Object("serviceaccounts", namespace, account)[list].([]any)
	for _, entry := range entries {
		name, _ := entry.(map[string]any)["name"].(string)
		names = append(names, name)
	}
	return names
}

// twoOfWhichOneGoes has two Components that run here, and deletes one of them with all
// that it owns.
func twoOfWhichOneGoes(t *testing.T) *env {
	t.Helper()
	e := newDelivery()
	e.component("tenant", "cart", "uid-cart")
	e.component("tenant", "till", "uid-till")
	e.run(t)
	e.cluster.Delete("components", "tenant", "till")
	e.cluster.CollectGarbage()
	return e
}

const pipeline = "appstudio-pipeline"

// The links of a namespace are made for all its Components at once. What befalls one of these
// keeps no other from its link; where the links fail, each is told its own, and no build begins.
func TestLinksOfANamespaceAtOnce(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why            string
		spoil          func(*env)
		end            int // the run is told to end after so many robots; 0: never
		linked, imaged int // of six
		warnings       int
	}{
		{why: "nothing fails", linked: 6, imaged: 6},
		{why: "one Component fails", spoil: func(e *env) {
			e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: c3-image-pull, namespace: tenant}, stringData: {k: theirs}}`)
		}, linked: 5, imaged: 5},
		{why: "the ServiceAccount may not be changed", spoil: func(e *env) {
			e.cluster.Inject(kubetest.Fault{Verb: "patch", Resource: "serviceaccounts", Times: -1, Status: http.StatusForbidden, Message: "no"})
		}, warnings: 6},
		{why: "the run ends while it is at the second Component", end: 3, linked: 2, imaged: 2},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newEnv()
			for i := range 6 {
				e.component("tenant", fmt.Sprintf("c%d", i), fmt.Sprintf("uid-%d", i))
			}
			if row.spoil != nil {
				row.spoil(e)
			}
			ctx, end := context.WithCancel(t.Context())
			defer end()
			robots := 0
			r := e.newRunOver(func(next http.RoundTripper) http.RoundTripper {
				return roundTrip(func(req *http.Request) (*http.Response, error) {
					if req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/organization/") {
						if robots++; robots == row.end {
							end()
						}
					}
					return next.RoundTrip(req)
				})
			})
			r.Policy.SetImages, r.Concurrency = true, 1
			var lines bytes.Buffer
			r.Report = jsonl.New(&lines, e.now, report.Full)
			r.Do(ctx)
			imaged, told := 0, 0
			for i := range 6 {
				if e.image(fmt.Sprintf("c%d", i)) != "" {
					imaged++
				}
				if strings.Contains(e.annotation("tenant", fmt.Sprintf("c%d", i), component.AnnotationImage), `"image"`) {
					told++
				}
			}
			if linked := len(e.linked("tenant", pipeline, "secrets")); linked != row.linked || imaged != row.imaged || told != max(row.linked, row.warnings) {
				t.Errorf("%d linked, %d with an image, %d told of it", linked, imaged, told)
			}
			if n := strings.Count(lines.String(), "kube_forbidden"); n < row.warnings || row.warnings == 0 && n > 0 {
				t.Errorf("%d warnings:\n%s", n, lines.String())
			}
			if row.end > 0 {
				e.run(t)
				if linked := len(e.linked("tenant", pipeline, "secrets")); linked != 6 {
					t.Errorf("after the next run %d are linked", linked)
				}
			}
		})
	}
}

// A Component that is deleted takes its Secrets along; the links to them are taken off,
// since older Tekton starts no build for an account that names a Secret that is gone.
func TestLinksGoWithTheirComponent(t *testing.T) {
	t.Parallel()
	e := twoOfWhichOneGoes(t)
	if !slices.Contains(e.linked("tenant", pipeline, "secrets"), "till-image-push") || !slices.Contains(e.linked("tenant", "default", "imagePullSecrets"), "till-image-pull") {
		t.Fatal("nothing to take off")
	}
	if s := e.run(t); s.Changes.Update != 2 {
		t.Errorf("%+v", s.Changes)
	}
	for list, account := range map[string]string{"secrets": pipeline, "imagePullSecrets": "default"} {
		left := e.linked("tenant", account, list)
		if slices.ContainsFunc(left, func(name string) bool { return strings.HasPrefix(name, "till-") }) || !slices.ContainsFunc(left, func(name string) bool { return strings.HasPrefix(name, "cart-") }) {
			t.Errorf("ServiceAccount %s has the %s %v", account, list, left)
		}
	}
	e.settled(t)
}

// What may be there after all, or is not known to have been ours, stays.
func TestLinksThatStay(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		why    string
		change func(*env)
		told   string
	}{
		{"somebody made a Secret of the name", func(e *env) {
			e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: till-image-push, namespace: tenant}, stringData: {k: theirs}}`)
		}, ""},
		{"the garbage collector has not come yet", func(e *env) {
			e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: till-image-push, namespace: tenant, labels: {app.kubernetes.io/managed-by: berth}}}`)
		}, ""},
		{"no robot bears its name", func(e *env) {
			for _, r := range e.quay.Snapshot().Robots {
				if strings.Contains(r.Name, "_till_") {
					e.quay.DeleteRobot(r.Name)
				}
			}
		}, "ServiceAccount appstudio-pipeline names Secret till-image-push, which does not exist"},
	} {
		t.Run(test.why, func(t *testing.T) {
			t.Parallel()
			e := twoOfWhichOneGoes(t)
			test.change(e)
			e.run(t)
			if !slices.Contains(e.linked("tenant", pipeline, "secrets"), "till-image-push") {
				t.Error("the link went")
			}
			if told := e.annotation("tenant", "billing", component.AnnotationImage); (test.told != "") != strings.Contains(told, "till-image-push") || !strings.Contains(told, test.told) {
				t.Errorf("the first Component of the namespace is told %s", told)
			}
			e.settled(t)
		})
	}
}

// A run that does not see every Component of a namespace takes no link for a dead one.
func TestLinksStayInAScope(t *testing.T) {
	t.Parallel()
	e := twoOfWhichOneGoes(t)
	e.component("tenant", "till", "uid-till-again") // its Secrets are not made yet
	r := e.newRun()
	r.Scope.Only = []component.Key{{Namespace: "tenant", Name: "cart"}}
	e.do(r)
	r = e.newRun()
	r.Scope.Selector = "none=such"
	e.do(r)
	if !slices.Contains(e.linked("tenant", pipeline, "secrets"), "till-image-push") {
		t.Error("the link went")
	}
	r = e.newRun()
	r.Scope.Namespaces = []string{"tenant"} // sees all of them
	e.cluster.Delete("components", "tenant", "till")
	e.do(r)
	if slices.Contains(e.linked("tenant", pipeline, "secrets"), "till-image-push") {
		t.Error("the link is left")
	}
}

// A Component that is made again after the lists were read keeps its links.
func TestLinksOfASuccessorStay(t *testing.T) {
	t.Parallel()
	e := twoOfWhichOneGoes(t)
	r := e.newRunOver(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodGet && strings.HasSuffix(req.URL.Path, "/components/till") {
				e.component("tenant", "till", "uid-till-again")
			}
			return next.RoundTrip(req)
		})
	})
	if s := e.do(r); !strings.Contains(s.text, "Warning: tenant/billing: the Component tenant/till was made again") {
		t.Errorf("the output does not say so:\n%s", s.text)
	}
	if !slices.Contains(e.linked("tenant", pipeline, "secrets"), "till-image-push") {
		t.Error("the link went")
	}
	e.run(t)
	e.settled(t)
}

// Somebody who writes a ServiceAccount between a run's list and its patch loses nothing, and
// nothing is linked twice.
func TestLinksBesideSomebodyElses(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		before string // the list as the run has it
		theirs string // the fields that somebody writes
		want   []string
		reads  int
	}{
		{"nobody writes", `[{name: p}]`, ``, []string{"p", "billing-image-pull"}, 0},
		{"the list is empty", `[]`, ``, []string{"billing-image-pull"}, 0},
		{"a link is added", `[{name: p}]`, `imagePullSecrets: [{name: theirs}, {name: p}]`, []string{"theirs", "p", "billing-image-pull"}, 1},
		{"a link is added to none", `[]`, `imagePullSecrets: [{name: theirs}]`, []string{"theirs", "billing-image-pull"}, 1},
		{"all links are taken off", `[{name: p}]`, `imagePullSecrets: null`, []string{"billing-image-pull"}, 1},
		{"ours is made", `[{name: p}]`, `imagePullSecrets: [{name: p}, {name: billing-image-pull}]`, []string{"p", "billing-image-pull"}, 1},
		{"something else is written", `[{name: p}]`, `secrets: [{name: theirs}]`, []string{"p", "billing-image-pull"}, 1},
	} {
		e := newDelivery()
		const account = `{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: tenant}, %s}`
		e.apply(account, "imagePullSecrets: "+row.before)
		var once sync.Once
		r := e.newRunOver(func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(req *http.Request) (*http.Response, error) {
				if req.Method == http.MethodPatch && row.theirs != "" && strings.HasSuffix(req.URL.Path, "/serviceaccounts/default") {
					once.Do(func() { e.apply(account, row.theirs) })
				}
				return next.RoundTrip(req)
			})
		})
		e.resetCalls()
		if s := e.do(r); s.ExitCode() != 0 || s.Components.Changed != 1 {
			t.Errorf("%s: exit %d\n%s", row.why, s.ExitCode(), s.text)
		}
		if got := e.linked("tenant", "default", "imagePullSecrets"); !slices.Equal(got, row.want) {
			t.Errorf("%s: linked to %q, want %q", row.why, got, row.want)
		}
		if got := e.cluster.Count("get", "serviceaccounts"); got != row.reads {
			t.Errorf("%s: %d reads, want %d", row.why, got, row.reads)
		}
		if row.theirs != "" && e.do(r).Components.UpToDate != 1 {
			t.Errorf("%s: the next run changes something", row.why)
		}
	}
}

// A run's own patches of a ServiceAccount are not in its way: what it links later it links at the
// version that it has made.
func TestTheRunsOwnLinksAreNotInItsWay(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why            string
		dead           bool // a link comes off before the namespace's is made
		reads, patches int
	}{
		{"both lists of one, and the namespace's", false, 0, 3},
		{"and a link that goes", true, 1, 4}, // the read is what it takes off by
	} {
		e := twoForAll()
		r := e.forAll(direct)
		r.Policy.PushServiceAccounts = []string{"default"}
		if row.dead {
			e.component("tenant", "gone", "uid-gone")
			e.do(r)
			e.cluster.Delete("components", "tenant", "gone")
			e.cluster.CollectGarbage()
			e.apply(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: tenant}, imagePullSecrets: [{name: gone-image-pull}], secrets: null}`)
		}
		e.resetCalls()
		if s := e.do(r); s.ExitCode() != 0 {
			t.Errorf("%s: exit %d\n%s", row.why, s.ExitCode(), s.text)
		}
		pulls, pushes := e.linked("tenant", "default", "imagePullSecrets"), e.linked("tenant", "default", "secrets")
		slices.Sort(pulls)
		slices.Sort(pushes)
		if !slices.Equal(pulls, []string{"cart-image-pull", "components-namespace-pull", "till-image-pull"}) || !slices.Equal(pushes, []string{"cart-image-push", "till-image-push"}) {
			t.Errorf("%s: linked to %q and %q", row.why, pulls, pushes)
		}
		if reads, patches := e.cluster.Count("get", "serviceaccounts"), e.cluster.Count("patch", "serviceaccounts"); reads != row.reads || patches != row.patches {
			t.Errorf("%s: %d reads and %d patches, want %d and %d", row.why, reads, patches, row.reads, row.patches)
		}
	}
}
