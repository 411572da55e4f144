package kubetest_test

import (
	"context"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"berth/kube"
)

func testServed(f *fixture) {
	f.given("{apiVersion: v1, kind: ServiceAccount, metadata: {name: nobody, namespace: NS}}")
	both := kube.Groups{AppStudio: true, Konflux: true}
	all := kube.Served{Components: both, ImageRepositories: both, Environments: true, EnvironmentBindings: true, DeploymentTargetClaims: true, DeploymentTargets: true, RemoteSecrets: true}
	for _, user := range []string{berth, "system:serviceaccount:" + f.ns + ":nobody"} {
		got, err := f.client(kube.Options{Config: f.config(f.T, user)}).Served(f.Context())
		f.no(err)
		if diff := cmp.Diff(all, got); diff != "" {
			f.Errorf("%s: %s", user, diff)
		}
	}
}

// testNotServed takes one kind of several away, and after testNotDiscovered there is a
// version without any.
func testNotServed(f *fixture) {
	f.uninstall(f.T, "deploymenttargets")
	got, err := f.Served(f.Context())
	f.no(err)
	if diff := cmp.Diff(kube.Served{Components: kube.Groups{AppStudio: true, Konflux: true}, ImageRepositories: kube.Groups{AppStudio: true, Konflux: true}, Environments: true, EnvironmentBindings: true, DeploymentTargetClaims: true}, got); diff != "" {
		f.Error(diff)
	}
	_, err = f.DeploymentTargets(f.Context(), kube.AllNamespaces)
	f.is(err, kube.ErrNotInstalled)
	_, err = remoteSecrets(f.Context(), f.Client, f.ns, everyName)
	f.is(err, kube.ErrNotInstalled)
	_, err = f.RemoteSecret(f.Context(), f.ns, "r")
	f.is(err, kube.ErrNotInstalled)
	_, err = f.CreateRemoteSecret(f.Context(), f.remote("r"))
	f.is(err, kube.ErrNotInstalled)
}

// placed reads a list page by page, in the test's namespace and in all. The first of
// what it wants is in the namespace beside it, which is before it in the order of etcd.
func placed[T any](f *fixture, list func(ctx context.Context, namespace string) ([]T, error), namespace func(T) string, want []T) {
	f.Helper()
	here := want[1:]
	before := f.Requests()
	got, err := list(f.Context(), f.ns)
	f.no(err)
	if diff := cmp.Diff(here, got); diff != "" {
		f.Error(diff)
	}
	if pages := f.Requests() - before; pages != (len(here)+1)/2 {
		f.Errorf("%d requests for %d objects", pages, len(here))
	}
	everywhere, err := list(f.Context(), kube.AllNamespaces)
	f.no(err)
	ours := slices.DeleteFunc(everywhere, func(o T) bool { return !strings.HasPrefix(namespace(o)+"-", f.ns+"-") })
	if diff := cmp.Diff(want, ours); diff != "" {
		f.Errorf("in all namespaces: %s", diff)
	}
	none, err := list(f.Context(), f.ns+"-missing")
	f.no(err)
	if len(none) != 0 {
		f.Errorf("a namespace that is not there has %+v", none)
	}
}

func testEnvironmentLists(f *fixture) {
	f.given(`
{apiVersion: v1, kind: Namespace, metadata: {name: NS-other}}
---
apiVersion: appstudio.redhat.com/v1alpha1
kind: Environment
metadata: {name: all, namespace: NS}
spec:
  displayName: d
  deploymentStrategy: Manual
  configuration: {target: {deploymentTargetClaim: {claimName: claim}}}
  unstableConfigurationFields:
    kubernetesCredentials: {targetNamespace: there, apiURL: "https://api.example.com", clusterCredentialsSecret: kubeconfig, allowInsecureSkipTLSVerify: false}
---
apiVersion: appstudio.redhat.com/v1alpha1
kind: Environment
metadata: {name: bare, namespace: NS}
spec: {displayName: d, deploymentStrategy: AppStudioAutomated}
---
apiVersion: appstudio.redhat.com/v1alpha1
kind: Environment
metadata: {name: claimed, namespace: NS}
spec: {displayName: d, deploymentStrategy: Manual, configuration: {env: [{name: A, value: b}], target: {deploymentTargetClaim: {claimName: claim}}}}
---
apiVersion: appstudio.redhat.com/v1alpha1
kind: Environment
metadata: {name: empty, namespace: NS}
spec:
  displayName: d
  deploymentStrategy: Manual
  unstableConfigurationFields: {kubernetesCredentials: {targetNamespace: "", apiURL: "", clusterCredentialsSecret: "", allowInsecureSkipTLSVerify: true}}
---
apiVersion: appstudio.redhat.com/v1alpha1
kind: Environment
metadata: {name: fields, namespace: NS}
spec: {displayName: d, deploymentStrategy: Manual, unstableConfigurationFields: {}}
---
apiVersion: appstudio.redhat.com/v1alpha1
kind: Environment
metadata: {name: bare, namespace: NS-other}
spec: {displayName: d, deploymentStrategy: Manual}
`)
	placed(f, f.Environments, func(e kube.Environment) string { return e.Namespace }, []kube.Environment{
		{Namespace: f.ns + "-other", Name: "bare"},
		{Namespace: f.ns, Name: "all", Claim: "claim", Credentials: &kube.Credentials{Namespace: "there", APIURL: "https://api.example.com", Secret: "kubeconfig"}},
		{Namespace: f.ns, Name: "bare"},
		{Namespace: f.ns, Name: "claimed", Claim: "claim"},
		{Namespace: f.ns, Name: "empty", Credentials: &kube.Credentials{}},
		{Namespace: f.ns, Name: "fields"},
	})
}

func testEnvironmentBindingLists(f *fixture) {
	f.given(`
{apiVersion: v1, kind: Namespace, metadata: {name: NS-other}}
---
apiVersion: appstudio.redhat.com/v1alpha1
kind: SnapshotEnvironmentBinding
metadata: {name: none, namespace: NS}
spec: {application: shop, environment: staging, snapshot: s, components: []}
---
apiVersion: appstudio.redhat.com/v1alpha1
kind: SnapshotEnvironmentBinding
metadata: {name: one, namespace: NS}
spec: {application: shop, environment: staging, snapshot: s, components: [{name: till}]}
---
apiVersion: appstudio.redhat.com/v1alpha1
kind: SnapshotEnvironmentBinding
metadata: {name: several, namespace: NS}
spec: {application: shop, environment: production, snapshot: s, components: [{name: till}, {name: cart, configuration: {replicas: 2}}, {name: api}]}
---
apiVersion: appstudio.redhat.com/v1alpha1
kind: SnapshotEnvironmentBinding
metadata: {name: one, namespace: NS-other}
spec: {application: other, environment: production, snapshot: s, components: [{name: till}]}
`)
	placed(f, f.EnvironmentBindings, func(b kube.EnvironmentBinding) string { return b.Namespace }, []kube.EnvironmentBinding{
		{Namespace: f.ns + "-other", Name: "one", Application: "other", Environment: "production", Components: []string{"till"}},
		{Namespace: f.ns, Name: "none", Application: "shop", Environment: "staging"},
		{Namespace: f.ns, Name: "one", Application: "shop", Environment: "staging", Components: []string{"till"}},
		{Namespace: f.ns, Name: "several", Application: "shop", Environment: "production", Components: []string{"till", "cart", "api"}},
	})
}

func testDeploymentTargetLists(f *fixture) {
	f.given(`
{apiVersion: v1, kind: Namespace, metadata: {name: NS-other}}
---
apiVersion: appstudio.redhat.com/v1alpha1
kind: DeploymentTargetClaim
metadata: {name: bound, namespace: NS}
spec: {deploymentTargetClassName: class, targetName: target}
---
apiVersion: appstudio.redhat.com/v1alpha1
kind: DeploymentTargetClaim
metadata: {name: new, namespace: NS}
spec: {deploymentTargetClassName: class}
---
apiVersion: appstudio.redhat.com/v1alpha1
kind: DeploymentTargetClaim
metadata: {name: pending, namespace: NS}
spec: {deploymentTargetClassName: class}
---
apiVersion: appstudio.redhat.com/v1alpha1
kind: DeploymentTargetClaim
metadata: {name: new, namespace: NS-other}
spec: {deploymentTargetClassName: class}
---
apiVersion: appstudio.redhat.com/v1alpha1
kind: DeploymentTarget
metadata: {name: claimed, namespace: NS}
spec:
  deploymentTargetClassName: class
  claimRef: bound
  kubernetesCredentials: {defaultNamespace: there, apiURL: "https://api.example.com", clusterCredentialsSecret: kubeconfig, allowInsecureSkipTLSVerify: false}
---
apiVersion: appstudio.redhat.com/v1alpha1
kind: DeploymentTarget
metadata: {name: free, namespace: NS}
spec: {deploymentTargetClassName: class, kubernetesCredentials: {defaultNamespace: here, apiURL: "", clusterCredentialsSecret: "", allowInsecureSkipTLSVerify: false}}
---
apiVersion: appstudio.redhat.com/v1alpha1
kind: DeploymentTarget
metadata: {name: last, namespace: NS}
spec: {deploymentTargetClassName: class, kubernetesCredentials: {defaultNamespace: "", apiURL: "", clusterCredentialsSecret: k, allowInsecureSkipTLSVerify: false}}
---
apiVersion: appstudio.redhat.com/v1alpha1
kind: DeploymentTarget
metadata: {name: free, namespace: NS-other}
spec: {deploymentTargetClassName: class, kubernetesCredentials: {defaultNamespace: here, apiURL: "", clusterCredentialsSecret: "", allowInsecureSkipTLSVerify: false}}
`)
	f.rows(
		"admin",
		rawRow{"a claim is bound", "PATCH", alpha + "deploymenttargetclaims/bound/status", mergeForm, `{"status":{"phase":"Bound"}}`, 200, ""},
		rawRow{"a claim waits", "PATCH", alpha + "deploymenttargetclaims/pending/status", mergeForm, `{"status":{"phase":"Pending"}}`, 200, ""},
	)
	placed(f, f.DeploymentTargetClaims, func(c kube.DeploymentTargetClaim) string { return c.Namespace }, []kube.DeploymentTargetClaim{
		{Namespace: f.ns + "-other", Name: "new"},
		{Namespace: f.ns, Name: "bound", Target: "target", Phase: "Bound"},
		{Namespace: f.ns, Name: "new"},
		{Namespace: f.ns, Name: "pending", Phase: "Pending"},
	})
	placed(f, f.DeploymentTargets, func(d kube.DeploymentTarget) string { return d.Namespace }, []kube.DeploymentTarget{
		{Namespace: f.ns + "-other", Name: "free", Credentials: kube.Credentials{Namespace: "here"}},
		{Namespace: f.ns, Name: "claimed", Claim: "bound", Credentials: kube.Credentials{Namespace: "there", APIURL: "https://api.example.com", Secret: "kubeconfig"}},
		{Namespace: f.ns, Name: "free", Credentials: kube.Credentials{Namespace: "here"}},
		{Namespace: f.ns, Name: "last", Credentials: kube.Credentials{Secret: "k"}},
	})
}
