package deploy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"berth/deploy/deploytest"
	"berth/kube/kubetest/controlplane"
	"berth/reconcile/component"
)

// realCluster is a real kube-apiserver with what base holds and the admission
// policies, and a simulated Quay over HTTPS; the program runs as the shipped ServiceAccount.
type realCluster struct {
	*platform
	cp      *controlplane.ControlPlane
	objects dynamic.Interface // as an administrator
	events  int               // of the audit log, before the last run
}

func newRealCluster(t *testing.T, definitions controlplane.Definitions) *realCluster {
	t.Helper()
	cp := controlplane.Start(t, definitions, controlplane.BothGroups)
	kubectl(t, cp, "apply", "-k", overlay(t, "admission-policy"))
	c := &realCluster{cp: cp, platform: realPlatform(t, cp), objects: asAdmin(t, cp)}
	c.apply(t, "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}")
	c.apply(t, "{apiVersion: v1, kind: ServiceAccount, metadata: {name: appstudio-pipeline, namespace: shop}}")
	c.apply(t, "{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: shop}}") // no controller makes it
	deploytest.Until(t, "the policy", func() bool {                                                  // takes effect some time after it is made
		return refuser(creates(secretsResource, "kube-system", newSecret)(t.Context(), asBerth(t, cp))) == "the policy"
	})
	return c
}

func (c *realCluster) apply(t *testing.T, manifest string) {
	t.Helper()
	if _, err := c.cp.Apply(t.Context(), []byte(manifest)); err != nil {
		t.Fatal(err)
	}
}

func (c *realCluster) resource(plural, namespace string) dynamic.ResourceInterface {
	r := core(plural)
	switch plural {
	case "components":
		r = componentsResource
	case "components.konflux-ci.dev":
		r = lateResource
	case "imagerepositories":
		r = groupResource("appstudio.redhat.com", "v1alpha1", plural)
	case "remotesecrets":
		r = groupResource("appstudio.redhat.com", "v1beta1", plural)
	}
	return c.objects.Resource(r).Namespace(namespace)
}

func (c *realCluster) get(t *testing.T, plural, name string) *unstructured.Unstructured {
	t.Helper()
	o, err := c.resource(plural, "shop").Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (c *realCluster) patch(t *testing.T, plural, name, patch string) {
	t.Helper()
	if _, err := c.resource(plural, "shop").Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (c *realCluster) delete(t *testing.T, plural, name string) {
	t.Helper()
	if err := c.resource(plural, "shop").Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// versions are the resourceVersions of all that Berth writes to.
func (c *realCluster) versions(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, plural := range []string{"components", "components.konflux-ci.dev", "secrets", "serviceaccounts", "remotesecrets"} {
		list, err := c.resource(plural, "shop").List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range list.Items {
			all[plural+"/"+o.GetName()] = o.GetResourceVersion()
		}
	}
	return all
}

// berth runs the program and demands its exit code.
func (c *realCluster) berth(t *testing.T, code int, args ...string) string {
	t.Helper()
	c.events = len(c.mine(t))
	c.quay.ResetCalls()
	return c.run(t, args...).must(t, code).stdout
}

// mine are the program's requests in the audit log.
func (c *realCluster) mine(t *testing.T) []controlplane.AuditEvent {
	t.Helper()
	return slices.DeleteFunc(c.cp.AuditEvents(t), func(e controlplane.AuditEvent) bool { return e.User != deploytest.Account })
}

// settled demands that one more run writes nothing at either end.
func (c *realCluster) settled(t *testing.T, code int) {
	t.Helper()
	before := c.versions(t)
	c.berth(t, code)
	for _, e := range c.mine(t)[c.events:] {
		if e.Verb != "get" && e.Verb != "list" && e.Resource != "leases" {
			t.Errorf("a settled platform was written to: %+v", e)
		}
	}
	if n := c.quay.Mutations(); n > 0 {
		t.Errorf("%d writes to Quay: %v", n, c.quay.Calls())
	}
	if diff := cmp.Diff(before, c.versions(t)); diff != "" {
		t.Errorf("objects changed:\n%s", diff)
	}
}

func (c *realCluster) content(t *testing.T, secret string) string {
	t.Helper()
	s, _, err := unstructured.NestedString(c.get(t, "secrets", secret).Object, "data", ".dockerconfigjson")
	if err != nil || s == "" {
		t.Fatalf("Secret %s: %q, %v", secret, s, err)
	}
	return s
}

func TestAgainstARealAPIServer(t *testing.T) {
	t.Parallel()
	for _, definitions := range []controlplane.Definitions{controlplane.AppStudio, controlplane.Konflux} {
		t.Run(string(definitions), func(t *testing.T) {
			t.Parallel()
			c := newRealCluster(t, definitions)
			for _, step := range []struct {
				name string
				run  func(*testing.T, *realCluster)
			}{
				{"new Components get everything", created},
				{"what drifted is mended", drifted},
				{"what is somebody else's stays as it is", foreign},
				{"a visibility that is asked for is stated", stated},
				{"a request rotates both tokens once", rotated},
				{"what an earlier Component left is taken over", recreated},
				{"the pull Secret reaches every environment", delivered},
				{"what no Component claims any more is reported", orphaned},
				{"a namespace that goes is left alone", terminating},
				{"a request on a namespace rotates its robot once", rotatedForAll},
				{"what was used is what is granted", audited},
				{"what is not for it to do is refused", abused},
			} {
				t.Run(step.name, func(t *testing.T) { step.run(t, c) })
			}
		})
	}
}

func created(t *testing.T, c *realCluster) {
	for _, name := range []string{"cart", "till"} {
		c.apply(t, string(deploytest.Component("shop", name, "")))
	}
	c.apply(t, string(deploytest.Late("shop", "late")))
	c.berth(t, 0)
	for _, name := range []string{"cart-image-push", "cart-image-pull", "till-image-push", "till-image-pull", "late-image-push", "late-image-pull"} {
		c.content(t, name)
	}
	if image, _, _ := unstructured.NestedString(c.get(t, "components", "cart").Object, "spec", "containerImage"); !strings.HasSuffix(image, "/"+deploytest.Org+"/shop/cart") {
		t.Errorf("builds push to %q", image)
	}
	linked, _, _ := unstructured.NestedSlice(c.get(t, "serviceaccounts", "appstudio-pipeline").Object, "secrets")
	if len(linked) != 3 {
		t.Errorf("the ServiceAccount of builds has the Secrets %v", linked)
	}
	for plural, name := range map[string]string{"components": "cart", "components.konflux-ci.dev": "late"} {
		if told := c.get(t, plural, name).GetAnnotations()[component.AnnotationImage]; !strings.Contains(told, "/shop/"+name) {
			t.Errorf("the Component is told %q", told)
		}
	}
	c.settled(t, 0)
	c.berth(t, 0, "--namespace=shop", "shop/cart")
}

func drifted(t *testing.T, c *realCluster) {
	before := c.content(t, "cart-image-push")
	deleted, edited := c.content(t, "cart-image-pull"), "eyJhdXRocyI6e319" // {"auths":{}}
	c.delete(t, "secrets", "cart-image-pull")
	c.patch(t, "secrets", "cart-image-push", `{"data":{".dockerconfigjson":"`+edited+`"}}`)
	c.patch(t, "components", "cart", `{"metadata":{"annotations":{"`+component.AnnotationImage+`":"mine"}}}`)
	c.patch(t, "serviceaccounts", "appstudio-pipeline", `{"secrets":null}`)
	out := c.berth(t, 0)
	if c.content(t, "cart-image-push") != before || c.content(t, "cart-image-pull") != deleted {
		t.Errorf("the Secrets are not as they were:\n%s", out)
	}
	if c.get(t, "components", "cart").GetAnnotations()[component.AnnotationImage] == "mine" {
		t.Error("the annotation is as it was edited")
	}
	c.settled(t, 0)
}

func foreign(t *testing.T, c *realCluster) {
	c.patch(t, "secrets", "till-image-pull", `{"metadata":{"labels":{"`+component.LabelManagedBy+`":null}}}`)
	c.apply(t, `{apiVersion: v1, kind: Secret, metadata: {name: vault-image-push, namespace: shop}, stringData: {key: "somebody's"}}`)
	c.apply(t, string(deploytest.Component("shop", "vault", "")))
	before := c.versions(t)
	out := c.berth(t, 0)
	for _, want := range []string{"Secret shop/till-image-pull", "Secret shop/vault-image-push", "kubectl label secret -n shop till-image-pull"} {
		if !strings.Contains(out, want) {
			t.Errorf("the output does not name %s:\n%s", want, out)
		}
	}
	after := c.versions(t)
	for _, name := range []string{"secrets/till-image-pull", "secrets/vault-image-push"} {
		if before[name] != after[name] {
			t.Errorf("%s was written", name)
		}
	}
	c.settled(t, 0)
	c.patch(t, "secrets", "till-image-pull", `{"metadata":{"labels":{"`+component.LabelManagedBy+`":"berth"}}}`)
	c.delete(t, "components", "vault")
	c.delete(t, "secrets", "vault-image-push")

	c.patch(t, "secrets", "till-image-push", `{"immutable":true}`)
	c.patch(t, "components", "till", `{"metadata":{"annotations":{"`+component.AnnotationGenerate+`":"true"}}}`)
	if out := c.berth(t, 0); !strings.Contains(out, "Blocked: shop/till: ") || !strings.Contains(out, "immutable") {
		t.Errorf("the output does not say that a Secret is immutable:\n%s", out)
	}
	if n := deploytest.Rotated(c.quay); n > 0 {
		t.Errorf("%d robots were made whose logins cannot be delivered", n)
	}
	c.delete(t, "secrets", "till-image-push")
	c.berth(t, 0)
	c.settled(t, 0)
}

func stated(t *testing.T, c *realCluster) {
	c.patch(t, "components", "cart", `{"metadata":{"annotations":{"`+component.AnnotationGenerate+`":"{\"visibility\":\"public\"}\n"}}}`)
	c.berth(t, 0)
	annotations := c.get(t, "components", "cart").GetAnnotations()
	if _, asks := annotations[component.AnnotationGenerate]; asks || annotations[component.AnnotationVisibility] != "public" || !strings.Contains(annotations[component.AnnotationImage], `"visibility":"public"`) {
		t.Errorf("the request was not taken on: %v", annotations)
	}
	c.settled(t, 0)
	c.patch(t, "components", "cart", `{"metadata":{"annotations":{"`+component.AnnotationGenerate+`":"{\"visibility\":\"public\"}"}}}`)
	c.settled(t, 0) // it asks for what stands
}

func rotated(t *testing.T, c *realCluster) {
	push, pull := c.content(t, "cart-image-push"), c.content(t, "cart-image-pull")
	c.patch(t, "components", "cart", `{"metadata":{"annotations":{"`+component.AnnotationGenerate+`":"true"}}}`)
	c.berth(t, 0)
	if n := deploytest.Rotated(c.quay); n != 2 {
		t.Errorf("%d robots were made, want 2", n)
	}
	if c.content(t, "cart-image-push") == push || c.content(t, "cart-image-pull") == pull {
		t.Error("a Secret holds the old token")
	}
	annotations := c.get(t, "components", "cart").GetAnnotations()
	if annotations[component.AnnotationGenerate] != "" || annotations[component.AnnotationRotation] != "" {
		t.Errorf("the request still stands: %v", annotations)
	}
	if annotations[component.AnnotationVisibility] != "public" {
		t.Errorf("the statement does not stand any more: %v", annotations)
	}
	c.settled(t, 0) // which compares both Secrets with what Quay says of the robots
}

// rotatedForAll leaves the Secret of the namespace empty, as it was made.
func rotatedForAll(t *testing.T, c *realCluster) {
	const empty = `{apiVersion: v1, kind: Secret, type: kubernetes.io/dockerconfigjson, metadata: {name: components-namespace-pull, namespace: shop}, data: {.dockerconfigjson: eyJhdXRocyI6e319}}`
	c.apply(t, empty)
	c.berth(t, 0)
	before := c.content(t, component.NamespaceSecret)
	c.apply(t, `{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: sea}, annotations: {`+component.AnnotationGenerate+`: 'true', example.com/kept: 'yes'}}}`)
	c.berth(t, 0)
	if n := deploytest.RotatedForAll(c.quay); n != 1 {
		t.Errorf("%d robots were made, want 1", n)
	}
	if c.content(t, component.NamespaceSecret) == before {
		t.Error("the Secret holds the old token")
	}
	shop, err := c.objects.Resource(namespacesResource).Get(t.Context(), "shop", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	a := shop.GetAnnotations()
	if _, asks := a[component.AnnotationGenerate]; asks || a[component.AnnotationRotation] != "" || !strings.Contains(a[component.AnnotationImage], `"rotated"`) || a["example.com/kept"] != "yes" || shop.GetLabels()["team"] != "sea" {
		t.Errorf("on the namespace there stand %v and %v", a, shop.GetLabels())
	}
	c.settled(t, 0)
	c.delete(t, "secrets", component.NamespaceSecret)
}

// recreated comes before the garbage collector: the Secrets get another owner, which
// takes the right to delete them where owner references are guarded, as on OpenShift.
// The RemoteSecret is left to the collector.
func recreated(t *testing.T, c *realCluster) {
	before := c.content(t, "till-image-push")
	c.delete(t, "components", "till")
	c.apply(t, string(deploytest.Component("shop", "till", "")))
	c.berth(t, 0)
	if c.content(t, "till-image-push") == before {
		t.Error("the Secret holds the earlier Component's token")
	}
	c.settled(t, 0)
	c.delete(t, "remotesecrets", "till-image-pull")
	c.berth(t, 0)
	c.get(t, "remotesecrets", "till-image-pull")
	c.settled(t, 0)
}

// Of vault, whose Secret's name was taken, robots and a repository were made before that showed.
func orphaned(t *testing.T, c *realCluster) {
	c.delete(t, "components", "till")
	c.delete(t, "secrets", "till-image-push")
	c.delete(t, "secrets", "till-image-pull")
	if out := c.berth(t, 0); !strings.Contains(out, "Warning: 4 robots and 2 repositories are left from Components that are gone\n") {
		t.Errorf("the output does not say so:\n%s", out)
	}
	for account, list := range map[string]string{"appstudio-pipeline": "secrets", "default": "imagePullSecrets"} {
		links, _, _ := unstructured.NestedSlice(c.get(t, "serviceaccounts", account).Object, list)
		if told := fmt.Sprint(links); !strings.Contains(told, "cart-image-") || strings.Contains(told, "till-image-") {
			t.Errorf("ServiceAccount %s is linked to %v", account, links)
		}
	}
	c.settled(t, 0)
}

func terminating(t *testing.T, c *realCluster) {
	// No controller empties the namespace, so it stays as it is while it goes.
	c.apply(t, "{apiVersion: v1, kind: Namespace, metadata: {name: gone}}")
	c.apply(t, string(deploytest.Component("gone", "cart", "")))
	if err := c.objects.Resource(core("namespaces")).Delete(t.Context(), "gone", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if out := c.berth(t, 0); !strings.Contains(out, "gone/cart skipped: its namespace is being deleted") {
		t.Errorf("the output does not say so:\n%s", out)
	}
	c.settled(t, 0)
}

func audited(t *testing.T, c *realCluster) {
	roles, _ := shippedRoles(t)
	compareRights(t, granted(roles), sortAccess(append(usedBy(t, c.mine(t)), guarded)))
}
