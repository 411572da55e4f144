package controlplane

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// The users that every control plane knows. ServiceAccounts are the way to have
// more of them.
const (
	Admin  = "admin"  // may do everything
	Tenant = "tenant" // has the rights that RoleBindings of the test give, none at first
)

// Config returns how the user connects. The user is [Admin], [Tenant] or, as
// Kubernetes writes it, "system:serviceaccount:NAMESPACE:NAME", which must exist.
func (cp *ControlPlane) Config(t testing.TB, user string) *rest.Config {
	t.Helper()
	if token, ok := cp.tokens[user]; ok {
		return cp.config(token)
	}
	account, ok := strings.CutPrefix(user, "system:serviceaccount:")
	namespace, name, found := strings.Cut(account, ":")
	if !ok || !found {
		t.Fatalf("the control plane knows no user %q", user)
	}
	request := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "authentication.k8s.io/v1",
		"kind":       "TokenRequest",
		"metadata":   map[string]any{"name": name},
		"spec":       map[string]any{},
	}}
	accounts := schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
	answer, err := cp.objects.Resource(accounts).Namespace(namespace).Create(t.Context(), request, metav1.CreateOptions{}, "token")
	if err != nil {
		t.Fatalf("request a token for %s: %v", user, err)
	}
	token, _, err := unstructured.NestedString(answer.Object, "status", "token")
	if err != nil {
		t.Fatalf("read the token of %s: %v", user, err)
	}
	return cp.config(token)
}

// config has no rate limit: a test's calls are few.
func (cp *ControlPlane) config(token string) *rest.Config {
	return &rest.Config{
		Host:            cp.URL,
		BearerToken:     token,
		QPS:             -1,
		TLSClientConfig: rest.TLSClientConfig{CAData: cp.ca},
	}
}

// Kubeconfig writes a kubeconfig for a user that [ControlPlane.Config] takes. Its
// one context is called "test".
func (cp *ControlPlane) Kubeconfig(t testing.TB, path, user string) {
	t.Helper()
	if err := cp.writeKubeconfig(path, cp.Config(t, user).BearerToken); err != nil {
		t.Fatal(err)
	}
}

func (cp *ControlPlane) writeKubeconfig(path, token string) error {
	config := api.NewConfig()
	config.Clusters["test"] = &api.Cluster{Server: cp.URL, CertificateAuthorityData: cp.ca}
	config.AuthInfos["test"] = &api.AuthInfo{Token: token}
	config.Contexts["test"] = &api.Context{Cluster: "test", AuthInfo: "test"}
	config.CurrentContext = "test"
	return clientcmd.WriteToFile(*config, path)
}

// Namespace makes a namespace of its own for the test and returns its name.
func (cp *ControlPlane) Namespace(t testing.TB) string {
	t.Helper()
	made, err := cp.Apply(t.Context(), []byte("{apiVersion: v1, kind: Namespace, metadata: {generateName: test-}}"))
	if err != nil {
		t.Fatal(err)
	}
	return made[0].GetName()
}
