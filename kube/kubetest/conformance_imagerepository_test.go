package kubetest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/kube"
)

func takeOverRoles(t *testing.T) []byte {
	raw, err := os.ReadFile("../../deploy/components/take-over/rbac.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

const (
	keep        = "image-controller.appstudio.redhat.com/skip-repository-deletion"
	imageHeld   = "appstudio.openshift.io/image-repository"
	everyoneHas = `{apiVersion: appstudio.redhat.com/v1alpha1, kind: ImageRepository, metadata: {name: NAME, namespace: NS, labels: {appstudio.redhat.com/component: cart, team: sea},
		annotations: {other/one: x}, finalizers: [a.example/first, appstudio.openshift.io/image-repository],
		ownerReferences: [{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, name: cart, uid: u-1}, {apiVersion: v1, kind: ConfigMap, name: x, uid: u-2}]},
		spec: {image: {name: NS/cart, visibility: private}}}`
)

// request makes an ImageRepository and reads it.
func (f *fixture) request(name string) kube.ImageRepository {
	f.Helper()
	f.given(strings.ReplaceAll(everyoneHas, "NAME", name))
	return f.requests(name)[0]
}

func (f *fixture) requests(name string) []kube.ImageRepository {
	f.Helper()
	all, err := f.ImageRepositories(f.Context(), kube.AppStudio, f.ns, func(r kube.ImageRepository) bool { return r.Name == name })
	f.no(err)
	return all
}

func testImageRepositories(f *fixture) {
	r := f.request("cart")
	want := kube.ImageRepository{
		Namespace: f.ns, Name: "cart", UID: r.UID, ResourceVersion: r.ResourceVersion, Component: "cart", Finalizer: 2, Annotated: true, Annotations: map[string]string{},
		Owners: []kube.OwnerReference{{APIVersion: "appstudio.redhat.com/v1alpha1", Kind: "Component", Name: "cart", UID: "u-1"}},
	}
	if diff := cmp.Diff(want, r); diff != "" || r.UID == "" {
		f.Error(diff)
	}
	set := kube.AnnotationChange{Set: map[string]string{keep: "true"}}
	tried, err := f.AnnotateImageRepository(f.Context(), r, set, true)
	f.no(err)
	if tried.Annotations[keep] != "true" || len(f.requests("cart")[0].Annotations) > 0 {
		f.Errorf("a dry run answers %+v, and leaves %+v", tried, f.requests("cart"))
	}
	kept, err := f.AnnotateImageRepository(f.Context(), r, set, false)
	f.no(err)
	if kept.Annotations[keep] != "true" || kept.ResourceVersion == r.ResourceVersion {
		f.Errorf("kept: %+v", kept)
	}
	_, err = f.AnnotateImageRepository(f.Context(), r, set, false)
	f.is(err, kube.ErrConflict)
	f.is(f.UnfinalizeImageRepository(f.Context(), r), kube.ErrConflict)
	f.no(f.UnfinalizeImageRepository(f.Context(), kept))
	free := f.requests("cart")[0]
	if free.Finalizer != 0 || free.Annotations[keep] != "true" {
		f.Errorf("without its finalizer: %+v", free)
	}
	f.given(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: ImageRepository, metadata: {name: bare, namespace: NS, finalizers: [` + imageHeld + `]}}`)
	bare, err := f.AnnotateImageRepository(f.Context(), f.requests("bare")[0], set, false)
	f.no(err)
	f.delete(f.T, "imagerepositories", f.ns, "bare")
	f.is(f.UnfinalizeImageRepository(f.Context(), bare), kube.ErrConflict) // it is being deleted since
	f.no(f.UnfinalizeImageRepository(f.Context(), f.requests("bare")[0]))
	if left := f.requests("bare"); len(left) > 0 {
		f.Errorf("still there: %+v", left)
	}
	f.is(f.UnfinalizeImageRepository(f.Context(), bare), kube.ErrNotFound)
}

// testMovedImageRepositories: each group has objects that the other does not know.
func testMovedImageRepositories(f *fixture) {
	f.request("cart")
	f.given(strings.ReplaceAll(strings.Replace(everyoneHas, "appstudio.redhat.com/v1alpha1, kind: ImageRepository", "konflux-ci.dev/v1alpha1, kind: ImageRepository", 1), "NAME", "till"))
	all, err := f.ImageRepositories(f.Context(), kube.Konflux, f.ns, func(kube.ImageRepository) bool { return true })
	f.no(err)
	if len(all) != 1 || all[0].Name != "till" || all[0].Group != kube.Konflux {
		f.Fatalf("%+v", all)
	}
	kept, err := f.AnnotateImageRepository(f.Context(), all[0], kube.AnnotationChange{Set: map[string]string{keep: "true"}}, false)
	f.no(err)
	f.no(f.UnfinalizeImageRepository(f.Context(), kept))
}

func testImageRepositoriesRefused(f *fixture) {
	r := f.request("cart")
	f.given("{apiVersion: v1, kind: ServiceAccount, metadata: {name: nobody, namespace: NS}}")
	nobody := f.client(kube.Options{Config: f.config(f.T, "system:serviceaccount:"+f.ns+":nobody")})
	_, err := nobody.ImageRepositories(f.Context(), kube.AppStudio, f.ns, func(kube.ImageRepository) bool { return true })
	f.is(err, kube.ErrForbidden)
	for _, dryRun := range []bool{true, false} {
		_, err = nobody.AnnotateImageRepository(f.Context(), r, kube.AnnotationChange{Set: map[string]string{keep: "true"}}, dryRun)
		f.is(err, kube.ErrForbidden)
	}
	before := f.Requests()
	f.is(f.UnfinalizeImageRepository(f.Context(), kube.ImageRepository{Namespace: f.ns, Name: "cart", Finalizer: 1}), kube.ErrInvalid)
	if f.Requests() != before {
		f.Error("a write that would hold whatever others wrote was sent")
	}
}

func testComponentFinalizer(f *fixture) {
	f.given(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: cart, namespace: NS,
		finalizers: [a.example/first, image-controller.appstudio.openshift.io/image-repository, z.example/last]}, spec: {componentName: cart, application: shop}}`)
	c, err := f.Component(f.Context(), kube.AppStudio, f.ns, "cart")
	f.no(err)
	free, err := f.UnfinalizeComponent(f.Context(), c)
	f.no(err)
	if c.Finalizer != 2 || free.Finalizer != 0 || free.ResourceVersion == c.ResourceVersion {
		f.Errorf("before %+v, after %+v", c, free)
	}
	if left := f.object(f.T, "components", f.ns, "cart")["metadata"].(map[string]any)["finalizers"].([]any); len(left) != 2 || left[1] != "z.example/last" {
		f.Errorf("finalizers %v", left)
	}
	_, err = f.UnfinalizeComponent(f.Context(), c)
	f.is(err, kube.ErrConflict)
	_, err = f.UnfinalizeComponent(f.Context(), free)
	f.is(err, kube.ErrInvalid)
	f.given(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: cart, namespace: NS, finalizers: []}, spec: {componentName: cart, application: shop}}`) // so that the definition can go
}
