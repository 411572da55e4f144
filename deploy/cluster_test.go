package deploy_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"berth/deploy/deploytest"
	"berth/kube/kubetest/controlplane"
)

// realPlatform is a simulated Quay, and the settings that lead to it and, as the
// shipped ServiceAccount, to a real API server.
func realPlatform(t *testing.T, cp *controlplane.ControlPlane) *platform {
	t.Helper()
	p := newPlatform(t)
	p.env["BERTH_LOCK_NAMESPACE"] = "berth"
	cp.Kubeconfig(t, p.env["BERTH_KUBECONFIG"], deploytest.Account)
	return p
}

func kubectl(t *testing.T, cp *controlplane.ControlPlane, args ...string) string {
	t.Helper()
	out, err := cp.Kubectl(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func client(t *testing.T, config *rest.Config) dynamic.Interface {
	t.Helper()
	c, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func asAdmin(t *testing.T, cp *controlplane.ControlPlane) dynamic.Interface {
	t.Helper()
	return client(t, cp.Config(t, controlplane.Admin))
}

// core is a resource of the API group without a name.
func core(plural string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: plural}
}

var (
	componentsResource = schema.GroupVersionResource{Group: "appstudio.redhat.com", Version: "v1alpha1", Resource: "components"}
	lateResource       = schema.GroupVersionResource{Group: "konflux-ci.dev", Version: "v1alpha1", Resource: "components"}
)

// object reads an object written in YAML.
func object(manifest string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(manifest), &u.Object); err != nil {
		panic(err)
	}
	return u
}

func nested(t *testing.T, object map[string]any, path ...string) map[string]any {
	t.Helper()
	m, found, err := unstructured.NestedMap(object, path...)
	if err != nil || !found {
		t.Fatalf("no %v (%v)", path, err)
	}
	return m
}

func groupResource(group, version, plural string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: group, Version: version, Resource: plural}
}
