package reconcile_test

import (
	"net/http"
	"strings"
	"testing"

	"berth/reconcile/component"
)

// image is a Component's spec.containerImage.
func (e *env) image(name string) string {
	spec, _ := e.cluster.Object("components", "tenant", name)["spec"].(map[string]any)
	image, _ := spec["containerImage"].(string)
	return image
}

// builds says where a Component's builds push.
func (e *env) builds(name, image string) {
	e.apply(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: %s, namespace: tenant}, spec: {containerImage: %q}}`, name, image)
}

// Where a Component's builds push, as its spec.containerImage has it: what is made, told
// and written.
func TestContainerImages(t *testing.T) {
	t.Parallel()
	const ours = host + "/" + org + "/tenant/web"
	for _, row := range []struct {
		why, image string
		made       bool   // a repository, robots and Secrets
		written    string // what spec.containerImage is then
		told       string // on the Component
		skipped    string // in the output
	}{
		{why: "empty", made: true, written: ours},
		{why: "ours", image: ours, made: true, written: ours},
		{why: "ours with a tag", image: ours + ":v1", made: true, written: ours + ":v1"},
		{why: "ours with a digest", image: ours + "@sha256:" + strings.Repeat("a", 64), made: true, written: ours + "@sha256:" + strings.Repeat("a", 64)},
		{
			why: "ours, spelt otherwise", image: "QUAY.test:443/" + org + "/tenant/web", made: true, written: "QUAY.test:443/" + org + "/tenant/web",
			told: "spec.containerImage is QUAY.test:443/acme/tenant/web; a login is looked for letter by letter, and the push Secret's is for quay.test/acme/tenant/web.",
		},
		{
			why: "another repository of ours", image: host + "/" + org + "/tenant/cart:v1", made: true, written: host + "/" + org + "/tenant/cart:v1",
			told: "spec.containerImage is quay.test/acme/tenant/cart:v1, and the push Secret is for quay.test/acme/tenant/web alone.",
		},
		{
			why: "another organization", image: host + "/globex/web", written: host + "/globex/web",
			skipped: "tenant/web skipped: it is built to quay.test/globex/web\n",
		},
		{
			why: "another host", image: "ghcr.io/acme/tenant/web:v1", written: "ghcr.io/acme/tenant/web:v1",
			skipped: "tenant/web skipped: it is built to ghcr.io/acme/tenant/web:v1\n",
		},
		{why: "Docker Hub", image: "acme/web", written: "acme/web", skipped: "tenant/web skipped: it is built to acme/web\n"},
		{
			why: "garbage", image: "https://quay.test/ acme", made: true, written: "https://quay.test/ acme",
			told: "spec.containerImage is not the name of an image. The Component's own is quay.test/acme/tenant/web.",
		},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newEnv()
			e.component("tenant", "web", "uid-web")
			e.builds("web", row.image)
			r := e.newRun()
			r.Policy.SetImages = true
			e.resetCalls()
			s := e.do(r)
			if s.ExitCode() != 0 {
				t.Fatalf("exit code %d:\n%s", s.ExitCode(), s.text)
			}
			q := e.quay.Snapshot()
			made := len(q.Repositories) + len(q.Robots) + len(e.linked("tenant", pipeline, "secrets"))
			if row.made && made != 4 || !row.made && (made != 0 || e.mutations() != 0) {
				t.Errorf("%d things were made, with %d writes", made, e.mutations())
			}
			if got := e.image("web"); got != row.written {
				t.Errorf("spec.containerImage is %q, want %q", got, row.written)
			}
			told := e.annotation("tenant", "web", component.AnnotationImage)
			if !strings.Contains(told, row.told) || (row.told == "") == strings.Contains(told, "message") {
				t.Errorf("the Component is told %s", told)
			}
			if !strings.Contains(s.text, row.skipped) || (s.Components.Skipped == 1) == row.made {
				t.Errorf("the output does not say %q:\n%s", row.skipped, s.text)
			}
			e.resetCalls()
			if s := e.do(r); e.mutations() != 0 || s.Changes.Update != 0 {
				t.Errorf("a second run makes %d writes", e.mutations())
			}
			if gets := e.cluster.Count("get", "secrets"); gets != 0 {
				t.Errorf("a second run reads %d Secrets one by one", gets)
			}
		})
	}
}

// What is built elsewhere gets a repository when its owner, or the operator, asks; then it
// is served like any other, with a warning while it is built elsewhere.
func TestImagesElsewhereAreServedWhenAsked(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why, generate string
		rotate, made  bool
	}{
		{"not asked", "", false, false},
		{"what a controller left behind", "false", false, false},
		{"a request", "true", false, true},
		{"a statement", `{\"visibility\":\"private\"}`, false, true},
		{"the operator's request", "", true, true},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newEnv()
			e.component("tenant", "web", "uid-web", `image.redhat.com/generate: "`+row.generate+`"`)
			e.builds("web", "ghcr.io/acme/web")
			r := e.newRun()
			r.Policy.SetImages = true
			if row.rotate {
				r.Scope.Rotate = []component.Key{{Namespace: "tenant", Name: "web"}}
			}
			e.do(r)
			if made := len(e.quay.Snapshot().Robots) == 2; made != row.made {
				t.Fatalf("made is %v", made)
			}
			const warning = "spec.containerImage is ghcr.io/acme/web, so builds push there and not to quay.test/acme/tenant/web."
			if !row.made {
				return
			}
			e.settled(t) // with the request gone
			e.cluster.Delete("secrets", "tenant", "web-image-push")
			if s := e.run(t); s.Changes.Create != 1 {
				t.Errorf("it is not served like any other: %+v", s.Changes)
			}
			if told := e.annotation("tenant", "web", component.AnnotationImage); strings.Count(told, "spec.containerImage") != 1 || !strings.Contains(told, warning) {
				t.Errorf("the Component is told %s", told)
			}
			if e.image("web") != "ghcr.io/acme/web" {
				t.Errorf("spec.containerImage became %s", e.image("web"))
			}
		})
	}
}

// What was made for an earlier Component of the name stays, and is told, when its
// successor is built elsewhere.
func TestImagesElsewhereLeaveWhatWasMade(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.component("tenant", "web", "uid-web")
	e.run(t)
	e.cluster.Delete("components", "tenant", "web")
	e.cluster.CollectGarbage()
	e.component("tenant", "web", "uid-web-again")
	e.builds("web", "ghcr.io/acme/web")
	e.resetCalls()
	s := e.do(e.newRun())
	if !strings.Contains(s.text, "tenant/web skipped: it is built to ghcr.io/acme/web; repository tenant/web, which was made earlier, stays\n") {
		t.Errorf("the output does not say so:\n%s", s.text)
	}
	if e.mutations() != 0 || len(e.quay.Snapshot().Repositories) != 1 {
		t.Errorf("%d writes", e.mutations())
	}
}

// The image is named last: builds start at once, and need their push Secret.
func TestTheImageIsNamedLast(t *testing.T) {
	t.Parallel()
	e := newDelivery("dev", "stage")
	r := e.newRun()
	r.Policy.SetImages = true
	var writes []string
	q, k := e.clients(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.Method != http.MethodGet && req.Method != http.MethodHead {
				writes = append(writes, req.URL.Path)
				if e.image("billing") != "" {
					t.Errorf("after the image was named: %s %s", req.Method, req.URL)
				}
			}
			return next.RoundTrip(req)
		})
	})
	rewire(r, q, k)
	r.Concurrency = 1
	if s := e.do(r); s.ExitCode() != 0 || e.image("billing") != host+"/"+org+"/tenant/billing" || len(writes) < 10 {
		t.Errorf("exit code %d, %d writes, image %s", s.ExitCode(), len(writes), e.image("billing"))
	}

	// Not before an account of its builds may push.
	e = newEnv()
	e.component("tenant", "web", "uid-web")
	e.cluster.Delete("serviceaccounts", "tenant", pipeline)
	r = e.newRun()
	r.Policy.SetImages = true
	e.do(r)
	if e.image("web") != "" {
		t.Error("builds would start that cannot push")
	}
	e.apply(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: appstudio-pipeline, namespace: tenant}}`)
	e.do(r)
	if e.image("web") == "" {
		t.Error("builds wait for ever")
	}
}

// A spec of today may be empty: its Component is built all the same. One without a spec has
// nothing to be named in.
func TestImagesOfScantComponents(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.apply(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: scant, namespace: tenant, uid: uid-scant}, spec: {source: {url: "https://git.example.com/scant"}}}
---
{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: bare, namespace: tenant, uid: uid-bare}}`)
	r := e.newRun()
	r.Policy.SetImages = true
	if s := e.do(r); s.ExitCode() != 0 || strings.Contains(s.text, "Error") {
		t.Errorf("exit code %d:\n%s", s.ExitCode(), s.text)
	}
	if got := e.image("scant"); got != host+"/"+org+"/tenant/scant" {
		t.Errorf("spec.containerImage of the scant one is %q", got)
	}
	if got := e.image("bare"); got != "" {
		t.Errorf("spec.containerImage of the bare one is %q", got)
	}
}

// Somebody who names an image between the reading and the writing was faster.
func TestAnImageNamedMeanwhileStays(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.component("tenant", "web", "uid-web")
	r := e.newRunOver(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodPut { // a robot is made
				e.builds("web", "ghcr.io/acme/web")
			}
			return next.RoundTrip(req)
		})
	})
	r.Policy.SetImages = true
	if s := e.do(r); s.ExitCode() != 0 || e.image("web") != "ghcr.io/acme/web" {
		t.Errorf("exit code %d, image %s", s.ExitCode(), e.image("web"))
	}
}
