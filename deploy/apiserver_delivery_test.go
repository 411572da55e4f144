package deploy_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"berth/kube/kubetest"
	"berth/kube/kubetest/controlplane"
	"berth/kube/kubetest/remotesecret"
	"berth/quay/quaytest"
	"berth/reconcile/component"
)

// places is where the Component cart runs: in its own namespace (dev), in others of the
// cluster (stage, extra), and on another cluster (prod).
const places = `
{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: shop}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: deployer, namespace: shop, labels: {appstudio.redhat.com/remotesecret-auth-sa: ""}}}
---
{apiVersion: v1, kind: Secret, metadata: {name: prod-cluster, namespace: shop}, stringData: {kubeconfig: "{}"}}
---
{apiVersion: appstudio.redhat.com/v1alpha1, kind: Environment, metadata: {name: dev, namespace: shop}, spec: {displayName: d, deploymentStrategy: Manual}}
---
{apiVersion: appstudio.redhat.com/v1alpha1, kind: Environment, metadata: {name: prod, namespace: shop},
 spec: {displayName: d, deploymentStrategy: Manual, configuration: {target: {deploymentTargetClaim: {claimName: prod}}}}}
---
{apiVersion: appstudio.redhat.com/v1alpha1, kind: DeploymentTargetClaim, metadata: {name: prod, namespace: shop}, spec: {deploymentTargetClassName: any}}
---
{apiVersion: appstudio.redhat.com/v1alpha1, kind: DeploymentTarget, metadata: {name: prod, namespace: shop}, spec: {deploymentTargetClassName: any, claimRef: prod,
 kubernetesCredentials: {defaultNamespace: shop-prod, apiURL: "https://api.prod.example:6443", clusterCredentialsSecret: prod-cluster, allowInsecureSkipTLSVerify: false}}}
`

// place is a further namespace that the tenant may deploy to, and an Environment there.
const place = `
{apiVersion: v1, kind: Namespace, metadata: {name: shop-NAME}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: shop-NAME}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: deployer, namespace: shop-NAME},
 rules: [{apiGroups: [""], resources: [secrets, serviceaccounts], verbs: ["*"]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: deployer, namespace: shop-NAME},
 roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}, subjects: [{kind: ServiceAccount, name: deployer, namespace: shop}]}
---
{apiVersion: appstudio.redhat.com/v1alpha1, kind: Environment, metadata: {name: NAME, namespace: shop}, spec: {displayName: d, deploymentStrategy: Manual,
 unstableConfigurationFields: {kubernetesCredentials: {targetNamespace: shop-NAME, apiURL: "", clusterCredentialsSecret: "", allowInsecureSkipTLSVerify: false}}}}
`

const binding = `{apiVersion: appstudio.redhat.com/v1alpha1, kind: SnapshotEnvironmentBinding, metadata: {name: cart-NAME, namespace: shop},
 spec: {application: shop, environment: NAME, snapshot: s, components: [{name: cart}]}}`

func (c *realCluster) bind(t *testing.T, environment string) {
	t.Helper()
	c.apply(t, strings.ReplaceAll(binding, "NAME", environment))
}

// newOperator is a second client of the real API server; the other cluster is simulated.
func (c *realCluster) newOperator(t *testing.T) (*remotesecret.Operator, *kubetest.Server) {
	t.Helper()
	prod := kubetest.New(kubetest.Options{})
	prod.Apply([]byte("{apiVersion: v1, kind: Namespace, metadata: {name: shop-prod}}\n---\n{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: shop-prod}}"))
	prod.AddUser("operator", "operator", true)
	o, err := remotesecret.New(remotesecret.Options{
		Config: c.cp.Config(t, controlplane.Admin),
		As: func(namespace, account string) *rest.Config {
			return c.cp.Config(t, "system:serviceaccount:"+namespace+":"+account)
		},
		Remote: func(url string) *rest.Config {
			return &rest.Config{Host: url, BearerToken: "operator", Transport: quaytest.Wire(prod), QPS: -1}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return o, prod
}

// delivered tells the story of the pull Secret of cart and its environments.
func delivered(t *testing.T, c *realCluster) {
	c.apply(t, places)
	claims := schema.GroupVersionResource{Group: "appstudio.redhat.com", Version: "v1alpha1", Resource: "deploymenttargetclaims"}
	if _, err := c.objects.Resource(claims).Namespace("shop").
		Patch(t.Context(), "prod", types.MergePatchType, []byte(`{"status":{"phase":"Bound"}}`), metav1.PatchOptions{}, "status"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"stage", "extra"} {
		c.apply(t, strings.ReplaceAll(place, "NAME", name))
	}
	for _, environment := range []string{"dev", "stage", "prod"} {
		c.bind(t, environment)
	}
	operator, prod := c.newOperator(t)
	pass := func(told string, namespaces ...string) {
		t.Helper()
		c.berth(t, 0)
		if err := operator.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		if out := c.berth(t, 0, "--dry-run"); !strings.Contains(out, "No changes") || !strings.Contains(out, "Pull Secrets in "+told) {
			t.Errorf("the next run would say:\n%s", out)
		}
		want := c.content(t, "cart-image-pull")
		for _, namespace := range namespaces {
			c.pulls(t, namespace, want)
		}
		remote, _, _ := unstructured.NestedString(prod.Object("secrets", "shop-prod", "cart-image-pull"), "data", ".dockerconfigjson")
		if remote != want {
			t.Error("the other cluster has not the token")
		}
		c.settled(t, 0)
	}
	pass("3 environments: 2 delivered, 1 unverified.", "shop", "shop-stage")

	c.bind(t, "extra")
	pass("4 environments: 3 delivered, 1 unverified.", "shop", "shop-stage", "shop-extra")

	bindings := schema.GroupVersionResource{Group: "appstudio.redhat.com", Version: "v1alpha1", Resource: "snapshotenvironmentbindings"}
	if err := c.objects.Resource(bindings).Namespace("shop").Delete(t.Context(), "cart-stage", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	pass("3 environments: 2 delivered, 1 unverified.", "shop", "shop-extra")
	if _, err := c.resource("secrets", "shop-stage").Get(t.Context(), "cart-image-pull", metav1.GetOptions{}); err == nil {
		t.Error("the Secret is still where nothing runs any more")
	}

	before := c.content(t, "cart-image-pull")
	c.unpaced(t, "cart")
	c.patch(t, "components", "cart", `{"metadata":{"annotations":{"`+component.AnnotationGenerate+`":"true"}}}`)
	pass("3 environments: 2 delivered, 1 unverified.", "shop", "shop-extra")
	if c.content(t, "cart-image-pull") == before {
		t.Error("the token is the old one")
	}
}

// unpaced makes an earlier rotation of a Component old, for whose sake another one would
// wait.
func (c *realCluster) unpaced(t *testing.T, component string) {
	t.Helper()
	c.patch(t, "components", component, `{"metadata":{"annotations":{"image.redhat.com/image":null}}}`)
	for _, r := range c.quay.Snapshot().Robots {
		if strings.Contains(r.Name, "_"+component+"_") {
			c.quay.SetRobotTimes(r.Name, time.Now().Add(-25*time.Hour), time.Time{})
		}
	}
}

// pulls demands that the pods of a namespace pull with this content.
func (c *realCluster) pulls(t *testing.T, namespace, want string) {
	t.Helper()
	secret, err := c.resource("secrets", namespace).Get(t.Context(), "cart-image-pull", metav1.GetOptions{})
	if err != nil {
		t.Error(err)
		return
	}
	if got, _, _ := unstructured.NestedString(secret.Object, "data", ".dockerconfigjson"); got != want {
		raw, _ := base64.StdEncoding.DecodeString(got)
		t.Errorf("%s has another token (%d bytes)", namespace, len(raw))
	}
	account, err := c.resource("serviceaccounts", namespace).Get(t.Context(), "default", metav1.GetOptions{})
	if err != nil {
		t.Error(err)
		return
	}
	links, _, _ := unstructured.NestedSlice(account.Object, "imagePullSecrets")
	for _, l := range links {
		if l.(map[string]any)["name"] == "cart-image-pull" {
			return
		}
	}
	t.Errorf("the pods of %s pull with %v", namespace, links)
}
