package deploy_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"berth/deploy/deploytest"
	"berth/quay/quaytest"
)

// imageController lets image-controller have made what it makes for a Component that is
// there: an ImageRepository, its repository, robots and Secrets, and the link of builds
// (konflux-ci/image-controller internal/controller/imagerepository_controller.go).
func (c *realCluster) imageController(t *testing.T, namespace, component, repository, request string) {
	t.Helper()
	uid := func(plural, name string) types.UID {
		object, err := c.resource(plural, namespace).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return object.GetUID()
	}
	full := deploytest.Org + "/" + repository
	host := strings.TrimPrefix(c.platform.env["BERTH_QUAY_URL"], "https://")
	stem := strings.NewReplacer("/", "_", "-", "_").Replace(repository)
	c.quay.AddRepository(quaytest.Repository{Name: full, Description: "AppStudio repository for the user", Creator: "platform"})
	c.apply(t, fmt.Sprintf(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: ImageRepository, metadata: {name: %s, namespace: %[5]s, finalizers: [appstudio.openshift.io/image-repository],
  labels: {appstudio.redhat.com/component: %[2]s, appstudio.redhat.com/application: shop},
  ownerReferences: [{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, name: %[2]s, uid: %[3]s}]},
 spec: {image: {name: %[4]s, visibility: private}}}`, request, component, uid("components", component), repository, namespace))
	for use, role := range map[string]string{"push": "write", "pull": "read"} {
		robot := stem + "_0123456789"
		if use == "pull" {
			robot += "_pull"
		}
		login := deploytest.Org + "+" + robot
		c.quay.AddRobot(quaytest.Robot{Name: login, Description: "Robot account for Konflux Component", Permissions: map[string]string{full: role}})
		auth := base64.StdEncoding.EncodeToString([]byte(login + ":" + c.quay.RobotToken(login)))
		c.apply(t, fmt.Sprintf(`{apiVersion: v1, kind: Secret, type: kubernetes.io/dockerconfigjson, metadata: {name: %[1]s-image-%[2]s, namespace: %[7]s, labels: {appstudio.redhat.com/internal: "true"},
  ownerReferences: [{apiVersion: appstudio.redhat.com/v1alpha1, kind: ImageRepository, name: %[1]s, uid: %[3]s}]},
 stringData: {.dockerconfigjson: '{"auths":{"%[4]s/%[5]s":{"auth":"%[6]s"}}}'}}`, request, use, uid("imagerepositories", request), host, full, auth, namespace))
	}
	c.apply(t, fmt.Sprintf(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: build-pipeline-%s, namespace: %s}, secrets: [{name: %s-image-push}]}`, component, namespace, request))
}

// filled is the organization as image-controller has filled it, in both layouts.
func (o *operations) filled(t *testing.T) {
	t.Helper()
	o.apply(t, `{apiVersion: v1, kind: Namespace, metadata: {name: image-controller}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: image-controller-controller-manager, namespace: image-controller},
 spec: {selector: {matchLabels: {app: c}}, template: {metadata: {labels: {app: c}}, spec: {containers: [{name: c, image: c}]}}}}`)
	o.imageController(t, "shop", "cart", "shop/cart", "cart")
	o.imageController(t, "shop", "till", "shop/shop/till", "imagerepository-for-shop-till")
	o.apply(t, "{apiVersion: v1, kind: Namespace, metadata: {name: leaving}}")
	for name, request := range map[string]string{"one": "one", "two": "imagerepository-for-shop-two"} {
		o.apply(t, fmt.Sprintf(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: %s, namespace: leaving, finalizers: [image-controller.appstudio.openshift.io/image-repository]},
 spec: {componentName: %[1]s, application: shop}}`, name))
		o.imageController(t, "leaving", name, "leaving/"+name, request)
	}
	o.quay.ResetCalls()
}

// ends demands that a Component that was taken over can be deleted, with all that
// image-controller made for it, and then its namespace; and that repositories stay.
func (o *operations) ends(t *testing.T) {
	t.Helper()
	gone := func(plural, namespace, name string) {
		t.Helper()
		deploytest.Until(t, "the end of "+plural+" "+name, func() bool {
			_, err := o.resource(plural, namespace).Get(t.Context(), name, metav1.GetOptions{})
			return apierrors.IsNotFound(err)
		})
	}
	if err := o.resource("components", "leaving").Delete(t.Context(), "one", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for plural, names := range map[string][]string{"components": {"one"}, "imagerepositories": {"one"}, "secrets": {"one-image-push", "one-image-pull"}} {
		for _, name := range names {
			gone(plural, "leaving", name)
		}
	}
	if err := o.resource("namespaces", "").Delete(t.Context(), "leaving", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	gone("namespaces", "", "leaving")
	for _, name := range []string{"leaving/one", "leaving/two"} {
		if !slices.ContainsFunc(o.quay.Snapshot().Repositories, func(r quaytest.Repository) bool { return r.Name == deploytest.Org+"/"+name }) {
			t.Errorf("repository %s went with its Component", name)
		}
	}
}

// former are the robots of image-controller that are left of Components in namespace shop.
func (o *operations) former() (names []string) {
	for _, r := range o.quay.Snapshot().Robots {
		if strings.HasPrefix(r.Description, "Robot account for ") && strings.HasPrefix(r.Name, deploytest.Org+"+shop_") {
			names = append(names, r.Name)
		}
	}
	return names
}

// unused lets a week and a day pass since anybody used what image-controller made.
func (o *operations) unused(t *testing.T) {
	t.Helper()
	if n := len(o.former()); n != 4 {
		t.Errorf("%d robots of image-controller's are left of 4", n)
	}
	for _, name := range o.former() {
		o.quay.SetRobotTimes(name, time.Now().AddDate(-1, 0, 0), time.Now().AddDate(0, 0, -8))
	}
}

// cleared demands that a run has cleared that away.
func (o *operations) cleared(t *testing.T) {
	t.Helper()
	if left := o.former(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	for _, use := range []string{"push", "pull"} {
		if _, err := o.resource("secrets", "shop").Get(t.Context(), "imagerepository-for-shop-till-image-"+use, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Errorf("image-controller's Secret to %s is left: %v", use, err)
		}
	}
	if links := fmt.Sprint(o.get(t, "serviceaccounts", "build-pipeline-till").Object["secrets"]); strings.Contains(links, "imagerepository") || !strings.Contains(links, "till-image-push") {
		t.Errorf("links: %s", links)
	}
}

// wentBack looks at what image-controller finds.
func wentBack(t *testing.T, o *operations, said string) {
	says(t, said, "given back to ImageRepository cart", "job.batch/release")
	for _, name := range []string{"cart", "till"} {
		for _, use := range []string{"push", "pull"} {
			secret := o.get(t, "secrets", name+"-image-"+use)
			owner := secret.GetOwnerReferences()[0].Kind
			if want := map[string]string{"cart": "ImageRepository", "till": "Component"}[name]; owner != want || secret.GetLabels()["app.kubernetes.io/managed-by"] != "" {
				t.Errorf("Secret %s is %s's, %v", secret.GetName(), owner, secret.GetLabels())
			}
		}
	}
	for _, r := range o.quay.Snapshot().Repositories {
		if strings.HasPrefix(r.Name, deploytest.Org+"/shop/") && strings.HasPrefix(r.Description, "berth/1") && !strings.HasSuffix(r.Name, "/safe") {
			t.Errorf("repository %s is still marked: %s", r.Name, r.Description)
		}
	}
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
