package deploy_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"berth/deploy/deploytest"
	"berth/reconcile/component"
)

// The checks of docs/operations.md: what must be so after each of its sections.

func (o *operations) untouched(t *testing.T) {
	t.Helper()
	if n := o.quay.Mutations(); n > 0 {
		t.Errorf("Quay was written to: %v", o.quay.Calls())
	}
	for _, e := range o.mine(t) {
		if e.Verb != "get" && e.Verb != "list" {
			t.Errorf("the cluster was written to: %+v", e)
		}
	}
}

// says demands that what was said holds each of these.
func says(t *testing.T, said string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
}

func looked(t *testing.T, o *operations, said string) {
	says(t, said, `"type":"change_summary"`, `"operation":"plan"`, "  +   repository      shop/cart", "Dry run: nothing was changed.")
	o.untouched(t)
	policies := groupResource("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies")
	deploytest.Until(t, "the check of the policies' types", func() bool {
		list, err := o.objects.Resource(policies).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range list.Items {
			checked, found, _ := unstructured.NestedMap(p.Object, "status", "typeChecking")
			if len(checked) > 0 {
				t.Fatalf("%s: %v", p.GetName(), checked)
			}
			if !found {
				return false
			}
		}
		return len(list.Items) == 5
	})
	pods := o.node.pods()
	if len(pods) != 1 || pods[0].Image != "quay.io/acme/berth:v0.1.0" || pods[0].Env["BERTH_DRY_RUN"] != "true" {
		t.Errorf("pods: %+v", pods)
	}
}

func tookOver(t *testing.T, o *operations, said string) {
	says(t, said, "job.batch/adopt", deploytest.Org, `"type":"planned_change"`, "scaled", "taken over in its place", `"type":"take_over_summary"`, "4 Components: 2 taken over in place, 2 with new Secrets beside the old, 0 refused")
	o.untouched(t)
	if pods := o.node.pods(); pods[len(pods)-1].Env["BERTH_ADOPT"] != "true" {
		t.Errorf("pods: %+v", pods)
	}
}

func wentLive(t *testing.T, o *operations, said string) {
	says(t, said, `"result":"ok"`)
	for _, name := range []string{"cart", "till", "safe"} {
		o.content(t, name+"-image-push")
		o.content(t, name+"-image-pull")
	}
	says(t, said, "kept-by-berth")
	if n := len(o.quay.Snapshot().Repositories); n != 5 {
		t.Errorf("%d repositories, want image-controller's four and one more", n)
	}
	for name, image := range map[string]string{"cart": "shop/cart", "till": "shop/shop/till"} {
		o.takenOver(t, name, image)
	}
	o.ends(t)
	o.unused(t)
	o.scheduled(t)
	o.cleared(t)
	o.collected(t)
}

var cronJobs = groupResource("batch", "v1", "cronjobs")

// scheduled makes the CronJob late by a minute, and its controller makes up for it.
func (o *operations) scheduled(t *testing.T) {
	t.Helper()
	cron, ran := o.objects.Resource(cronJobs).Namespace("berth"), len(o.node.pods())
	missed := time.Now().Add(-time.Minute)
	patch := func(patch string, subresource ...string) {
		if _, err := cron.Patch(t.Context(), "berth", types.MergePatchType, []byte(patch), metav1.PatchOptions{}, subresource...); err != nil {
			t.Fatal(err)
		}
	}
	before, err := cron.Get(t.Context(), "berth", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	schedule, _, _ := unstructured.NestedString(before.Object, "spec", "schedule")
	patch(fmt.Sprintf(`{"spec":{"schedule":"%d * * * *"}}`, missed.Minute()))
	patch(fmt.Sprintf(`{"status":{"lastScheduleTime":%q}}`, missed.Add(-time.Hour).UTC().Format(time.RFC3339)), "status")
	deploytest.Until(t, "the start by the schedule", func() bool {
		now, err := cron.Get(t.Context(), "berth", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		_, succeeded, _ := unstructured.NestedString(now.Object, "status", "lastSuccessfulTime")
		return succeeded && len(o.node.pods()) > ran
	})
	patch(fmt.Sprintf(`{"spec":{"schedule":%q}}`, schedule))
	if p := o.node.pods()[ran]; p.Code != 0 || !strings.HasPrefix(p.Name, "berth-") {
		t.Errorf("the schedule ran %+v", p)
	}
}

// collected demands that a Component's Secrets go with it, and its RemoteSecret.
func (o *operations) collected(t *testing.T) {
	t.Helper()
	o.get(t, "remotesecrets", "safe-image-pull")
	o.delete(t, "components", "safe")
	for _, owned := range [][2]string{{"secrets", "safe-image-push"}, {"secrets", "safe-image-pull"}, {"remotesecrets", "safe-image-pull"}} {
		deploytest.Until(t, fmt.Sprint("the end of ", owned), func() bool {
			_, err := o.resource(owned[0], "shop").Get(t.Context(), owned[1], metav1.GetOptions{})
			return apierrors.IsNotFound(err)
		})
	}
}

func ranOnce(t *testing.T, o *operations, said string) {
	says(t, said, "Apply complete", "2 rotated")
	if n := deploytest.Rotated(o.quay); n != 2 {
		t.Errorf("%d robots were made", n)
	}
	if !slices.ContainsFunc(o.node.pods(), func(p ranPod) bool { return p.Image == "berth:latest" }) {
		t.Error("the manifest of one run was not run")
	}
	o.failsAtOnce(t)
}

// failsAtOnce demands that a Job whose credentials are refused makes one pod and no
// other.
func (o *operations) failsAtOnce(t *testing.T) {
	t.Helper()
	o.quay.ExpireToken(deploytest.QuayToken)
	ran := len(o.node.pods())
	why := o.do(t, `kubectl create job refused --from cronjob/berth --namespace berth
		kubectl wait job/refused --for jsonpath='{.status.conditions[0].type}' --timeout 20m --namespace berth
		! kubectl wait job/refused --for condition=complete --timeout 1s --namespace berth
		kubectl wait job/refused --for condition=failed --timeout 1m --namespace berth
		kubectl get jobs refused --namespace berth
		kubectl get job refused --namespace berth -o jsonpath='{.status.conditions[?(@.type=="Failed")].reason}'`)
	says(t, why, "refused   Failed   0/1", "PodFailurePolicy")
	if pods := o.node.pods()[ran:]; len(pods) != 1 || pods[0].Code != 77 {
		t.Errorf("pods: %+v", pods)
	}
	o.quay.AddToken(deploytest.QuayToken, "platform", "org:admin repo:admin")
}

func suspended(t *testing.T, o *operations, _ string) {
	says(t, o.do(t, "kubectl get cronjob berth --namespace berth -o jsonpath='{.spec.suspend}'"), "false")
	says(t, o.do(t, "kubectl get jobs --namespace berth 2>&1"), "No resources found")
}

func upgraded(t *testing.T, o *operations, said string) {
	says(t, said, "+", "quay.io/acme/berth:v0.2.0", "cronjob.batch/berth configured")
	says(t, o.do(t, "kubectl get cronjob berth --namespace berth -o jsonpath='{..image}'"), "quay.io/acme/berth:v0.2.0")
}

// trusting demands that the pod took the certificate from the ConfigMap: its image no
// longer has it.
func trusting(t *testing.T, o *operations, _ string) {
	pods := o.node.pods()
	if p := pods[len(pods)-1]; p.Code != 0 || p.Env["BERTH_QUAY_CA_FILE"] != "/etc/berth/ca/ca.crt" {
		t.Errorf("the pod is %+v", p)
	}
}

// sharded demands that the controller numbers the pods, and that the way back leaves
// nothing.
func sharded(t *testing.T, o *operations, said string) {
	says(t, said, "berth-0 ", "berth-1 ", "berth-2 ", "berth-3 ")
	const mode = "kubectl get cronjob berth --namespace berth -o jsonpath='{.spec.jobTemplate.spec}'"
	if spec := o.do(t, mode); strings.Contains(spec, "Indexed") || strings.Contains(spec, "PerIndex") || !strings.Contains(spec, `"backoffLimit":1`) {
		t.Errorf("the way back leaves %s", spec)
	}
	var numbers []string
	for _, p := range o.node.pods() {
		if strings.HasPrefix(p.Name, "shards-") {
			numbers = append(numbers, p.Env["JOB_COMPLETION_INDEX"]+"/"+p.Env["BERTH_SHARD_COUNT"])
		}
	}
	slices.Sort(numbers)
	if !slices.Equal(numbers, []string{"0/4", "1/4", "2/4", "3/4"}) {
		t.Errorf("the pods are %v", numbers)
	}
}

// paged demands a page of the laptop's run, and one of the pod's in its volume.
func paged(t *testing.T, o *operations, _ string) {
	says(t, string(readFile(t, filepath.Join(o.dir, "page.html"))), "dry run", "What would be changed, and why")
	pods := o.node.pods()
	says(t, string(readFile(t, filepath.Join(o.node.dir, pods[len(pods)-1].Name, "var/lib/berth/berth-0.html"))), "cluster ", "What was changed, and why")
}

// narrowed demands that the rights went, and that they came back.
func narrowed(t *testing.T, o *operations, said string) {
	if n := strings.Count("\n"+strings.ReplaceAll(said, "\n", "\n\n"), "\nno\n"); n != 2 {
		t.Errorf("the server said no %d times:\n%s", n, said)
	}
	says(t, o.do(t, "kubectl auth can-i create secrets --namespace shop --as system:serviceaccount:berth:berth"), "yes")
	says(t, o.do(t, "kubectl auth can-i create leases --namespace berth --as system:serviceaccount:berth:berth"), "yes")
}

func removed(t *testing.T, o *operations, _ string) {
	left := o.do(t, `kubectl get namespaces,clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings -o name
		kubectl get secrets --all-namespaces -o name`)
	if strings.Contains(left, "berth") {
		t.Errorf("something is left:\n%s", left)
	}
	if n := len(o.quay.Snapshot().Repositories); n != 5 {
		t.Errorf("%d repositories are left of 5", n)
	}
	if told := o.get(t, "components", "cart").GetAnnotations()[component.AnnotationImage]; told == "" {
		t.Error("the Component is told nothing any more")
	}
}
