package kube

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"berth/kube/api"

	"k8s.io/apimachinery/pkg/types"
)

// Component is what is kept of a Component (v1alpha1 of either group).
type Component struct {
	Namespace, Name, UID, ResourceVersion string
	Group                                 Group
	Created                               string            // its creationTimestamp, RFC 3339 in UTC to the second, which the API server sets
	Deleting                              bool              // has a deletionTimestamp
	Specified                             bool              // has a spec, which definitions do not demand
	Application                           string            // spec.application, may be empty
	ComponentName                         string            // spec.componentName, may be empty or differ from Name
	ContainerImage                        string            // spec.containerImage, cut at 4097 bytes
	SourceURL                             string            // spec.source.git.url, else spec.source.url
	Announced                             string            // annotation image.redhat.com/image, cut at 4097 bytes; "": none
	Annotations                           map[string]string // the others that Berth knows, nil: none, a value cut at 4097 bytes
	Annotated                             bool              // has annotations, these or others
	Finalizer                             int               // the place of image-controller's among its finalizers, from 1; 0: it has none
	Odd                                   bool              // of a list: not of a Component's form, so that nothing else of it is known
	Twin                                  *Component        // the younger one of the other group that it is one berth with; set by who pairs them
}

type componentWire struct {
	api.Object
	Spec *componentSpec `json:"spec"`
}

type componentSpec struct {
	Application   string `json:"application"`
	ComponentName string `json:"componentName"`
	Image         string `json:"containerImage"`
	Source        struct {
		URL string `json:"url"`
		Git struct {
			URL string `json:"url"`
		} `json:"git"`
	} `json:"source"`
}

func (w componentWire) slim(g Group) Component {
	m := w.Metadata
	var spec componentSpec
	if w.Spec != nil {
		spec = *w.Spec
	}
	return Component{
		Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion,
		Group: g, Created: cut(m.CreationTimestamp, maxName),
		Deleting:    m.DeletionTimestamp != "",
		Specified:   w.Spec != nil,
		Application: cut(spec.Application, maxName), ComponentName: cut(spec.ComponentName, maxName),
		ContainerImage: cut(spec.Image, maxAnnotation),
		SourceURL:      cut(cmp.Or(spec.Source.Git.URL, spec.Source.URL), maxAddress),
		Announced:      cut(m.Annotations[imageAnnotation], maxAnnotation), // nearly all have it, and nothing else
		Annotations:    someOf(m.Annotations, annotations, maxAnnotation),
		Annotated:      m.Annotations != nil,
		Finalizer:      slices.Index(m.Finalizers, componentFinalizer) + 1,
		Odd:            w.Odd,
	}
}

// Components lists the Components of a group and a namespace, of [AllNamespaces], that the
// label selector matches, all when it is "".
func (c *Client) Components(ctx context.Context, g Group, namespace, selector string) ([]Component, error) {
	return api.List(ctx, c.Client, g.of(components), namespace, selector, func(w componentWire) (Component, bool) { return w.slim(g), true })
}

// Component reads one Component.
func (c *Client) Component(ctx context.Context, g Group, namespace, name string) (Component, error) {
	w, err := api.Get[componentWire](ctx, c.Client, g.of(components), namespace, name)
	if err != nil {
		return Component{}, err
	}
	return w.slim(g), nil
}

// AnnotationChange is what is to become of an object's annotations.
type AnnotationChange struct {
	Test   map[string]string // must have these values, or ErrInvalid
	Set    map[string]string
	Remove []string // of those that are kept; one that is not there is left out

	ContainerImage string // spec.containerImage, where the Component names none; "": leave it alone
}

// operation is one of a JSON patch (RFC 6902).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// Annotate changes the annotations of a Component, and what else the change says, all or
// nothing of it, provided it is still as it was read: otherwise ErrConflict, or ErrInvalid
// where a Test, or the removal of what was there, does not fit any more, for these are tried
// first. It returns the Component as it is now; where nothing changed it has its old
// resourceVersion.
func (c *Client) Annotate(ctx context.Context, in Component, change AnnotationChange) (Component, error) {
	refuse := func(why string) (Component, error) {
		return Component{}, api.Refusal("patch", in.Group.of(components), in.Namespace, in.Name, why)
	}
	switch {
	case in.ResourceVersion == "":
		return refuse(noVersion)
	case change.ContainerImage != "" && in.ContainerImage != "":
		return refuse("it names an image already")
	}
	w, err := api.Patch[componentWire](ctx, c.Client, in.Group.of(components), in.Namespace, in.Name, types.JSONPatchType, change.operations(in.ResourceVersion, in.all(), in.Annotated), false)
	if err != nil {
		return Component{}, err
	}
	return w.slim(in.Group), nil
}

// all are the annotations that are kept.
func (c Component) all() map[string]string {
	all := map[string]string{}
	maps.Copy(all, c.Annotations)
	if c.Announced != "" {
		all[imageAnnotation] = c.Announced
	}
	return all
}

// noVersion refuses a write that would hold whatever others wrote.
const noVersion = "no resourceVersion is given"

func (change AnnotationChange) operations(resourceVersion string, annotations map[string]string, annotated bool) []operation {
	// A wrong value here is a conflict (409); a failing test would be invalid (422).
	ops := []operation{{"replace", "/metadata/resourceVersion", resourceVersion}}
	for _, key := range slices.Sorted(maps.Keys(change.Test)) {
		ops = append(ops, operation{"test", annotationPath(key), change.Test[key]})
	}
	if !annotated && len(change.Set) > 0 {
		ops = append(ops, operation{"add", "/metadata/annotations", map[string]string{}})
	}
	for _, key := range slices.Sorted(maps.Keys(change.Set)) {
		ops = append(ops, operation{"add", annotationPath(key), change.Set[key]})
	}
	for _, key := range change.Remove {
		if _, ok := annotations[key]; ok {
			ops = append(ops, operation{Op: "remove", Path: annotationPath(key)})
		}
	}
	if change.ContainerImage != "" {
		ops = append(ops, operation{"add", "/spec/containerImage", change.ContainerImage})
	}
	return ops
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// annotationPath is a JSON pointer (RFC 6901).
func annotationPath(key string) string {
	return "/metadata/annotations/" + pointerEscape.Replace(key)
}
