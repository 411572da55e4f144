package controlplane_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"berth/kube/kubetest/controlplane"
)

func TestMain(m *testing.M) { os.Exit(controlplane.Main(m)) }

var (
	namespaces = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	secrets    = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	components = schema.GroupVersionResource{Group: "appstudio.redhat.com", Version: "v1alpha1", Resource: "components"}
)

func client(t *testing.T, config *rest.Config) dynamic.Interface {
	t.Helper()
	c, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func apply(t *testing.T, cp *controlplane.ControlPlane, manifests string) {
	t.Helper()
	if _, err := cp.Apply(t.Context(), []byte(manifests)); err != nil {
		t.Fatal(err)
	}
}

func TestAdminListsNamespacesThroughKubeconfig(t *testing.T) {
	t.Parallel()
	cp := controlplane.Shared(t)
	mine := cp.Namespace(t)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	cp.Kubeconfig(t, path, controlplane.Admin)
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	list, err := client(t, config).Resource(namespaces).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, ns := range list.Items {
		if ns.GetName() == mine {
			return
		}
	}
	t.Errorf("namespace %s is missing from the list of %d", mine, len(list.Items))
}

func TestServiceAccountIsRefusedWhatRBACDoesNotGrant(t *testing.T) {
	t.Parallel()
	cp := controlplane.Shared(t)
	ns := cp.Namespace(t)
	apply(t, cp, strings.ReplaceAll(`
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader, namespace: NS}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: NS}
rules:
- {apiGroups: [""], resources: [secrets], verbs: [list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects:
- {kind: ServiceAccount, name: reader, namespace: NS}
`, "NS", ns))
	user := "system:serviceaccount:" + ns + ":reader"
	reader := client(t, cp.Config(t, user)).Resource(secrets).Namespace(ns)

	if _, err := reader.List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Errorf("list, which is granted: %v", err)
	}
	if err := reader.Delete(t.Context(), "any", metav1.DeleteOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("delete, which is not granted: %v, want forbidden", err)
	}

	var got []controlplane.AuditEvent
	for _, event := range cp.AuditEvents(t) {
		if event.User == user {
			got = append(got, event)
		}
	}
	want := []controlplane.AuditEvent{
		{User: user, Verb: "list", Resource: "secrets", Namespace: ns, Code: http.StatusOK},
		{User: user, Verb: "delete", Resource: "secrets", Namespace: ns, Name: "any", Code: http.StatusForbidden},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("audit events (-want +got):\n%s", diff)
	}
}

func TestAuditEventPrecedesTheEndOfItsAnswer(t *testing.T) {
	t.Parallel()
	cp := controlplane.Shared(t)
	ns := cp.Namespace(t)
	tenant := client(t, cp.Config(t, controlplane.Tenant)).Resource(components).Namespace(ns)
	for i := range 50 {
		_, _ = tenant.List(t.Context(), metav1.ListOptions{})
		mine := slices.DeleteFunc(cp.AuditEvents(t), func(e controlplane.AuditEvent) bool { return e.Namespace != ns || e.User != controlplane.Tenant })
		if len(mine) != i+1 {
			t.Fatalf("%d audit events after %d calls", len(mine), i+1)
		}
	}
}

func TestAnUnknownFieldIsRefused(t *testing.T) {
	t.Parallel()
	cp := controlplane.Shared(t)
	for _, metadata := range []string{"{name: a, namespace: default}", "{generateName: a-, namespace: default}"} {
		if _, err := cp.Apply(t.Context(), []byte("{apiVersion: v1, kind: ConfigMap, metadata: "+metadata+", dta: {}}")); err == nil {
			t.Errorf("ConfigMap with metadata %s was accepted", metadata)
		} else if !strings.Contains(err.Error(), "dta") {
			t.Errorf("the error does not name the field: %v", err)
		}
	}
}

// oldComponent and newComponent are the same Component in the two published forms.
const (
	oldComponent = `
apiVersion: appstudio.redhat.com/v1alpha1
kind: Component
metadata: {name: billing, namespace: NS}
spec:
  componentName: billing
  application: shop
  source: {git: {url: "https://git.example/billing"}}
`
	newComponent = `
apiVersion: appstudio.redhat.com/v1alpha1
kind: Component
metadata: {name: billing, namespace: NS}
spec:
  source: {url: "https://git.example/billing"}
`
)

func TestComponentOfTheAppStudioDefinitions(t *testing.T) {
	t.Parallel()
	testComponents(t, controlplane.Shared(t), oldComponent, newComponent)
}

func TestComponentOfTheKonfluxDefinitions(t *testing.T) {
	t.Parallel()
	misspelt := strings.Replace(newComponent, "source:", "sauce:", 1)
	cp := controlplane.Start(t, controlplane.Konflux, controlplane.WithControllers)
	testComponents(t, cp, newComponent, misspelt)
	t.Run("with the controllers", func(t *testing.T) { testControllers(t, cp) })
}

func testComponents(t *testing.T, cp *controlplane.ControlPlane, good, bad string) {
	t.Helper()
	ns := cp.Namespace(t)
	apply(t, cp, strings.ReplaceAll(good, "NS", ns))
	if _, err := client(t, cp.Config(t, controlplane.Admin)).Resource(components).Namespace(ns).
		Get(t.Context(), "billing", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
	if _, err := cp.Apply(t.Context(), []byte(strings.ReplaceAll(bad, "NS", ns))); err == nil {
		t.Error("a Component of another form was accepted")
	}
}

// deliverable is one object of each kind that tells where an application is deployed,
// with no more than its definition requires.
var deliverable = map[string]string{
	"Environment":                "{displayName: d, deploymentStrategy: Manual}",
	"SnapshotEnvironmentBinding": "{application: a, environment: e, snapshot: s, components: [{name: c}]}",
	"DeploymentTargetClaim":      "{deploymentTargetClassName: any}",
	"DeploymentTarget":           "{deploymentTargetClassName: any, kubernetesCredentials: {defaultNamespace: a, apiURL: u, clusterCredentialsSecret: s, allowInsecureSkipTLSVerify: false}}",
}

func TestDefinitionsOfDelivery(t *testing.T) {
	t.Parallel()
	cp := controlplane.Shared(t)
	ns := cp.Namespace(t)
	for kind, spec := range deliverable {
		apply(t, cp, "{apiVersion: appstudio.redhat.com/v1alpha1, kind: "+kind+", metadata: {name: o, namespace: "+ns+"}, spec: "+spec+"}")
	}
	for _, row := range []struct{ version, kind, spec, missing string }{
		{"v1alpha1", "Environment", "{deploymentStrategy: Manual}", "spec.displayName"},
		{"v1alpha1", "Environment", "{displayName: d}", "spec.deploymentStrategy"},
		{"v1alpha1", "Environment", "{displayName: d, deploymentStrategy: Manual, unstableConfigurationFields: {kubernetesCredentials: {apiURL: u, clusterCredentialsSecret: s, allowInsecureSkipTLSVerify: false}}}", "spec.unstableConfigurationFields.kubernetesCredentials.targetNamespace"},
		{"v1alpha1", "SnapshotEnvironmentBinding", "{environment: e, snapshot: s, components: []}", "spec.application"},
		{"v1alpha1", "SnapshotEnvironmentBinding", "{application: a, snapshot: s, components: []}", "spec.environment"},
		{"v1alpha1", "SnapshotEnvironmentBinding", "{application: a, environment: e, components: []}", "spec.snapshot"},
		{"v1alpha1", "SnapshotEnvironmentBinding", "{application: a, environment: e, snapshot: s}", "spec.components"},
		{"v1alpha1", "DeploymentTargetClaim", "{targetName: t}", "spec.deploymentTargetClassName"},
		{"v1alpha1", "DeploymentTarget", "{claimRef: c, deploymentTargetClassName: any}", "spec.kubernetesCredentials"},
		{"v1alpha1", "DeploymentTarget", "{kubernetesCredentials: {defaultNamespace: a, apiURL: u, clusterCredentialsSecret: s, allowInsecureSkipTLSVerify: false}}", "spec.deploymentTargetClassName"},
		{"v1beta1", "RemoteSecret", "{targets: []}", "spec.secret"},
		{"v1beta1", "RemoteSecret", "{secret: {}, targets: [{apiUrl: u}]}", "spec.targets[0].namespace"},
	} {
		_, err := cp.Apply(t.Context(), []byte("{apiVersion: appstudio.redhat.com/"+row.version+", kind: "+row.kind+", metadata: {name: bad, namespace: "+ns+"}, spec: "+row.spec+"}"))
		if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), row.missing+": Required value") {
			t.Errorf("%s without %s: %v", row.kind, row.missing, err)
		}
	}
	for _, field := range []string{"spec: {secret: {}, target: []}", "data: {k: dg==}, spec: {secret: {}}", "stringData: {k: v}, spec: {secret: {}}"} {
		if _, err := cp.Apply(t.Context(), []byte("{apiVersion: appstudio.redhat.com/v1beta1, kind: RemoteSecret, metadata: {name: bad, namespace: "+ns+"}, "+field+"}")); err == nil {
			t.Errorf("a RemoteSecret with %s was accepted", field)
		}
	}
}
