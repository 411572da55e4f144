package reconcile_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/kube"
	"berth/kube/kubetest/controlplane"
	"berth/quay/quaytest"
	"berth/reconcile/component"
	"berth/reconcile/report"
)

// realCluster is a real kube-apiserver with a Component in it, beside a simulated
// Quay.
type realCluster struct {
	*env
	cp    *controlplane.ControlPlane
	admin *kube.Client
}

func newRealCluster(t *testing.T) realCluster {
	t.Helper()
	r := realCluster{env: newEnv(), cp: controlplane.Start(t, controlplane.AppStudio)}
	r.apply(t, `
apiVersion: v1
kind: Namespace
metadata: {name: tenant}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: appstudio-pipeline, namespace: tenant}
---
apiVersion: appstudio.redhat.com/v1alpha1
kind: Component
metadata: {name: billing, namespace: tenant}
spec: {componentName: billing, application: shop}
`)
	r.admin = r.client(t, direct)
	if s := r.do(direct, t); s.Result() != report.ResultOK {
		t.Fatalf("the cluster did not settle: %v %v", s.Err, s.Failures)
	}
	r.quay.ResetCalls()
	return r
}

func (r realCluster) apply(t *testing.T, manifests string) {
	t.Helper()
	if _, err := r.cp.Apply(t.Context(), []byte(manifests)); err != nil {
		t.Fatal(err)
	}
}

func (r realCluster) client(t *testing.T, b between) *kube.Client {
	t.Helper()
	config := r.cp.Config(t, controlplane.Admin)
	config.Wrap(func(t http.RoundTripper) http.RoundTripper { return b(t) })
	k, err := kube.New(kube.Options{Config: config, QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (r realCluster) do(b between, t *testing.T) report.Summary {
	t.Helper()
	q, _ := r.clients(direct)
	return newRun(q, r.client(t, b), r.now).Do(context.Background())
}

func (r realCluster) annotate(t *testing.T, change kube.AnnotationChange) {
	t.Helper()
	c, err := r.admin.Component(t.Context(), kube.AppStudio, "tenant", "billing")
	if err == nil {
		_, err = r.admin.Annotate(t.Context(), c, change)
	}
	if err != nil {
		t.Error(err)
	}
}

// later is when the next rotation may come.
func (r realCluster) later() {
	r.quay.ResetCalls()
	r.env.clock = r.env.clock.Add(25 * time.Hour)
}

// check demands that the Secrets live, that the request was served once, and that
// nothing of it is left.
func (r realCluster) check(t *testing.T) {
	t.Helper()
	c, err := r.admin.Component(t.Context(), kube.AppStudio, "tenant", "billing")
	if err != nil {
		t.Fatal(err)
	}
	if c.Annotations[component.AnnotationGenerate] != "" || c.Annotations[component.AnnotationRotation] != "" {
		t.Errorf("the request was not acknowledged: %v", c.Annotations)
	}
	for _, name := range []string{"billing-image-push", "billing-image-pull"} {
		s, err := r.admin.Secret(t.Context(), "tenant", name)
		if err != nil {
			t.Fatal(err)
		}
		if _, login, token := credentialOf(s.DockerConfigJSON()); token == "" || token != r.quay.RobotToken(login) {
			t.Errorf("dead token in Secret %s", name)
		}
	}
	if made := r.made(); len(made["push"]) != 1 || len(made["pull"]) != 1 {
		t.Errorf("made %v", made)
	}
	if robots := r.ours(); len(robots) != 2 {
		t.Errorf("alive after revoke: %v", robots)
	}
}

// What rests on the API server's word is shown on a real one.
func TestRotationOnARealCluster(t *testing.T) {
	t.Parallel()
	r := newRealCluster(t)
	t.Run("against an editor", r.againstAnEditor)
	t.Run("with crashes", r.withCrashes)
	t.Run("with an immutable Secret", r.withAnImmutableSecret)
}

// Somebody edits each object just before the rotation writes it, nearly as often
// as the rotation tries again.
func (r realCluster) againstAnEditor(t *testing.T) {
	r.annotate(t, kube.AnnotationChange{Set: map[string]string{component.AnnotationGenerate: "true"}})

	var mu sync.Mutex
	conflicts := 0
	edits := map[string]int{}
	editor := func(end http.RoundTripper) http.RoundTripper {
		return roundTrip(func(q *http.Request) (*http.Response, error) {
			path := q.URL.Path
			if q.Method == http.MethodPatch && dryRun(q) == "" {
				mu.Lock()
				edits[path]++
				edit := edits[path] < 4
				n := edits[path]
				mu.Unlock()
				if edit {
					r.edit(t, path, n)
				}
			}
			answer, err := end.RoundTrip(q)
			if err == nil && (answer.StatusCode == http.StatusConflict || answer.StatusCode == http.StatusUnprocessableEntity) {
				mu.Lock()
				conflicts++
				mu.Unlock()
			}
			return answer, err
		})
	}
	if s := r.do(editor, t); s.Result() != report.ResultOK {
		t.Errorf("the run was %s: %v", s.Result(), s.Failures)
	}
	r.check(t)
	t.Logf("conflicts with an editor: %d", conflicts)
	if conflicts < 9 {
		t.Errorf("%d conflicts; the marker and both Secrets should each have met three", conflicts)
	}
}

// edit touches the object behind a path.
func (r realCluster) edit(t *testing.T, path string, n int) {
	if strings.HasSuffix(path, "/components/billing") {
		r.annotate(t, kube.AnnotationChange{Set: map[string]string{"image.redhat.com/edited": fmt.Sprint(n)}})
		return
	}
	name := path[strings.LastIndex(path, "/")+1:]
	s, err := r.admin.Secret(t.Context(), "tenant", name)
	if err == nil {
		o := s.Owners[0]
		err = r.admin.UpdateSecret(t.Context(), kube.SecretWrite{
			Namespace: "tenant", Name: name, Labels: map[string]string{"appstudio.redhat.com/component": fmt.Sprintf("edited-%d", n)}, Owners: []kube.OwnerReference{o},
			DockerConfigJSON: func() []byte { return []byte(`{}`) },
		}, s.ResourceVersion, false)
	}
	if err != nil {
		t.Error(err)
	}
}

// A run dies after every write of a rotation, against the real API server; the
// next one mends it.
func (r realCluster) withCrashes(t *testing.T) {
	for at := 1; at <= 12; at++ {
		r.later()
		r.annotate(t, kube.AnnotationChange{Set: map[string]string{component.AnnotationGenerate: "true"}})
		k := &killer{at: at, how: withoutAnswer, writes: true}
		toQuay := k.between(quaytest.Wire(r.quay))
		q, _ := connect("https://"+host, "https://unused", toQuay, toQuay)
		newRun(q, r.client(t, k.between), r.now).Do(context.Background())
		if s := r.do(direct, t); s.Result() != report.ResultOK {
			t.Errorf("call %d: the next run was %s: %v", at, s.Result(), s.Failures)
		}
		r.check(t)
	}
}

// An immutable Secret is found before anything is made.
func (r realCluster) withAnImmutableSecret(t *testing.T) {
	r.later()
	r.apply(t, `{apiVersion: v1, kind: Secret, metadata: {name: billing-image-pull, namespace: tenant}, immutable: true, type: kubernetes.io/dockerconfigjson}`)
	r.annotate(t, kube.AnnotationChange{Set: map[string]string{component.AnnotationGenerate: "true"}})
	if s := r.do(direct, t); s.Components.Blocked != 1 || len(r.made()) != 0 {
		t.Errorf("made %v, %+v", r.made(), s.Failures)
	}
}
