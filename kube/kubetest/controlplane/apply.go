package controlplane

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// Apply brings every object of a stream of YAML documents to the cluster as
// [Admin] and returns the answers in the same order: server-side apply for an
// object with a name, create for one with generateName. It stops at the first
// error; a field that the API does not know is one. Before it goes on to another
// kind and before it returns, the custom resources it has defined are served.
func (cp *ControlPlane) Apply(ctx context.Context, manifests []byte) ([]*unstructured.Unstructured, error) {
	objects, err := decode(manifests)
	if err != nil {
		return nil, err
	}
	answers := make([]*unstructured.Unstructured, 0, len(objects))
	var defined []schema.GroupVersionKind
	for _, object := range objects {
		if object.GetKind() == "CustomResourceDefinition" {
			defined = append(defined, definedKinds(object)...)
		} else if err := cp.awaitServed(ctx, defined); err != nil {
			return answers, err
		} else {
			defined = nil
		}
		answer, err := cp.apply(ctx, object)
		if err != nil {
			return answers, fmt.Errorf("apply %s %s%s: %w", object.GetKind(), object.GetName(), object.GetGenerateName(), err)
		}
		answers = append(answers, answer)
	}
	return answers, cp.awaitServed(ctx, defined)
}

// decode skips documents that hold only comments. A key that is there twice is an
// error.
func decode(manifests []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifests)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		object := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict(document, &object.Object); err != nil {
			return nil, err
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}

func (cp *ControlPlane) apply(ctx context.Context, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	kind := object.GroupVersionKind()
	resource, err := cp.resource(ctx, kind)
	if err != nil {
		return nil, err
	}
	client := cp.objects.Resource(kind.GroupVersion().WithResource(resource)).Namespace(object.GetNamespace())
	if object.GetName() == "" {
		return client.Create(ctx, object, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	}
	return client.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: "controlplane", Force: true})
}

// definedKinds returns the kinds that a definition adds to the API.
func definedKinds(definition *unstructured.Unstructured) []schema.GroupVersionKind {
	group, _, _ := unstructured.NestedString(definition.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(definition.Object, "spec", "names", "kind")
	versions, _, _ := unstructured.NestedSlice(definition.Object, "spec", "versions")
	var kinds []schema.GroupVersionKind
	for _, version := range versions {
		if v, ok := version.(map[string]any); ok && v["served"] == true {
			kinds = append(kinds, schema.GroupVersionKind{Group: group, Version: fmt.Sprint(v["name"]), Kind: kind})
		}
	}
	return kinds
}

// awaitServed returns when the resources of the kinds are listed by discovery and
// answer, which are two things.
func (cp *ControlPlane) awaitServed(ctx context.Context, kinds []schema.GroupVersionKind) error {
	for _, kind := range kinds {
		err := cp.wait(ctx, kind.String(), func(ctx context.Context) bool {
			resource, err := cp.resource(ctx, kind)
			return err == nil && cp.answers(groupVersionPath(kind)+"/"+resource)(ctx)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// resource asks discovery for the plural of a kind. The discovery package of
// client-go would ask for us, but brings every typed API along.
func (cp *ControlPlane) resource(ctx context.Context, kind schema.GroupVersionKind) (string, error) {
	var list metav1.APIResourceList
	if err := cp.get(ctx, groupVersionPath(kind), &list); err != nil {
		return "", err
	}
	for _, r := range list.APIResources {
		if r.Kind == kind.Kind {
			return r.Name, nil
		}
	}
	return "", fmt.Errorf("the API server serves no %s", kind)
}

func groupVersionPath(kind schema.GroupVersionKind) string {
	if kind.Group == "" {
		return "/api/" + kind.Version
	}
	return "/apis/" + kind.Group + "/" + kind.Version
}
