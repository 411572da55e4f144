package reconcile_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"berth/quay/quaytest"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// organization fills the organization of a platform that is settled, beyond one page.
func (e *env) organization(t *testing.T, components int) {
	for i := range components {
		e.component("tenant", fmt.Sprintf("c%d", i), fmt.Sprintf("uid-%d", i))
	}
	e.run(t)
	e.resetCalls()
}

var billing = component.Key{Namespace: "tenant", Name: "c7"}

// One named Component costs Quay as much whatever else there is, and is read as a run of
// everything reads it.
func TestANamedComponentCostsFewCalls(t *testing.T) {
	t.Parallel()
	const most = 8
	e := newEnv()
	e.organization(t, 250)
	robots := func() (names []string) {
		for _, r := range e.quay.Snapshot().Robots {
			if strings.Contains(r.Name, "_c7_") {
				names = append(names, r.Name)
			}
		}
		return names
	}()
	for _, row := range []struct {
		why    string
		change func()
		writes int // calls of Quay that change something
	}{
		{"settled", func() {}, 0},
		{"made public by hand", func() { e.quay.SetVisibility(org+"/tenant/c7", true) }, 1},
		{"its robot may push elsewhere", func() { e.quay.SetPermission(org+"/tenant/c8", robots[0], "write") }, 1},
		{"its robot had a right on what is deleted", func() {
			e.quay.AddRepository(quaytest.Repository{Name: org + "/tenant/gone"})
			e.quay.SetPermission(org+"/tenant/gone", robots[0], "write")
			e.quay.DeleteRepository(org + "/tenant/gone")
		}, 0},
	} {
		row.change()
		e.resetCalls()
		r := e.newRun()
		r.Scope.Only = []component.Key{billing}
		s := r.Do(t.Context())
		if s.ExitCode() != 0 || e.quay.Mutations() != row.writes {
			t.Errorf("%s: exit code %d, %d writes, want %d", row.why, s.ExitCode(), e.quay.Mutations(), row.writes)
		}
		if n := e.quay.Total() - e.quay.Mutations(); n > most {
			t.Errorf("%s: %d calls of Quay, want %d at most", row.why, n, most)
		}
		if n := e.quay.Requests(http.MethodGet, quaytest.RouteRepositories); n > 0 {
			t.Errorf("%s: %d pages of repositories", row.why, n)
		}
		e.settled(t)
	}
}

// A repository that cannot be read is not one that is not there.
func TestANamedRepositoryThatCannotBeRead(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.organization(t, 250)
	e.quay.Inject(quaytest.Fault{Method: http.MethodGet, Route: quaytest.RouteRepository, Times: -1, Status: http.StatusInternalServerError})
	r := e.newRun()
	r.Scope.Only = []component.Key{billing}
	s := r.Do(t.Context())
	if s.Components.Failed != 1 || s.Failures[0].Reason != plan.ReasonQuayUnavailable || e.mutations() > 0 {
		t.Errorf("%+v %+v, %d writes", s.Components, s.Failures, e.mutations())
	}
}

// namespacesOnly refuses what is not of one namespace, as the API server does where the
// rights are granted by namespace.
type namespacesOnly struct{ http.RoundTripper }

func (n namespacesOnly) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != "kube.test" || strings.Contains(r.URL.Path, "/namespaces/") || strings.HasSuffix(r.URL.Path, "/v1alpha1") || strings.HasSuffix(r.URL.Path, "/v1beta1") {
		return n.RoundTripper.RoundTrip(r)
	}
	const forbidden = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","message":"no","code":403}`
	return &http.Response{
		StatusCode: http.StatusForbidden, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(forbidden)), Request: r,
	}, nil
}

// Many namespaces are taken from one list of each kind, and where that is not allowed
// side by side; it comes to the same.
func TestManyNamespacesTakeOneList(t *testing.T) {
	t.Parallel()
	const namespaces, most = 30, 12
	e := newEnv()
	var named []string
	for i := range namespaces {
		name := fmt.Sprintf("tenant-%02d", i)
		e.namespace(name)
		e.component(name, "api", "uid-"+name)
		if i%3 > 0 {
			named = append(named, name)
		}
	}
	named = append(named, "missing")
	look := func(b between) (string, int) {
		e.resetCalls()
		r := e.newRunOver(b)
		var text bytes.Buffer
		r.Report, r.Header.DryRun, r.Scope.Namespaces = wholeText(&text), true, named
		s := r.Do(t.Context())
		if want := len(named) - 1; s.ExitCode() != 0 || s.Components.Changed != want || !strings.Contains(text.String(), "missing") {
			t.Fatalf("exit code %d, %+v, want %d changed\n%s", s.ExitCode(), s.Components, want, text.String())
		}
		return text.String(), e.cluster.Count("list", "") + e.cluster.Count("get", "namespaces")
	}
	wide, calls := look(direct)
	if calls > most {
		t.Errorf("%d calls list what there is, want %d at most", calls, most)
	}
	narrow, more := look(func(next http.RoundTripper) http.RoundTripper {
		return namespacesOnly{next}
	})
	if d := gocmp.Diff(wide, narrow); d != "" {
		t.Errorf("one by one (-one list +side by side):\n%s", d)
	}
	if more <= calls {
		t.Errorf("%d calls side by side, %d by one list", more, calls)
	}
}

// A thousand namespaces that are named cost the cluster about what all of it does: pages,
// not calls for each.
func TestAThousandNamedNamespacesCostPages(t *testing.T) {
	t.Parallel()
	const namespaces, most = 1000, 120
	e := newEnv()
	var named []string
	for i := range namespaces {
		name := fmt.Sprintf("tenant-%03d", i)
		e.namespace(name)
		named = append(named, name)
	}
	for _, name := range named[:5] {
		e.component(name, "api", "uid-"+name)
	}
	e.run(t)
	e.resetCalls()
	r := e.newRun()
	r.Scope.Namespaces = named
	if s := r.Do(t.Context()); s.ExitCode() != 0 || s.Components.UpToDate != 5 {
		t.Fatalf("exit code %d, %+v", s.ExitCode(), s.Components)
	}
	if calls := e.cluster.Count("", ""); calls > most {
		t.Errorf("%d calls of the cluster, want %d at most", calls, most)
	} else {
		t.Logf("%d namespaces: %d calls of the cluster", namespaces, calls)
	}
}
