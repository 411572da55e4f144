package reconcile_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/quay/quaytest"
	"berth/reconcile/component"
	"berth/reconcile/report"
	"berth/reconcile/world"
)

const lateComponents = "components.konflux-ci.dev"

// late adds a Component of the younger API group, which the cluster then has, a minute
// after all that is there.
func (e *env) late(name, uid string, annotations ...string) {
	e.cluster.Install(lateComponents)
	e.clock = e.clock.Add(time.Minute)
	application := ""
	if e.delivery != nil {
		application = "application: shop, " // which its environments are of
	}
	e.apply(`{apiVersion: konflux-ci.dev/v1alpha1, kind: Component, metadata: {name: %s, namespace: tenant, uid: %s, annotations: {%s}}, spec: {%ssource: {url: "https://git.example/%[1]s"}}}`,
		name, uid, strings.Join(annotations, ", "), application)
}

// lately reads an annotation of one.
func (e *env) lately(name, annotation string) string {
	return e.lateAnnotation("tenant", name, annotation)
}

func (e *env) lateAnnotation(namespace, name, annotation string) string {
	return e.cluster.Text(lateComponents, namespace, name, "metadata", "annotations", annotation)
}

// owners are the uids of those who own an object of the tenant's.
func (e *env) owners(resource, name string) (uids []string) {
	metadata, _ := e.cluster.Object(resource, "tenant", name)["metadata"].(map[string]any)
	owners, _ := metadata["ownerReferences"].([]any)
	for _, o := range owners {
		uid, _ := o.(map[string]any)["uid"].(string)
		uids = append(uids, uid)
	}
	return uids
}

// shared demands that both own all that was made.
func (e *env) shared(t *testing.T, uids ...string) {
	t.Helper()
	for resource, names := range map[string][]string{"secrets": {"billing-image-push", "billing-image-pull"}, "remotesecrets": {"billing-image-pull"}} {
		for _, name := range names {
			if got := e.owners(resource, name); !slices.Equal(got, uids) && e.cluster.Object(resource, "tenant", name) != nil {
				t.Errorf("%s %s is owned by %v, want %v", resource, name, got, uids)
			}
		}
	}
}

// A Component is served whichever group it is of, and with either group alone.
func TestComponentsOfEitherGroup(t *testing.T) {
	t.Parallel()
	for _, alone := range []bool{true, false} {
		e := newEnv()
		e.component("tenant", "old", "uid-old")
		e.late("new", "uid-new")
		want := 2
		if alone {
			e.cluster.Uninstall("components")
			want = 1
		}
		r := e.newRun()
		r.Policy.SetImages = true
		if s := e.do(r); s.Components.Total != want || s.Result() != report.ResultOK {
			t.Fatalf("%d Components were served:\n%s", s.Components.Total, s.text)
		}
		spec, _ := e.cluster.Object(lateComponents, "tenant", "new")["spec"].(map[string]any)
		if !strings.Contains(e.lately("new", component.AnnotationImage), host+"/acme/tenant/new") || spec["containerImage"] != host+"/acme/tenant/new" {
			t.Errorf("it is told %s, and its image is %v", e.lately("new", component.AnnotationImage), spec["containerImage"])
		}
		if got := e.owners("secrets", "new-image-push"); !slices.Equal(got, []string{"uid-new"}) {
			t.Errorf("its Secret is owned by %v", got)
		}
		e.settled(t)
	}
	e := newEnv()
	e.cluster.Uninstall("components")
	if s := e.do(e.newRun()); s.ExitCode() == 0 || !strings.Contains(s.text, "the cluster does not serve this kind") {
		t.Errorf("a cluster with neither group:\n%s", s.text)
	}
}

// Two Components of one name are one berth: what is made is made once, owned by both and
// told on both, and where one is there already nothing but that changes.
func TestTwoComponentsOfOneName(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why   string
		begin func(t *testing.T, e *env)
		first string
		quay  int // writes to Quay when both are there
	}{
		{"the older group's is older", func(t *testing.T, e *env) {
			e.component("tenant", "billing", "uid-1")
			e.run(t)
			e.late("billing", "uid-k")
		}, "uid-1", 0},
		{"both are new", func(_ *testing.T, e *env) { e.component("tenant", "billing", "uid-1"); e.late("billing", "uid-k") }, "uid-1", 5},
		{"the younger group's is older", func(t *testing.T, e *env) {
			e.late("billing", "uid-k")
			e.run(t)
			e.clock = e.clock.Add(time.Minute)
			e.component("tenant", "billing", "uid-1")
		}, "uid-k", 0},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newEnv()
			e.deliver()
			row.begin(t, e)
			before := e.login("billing-image-push")
			e.resetCalls()
			s := e.run(t)
			if n := e.quay.Mutations(); n != row.quay {
				t.Errorf("%d writes to Quay, want %d", n, row.quay)
			}
			other := "uid-k"
			if row.first == other {
				other = "uid-1"
			}
			e.shared(t, row.first, other)
			if after := e.login("billing-image-push"); before != "" && before != after {
				t.Errorf("the Secret logs in as %s, not %s", after, before)
			}
			if old, late := e.annotation("tenant", "billing", component.AnnotationImage), e.lately("billing", component.AnnotationImage); old == "" || old != late {
				t.Errorf("they are told %s and %s", old, late)
			}
			if s.Components.Total != 1 || len(e.quay.Snapshot().Robots) != 2 {
				t.Errorf("%d Components and %d robots", s.Components.Total, len(e.quay.Snapshot().Robots))
			}
			e.sync()
			e.run(t)
			e.settled(t)
		})
	}
}

// When a whole platform moves in one night the guard sees no change, and Quay no call.
func TestAPlatformThatMoves(t *testing.T) {
	t.Parallel()
	e := newEnv()
	const all = 40
	for i := range all {
		e.component("tenant", fmt.Sprintf("c-%02d", i), fmt.Sprintf("uid-%02d", i))
	}
	e.run(t)
	for i := range all {
		e.late(fmt.Sprintf("c-%02d", i), fmt.Sprintf("uid-k-%02d", i))
	}
	e.resetCalls()
	if s := e.run(t); s.Changes.Update != 3*all || s.Changes.Create+s.Changes.Rotate+s.Changes.Delete != 0 {
		t.Errorf("%+v", s.Changes)
	}
	if n := e.quay.Total() - e.quay.Requests(http.MethodGet, quaytest.RouteUserPermissions); n != 4 {
		t.Errorf("%d calls of Quay besides the audit's, want the lists", n)
	}
	e.settled(t)
}

// What is asked for on either is done for both, and answered where it was asked.
func TestRequestsOnATwin(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why, old, late string
		rotated        int // robots of later generations
		visibility     quay.Visibility
		statedOld      string // image.redhat.com/visibility
		statedLate     string
		told           string
	}{
		{why: "the younger asks to revoke", late: "true", rotated: 2, visibility: quay.Private},
		{why: "the older asks", old: "true", rotated: 2, visibility: quay.Private},
		{why: "both ask", old: `{"rotate":"graceful"}`, late: "true", rotated: 2, visibility: quay.Private},
		{why: "the younger states a visibility", late: `{"visibility":"public"}`, visibility: quay.Public, statedLate: "public"},
		{why: "the two differ, and what closes counts", old: `{"visibility":"public"}`, late: `{"visibility":"private"}`, visibility: quay.Private, statedOld: "public", statedLate: "private"},
		{why: "the younger cannot be read", late: "nonsense", visibility: quay.Private, told: "annotation image.redhat.com/generate is not valid JSON"},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newEnv()
			e.component("tenant", "billing", "uid-1")
			e.late("billing", "uid-k")
			e.run(t)
			e.clock = e.clock.Add(time.Hour)
			if row.old != "" {
				e.apply(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: billing, namespace: tenant, annotations: {image.redhat.com/generate: %q}}}`, row.old)
			}
			if row.late != "" {
				e.apply(`{apiVersion: konflux-ci.dev/v1alpha1, kind: Component, metadata: {name: billing, namespace: tenant, annotations: {image.redhat.com/generate: %q}}}`, row.late)
			}
			e.run(t)
			stamped := 0
			for _, r := range e.quay.Snapshot().Robots {
				if len(r.Name) > 14 && strings.Trim(r.Name[len(r.Name)-14:], "0123456789") == "" {
					stamped++
				}
			}
			if stamped != row.rotated {
				t.Errorf("%d robots were made, want %d", stamped, row.rotated)
			}
			if public := e.quay.Snapshot().Repositories[0].Public; public != (row.visibility == quay.Public) {
				t.Errorf("that the repository is public is %v, want it %s", public, row.visibility)
			}
			if old, late := e.annotation("tenant", "billing", component.AnnotationVisibility), e.lately("billing", component.AnnotationVisibility); old != row.statedOld || late != row.statedLate {
				t.Errorf("stated are %q and %q", old, late)
			}
			old, late := e.annotation("tenant", "billing", component.AnnotationImage), e.lately("billing", component.AnnotationImage)
			if old != late || !strings.Contains(old, row.told) {
				t.Errorf("they are told\n%s\n%s", old, late)
			}
			if row.old != "" && row.late != "" && row.rotated > 0 { // one was answered; the other one waits for its pace
				if e.annotation("tenant", "billing", component.AnnotationGenerate) == "" || e.lately("billing", component.AnnotationGenerate) != "" {
					t.Error("the greater request is not the one that was answered")
				}
				return
			}
			if row.told == "" && e.annotation("tenant", "billing", component.AnnotationGenerate)+e.lately("billing", component.AnnotationGenerate) != "" {
				t.Error("the request stands")
			}
			if e.annotation("tenant", "billing", component.AnnotationRotation)+e.lately("billing", component.AnnotationRotation) != "" {
				t.Error("a marker stands")
			}
			e.settled(t)
		})
	}
}

// A label on either of two selects both, and names do not hang on which it is.
func TestALabelOnEitherSelectsBoth(t *testing.T) {
	t.Parallel()
	for _, labelled := range []string{"appstudio.redhat.com", "konflux-ci.dev"} {
		e := newEnv()
		e.component("tenant", "billing", "uid-1")
		e.component("tenant", "other", "uid-2")
		e.late("billing", "uid-k")
		e.run(t)
		e.apply(`{apiVersion: %s/v1alpha1, kind: Component, metadata: {name: billing, namespace: tenant, labels: {team: sea}}}`, labelled)
		e.resetCalls()
		r := e.newRun()
		r.Scope = world.Scope{Selector: "team=sea"}
		if s := e.do(r); s.Components.Total != 1 || e.mutations() != 0 || s.Result() != report.ResultOK {
			t.Errorf("%s: %d Components, %d writes\n%s", labelled, s.Components.Total, e.mutations(), s.text)
		}
	}
}

// Where a Component is one of two, a look at one of them does not do.
func TestATwinThatGoesOvertakesARun(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.component("tenant", "billing", "uid-1")
	e.late("billing", "uid-k")
	r := e.newRun()
	q, k := endsOf(r)
	rewire(r, q, gone{k, e})
	if s := e.do(r); s.Components.Skipped != 1 || e.cluster.Object("secrets", "tenant", "billing-image-push") != nil {
		t.Errorf("%+v\n%s", s.Components, s.text)
	}
}

// gone is a cluster in which the twin goes before a Component is looked at.
type gone struct {
	cluster
	e *env
}

func (g gone) Component(ctx context.Context, group kube.Group, namespace, name string) (kube.Component, error) {
	if g.e.cluster.Object(lateComponents, "tenant", "billing") != nil {
		g.e.cluster.Delete(lateComponents, "tenant", "billing")
	}
	return g.cluster.Component(ctx, group, namespace, name)
}
