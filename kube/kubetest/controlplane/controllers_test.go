package controlplane_test

import (
	"strings"
	"testing"

	"berth/kube/kubetest/controlplane"
)

func testControllers(t *testing.T, cp *controlplane.ControlPlane) {
	t.Helper()
	kubectl := func(args ...string) string {
		t.Helper()
		out, err := cp.Kubectl(t, args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	kubectl("create", "namespace", "batch")
	kubectl("wait", "serviceaccount/default", "--for=create", "--timeout=1m", "--namespace=batch")
	kubectl("create", "job", "once", "--image=none", "--namespace=batch")
	kubectl("wait", "pod", "--selector=job-name=once", "--for=create", "--timeout=1m", "--namespace=batch")
	if pods := kubectl("get", "pods", "--namespace=batch", "-o=name"); !strings.HasPrefix(pods, "pod/once-") {
		t.Errorf("the Job's pods are %q", pods)
	}
	kubectl("create", "namespace", "empty")
	kubectl("delete", "namespace", "empty", "--timeout=1m") // returns when it is gone
	if _, err := cp.Kubectl(t, "get", "namespace", "empty"); err == nil || !strings.Contains(err.Error(), "NotFound") {
		t.Errorf("the namespace that is deleted: %v", err)
	}
}
