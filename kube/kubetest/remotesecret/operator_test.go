package remotesecret_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/kube/kubetest"
	"berth/kube/kubetest/remotesecret"
)

func TestDelivery(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.apply(deployer)
	s.given("[{namespace: shop}, {namespace: prod}]")
	s.sync()
	s.says("DataObtained=AwaitingData")
	s.has("shop", "")

	s.upload("one")
	s.ResetCalls()
	s.sync()
	s.says("DataObtained=DataFound Deployed=Injected")
	for _, namespace := range []string{"shop", "prod"} {
		s.has(namespace, "one")
		if s.linked(namespace, "imagePullSecrets") != "pull" || s.linked(namespace, "secrets") != "" {
			t.Errorf("the links in %s are wrong", namespace)
		}
	}
	if diff := cmp.Diff([]string{"a", "appstudio.redhat.com/linked-by-remote-secret"}, s.keys("prod", "labels")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"appstudio.redhat.com/linked-remote-secrets", "appstudio.redhat.com/managing-remote-secret", "c"}, s.keys("prod", "annotations")); diff != "" {
		t.Error(diff)
	}
	st := s.status()
	if len(st.Targets) != 2 || st.Targets[1].Namespace != "prod" || st.Targets[1].SecretName != "pull" ||
		!cmp.Equal(st.Targets[1].ServiceAccountNames, []string{"default"}) || !cmp.Equal(st.Secret.Keys, []string{".dockerconfigjson"}) {
		t.Errorf("the status is %+v", st)
	}
	if s.Object("secrets", "shop", "upload-1") != nil || s.operator.Uploads("shop", "r") != 1 {
		t.Error("the upload Secret is there, or was not counted")
	}
	for _, call := range s.Calls() {
		if call.Namespace == "prod" && call.User != "system:serviceaccount:shop:deployer" {
			t.Errorf("to prod went %+v", call)
		}
	}

	s.upload("two")
	s.sync()
	s.has("prod", "two")
	if diff := cmp.Diff(st, s.status()); diff != "" {
		t.Errorf("the status shows that another token came: %s", diff)
	}
	s.ResetCalls()
	s.sync()
	for _, call := range s.Calls() {
		if call.Verb == "create" || call.Verb == "delete" {
			t.Errorf("a pass with nothing to do sent %+v", call)
		}
	}
	s.Delete("secrets", "prod", "pull")
	s.sync()
	s.has("prod", "two")
}

func TestUploadsThatAreDropped(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ reason, secret string }{
		{"another type", "type: Opaque, data: {.dockerconfigjson: e30=}"},
		{"the default type", "data: {.dockerconfigjson: e30=}"},
		{"without a key that the RemoteSecret asks for", "type: kubernetes.io/dockerconfigjson, data: {.dockerconfigjson: e30=}"},
	} {
		t.Run(row.reason, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, nil)
			s.given("[{namespace: shop}]")
			s.upload("one")
			s.sync()
			s.apply("{apiVersion: appstudio.redhat.com/v1beta1, kind: RemoteSecret, metadata: {name: r, namespace: shop}, spec: {secret: {keys: [{name: extra}]}}}")
			s.apply(`{apiVersion: v1, kind: Secret, metadata: {name: u, namespace: shop,
				labels: {appstudio.redhat.com/upload-secret: remotesecret}, annotations: {appstudio.redhat.com/remotesecret-name: r}}, ` + row.secret + "}")
			s.sync()
			if s.Object("secrets", "shop", "u") != nil || s.operator.Uploads("shop", "r") != 2 {
				t.Error("the upload Secret is there, or was not counted")
			}
			s.says("DataObtained=DataFound Deployed=Injected")
			s.has("shop", "one")
		})
	}
}

// TestAnUploadBeforeItsRemoteSecret leaves a RemoteSecret that fits nothing.
func TestAnUploadBeforeItsRemoteSecret(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.upload("one")
	s.sync()
	s.says("DataObtained=AwaitingData")
	if s.Object("secrets", "shop", "upload-1") != nil || s.operator.Stored("shop", "r") != nil {
		t.Error("the upload Secret is there, or its data are")
	}
	s.given("[{namespace: shop}]")
	s.upload("two")
	s.sync()
	s.has("shop", "two")
	if got := string(s.operator.Stored("shop", "r")[".dockerconfigjson"]); got != config("two") {
		t.Errorf("stored is %s", got)
	}
}

func TestTargetsWithoutARightToThem(t *testing.T) {
	t.Parallel()
	const second = "{apiVersion: v1, kind: ServiceAccount, metadata: {name: second, namespace: shop, labels: {appstudio.redhat.com/remotesecret-auth-sa: x}}}"
	for _, row := range []struct{ reason, manifest, target, conditions, prod string }{
		{"no ServiceAccount", "", "prod", "PartiallyInjected", "No service account labeled with 'appstudio.redhat.com/remotesecret-auth-sa' was found"},
		{"two", deployer + "\n---\n" + second, "prod", "PartiallyInjected", "there can be only one service account labeled"},
		{"one without rights", deployer, "dev", "PartiallyInjected", `User "system:serviceaccount:shop:deployer" cannot get resource "secrets"`},
		{"one without the ServiceAccount to link to", deployer, "gone", "PartiallyInjected", "gone"},
		{"one with rights", deployer, "prod", "Injected", ""},
	} {
		t.Run(row.reason, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, nil)
			s.apply(row.manifest)
			s.given("[{namespace: shop}, {namespace: " + row.target + "}]")
			s.upload("one")
			s.sync()
			s.says("DataObtained=DataFound Deployed="+row.conditions, "", row.prod)
			s.has("shop", "one")
		})
	}
}

func TestAllTargetsFailOrThereIsNone(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.given("[{namespace: prod}]")
	s.upload("one")
	s.sync()
	s.says("DataObtained=DataFound Deployed=Error", "No service account")
	s.given("[]")
	s.sync()
	s.says("DataObtained=DataFound Deployed=Error") // it could not look for what it might have left
	s.sync()
	s.says("DataObtained=DataFound Deployed=NoTargets")
}

func TestRequestsThatFail(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.given("[{namespace: shop}]")
	s.upload("one")
	s.Inject(kubetest.Fault{Verb: "delete", Resource: "secrets", Status: 500, Message: "no"})
	if err := s.operator.Sync(t.Context()); err == nil || s.operator.Uploads("shop", "r") != 0 {
		t.Errorf("the failure to delete is not told: %v", err)
	}
	s.sync()
	if s.operator.Uploads("shop", "r") != 1 {
		t.Error("the upload Secret is still there")
	}
	conflict := s.Inject(kubetest.Fault{Verb: "update", Resource: "remotesecrets/status", Status: 409, Times: 2})
	s.sync()
	if conflict.Hits() != 2 {
		t.Errorf("a conflict was met %d times", conflict.Hits())
	}
	s.Uninstall("remotesecrets")
	if err := s.operator.Sync(t.Context()); err == nil {
		t.Error("without its API the operator has nothing to say")
	}
	if _, err := remotesecret.New(remotesecret.Options{}); err == nil {
		t.Error("an operator without a cluster was made")
	}
}

func TestTrouble(t *testing.T) {
	t.Parallel()
	s := newStage(t, nil)
	s.apply(deployer)
	s.given("[{namespace: shop}, {namespace: prod}]")
	s.upload("one")

	s.operator.Trouble(remotesecret.Trouble{Down: true})
	s.ResetCalls()
	s.sync()
	if n := s.Count("", ""); n != 0 {
		t.Errorf("an operator that is down sent %d requests", n)
	}

	s.operator.Trouble(remotesecret.Trouble{Drop: true})
	s.sync()
	s.says("DataObtained=AwaitingData")
	if s.operator.Uploads("shop", "r") != 1 || s.operator.Stored("shop", "r") != nil {
		t.Error("the dropped data are stored, or their Secret is there")
	}

	s.operator.Trouble(remotesecret.Trouble{Delay: 2})
	s.upload("two")
	for range 2 {
		s.sync()
		s.says("DataObtained=DataFound")
		s.has("prod", "")
	}
	s.sync()
	s.says("DataObtained=DataFound Deployed=Injected")
	s.has("prod", "two")
	s.upload("three")
	s.sync()
	s.has("prod", "two")
	s.says("DataObtained=DataFound Deployed=Injected")

	const canary = "robot token ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	s.operator.Trouble(remotesecret.Trouble{Fail: map[string]string{"prod": canary}})
	s.sync()
	s.sync()
	s.has("shop", "three")
	s.says("DataObtained=DataFound Deployed=PartiallyInjected", "", canary)
	if !strings.Contains(s.status().Conditions[1].Message, canary) {
		t.Error("the condition's message does not quote the failure")
	}
	s.operator.Trouble(remotesecret.Trouble{})
	s.sync()
	s.has("prod", "three")
	s.says("DataObtained=DataFound Deployed=Injected")
}
