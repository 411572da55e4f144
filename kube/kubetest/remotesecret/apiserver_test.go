package remotesecret_test

import (
	"encoding/base64"
	"os"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"berth/kube/kubetest/controlplane"
	"berth/kube/kubetest/remotesecret"
)

func TestMain(m *testing.M) { os.Exit(controlplane.Main(m)) }

// TestAgainstTheRealServer deploys to a second namespace as the ServiceAccount that is
// labelled for it.
func TestAgainstTheRealServer(t *testing.T) {
	t.Parallel()
	cp := controlplane.Shared(t)
	home, away := cp.Namespace(t), cp.Namespace(t)
	names := strings.NewReplacer("HOME", home, "AWAY", away)
	apply := func(manifest string) {
		t.Helper()
		if _, err := cp.Apply(t.Context(), []byte(names.Replace(manifest))); err != nil {
			t.Fatal(err)
		}
	}
	objects, err := dynamic.NewForConfig(cp.Config(t, controlplane.Admin))
	if err != nil {
		t.Fatal(err)
	}
	secrets := objects.Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"})
	remoteSecrets := objects.Resource(schema.GroupVersionResource{Group: "appstudio.redhat.com", Version: "v1beta1", Resource: "remotesecrets"}).Namespace(home)

	apply("{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: AWAY}}")
	apply("{apiVersion: v1, kind: ServiceAccount, metadata: {name: deployer, namespace: HOME, labels: {appstudio.redhat.com/remotesecret-auth-sa: ''}}}")
	apply(strings.NewReplacer("namespace: prod", "namespace: AWAY", "namespace: shop", "namespace: HOME").Replace(deployerRights))
	apply(`{apiVersion: appstudio.redhat.com/v1beta1, kind: RemoteSecret, metadata: {name: r, namespace: HOME},
		spec: {secret: {name: pull, type: kubernetes.io/dockerconfigjson, linkedTo: [{serviceAccount: {as: imagePullSecret, reference: {name: default}}}]},
		targets: [{namespace: AWAY}]}}`)
	upload := func(token string) {
		t.Helper()
		apply(`{apiVersion: v1, kind: Secret, metadata: {generateName: upload-, namespace: HOME, labels: {appstudio.redhat.com/upload-secret: remotesecret},
			annotations: {appstudio.redhat.com/remotesecret-name: r}}, type: kubernetes.io/dockerconfigjson,
			data: {.dockerconfigjson: ` + base64.StdEncoding.EncodeToString([]byte(config(token))) + `}}`)
	}
	operator, err := remotesecret.New(remotesecret.Options{
		Config: cp.Config(t, controlplane.Admin),
		As: func(namespace, account string) *rest.Config {
			return cp.Config(t, "system:serviceaccount:"+namespace+":"+account)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	sync := func() {
		t.Helper()
		if err := operator.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	deployed := func() string {
		secret, err := secrets.Namespace(away).Get(t.Context(), "pull", metav1.GetOptions{})
		if err != nil {
			return err.Error()
		}
		encoded, _, _ := unstructured.NestedString(secret.Object, "data", ".dockerconfigjson")
		raw, _ := base64.StdEncoding.DecodeString(encoded)
		return string(raw)
	}
	for _, token := range []string{"one", "two"} {
		upload(token)
		sync()
		if got := deployed(); got != config(token) {
			t.Errorf("deployed is %s, want %s", got, config(token))
		}
		left, err := secrets.Namespace(home).List(t.Context(), metav1.ListOptions{})
		if err != nil || len(left.Items) != 0 {
			t.Errorf("%d upload Secrets are left: %v", len(left.Items), err)
		}
	}
	r, err := remoteSecrets.Get(t.Context(), "r", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	conditions, _, _ := unstructured.NestedSlice(r.Object, "status", "conditions")
	targets, _, _ := unstructured.NestedSlice(r.Object, "status", "targets")
	if len(conditions) != 2 || conditions[1].(map[string]any)["reason"] != "Injected" || len(targets) != 1 || targets[0].(map[string]any)["secretName"] != "pull" {
		t.Errorf("the status is %v", r.Object["status"])
	}
	sync()
	again, err := remoteSecrets.Get(t.Context(), "r", metav1.GetOptions{})
	if err != nil || again.GetResourceVersion() != r.GetResourceVersion() {
		t.Errorf("a pass with nothing to do wrote the RemoteSecret: %v", err)
	}
	for _, event := range cp.AuditEvents(t) {
		if event.Namespace == away && event.Resource == "secrets" && event.Verb == "create" && event.User != "system:serviceaccount:"+home+":deployer" {
			t.Errorf("the Secret was written by %s", event.User)
		}
	}

	if err := remoteSecrets.Delete(t.Context(), "r", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	sync()
	if _, err := remoteSecrets.Get(t.Context(), "r", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the RemoteSecret is there: %v", err)
	}
	if got := deployed(); got != `secrets "pull" not found` {
		t.Errorf("the Secret is there: %s", got)
	}
}
