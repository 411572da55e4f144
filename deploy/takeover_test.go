package deploy_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"berth/deploy/deploytest"
	"berth/quay/quaytest"
)

// imageController lets image-controller have made what it makes for a Component that is
// there: an ImageRepository, its repository, robots and Secrets, and the link of builds
// (konflux-ci/image-controller internal/controller/imagerepository_controller.go).
func (c *realCluster) imageController(t *testing.T, component, repository, request string) {
	t.Helper()
	full := deploytest.Org + "/" + repository
	host := strings.TrimPrefix(c.platform.env["BERTH_QUAY_URL"], "https://")
	stem := strings.NewReplacer("/", "_", "-", "_").Replace(repository)
	c.quay.AddRepository(quaytest.Repository{Name: full, Description: "AppStudio repository for the user", Creator: "platform"})
	c.apply(t, fmt.Sprintf(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: ImageRepository, metadata: {name: %s, namespace: shop, finalizers: [appstudio.openshift.io/image-repository],
  labels: {appstudio.redhat.com/component: %s, appstudio.redhat.com/application: shop},
  ownerReferences: [{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, name: %[2]s, uid: %[3]s}]},
 spec: {image: {name: %s, visibility: private}}}`, request, component, c.get(t, "components", component).GetUID(), repository))
	for use, role := range map[string]string{"push": "write", "pull": "read"} {
		robot := stem + "_0123456789"
		if use == "pull" {
			robot += "_pull"
		}
		login := deploytest.Org + "+" + robot
		c.quay.AddRobot(quaytest.Robot{Name: login, Description: "Robot account for Konflux Component", Permissions: map[string]string{full: role}})
		auth := base64.StdEncoding.EncodeToString([]byte(login + ":" + c.quay.RobotToken(login)))
		c.apply(t, fmt.Sprintf(`{apiVersion: v1, kind: Secret, type: kubernetes.io/dockerconfigjson, metadata: {name: %s-image-%s, namespace: shop, labels: {appstudio.redhat.com/internal: "true"},
  ownerReferences: [{apiVersion: appstudio.redhat.com/v1alpha1, kind: ImageRepository, name: %[1]s, uid: %[3]s}]},
 stringData: {.dockerconfigjson: '{"auths":{"%s/%s":{"auth":"%s"}}}'}}`, request, use, c.get(t, "imagerepositories", request).GetUID(), host, full, auth))
	}
	c.apply(t, fmt.Sprintf(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: build-pipeline-%s, namespace: shop}, secrets: [{name: %s-image-push}]}`, component, request))
}

// filled is the organization as image-controller has filled it, in both layouts.
func (o *operations) filled(t *testing.T) {
	t.Helper()
	o.apply(t, `{apiVersion: v1, kind: Namespace, metadata: {name: image-controller}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: image-controller-controller-manager, namespace: image-controller},
 spec: {selector: {matchLabels: {app: c}}, template: {metadata: {labels: {app: c}}, spec: {containers: [{name: c, image: c}]}}}}`)
	o.imageController(t, "cart", "shop/cart", "cart")
	o.imageController(t, "till", "shop/shop/till", "imagerepository-for-shop-till")
	o.quay.ResetCalls()
}

// takenOver demands that a Component is Berth's, where its images are.
func (o *operations) takenOver(t *testing.T, name, repository string) {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(o.content(t, name+"-image-push"))
	if err != nil || !strings.Contains(string(raw), "/"+deploytest.Org+"/"+repository+`"`) {
		t.Errorf("the push Secret of %s is not for %s: %v", name, repository, err)
	}
	all, err := o.resource("imagerepositories", "shop").List(t.Context(), metav1.ListOptions{LabelSelector: "appstudio.redhat.com/component=" + name})
	if err != nil || len(all.Items) != 1 {
		t.Fatalf("%v %v", all, err)
	}
	request := all.Items[0]
	if request.GetAnnotations()["image-controller.appstudio.redhat.com/skip-repository-deletion"] != "true" || len(request.GetFinalizers()) > 0 {
		t.Errorf("ImageRepository %s: %v %v", request.GetName(), request.GetAnnotations(), request.GetFinalizers())
	}
	links, _, _ := unstructured.NestedSlice(o.get(t, "serviceaccounts", "build-pipeline-"+name).Object, "secrets")
	if !strings.Contains(fmt.Sprint(links), "name:"+name+"-image-push") {
		t.Errorf("build-pipeline-%s is linked to %v", name, links)
	}
}
