package kube

import (
	"context"
	"slices"
	"strconv"

	"berth/kube/api"

	"k8s.io/apimachinery/pkg/types"
)

// The finalizers by which image-controller holds up what it has made things for
// (konflux-ci/image-controller internal/controller).
const (
	repositoryFinalizer = "appstudio.openshift.io/image-repository"
	componentFinalizer  = "image-controller.appstudio.openshift.io/image-repository"
)

// ImageRepository is what is kept of one, image-controller's request for a repository
// (v1alpha1 of either group). A tenant may write all of it.
type ImageRepository struct {
	Group                                 Group
	Namespace, Name, UID, ResourceVersion string
	Component                             string            // by its label; "": none
	Owners                                []OwnerReference  // of kind Component
	Image                                 string            // status.image.url, cut at 4097 bytes
	Annotations                           map[string]string // those that Berth knows
	Annotated                             bool              // has annotations, these or others
	Finalizer                             int               // the place of image-controller's among its finalizers, from 1; 0: it has none
	Odd                                   bool              // of a list: not of an ImageRepository's form, so that nothing else of it is known
}

type imageRepositoryWire struct {
	api.Object
	Status struct {
		Image struct {
			URL string `json:"url"`
		} `json:"image"`
	} `json:"status"`
}

func (w imageRepositoryWire) slim(g Group) ImageRepository {
	m := w.Metadata
	return ImageRepository{
		Group: g, Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion,
		Component: cut(m.Labels["appstudio.redhat.com/component"], maxName), Owners: keptOwners(m.OwnerReferences),
		Image:       cut(w.Status.Image.URL, maxAddress),
		Annotations: kept(m.Annotations, repositoryAnnotations, maxAnnotation), Annotated: m.Annotations != nil,
		Finalizer: slices.Index(m.Finalizers, repositoryFinalizer) + 1,
		Odd:       w.Odd,
	}
}

// ImageRepositories lists those of a group and a namespace, of [AllNamespaces], that keep
// wants.
func (c *Client) ImageRepositories(ctx context.Context, g Group, namespace string, keep func(ImageRepository) bool) ([]ImageRepository, error) {
	return api.List(ctx, c.Client, g.of(imageRepositories), namespace, "", func(w imageRepositoryWire) (ImageRepository, bool) {
		r := w.slim(g)
		return r, keep(r)
	})
}

// AnnotateImageRepository changes the annotations of an ImageRepository as [Client.Annotate]
// does a Component's. A dry run is judged in full by the API server, and nothing is kept.
func (c *Client) AnnotateImageRepository(ctx context.Context, in ImageRepository, change AnnotationChange, dryRun bool) (ImageRepository, error) {
	return c.patchImageRepository(ctx, in, change.operations(in.ResourceVersion, in.Annotations, in.Annotated), dryRun)
}

// UnfinalizeImageRepository takes image-controller's finalizer off an ImageRepository that is
// still as it was read: otherwise ErrConflict. One that is being deleted is gone by it.
func (c *Client) UnfinalizeImageRepository(ctx context.Context, in ImageRepository) error {
	_, err := c.patchImageRepository(ctx, in, unfinalize(in.ResourceVersion, in.Finalizer), false)
	return err
}

func (c *Client) patchImageRepository(ctx context.Context, in ImageRepository, ops []operation, dryRun bool) (ImageRepository, error) {
	if in.ResourceVersion == "" {
		return ImageRepository{}, api.Refusal("patch", in.Group.of(imageRepositories), in.Namespace, in.Name, noVersion)
	}
	w, err := api.Patch[imageRepositoryWire](ctx, c.Client, in.Group.of(imageRepositories), in.Namespace, in.Name, types.JSONPatchType, ops, dryRun)
	if err != nil {
		return ImageRepository{}, err
	}
	return w.slim(in.Group), nil
}

// UnfinalizeComponent takes image-controller's finalizer off a Component that is still as it
// was read: otherwise ErrConflict. It returns the Component as it is now.
func (c *Client) UnfinalizeComponent(ctx context.Context, in Component) (Component, error) {
	if in.ResourceVersion == "" || in.Finalizer == 0 {
		return Component{}, api.Refusal("patch", in.Group.of(components), in.Namespace, in.Name, noVersion)
	}
	w, err := api.Patch[componentWire](ctx, c.Client, in.Group.of(components), in.Namespace, in.Name, types.JSONPatchType, unfinalize(in.ResourceVersion, in.Finalizer), false)
	if err != nil {
		return Component{}, err
	}
	return w.slim(in.Group), nil
}

// ReturnSecret takes off a Secret that is still as it was read, otherwise ErrConflict, what
// says that it is Berth's, and makes another object its owner; nil: its owner stays. The
// content stays.
func (c *Client) ReturnSecret(ctx context.Context, s Secret, to *OwnerReference) error {
	if s.ResourceVersion == "" {
		return api.Refusal("patch", secrets, s.Namespace, s.Name, noVersion)
	}
	metadata := map[string]any{
		"resourceVersion": s.ResourceVersion, "annotations": map[string]any{rotatedAtAnnotation: nil},
		"labels": map[string]any{managedByLabel: nil, "appstudio.redhat.com/component": nil, "appstudio.redhat.com/application": nil},
	}
	if to != nil {
		metadata["ownerReferences"] = []OwnerReference{*to}
	}
	_, err := api.Patch[api.Object](ctx, c.Client, secrets, s.Namespace, s.Name, types.MergePatchType, map[string]any{"metadata": metadata}, false)
	return err
}

// unfinalize removes a finalizer by its place, which holds at its resourceVersion.
func unfinalize(resourceVersion string, place int) []operation {
	return []operation{{"replace", "/metadata/resourceVersion", resourceVersion}, {Op: "remove", Path: "/metadata/finalizers/" + strconv.Itoa(place-1)}}
}
