package deploy_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"berth/deploy"
	"berth/deploy/deploytest"
	"berth/kube/kubetest/controlplane"
)

// ids are the fields of a pod that name a user or a group.
var ids = regexp.MustCompile(`\b(runAsUser|runAsGroup|fsGroup|supplementalGroups)\b`)

// OpenShift gives each namespace users and groups of its own, and refuses a pod that names
// others. So what is shipped names none.
func TestNoManifestNamesAUserOrAGroup(t *testing.T) {
	t.Parallel()
	err := fs.WalkDir(deploy.Manifests, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text := string(shipped(t, name))
		if found := ids.FindAllString(text, -1); found != nil {
			t.Errorf("%s: %v", name, found)
		}
		if strings.Contains(text, "securityContext:") && !strings.Contains(text, "runAsNonRoot: true") {
			t.Errorf("%s: root may run it", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"base/cronjob.yaml", "job/job.yaml"} {
		if !strings.Contains(string(shipped(t, name)), "securityContext:") {
			t.Errorf("%s was not looked at", name)
		}
	}
}

// admissionOf is what OpenShift's default, restricted-v2, does with a pod: who names no user
// and no fsGroup gets the namespace's first, who names others is refused
// (openshift/apiserver-library-go/pkg/securitycontextconstraints).
func admissionOf(id int) string {
	return fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: restricted-v2}
spec:
  failurePolicy: Fail
  reinvocationPolicy: Never
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: >-
        Object{spec: Object.spec{
          securityContext: Object.spec.securityContext{fsGroup: object.spec.?securityContext.?fsGroup.orValue(%[1]d)},
          containers: object.spec.containers.map(c, Object.spec.containers{name: c.name,
            securityContext: Object.spec.containers.securityContext{runAsUser: c.?securityContext.?runAsUser.orValue(object.spec.?securityContext.?runAsUser.orValue(%[1]d))}})}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: restricted-v2}
spec: {policyName: restricted-v2}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: restricted-v2}
spec:
  failurePolicy: Fail
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}
  validations:
  - expression: >-
      object.spec.securityContext.fsGroup == %[1]d && !has(object.spec.securityContext.supplementalGroups) &&
      object.spec.containers.all(c, c.securityContext.runAsUser == %[1]d)
    message: unable to validate against any security context constraint
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: restricted-v2}
spec: {policyName: restricted-v2, validationActions: [Deny]}
`, id)
}

// tryPod asks, without making it, for a pod with this security context.
func tryPod(t *testing.T, objects dynamic.Interface, context string) (*unstructured.Unstructured, error) {
	t.Helper()
	return objects.Resource(core("pods")).Namespace("berth").Create(t.Context(), object(`{apiVersion: v1, kind: Pod, metadata: {generateName: try-},
		spec: {securityContext: `+context+`, containers: [{name: berth, image: berth, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}}`),
		metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
}

const restricted = "runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}"

// What is shipped runs, as it is, under the restricted Pod Security level, on plain
// Kubernetes as the image's user and under OpenShift's admission as whom it says; either
// reads the token.
func TestWhoeverRunsReadsTheToken(t *testing.T) {
	t.Parallel()
	cp := controlplane.Start(t, controlplane.AppStudio, controlplane.WithControllers)
	p, objects := newPlatform(t), asAdmin(t, cp)
	node := startNode(t, cp, p.env["BERTH_QUAY_CA_FILE"])
	top := t.TempDir()
	manifests(t, top)
	kubectl(t, cp, "apply", "--validate=strict", "-k", filepath.Join(top, "base"))
	kubectl(t, cp, "create", "secret", "generic", "quaytoken", "--namespace", "berth", "--from-literal", "quayapiurl="+p.env["BERTH_QUAY_URL"]+"/api/v1",
		"--from-literal", "organization="+deploytest.Org, "--from-file", "quaytoken="+p.env["BERTH_QUAY_TOKEN_FILE"])
	if _, err := tryPod(t, objects, "{"+restricted+"}"); err != nil {
		t.Errorf("the level is not restricted: %v", err)
	}
	if _, err := tryPod(t, objects, "{runAsNonRoot: false}"); err == nil || !strings.Contains(err.Error(), `violates PodSecurity "restricted`) {
		t.Errorf("the level is not restricted: %v", err)
	}
	runs := func(name string) ranPod {
		t.Helper()
		before := len(p.quay.Calls())
		kubectl(t, cp, "create", "job", name, "--from", "cronjob/berth", "--namespace", "berth")
		deploytest.Until(t, "the pod of "+name, func() bool {
			return len(node.pods()) > 0 && strings.HasPrefix(node.pods()[len(node.pods())-1].Name, name+"-")
		})
		ran := node.pods()[len(node.pods())-1]
		if calls := len(p.quay.Calls()) - before; ran.Code == 0 && calls == 0 {
			t.Error("nobody was asked with the token")
		}
		return ran
	}
	if plain := runs("plain"); plain.Code != 0 || plain.As.String() != "65532:65532" || plain.FSGroup != nil {
		t.Errorf("on plain Kubernetes: %+v", plain)
	}

	id := 1_000_000_000 + 10_000*rand.IntN(100_000)
	if _, err := cp.Apply(t.Context(), []byte(admissionOf(id))); err != nil {
		t.Fatal(err)
	}
	deploytest.Until(t, "the admission of OpenShift", func() bool {
		pod, err := tryPod(t, objects, "{"+restricted+"}")
		if err != nil {
			return false
		}
		group, _, _ := unstructured.NestedInt64(pod.Object, "spec", "securityContext", "fsGroup")
		_, refused := tryPod(t, objects, "{"+restricted+", runAsUser: 65532, fsGroup: 65532}")
		return group == int64(id) && refused != nil && strings.Contains(refused.Error(), "security context constraint")
	})
	if ran := runs("openshift"); ran.Code != 0 || ran.As.String() != fmt.Sprintf("%d:0", id) || ran.FSGroup == nil || *ran.FSGroup != id {
		t.Errorf("on OpenShift: %+v", ran)
	}

	// The node is no kinder than a kubelet: a file that its user may not read is not read.
	kubectl(t, cp, "delete", "mutatingadmissionpolicybindings,validatingadmissionpolicybindings", "restricted-v2")
	kubectl(t, cp, "patch", "cronjob", "berth", "--namespace", "berth", "--type=json", "-p",
		`[{"op":"replace","path":"/spec/jobTemplate/spec/template/spec/volumes/0/secret/defaultMode","value":288}]`) // 0440
	deploytest.Until(t, "the end of OpenShift's admission", func() bool {
		pod, err := tryPod(t, objects, "{"+restricted+"}")
		if err != nil {
			return false
		}
		_, set, _ := unstructured.NestedInt64(pod.Object, "spec", "securityContext", "fsGroup")
		return !set
	})
	if ran := runs("closed"); ran.Code != 78 {
		t.Errorf("of a token that only root's group may read: %+v", ran)
	}
}
