package controlplane_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"berth/kube/kubetest/controlplane"
)

const deploy = "../../../deploy"

func read(t *testing.T, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{deploy}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// applyBase applies what the kustomization lists, in its order, and returns the
// CronJob.
func applyBase(t *testing.T, cp *controlplane.ControlPlane) *unstructured.Unstructured {
	t.Helper()
	var kustomization struct{ Resources []string }
	if err := yaml.Unmarshal(read(t, "base", "kustomization.yaml"), &kustomization); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(deploy, "base", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(kustomization.Resources)+1 {
		t.Errorf("the kustomization lists %d of the %d files beside it", len(kustomization.Resources), len(files)-1)
	}
	var cronJob *unstructured.Unstructured
	for _, name := range kustomization.Resources {
		objects, err := cp.Apply(t.Context(), read(t, "base", name))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, object := range objects {
			if object.GetKind() == "CronJob" {
				cronJob = object
			}
		}
	}
	return cronJob
}

func nested(t *testing.T, object map[string]any, path ...string) map[string]any {
	t.Helper()
	m, found, err := unstructured.NestedMap(object, path...)
	if err != nil || !found {
		t.Fatalf("no %v (%v)", path, err)
	}
	return m
}

func TestTheManifestsAreAccepted(t *testing.T) {
	t.Parallel()
	cp := controlplane.Start(t, controlplane.AppStudio)
	cronJob := applyBase(t, cp)
	jobSpec := nested(t, cronJob.Object, "spec", "jobTemplate", "spec")

	t.Run("the one-shot Job runs what the CronJob runs", func(t *testing.T) {
		if _, err := cp.Apply(t.Context(), read(t, "job", "job.yaml")); err != nil {
			t.Fatal(err)
		}
		var written, scheduled map[string]any
		if err := yaml.UnmarshalStrict(read(t, "job", "job.yaml"), &written); err != nil {
			t.Fatal(err)
		}
		if err := yaml.UnmarshalStrict(read(t, "base", "cronjob.yaml"), &scheduled); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(nested(t, scheduled, "spec", "jobTemplate", "spec"), nested(t, written, "spec")); diff != "" {
			t.Errorf("the Job's spec differs (-CronJob +Job):\n%s", diff)
		}
	})

	t.Run("the namespace's pod security admits the pod", func(t *testing.T) {
		pod := map[string]any{
			"apiVersion": "v1",
			"kind":       "Pod",
			"metadata":   map[string]any{"name": "berth", "namespace": "berth"},
			"spec":       nested(t, jobSpec, "template", "spec"),
		}
		data, err := yaml.Marshal(pod)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cp.Apply(t.Context(), data); err != nil {
			t.Error(err)
		}
	})

	t.Run("the ServiceAccount has its rights and no more", func(t *testing.T) {
		berth := client(t, cp.Config(t, "system:serviceaccount:berth:berth"))
		if _, err := berth.Resource(components).List(t.Context(), metav1.ListOptions{}); err != nil {
			t.Errorf("list Components of all namespaces: %v", err)
		}
		if err := berth.Resource(components).Namespace("default").Delete(t.Context(), "any", metav1.DeleteOptions{}); !apierrors.IsForbidden(err) {
			t.Errorf("delete a Component: %v, want forbidden", err)
		}
	})
}
