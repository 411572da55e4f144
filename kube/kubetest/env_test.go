package kubetest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"berth/kube"
	"berth/kube/kubetest"
	"berth/kube/kubetest/controlplane"
)

func TestMain(m *testing.M) { os.Exit(controlplane.Main(m)) }

func TestConformanceOfTheSimulator(t *testing.T) {
	t.Parallel()
	conformance(t, newSimulator(t))
}

func TestConformanceOfTheRealServer(t *testing.T) {
	t.Parallel()
	cp := controlplane.Start(t, controlplane.AppStudio, controlplane.BothGroups)
	objects, err := dynamic.NewForConfig(cp.Config(t, controlplane.Admin))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("a quota", func(t *testing.T) { testQuota(t, realServer{cp, objects}) })
	t.Run("a full object", func(t *testing.T) { testFullObject(t, realServer{cp, objects}) })
	conformance(t, realServer{cp, objects})
}

// What etcd does not take is told apart from an API server that breaks.
func testFullObject(t *testing.T, r realServer) {
	namespace := r.cp.Namespace(t)
	r.apply(t, fmt.Sprintf(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: full, namespace: %s},
 spec: {componentName: full, application: shop, source: {git: {url: %q}}}}`, namespace, strings.Repeat("x", 1_400_000)))
	c, err := kube.New(kube.Options{Config: r.config(t, controlplane.Admin), QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	full, err := c.Component(t.Context(), kube.AppStudio, namespace, "full")
	if err == nil {
		_, err = c.Annotate(t.Context(), full, kube.AnnotationChange{Set: map[string]string{"image.redhat.com/image": strings.Repeat("x", 250_000)}})
	}
	if !errors.Is(err, kube.ErrFull) {
		t.Errorf("the error is %v", err)
	}
}

// A quota that is used up is told apart from a right that is missing, though both are a
// 403. The simulator has no quotas; tests let it answer with these words.
func testQuota(t *testing.T, r realServer) {
	namespace := r.cp.Namespace(t)
	quota := fmt.Sprintf(`{apiVersion: v1, kind: ResourceQuota, metadata: {name: small, namespace: %s}, spec: {hard: {count/secrets: "0"}}}`, namespace)
	r.apply(t, quota)
	object := r.objects.Resource(schema.GroupVersionResource{Version: "v1", Resource: "resourcequotas"}).Namespace(namespace)
	counted := []byte(`{"status":{"hard":{"count/secrets":"0"},"used":{"count/secrets":"0"}}}`) // a controller's work
	if _, err := object.Patch(t.Context(), "small", types.MergePatchType, counted, metav1.PatchOptions{}, "status"); err != nil {
		t.Fatal(err)
	}
	c, err := kube.New(kube.Options{Config: r.config(t, controlplane.Admin), QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ { // until the API server has taken notice
		write := kube.SecretWrite{Namespace: namespace, Name: fmt.Sprintf("s%d", n), DockerConfigJSON: content(dockerConfig), Owners: []kube.OwnerReference{{APIVersion: "v1", Kind: "Component", Name: "c", UID: "u"}}}
		if err = c.CreateSecret(ctx, write); errors.Is(err, kube.ErrQuota) {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("with a quota of no Secret: %v", err)
		}
	}
	if errors.Is(err, kube.ErrForbidden) || !strings.Contains(err.Error(), "count/secrets") {
		t.Errorf("the error is %v", err)
	}
}

type simulator struct {
	*kubetest.Server
	url string
}

func newSimulator(t *testing.T) simulator {
	server := kubetest.New(kubetest.Options{})
	for _, kind := range []string{"components.konflux-ci.dev", "imagerepositories", "imagerepositories.konflux-ci.dev"} {
		server.Install(kind)
	}
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	return simulator{server, listener.URL}
}

// config gives every user a token that is the user's name.
func (s simulator) config(_ *testing.T, user string) *rest.Config {
	s.AddUser(user, user, user == controlplane.Admin)
	return &rest.Config{Host: s.url, BearerToken: user}
}

func (s simulator) apply(_ *testing.T, manifests string) { s.Apply([]byte(manifests)) }

func (s simulator) object(_ *testing.T, resource, namespace, name string) map[string]any {
	return s.Object(resource, namespace, name)
}

func (s simulator) delete(_ *testing.T, resource, namespace, name string) {
	if resource == "namespaces" {
		s.Terminate(name)
		return
	}
	s.Delete(resource, namespace, name)
}

func (s simulator) uninstall(_ *testing.T, resource string) { s.Uninstall(resource) }

type realServer struct {
	cp      *controlplane.ControlPlane
	objects dynamic.Interface
}

func (r realServer) config(t *testing.T, user string) *rest.Config { return r.cp.Config(t, user) }

func (r realServer) apply(t *testing.T, manifests string) {
	t.Helper()
	if _, err := r.cp.Apply(t.Context(), []byte(manifests)); err != nil {
		t.Fatal(err)
	}
}

func (r realServer) resource(resource, namespace string) dynamic.ResourceInterface {
	gvr := schema.GroupVersionResource{Version: "v1", Resource: resource}
	switch resource {
	case "components.konflux-ci.dev":
		return r.objects.Resource(schema.GroupVersionResource{Group: "konflux-ci.dev", Version: "v1alpha1", Resource: "components"}).Namespace(namespace)
	case "namespaces", "secrets", "serviceaccounts":
	case "leases":
		gvr.Group = "coordination.k8s.io"
	case "remotesecrets":
		gvr.Group, gvr.Version = appstudio, "v1beta1"
	default:
		gvr.Group, gvr.Version = appstudio, "v1alpha1"
	}
	return r.objects.Resource(gvr).Namespace(namespace)
}

func (r realServer) object(t *testing.T, resource, namespace, name string) map[string]any {
	t.Helper()
	object, err := r.resource(resource, namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return object.Object
}

func (r realServer) delete(t *testing.T, resource, namespace, name string) {
	t.Helper()
	if err := r.resource(resource, namespace).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// uninstall returns when the API server has taken notice, in discovery, too.
func (r realServer) uninstall(t *testing.T, resource string) {
	t.Helper()
	definitions := r.objects.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	definition := resource
	if !strings.Contains(resource, ".") {
		definition += "." + appstudio
	}
	if err := definitions.Delete(t.Context(), definition, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	client, err := rest.HTTPClientFor(r.config(t, controlplane.Admin))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := r.resource(resource, "").List(ctx, metav1.ListOptions{})
		if apierrors.IsNotFound(err) && !lists(t, client, r.cp.URL, resource) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the definition is deleted, but still served")
		}
	}
}
