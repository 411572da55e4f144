package reconcile_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"berth/reconcile/component"
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
