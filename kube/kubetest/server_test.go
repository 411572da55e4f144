package kubetest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"k8s.io/client-go/rest"

	"berth/kube"
	"berth/kube/kubetest"
)

// world is a simulator with a few Components, and a client of an administrator
// whose pages hold two objects.
func world(t *testing.T, o kubetest.Options) (*kubetest.Server, *kube.Client) {
	t.Helper()
	s := kubetest.New(o)
	s.AddUser("token", "root", true)
	listener := httptest.NewServer(s)
	t.Cleanup(listener.Close)
	c, err := kube.New(kube.Options{Config: &rest.Config{Host: listener.URL, BearerToken: "token"}, PageSize: 2, QPS: -1, Backoff: func(int) time.Duration { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	s.Apply([]byte("{apiVersion: v1, kind: Namespace, metadata: {name: ns, uid: uid-of-ns}}"))
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		s.Apply([]byte("{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: " + name + ", namespace: ns, uid: uid-of-" + name + "}}"))
	}
	s.ResetCalls()
	return s, c
}

func write(name, owner string) kube.SecretWrite {
	return kube.SecretWrite{
		Namespace: "ns", Name: name, DockerConfigJSON: content(dockerConfig),
		Owners: []kube.OwnerReference{{APIVersion: "appstudio.redhat.com/v1alpha1", Kind: "Component", Name: owner, UID: "uid-of-" + owner}},
	}
}

// TestFaults: a fault befalls what it names and has the effect it promises.
func TestFaults(t *testing.T) {
	t.Parallel()
	released := make(chan struct{})
	close(released)
	for _, row := range []struct {
		reason  string
		fault   kubetest.Fault
		want    error // of a create; nil: success
		applied bool
	}{
		{"refused", kubetest.Fault{Verb: "create", Status: 403, Message: "no"}, kube.ErrForbidden, false},
		{"conflict", kubetest.Fault{Resource: "secrets", Status: 409}, kube.ErrConflict, false},
		{"exists", kubetest.Fault{Status: 409, Reason: "AlreadyExists"}, kube.ErrExists, false},
		{"500 before the effect", kubetest.Fault{Status: 500}, kube.ErrUnavailable, false},
		{"500 after the effect, repeatable as it seems", kubetest.Fault{Status: 500, Applied: true, RetryAfter: 1}, kube.ErrUnavailable, true},
		{"a proxy's page", kubetest.Fault{Status: 502, Page: "<html></html>"}, kube.ErrUnavailable, false},
		{"no answer, no effect", kubetest.Fault{Outcome: kubetest.Drop}, kube.ErrUnavailable, false},
		{"no answer after the effect", kubetest.Fault{Outcome: kubetest.Drop, Applied: true}, kube.ErrUnavailable, true},
		{"half an answer", kubetest.Fault{Outcome: kubetest.Truncate}, kube.ErrUnavailable, true},
		{"429 once, and again", kubetest.Fault{Status: 429, RetryAfter: 1}, nil, true},
		{"slow", kubetest.Fault{Outcome: kubetest.Stall, Release: released}, nil, true},
		{"slow after the effect", kubetest.Fault{Outcome: kubetest.Stall, Applied: true, Release: released}, nil, true},
	} {
		t.Run(row.reason, func(t *testing.T) {
			t.Parallel()
			s, c := world(t, kubetest.Options{})
			row.fault.Namespace = "ns"
			injected := s.Inject(row.fault)
			err := c.CreateSecret(t.Context(), write("s", "a"))
			if !errors.Is(err, row.want) || (err == nil) != (row.want == nil) {
				t.Errorf("the create gives %v, want %v", err, row.want)
			}
			if applied := s.Object("secrets", "ns", "s") != nil; applied != row.applied {
				t.Errorf("applied: %v, want %v", applied, row.applied)
			}
			if injected.Hits() != 1 {
				t.Errorf("the fault struck %d times", injected.Hits())
			}
			if err := c.CreateSecret(t.Context(), write("t", "a")); err != nil {
				t.Errorf("after the fault: %v", err)
			}
		})
	}
}

func TestFaultsByCount(t *testing.T) {
	t.Parallel()
	s, c := world(t, kubetest.Options{})
	injected := s.Inject(kubetest.Fault{Verb: "get", Resource: "components", Name: "b", Skip: 1, Times: 2, Status: 500})
	forever := s.Inject(kubetest.Fault{Verb: "list", Times: -1, Status: 503})
	outcomes := ""
	for _, name := range []string{"a", "b", "a", "b", "b", "b"} {
		_, err := c.Component(t.Context(), kube.AppStudio, "ns", name)
		outcomes += map[bool]string{true: "-", false: "x"}[err == nil]
	}
	if outcomes != "---xx-" || injected.Hits() != 2 {
		t.Errorf("the reads went %s, with %d hits", outcomes, injected.Hits())
	}
	for range 3 {
		if _, err := c.Namespaces(t.Context()); !errors.Is(err, kube.ErrUnavailable) {
			t.Errorf("a list gives %v", err)
		}
	}
	forever.Remove()
	if _, err := c.Namespaces(t.Context()); err != nil || forever.Hits() != 3*10 {
		t.Errorf("after the fault was removed: %v, %d hits", err, forever.Hits())
	}
}

func TestStallEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s, c := world(t, kubetest.Options{OnRequest: func(call kubetest.Call) {
		if call.Verb == "create" {
			cancel()
		}
	}})
	s.Inject(kubetest.Fault{Verb: "create", Outcome: kubetest.Stall})
	if err := c.CreateSecret(ctx, write("s", "a")); !errors.Is(err, context.Canceled) {
		t.Errorf("the create gives %v", err)
	}
	if s.Object("secrets", "ns", "s") != nil {
		t.Error("the create took effect")
	}
}

// TestListsAreOfOneMoment changes the world between two pages.
func TestListsAreOfOneMoment(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		reason, want string
		requests     int
		between      func(*kubetest.Server)
	}{
		{"a change does not show", "a b c d e", 3, func(s *kubetest.Server) {
			s.Delete("components", "ns", "e")
			s.Apply([]byte("{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: aa, namespace: ns}}"))
		}},
		{"an expired list is begun again", "a b c d", 4, func(s *kubetest.Server) {
			s.Delete("components", "ns", "e")
			s.ExpireLists()
		}},
	} {
		t.Run(row.reason, func(t *testing.T) {
			t.Parallel()
			var s *kubetest.Server
			lists := 0
			s, c := world(t, kubetest.Options{OnRequest: func(call kubetest.Call) {
				if call.Verb != "list" {
					return
				}
				if lists++; lists == 2 {
					row.between(s)
				}
			}})
			got, err := c.Components(t.Context(), kube.AppStudio, "ns", "")
			if err != nil || names(got) != row.want {
				t.Errorf("the list is %q: %v", names(got), err)
			}
			if n := s.Count("list", "components"); n != row.requests {
				t.Errorf("%d requests, want %d", n, row.requests)
			}
		})
	}
}

func TestGarbage(t *testing.T) {
	t.Parallel()
	s, c := world(t, kubetest.Options{})
	for _, w := range []kube.SecretWrite{write("of-a", "a"), write("of-b", "b")} {
		if err := c.CreateSecret(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	s.Apply([]byte("{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: b, namespace: ns, finalizers: [x.example.com/y]}}"))
	s.Apply([]byte(`{apiVersion: v1, kind: Secret, metadata: {name: kept, namespace: ns, finalizers: [x.example.com/y],
		ownerReferences: [{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, name: a, uid: uid-of-a}]}}`))
	if gone := s.Delete("components", "ns", "a"); !gone {
		t.Error("a stays")
	}
	if gone := s.Delete("components", "ns", "b"); gone {
		t.Error("b is gone, in spite of its finalizer")
	}
	if s.Object("secrets", "ns", "of-a") == nil {
		t.Error("a Secret went without the garbage collector")
	}
	s.CollectGarbage()
	if s.Object("secrets", "ns", "of-a") != nil || s.Object("secrets", "ns", "of-b") == nil {
		t.Error("the garbage collector took the wrong one")
	}
	if kept, err := c.SecretMetadata(t.Context(), "ns", "kept"); err != nil {
		t.Errorf("the garbage collector took %+v in spite of its finalizer: %v", kept, err)
	}
	s.Delete("namespaces", "", "ns")
	if s.Object("namespaces", "", "ns") != nil || s.Object("secrets", "ns", "of-b") != nil {
		t.Error("the namespace left something behind")
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	s, c := world(t, kubetest.Options{})
	before, err := c.Component(t.Context(), kube.AppStudio, "ns", "a")
	if err != nil || before.UID != "uid-of-a" {
		t.Fatalf("the uid is %q: %v", before.UID, err)
	}
	if _, err := c.Annotate(t.Context(), before, kube.AnnotationChange{Set: map[string]string{"image.redhat.com/image": "kept"}}); err != nil {
		t.Fatal(err)
	}
	s.Apply([]byte("# nothing\n---\n{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: a, namespace: ns}, spec: {application: shop}}\n---\n"))
	after, err := c.Component(t.Context(), kube.AppStudio, "ns", "a")
	if err != nil || after.Application != "shop" || after.Announced != "kept" || after.UID != before.UID {
		t.Errorf("the Component is %+v: %v", after, err)
	}
	for _, broken := range []string{"{", "{apiVersion: v1, kind: Pod, metadata: {name: p}}", "{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: missing}}"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was applied", broken)
				}
			}()
			s.Apply([]byte(broken))
		}()
	}
	object := s.Object("components", "ns", "a")
	object["spec"].(map[string]any)["application"] = "changed"
	if diff := cmp.Diff("shop", s.Object("components", "ns", "a")["spec"].(map[string]any)["application"]); diff != "" {
		t.Error("a copy leads to the original")
	}
}

func TestCalls(t *testing.T) {
	t.Parallel()
	s, c := world(t, kubetest.Options{})
	if _, err := c.Components(t.Context(), kube.AppStudio, kube.AllNamespaces, ""); err != nil {
		t.Error(err)
	}
	if _, err := c.Secret(t.Context(), "ns", "s"); !errors.Is(err, kube.ErrNotFound) {
		t.Error(err)
	}
	if err := c.UpdateSecret(t.Context(), write("s", "a"), "1", true); !errors.Is(err, kube.ErrNotFound) {
		t.Error(err)
	}
	want := []kubetest.Access{
		{Verb: "get", Resource: "secrets"},
		{Verb: "patch", Resource: "secrets"},
		{Verb: "list", Group: "appstudio.redhat.com", Resource: "components"},
	}
	if diff := cmp.Diff(want, s.Used("root")); diff != "" {
		t.Error(diff)
	}
	if s.Count("list", "components") != 3 || s.Count("", "secrets") != 2 || s.Count("", "") != 5 || s.Mutations() != 1 {
		t.Errorf("the calls are %+v", s.Calls())
	}
	if last := s.Calls()[4]; last != (kubetest.Call{User: "root", Verb: "patch", Resource: "secrets", Namespace: "ns", Name: "s", DryRun: true}) {
		t.Errorf("the last call is %+v", last)
	}
	s.RemoveUser("token")
	if _, err := c.Namespaces(t.Context()); !errors.Is(err, kube.ErrUnauthorized) {
		t.Errorf("a removed user gets %v", err)
	}
}

// TestNotSimulated: what is not simulated says so.
func TestNotSimulated(t *testing.T) {
	t.Parallel()
	s, _ := world(t, kubetest.Options{})
	const account = "/api/v1/namespaces/ns/serviceaccounts/a"
	s.Apply([]byte("{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: ns}, secrets: [{name: s}]}"))
	for _, row := range []struct{ method, path, form, body string }{
		{http.MethodGet, "/api/v1/secrets?watch=1", "", ""},
		{http.MethodGet, "/api/v1/secrets?fieldSelector=type%3Ds", "", ""},
		{http.MethodDelete, "/api/v1/namespaces/ns/secrets", "", ""},
		{http.MethodPatch, account, strategic, `{"secrets":[{"$patch":"replace","name":"s"}]}`},
		{http.MethodPatch, account, strategic, `{"secrets":[{"$patch":"delete","name":"s"}]}`},
		{http.MethodPatch, account, strategic, `{"imagePullSecrets":[{"$patch":"delete","name":"s"}]}`},
		{http.MethodPatch, account, strategic, `{"$retainKeys":["secrets"]}`},
		{http.MethodPatch, account, jsonForm, `[{"op":"copy","from":"/kind","path":"/x"}]`},
		{http.MethodPatch, account, jsonForm, `[{"op":"add","path":"/secrets/0","value":{"name":"t"}}]`},
	} {
		req := httptest.NewRequest(row.method, row.path, strings.NewReader(row.body))
		req.Header.Set("Authorization", "Bearer token")
		req.Header.Set("Content-Type", row.form)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, req)
		if w.Code != http.StatusNotImplemented {
			t.Errorf("%s %s %s: %d %s", row.method, row.path, row.body, w.Code, w.Body)
		}
	}
}
