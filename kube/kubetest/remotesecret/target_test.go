package remotesecret_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"k8s.io/client-go/rest"
)

func TestOtherClusters(t *testing.T) {
	t.Parallel()
	far := newStage(t, nil)
	const known = "https://far.example.com:6443"
	remote := func(apiURL string) *rest.Config {
		if apiURL == known {
			return far.config("kubeconfig", true)
		}
		return nil
	}
	s := newStage(t, remote)
	s.apply("{apiVersion: v1, kind: Secret, metadata: {name: far, namespace: shop}, stringData: {kubeconfig: x}}")
	s.apply("{apiVersion: v1, kind: Secret, metadata: {name: empty, namespace: shop}, stringData: {other: x}}")
	s.given(`[
		{namespace: prod, apiUrl: "` + known + `", clusterCredentialsSecret: far},
		{namespace: shop, apiUrl: "` + known + `"},
		{namespace: dev, apiUrl: "` + known + `", clusterCredentialsSecret: missing},
		{namespace: dev2, apiUrl: "` + known + `", clusterCredentialsSecret: empty},
		{namespace: dev3, apiUrl: "https://unknown.example.com", clusterCredentialsSecret: far},
		{namespace: shop, apiUrl: "` + s.url + `"}]`)
	s.upload("one")
	s.sync()
	s.says("DataObtained=DataFound Deployed=PartiallyInjected", "",
		"a secret with kubeconfig with credentials for connecting to a remote cluster is required",
		`failed to get the secret with the kubeconfig: secrets "missing" not found`,
		"failed to process kubeconfig in secret 'empty'",
		"cannot connect to https://unknown.example.com", "")
	far.has("prod", "one")
	s.has("prod", "")
	s.has("shop", "one") // the last target is this cluster by its address

	s.Delete("remotesecrets", "shop", "r")
	s.sync()
	far.has("prod", "")
	s.has("shop", "")
}

func TestAdoptionAndDeletion(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.apply(deployer)
	s.apply("{apiVersion: v1, kind: Secret, metadata: {name: pull, namespace: prod, labels: {mine: too}}, type: kubernetes.io/dockerconfigjson, stringData: {.dockerconfigjson: '{}'}}")
	s.given("[{namespace: shop}, {namespace: prod}]")
	s.upload("one")
	s.sync()
	s.has("prod", "one")
	if diff := cmp.Diff([]string{"a", "appstudio.redhat.com/linked-by-remote-secret", "mine"}, s.keys("prod", "labels")); diff != "" {
		t.Error(diff)
	}

	s.given("[{namespace: shop}, {namespace: prod, secret: {labels: {}, annotations: {e: f}}}]")
	s.sync()
	if diff := cmp.Diff([]string{"appstudio.redhat.com/linked-by-remote-secret", "mine"}, s.keys("prod", "labels")); diff != "" {
		t.Error(diff)
	}

	// Another RemoteSecret wants the same Secret.
	s.apply(`{apiVersion: appstudio.redhat.com/v1beta1, kind: RemoteSecret, metadata: {name: a-rival, namespace: shop},
		spec: {secret: {name: pull, type: kubernetes.io/dockerconfigjson}, targets: [{namespace: prod}]}}`)
	s.apply(`{apiVersion: v1, kind: Secret, metadata: {name: rival, namespace: shop, labels: {appstudio.redhat.com/upload-secret: remotesecret},
		annotations: {appstudio.redhat.com/remotesecret-name: a-rival}}, type: kubernetes.io/dockerconfigjson, stringData: {.dockerconfigjson: '{}'}}`)
	s.sync()
	s.has("prod", "one")
	rival := s.Object("remotesecrets", "shop", "a-rival")["status"].(map[string]any)["targets"].([]any)[0].(map[string]any)
	if rival["error"] != "collision between two targets of different managing Objects: target Secret is managed by other Object: shop/r" {
		t.Errorf("the rival says %v", rival["error"])
	}

	s.given("[{namespace: shop}]")
	s.sync()
	s.has("prod", "")
	s.has("shop", "one")
	if s.linked("prod", "imagePullSecrets") != "" || len(s.status().Targets) != 1 {
		t.Errorf("the dropped target left something: %+v", s.status())
	}

	if s.Delete("remotesecrets", "shop", "r") {
		t.Fatal("the RemoteSecret has no finalizer")
	}
	s.sync()
	if s.Object("remotesecrets", "shop", "r") != nil || s.linked("shop", "imagePullSecrets") != "" || s.operator.Stored("shop", "r") != nil {
		t.Error("the RemoteSecret left something")
	}
	s.has("shop", "")
}

func TestNames(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.apply(deployer)
	s.given("[{namespace: shop, secret: {name: other}}, {namespace: prod}]")
	s.upload("one")
	s.sync()
	s.has("shop", "")
	s.has("prod", "one")
	if s.Object("secrets", "shop", "other") == nil {
		t.Error("the target's own name was not taken")
	}

	// A name that changes takes what it made along; it comes back in the next pass.
	s.given("[{namespace: shop}, {namespace: prod}]")
	s.sync()
	s.has("shop", "")
	s.sync()
	s.has("shop", "one")
	if s.Object("secrets", "shop", "other") != nil {
		t.Error("the former Secret is there")
	}

	s.apply(`{apiVersion: appstudio.redhat.com/v1beta1, kind: RemoteSecret, metadata: {name: nameless, namespace: shop}, spec: {secret: {}, targets: [{namespace: shop}]}}`)
	s.apply(`{apiVersion: v1, kind: Secret, metadata: {name: u, namespace: shop, labels: {appstudio.redhat.com/upload-secret: remotesecret},
		annotations: {appstudio.redhat.com/remotesecret-name: nameless}}, stringData: {k: v}}`)
	s.sync()
	s.sync()
	deployed := s.Object("remotesecrets", "shop", "nameless")["status"].(map[string]any)["targets"].([]any)
	if len(deployed) != 1 {
		t.Fatalf("the status is %v", deployed)
	}
	name, _ := deployed[0].(map[string]any)["secretName"].(string)
	if s.Object("secrets", "shop", name) == nil {
		t.Errorf("there is no Secret %q", name)
	}
}

func TestMissingServiceAccount(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.given("[{namespace: shop}]")
	s.Delete("serviceaccounts", "shop", "default")
	s.upload("one")
	s.sync()
	const missing = `failed to get the referenced service account (shop/default): serviceaccounts "default" not found`
	s.says("DataObtained=DataFound Deployed=Error", missing)
	s.has("shop", "")

	s.apply("{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: shop}, secrets: [{name: pull}, {name: mine}]}")
	s.sync()
	s.says("DataObtained=DataFound Deployed=Injected")
	s.has("shop", "one")

	s.Delete("serviceaccounts", "shop", "default")
	s.upload("two")
	s.sync()
	s.says("DataObtained=DataFound Deployed=Error", missing)
	s.has("shop", "one")
	s.sync()
	s.has("shop", "")
}
