package deploy_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"berth/deploy/deploytest"
	"berth/kube/kubetest/controlplane"
	"berth/reconcile/component"
)

// request is one call that a thief of the ServiceAccount's token might make. Writes
// are dry runs where there are, which are authorized and admitted like others.
type request func(ctx context.Context, c dynamic.Interface) error

func creates(r schema.GroupVersionResource, namespace, manifest string) request {
	return func(ctx context.Context, c dynamic.Interface) error {
		_, err := c.Resource(r).Namespace(namespace).Create(ctx, object(manifest), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}
}

// makes is creates for what has no dry run.
func makes(r schema.GroupVersionResource, namespace, manifest, subresource string) request {
	return func(ctx context.Context, c dynamic.Interface) error {
		_, err := c.Resource(r).Namespace(namespace).Create(ctx, object(manifest), metav1.CreateOptions{}, subresource)
		return err
	}
}

func patches(r schema.GroupVersionResource, namespace, name, patch string) request {
	return func(ctx context.Context, c dynamic.Interface) error {
		_, err := c.Resource(r).Namespace(namespace).Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}
}

func deletes(r schema.GroupVersionResource, namespace, name string) request {
	return func(ctx context.Context, c dynamic.Interface) error {
		return c.Resource(r).Namespace(namespace).Delete(ctx, name, metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}})
	}
}

func watches(r schema.GroupVersionResource) request {
	return func(ctx context.Context, c dynamic.Interface) error {
		w, err := c.Resource(r).Watch(ctx, metav1.ListOptions{})
		if err == nil {
			w.Stop()
		}
		return err
	}
}

const rbacGroup = "rbac.authorization.k8s.io"

var (
	secretsResource    = core("secrets")
	accountsResource   = core("serviceaccounts")
	namespacesResource = core("namespaces")
	rolesResource      = groupResource(rbacGroup, "v1", "clusterroles")

	remoteSecretsResource = groupResource("appstudio.redhat.com", "v1beta1", "remotesecrets")
)

// newSecret is a Secret as Berth makes them.
const newSecret = `{apiVersion: v1, kind: Secret, type: kubernetes.io/dockerconfigjson, data: {.dockerconfigjson: e30K},
		metadata: {name: new, labels: {app.kubernetes.io/managed-by: berth}}}`

// fillsSecret makes a Secret Berth's, with a content of its own.
const fillsSecret = `{"metadata":{"labels":{"app.kubernetes.io/managed-by":"berth"}},"data":{".dockerconfigjson":"eyJhdXRocyI6eyJhIjp7fX19"}}`

// newRemoteSecret is a RemoteSecret as Berth makes them.
const newRemoteSecret = `{apiVersion: appstudio.redhat.com/v1beta1, kind: RemoteSecret, metadata: {name: new, labels: {app.kubernetes.io/managed-by: berth}},
		spec: {secret: {name: new, type: kubernetes.io/dockerconfigjson}, targets: [{namespace: shop-new}, {namespace: kube-public, apiUrl: "https://api.example"}]}}`

// abuses are what the ServiceAccount must not do. Where the policy is to refuse it,
// it must do so whatever RBAC says; all else is RBAC's to refuse.
var abuses = []struct {
	name   string
	policy bool
	try    request
}{
	{"watch Secrets", false, watches(secretsResource)},
	{"read a ConfigMap", false, func(ctx context.Context, c dynamic.Interface) error {
		_, err := c.Resource(core("configmaps")).Namespace("berth").Get(ctx, "berth-settings", metav1.GetOptions{})
		return err
	}},
	{"make a pod", false, creates(core("pods"), "shop", `{apiVersion: v1, kind: Pod, metadata: {name: new}, spec: {serviceAccountName: builder, containers: [{name: a, image: a}]}}`)},
	{"run a command in a pod", false, makes(core("pods"), "shop", `{apiVersion: v1, kind: PodExecOptions, metadata: {name: victim}, command: [id], stdout: true}`, "exec")},
	{"take a token of another ServiceAccount", false, makes(accountsResource, "shop", `{apiVersion: authentication.k8s.io/v1, kind: TokenRequest, metadata: {name: builder}, spec: {}}`, "token")},
	{"bind a role to itself", false, creates(groupResource(rbacGroup, "v1", "rolebindings"), "shop", `{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: new},
		roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}, subjects: [{kind: ServiceAccount, name: berth, namespace: berth}]}`)},
	{"widen its own role", false, patches(rolesResource, "", "berth", `{"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]}`)},
	{"lift its own policy", false, deletes(groupResource("admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings"), "", "berth-secrets")},
	{"have a webhook called", false, creates(groupResource("admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations"), "", `{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingWebhookConfiguration, metadata: {name: new}}`)},
	{"change its own CronJob", false, patches(groupResource("batch", "v1", "cronjobs"), "berth", "berth", `{"spec":{"suspend":true}}`)},
	{"take a Lease that is not its lock", false, func(ctx context.Context, c dynamic.Interface) error {
		_, err := c.Resource(groupResource("coordination.k8s.io", "v1", "leases")).Namespace("berth").List(ctx, metav1.ListOptions{})
		return err
	}},
	{"delete a Component", false, deletes(componentsResource, "shop", "cart")},
	{"delete a Component of the younger group", false, deletes(lateResource, "shop", "late")},

	{"overwrite somebody's Secret", true, patches(secretsResource, "shop", "somebodys", `{"data":{".dockerconfigjson":"e30K"}}`)},
	{"put our label on somebody's Secret", true, patches(secretsResource, "shop", "somebodys", `{"metadata":{"labels":{"app.kubernetes.io/managed-by":"berth"}}}`)},
	{"overwrite a namespace's Secret that holds a login", true, patches(secretsResource, "shop-new", "components-namespace-pull", fillsSecret)},
	{"take our label from our Secret", true, patches(secretsResource, "shop", "cart-image-pull", `{"metadata":{"labels":{"app.kubernetes.io/managed-by":null}}}`)},
	{"make a Secret without our label", true, creates(secretsResource, "shop", strings.Replace(newSecret, "berth", "helm", 1))},
	{"make a ServiceAccount's token", true, creates(secretsResource, "shop", `{apiVersion: v1, kind: Secret, type: kubernetes.io/service-account-token,
		metadata: {name: new, labels: {app.kubernetes.io/managed-by: berth}, annotations: {kubernetes.io/service-account.name: builder}}}`)},
	{"make a Secret in kube-system", true, creates(secretsResource, "kube-system", newSecret)},
	{"make a Secret in openshift-config", true, creates(secretsResource, "openshift-config", newSecret)},
	{"make a Secret in its own namespace", true, creates(secretsResource, "berth", newSecret)},
	{"overwrite the token of Quay", true, patches(secretsResource, "berth", "quaytoken", `{"data":{"organization":"ZXZpbA=="}}`)},
	{"delete somebody's Secret", true, deletes(secretsResource, "shop", "somebodys")},
	{"delete somebody's upload Secret", true, deletes(secretsResource, "shop", "somebodys-upload")},
	{"delete our Secret", true, deletes(secretsResource, "shop", "cart-image-pull")},
	{"delete our Secret that is labelled as an upload", true, deletes(secretsResource, "shop", "labelled-image-push")},
	{"annotate a ServiceAccount", true, patches(accountsResource, "shop", "builder", `{"metadata":{"annotations":{"a":"b"}}}`)},
	{"label a ServiceAccount", true, patches(accountsResource, "shop", "builder", `{"metadata":{"labels":{"a":"b"}}}`)},
	{"have a ServiceAccount's token mounted", true, patches(accountsResource, "shop", "builder", `{"automountServiceAccountToken":true}`)},
	{"link a Secret to a ServiceAccount of the platform", true, patches(accountsResource, "berth", "berth", `{"secrets":[{"name":"quaytoken"}]}`)},
	{"change where a Component's builds push", true, patches(componentsResource, "shop", "cart", `{"spec":{"containerImage":"evil.example/acme/cart"}}`)},
	{"empty where a Component's builds push", true, patches(componentsResource, "shop", "cart", `{"spec":{"containerImage":null}}`)},
	{"have a Component's builds push a tag", true, patches(componentsResource, "shop", "empty", `{"spec":{"containerImage":"quay.example/acme/shop/empty:v1"}}`)},
	{"change a Component's source", true, patches(componentsResource, "shop", "cart", `{"spec":{"source":{"git":{"url":"https://evil.example/cart"}}}}`)},
	{"change a Component's source beside its image", true, patches(componentsResource, "shop", "empty", `{"spec":{"containerImage":"quay.example/acme/shop/empty","source":{"git":{"url":"https://evil.example/cart"}}}}`)},
	{"take what a Component reads its source with", true, patches(componentsResource, "shop", "empty", `{"spec":{"secret":null}}`)},
	{"label a Component of the younger group", true, patches(lateResource, "shop", "late", `{"metadata":{"labels":{"a":"b"}}}`)},
	{"label a Component", true, patches(componentsResource, "shop", "cart", `{"metadata":{"labels":{"a":"b"}}}`)},
	{"annotate a Component with what is another's", true, patches(componentsResource, "shop", "cart", `{"metadata":{"annotations":{"build.appstudio.openshift.io/request":"trigger"}}}`)},
	{"annotate a Component with what is its own but not written", true, patches(componentsResource, "shop", "cart", `{"metadata":{"annotations":{"image.redhat.com/other":"x"}}}`)},
	{"ask for what only the owner asks for", true, patches(componentsResource, "shop", "cart", `{"metadata":{"annotations":{"`+component.AnnotationGenerate+`":"true"}}}`)},
	{"change what the owner asks for", true, patches(componentsResource, "shop", "asking", `{"metadata":{"annotations":{"`+component.AnnotationGenerate+`":"true"}}}`)},
	{"state a visibility that nobody asks for", true, patches(componentsResource, "shop", "cart", `{"metadata":{"annotations":{"`+component.AnnotationVisibility+`":"private"}}}`)},
	{"state a visibility and leave the request", true, patches(componentsResource, "shop", "asking", `{"metadata":{"annotations":{"`+component.AnnotationVisibility+`":"public"}}}`)},
	{"state what is no visibility", true, patches(componentsResource, "shop", "asking", `{"metadata":{"annotations":{"`+component.AnnotationVisibility+`":"x","`+component.AnnotationGenerate+`":null}}}`)},
	{"take a statement away", true, patches(componentsResource, "shop", "stating", `{"metadata":{"annotations":{"`+component.AnnotationVisibility+`":null,"`+component.AnnotationGenerate+`":null}}}`)},
	{"take another's annotation from a Component", true, patches(componentsResource, "shop", "cart", `{"metadata":{"annotations":{"example.com/kept":null}}}`)},
	{"take a RemoteSecret that is somebody's", true, patches(remoteSecretsResource, "shop", "somebodys", `{"metadata":{"labels":{"app.kubernetes.io/managed-by":"berth"}}}`)},
	{"make a RemoteSecret without our label", true, creates(remoteSecretsResource, "shop", strings.Replace(newRemoteSecret, "berth", "helm", 1))},
	{"bring another Secret", true, creates(remoteSecretsResource, "shop", strings.Replace(newRemoteSecret, "secret: {name: new", "secret: {name: other", 1))},
	{"bring a Secret to kube-system", true, creates(remoteSecretsResource, "shop", strings.Replace(newRemoteSecret, "shop-new", "kube-system", 1))},
	{"hand a pull Secret to the operator", true, creates(remoteSecretsResource, "shop", strings.Replace(newRemoteSecret, "shop-new", "shop", 1))},
	{"delete a RemoteSecret", true, deletes(remoteSecretsResource, "shop", "cart-image-pull")},
	{"say that a Secret arrived", true, func(ctx context.Context, c dynamic.Interface) error {
		_, err := c.Resource(remoteSecretsResource).Namespace("shop").Patch(ctx, "cart-image-pull", types.MergePatchType,
			[]byte(`{"status":{"conditions":[]}}`), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}}, "status")
		return err
	}},
	{"make a namespace", false, creates(namespacesResource, "", `{apiVersion: v1, kind: Namespace, metadata: {name: new}}`)},
	{"delete a namespace", false, deletes(namespacesResource, "", "shop-new")},
	{"let a namespace's pods do anything", true, patches(namespacesResource, "", "shop", `{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"privileged"}}}`)},
	{"take a label from a namespace", true, patches(namespacesResource, "", "asking", `{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":null}}}`)},
	{"annotate a namespace with what is another's", true, patches(namespacesResource, "", "shop", `{"metadata":{"annotations":{"openshift.io/node-selector":"x=y"}}}`)},
	{"take another's annotation from a namespace", true, patches(namespacesResource, "", "asking", `{"metadata":{"annotations":{"example.com/kept":null}}}`)},
	{"change another's annotation of a namespace", true, patches(namespacesResource, "", "asking", `{"metadata":{"annotations":{"example.com/kept":"no"}}}`)},
	{"ask for a namespace's new credentials", true, patches(namespacesResource, "", "shop", `{"metadata":{"annotations":{"`+component.AnnotationGenerate+`":"true"}}}`)},
	{"change what is asked for a namespace", true, patches(namespacesResource, "", "asking", `{"metadata":{"annotations":{"`+component.AnnotationGenerate+`":"{}"}}}`)},
	{"begin a rotation in kube-system", true, patches(namespacesResource, "", "kube-system", `{"metadata":{"annotations":{"`+component.AnnotationRotation+`":"{}"}}}`)},
	{"begin a rotation in its own namespace", true, patches(namespacesResource, "", "berth", `{"metadata":{"annotations":{"`+component.AnnotationRotation+`":"{}"}}}`)},
	{"keep a namespace from being deleted", true, patches(namespacesResource, "", "shop", `{"metadata":{"finalizers":["example.com/stay"]}}`)},
	{"keep a Component from being deleted", true, patches(componentsResource, "shop", "cart", `{"metadata":{"finalizers":["example.com/stay"]}}`)},
}

// permitted are what the policy must let pass, where RBAC does: also what Berth does
// to the Secrets that bring tokens to a RemoteSecret.
var permitted = []struct {
	name string
	try  request
}{
	{"make a Secret", creates(secretsResource, "shop", newSecret)},
	{"write our Secret", patches(secretsResource, "shop", "cart-image-pull", `{"data":{".dockerconfigjson":"e30K"}}`)},
	{"fill a namespace's Secret", patches(secretsResource, "shop", "components-namespace-pull", fillsSecret)},
	{"delete our upload Secret", deletes(secretsResource, "shop", "cart-image-pull-upload-0123abcd")},
	{"make a RemoteSecret", creates(remoteSecretsResource, "shop", newRemoteSecret)},
	{"take targets off a RemoteSecret", patches(remoteSecretsResource, "shop", "cart-image-pull", `{"spec":{"targets":[]}}`)},
	{"note an upload", patches(remoteSecretsResource, "shop", "cart-image-pull", `{"metadata":{"annotations":{"image.redhat.com/upload":"{}"}}}`)},
	{"link a Secret", patches(accountsResource, "shop", "builder", `{"secrets":[{"name":"a"}],"imagePullSecrets":[{"name":"a"}]}`)},
	{"take a request on", patches(componentsResource, "shop", "asking", `{"metadata":{"annotations":{"`+component.AnnotationVisibility+`":"public","`+component.AnnotationGenerate+`":null}}}`)},
	{"begin a rotation beside a statement", patches(componentsResource, "shop", "stating", `{"metadata":{"annotations":{"`+component.AnnotationRotation+`":"{}","`+component.AnnotationGenerate+`":null}}}`)},
	{"name the repository of a Component that names none", patches(componentsResource, "shop", "empty", `{"spec":{"containerImage":"quay.example:8443/acme/shop/empty"}}`)},
	{"take a namespace's request on", patches(namespacesResource, "", "asking", `{"metadata":{"annotations":{"`+component.AnnotationRotation+`":"{}","`+component.AnnotationGenerate+`":null}}}`)},
	{"say what became of a namespace's request", patches(namespacesResource, "", "asking", `{"metadata":{"annotations":{"`+component.AnnotationRotation+`":null,"`+component.AnnotationImage+`":"{}"}}}`)},
	{"announce on a Component of the younger group", patches(lateResource, "shop", "late", `{"metadata":{"annotations":{"`+component.AnnotationImage+`":"x"}}}`)},
	{"announce", patches(componentsResource, "shop", "cart", `{"metadata":{"annotations":{"`+component.AnnotationImage+`":"x","`+component.AnnotationGenerate+`":null}}}`)},
}

// victims are what abuses are tried on.
const victims = `
{apiVersion: v1, kind: Namespace, metadata: {name: openshift-config}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: asking, labels: {pod-security.kubernetes.io/enforce: restricted},
  annotations: {image.redhat.com/generate: 'true', example.com/kept: 'yes'}}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: builder, namespace: shop}, automountServiceAccountToken: false}
---
{apiVersion: v1, kind: Pod, metadata: {name: victim, namespace: shop}, spec: {serviceAccountName: builder, containers: [{name: a, image: a}]}}
---
{apiVersion: v1, kind: Secret, type: kubernetes.io/dockerconfigjson, metadata: {name: somebodys, namespace: shop}, data: {.dockerconfigjson: e30K}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: shop-new}}
---
{apiVersion: v1, kind: Secret, type: kubernetes.io/dockerconfigjson, metadata: {name: components-namespace-pull, namespace: shop-new}, data: {.dockerconfigjson: eyJhdXRocyI6eyJ4Ijp7fX19}}
---
{apiVersion: v1, kind: Secret, type: kubernetes.io/dockerconfigjson, metadata: {name: components-namespace-pull, namespace: shop}, data: {.dockerconfigjson: eyJhdXRocyI6e319}}
---
{apiVersion: v1, kind: Secret, type: kubernetes.io/dockerconfigjson, metadata: {name: somebodys-upload, namespace: shop,
  labels: {appstudio.redhat.com/upload-secret: remotesecret}}, data: {.dockerconfigjson: e30K}}
---
{apiVersion: v1, kind: Secret, type: kubernetes.io/dockerconfigjson, metadata: {name: cart-image-pull-upload-0123abcd, namespace: shop,
  labels: {app.kubernetes.io/managed-by: berth, appstudio.redhat.com/upload-secret: remotesecret}}, data: {.dockerconfigjson: e30K}}
---
{apiVersion: v1, kind: Secret, type: kubernetes.io/dockerconfigjson, metadata: {name: labelled-image-push, namespace: shop,
  labels: {app.kubernetes.io/managed-by: berth, appstudio.redhat.com/upload-secret: remotesecret}}, data: {.dockerconfigjson: e30K}}
---
{apiVersion: v1, kind: Secret, metadata: {name: quaytoken, namespace: berth}}
---
{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: asking, namespace: shop,
  annotations: {image.redhat.com/generate: '{"visibility":"public"}'}}, spec: {componentName: asking, application: shop, source: {git: {url: "https://git.example.com/a"}}}}
---
{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: stating, namespace: shop,
  annotations: {image.redhat.com/generate: 'true', image.redhat.com/visibility: private}}, spec: {componentName: stating, application: shop, source: {git: {url: "https://git.example.com/s"}}}}
---
{apiVersion: appstudio.redhat.com/v1beta1, kind: RemoteSecret, metadata: {name: somebodys, namespace: shop}, spec: {secret: {name: somebodys, type: kubernetes.io/dockerconfigjson}}}
`

// asBerth has the ServiceAccount's name and an administrator's rights: what refuses
// it is not RBAC.
func asBerth(t *testing.T, cp *controlplane.ControlPlane) dynamic.Interface {
	t.Helper()
	config := cp.Config(t, controlplane.Admin)
	config.Impersonate = rest.ImpersonationConfig{UserName: deploytest.Account, Groups: []string{"system:masters"}}
	return client(t, config)
}

// refuser says who refused a request, "" for nobody.
func refuser(err error) string {
	switch {
	case err == nil:
		return ""
	case !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err):
		return "an error: " + err.Error()
	case strings.Contains(err.Error(), "ValidatingAdmissionPolicy 'berth-"):
		return "the policy"
	case strings.Contains(err.Error(), `User "`+deploytest.Account+`" cannot `):
		return "RBAC"
	}
	return "an error: " + err.Error()
}

func abused(t *testing.T, c *realCluster) {
	c.apply(t, victims)
	c.apply(t, strings.Replace(string(deploytest.Component("shop", "empty", "")), "{componentName:", "{secret: git, componentName:", 1))
	c.patch(t, "components", "cart", `{"metadata":{"annotations":{"example.com/kept":"yes"}}}`)
	thief, powerful := client(t, c.cp.Config(t, deploytest.Account)), asBerth(t, c.cp)
	before := c.versions(t)
	for _, a := range abuses {
		by := refuser(a.try(t.Context(), thief))
		if by != "RBAC" && (by != "the policy" || !a.policy) {
			t.Errorf("%s: refused by %q", a.name, by)
		}
		if a.policy {
			if behind := refuser(a.try(t.Context(), powerful)); behind != "the policy" {
				t.Errorf("%s, if RBAC let it: refused by %q", a.name, behind)
			} else if by == "RBAC" {
				by += ", and the policy behind it"
			}
		}
		if err := a.try(t.Context(), c.objects); err != nil && !strings.Contains(err.Error(), "does not have a host assigned") {
			t.Errorf("%s, by an administrator: %v", a.name, err)
		}
		t.Logf("%-50s refused by %s", a.name, by)
	}
	for _, p := range permitted {
		for who, as := range map[string]dynamic.Interface{"Berth": powerful, "an administrator": c.objects} {
			if err := p.try(t.Context(), as); err != nil {
				t.Errorf("%s, by %s: %v", p.name, who, err)
			}
		}
	}
	if diff := cmp.Diff(before, c.versions(t)); diff != "" {
		t.Errorf("objects changed:\n%s", diff)
	}
}
