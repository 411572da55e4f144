package reconcile_test

import (
	"context"
	"strings"
	"testing"

	"berth/kube/kubetest"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/report"
)

// open reports whether the repository of tenant/billing is public.
func (e *env) open() bool {
	for _, r := range e.quay.Snapshot().Repositories {
		if r.Name == org+"/tenant/billing" {
			return r.Public
		}
	}
	return false
}

// What an owner has stated stands, whatever is asked for after it.
func TestAStatementOutlivesRequests(t *testing.T) {
	t.Parallel()
	e := newEnv()
	run := func() record {
		r := e.newRun()
		r.Policy.Visibility, r.Policy.AllowPublish = quay.Public, true
		return e.do(r)
	}
	e.component("tenant", "billing", "uid-1", generate("{\"visibility\":\"private\"}\n"))
	if s := run(); s.ExitCode() != 0 || e.open() {
		t.Fatalf("exit %d, public: %v\n%s", s.ExitCode(), e.open(), s.text)
	}
	check := func(after, request, stated string) {
		t.Helper()
		if got := e.annotation("tenant", "billing", component.AnnotationGenerate); got != request {
			t.Errorf("%s: the request is %q, want %q", after, got, request)
		}
		if got := e.annotation("tenant", "billing", component.AnnotationVisibility); got != stated {
			t.Errorf("%s: %q is stated, want %q", after, got, stated)
		}
	}
	check("a request to state it", "", "private")
	for _, request := range []string{"true", "false", "True\n", "{"} {
		e.component("tenant", "billing", "uid-1", generate(request))
		if s := run(); e.open() {
			t.Fatalf("%q published a repository that is stated private:\n%s", request, s.text)
		}
	}
	check("what cannot be read", "{", "private")

	// A GitOps tool applies its manifest before each run.
	const manifest = `{"visibility":"private"}`
	e.resetCalls()
	for range 3 {
		e.component("tenant", "billing", "uid-1", generate(manifest), `image.redhat.com/image: null`)
		if s := run(); s.Changes != (report.ChangeCount{Update: 1}) {
			t.Errorf("a request for what stands is a write:\n%s", s.text)
		}
	}
	check("a request for what stands", manifest, "private")

	e.component("tenant", "billing", "uid-1", generate(`{"visibility":"public"}`))
	if s := run(); !e.open() || s.ExitCode() != 0 {
		t.Errorf("a request to state it public leaves it private:\n%s", s.text)
	}
	check("another request", "", "public")
	e.component("tenant", "billing", "uid-1", `image.redhat.com/visibility: " Private\n"`)
	if s := run(); e.open() || s.ExitCode() != 0 {
		t.Errorf("a statement by hand leaves it public:\n%s", s.text)
	}
	check("a statement by hand, as it was written", "", " Private\n")
	e.resetCalls()
	if s := run(); s.Changes != (report.ChangeCount{}) || e.mutations() != 0 {
		t.Errorf("not settled:\n%s", s.text)
	}

	e.component("tenant", "billing", "uid-1", `image.redhat.com/visibility: secret`)
	s := run()
	if s.Components.Invalid != 1 || s.ExitCode() != 0 || e.open() || !strings.Contains(e.annotation("tenant", "billing", component.AnnotationImage), "neither 'private' nor 'public'") {
		t.Errorf("a statement that cannot be read: exit %d, %+v\n%s", s.ExitCode(), s.Components, s.text)
	}
}

// A request is taken on where the Component cannot be served, too: the next one would be
// written over it.
func TestARequestOfARefusedComponentIsTakenOn(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: billing-image-push, namespace: tenant}}`)
	e.component("tenant", "billing", "uid-1", generate(`{"visibility":"private"}`))
	e.do(e.newRun())
	if got := e.annotation("tenant", "billing", component.AnnotationVisibility); got != "private" || e.open() {
		t.Errorf("%q is stated", got)
	}
	e.resetCalls()
	e.do(e.newRun())
	if n := e.mutations(); n != 0 {
		t.Errorf("the next run wrote %d times", n)
	}
}

// A request that changes between reading and taking it on is the next run's, and one that
// cannot be taken on holds nothing back.
func TestARequestThatCannotBeTakenOn(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.component("tenant", "billing", "uid-1", generate(`{"visibility":"public"}`))
	r := e.newRun()
	q, k := endsOf(r)
	rewire(r, q, listed{k, func() { e.component("tenant", "billing", "uid-1", generate("true")) }})
	r.Do(context.Background())
	if got := e.annotation("tenant", "billing", component.AnnotationVisibility); got != "" || e.open() {
		t.Errorf("%q is stated though nobody asks for it any more", got)
	}

	e = newEnv()
	e.component("tenant", "billing", "uid-1", generate(`{"visibility":"private"}`))
	e.cluster.Inject(kubetest.Fault{Verb: "patch", Resource: "components", Times: -1, Status: 403, Message: "no"})
	s := e.do(e.newRun())
	if e.cluster.Object("secrets", "tenant", "billing-image-push") == nil || !strings.Contains(s.text, "Warning: tenant/billing: patch Component") {
		t.Errorf("a request that cannot be taken off holds the Secrets back:\n%s", s.text)
	}
	if e.annotation("tenant", "billing", component.AnnotationGenerate) == "" {
		t.Error("the request is lost")
	}
}
