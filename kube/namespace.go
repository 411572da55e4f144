package kube

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	"berth/kube/api"
)

// Namespace is what is kept of a namespace.
type Namespace struct {
	Name, UID, ResourceVersion string
	Terminating                bool              // being deleted: takes nothing new
	Annotations                map[string]string // those that Berth knows, a value cut at 4097 bytes; nil: there are none
	Annotated                  bool              // has annotations, these or others
}

type namespaceWire struct {
	api.Object
	Status struct {
		Phase string `json:"phase"`
	} `json:"status"`
}

func (w namespaceWire) slim() Namespace {
	m := w.Metadata
	n := Namespace{
		Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion,
		Terminating: m.DeletionTimestamp != "" || w.Status.Phase == "Terminating",
		Annotated:   m.Annotations != nil,
	}
	if some := kept(m.Annotations, namespaceAnnotations, maxAnnotation); len(some) > 0 {
		n.Annotations = some
	}
	return n
}

// Namespaces lists all namespaces.
func (c *Client) Namespaces(ctx context.Context) ([]Namespace, error) {
	return api.List(ctx, c.Client, namespaces, "", "", func(w namespaceWire) (Namespace, bool) { return w.slim(), true })
}

// Namespace reads one namespace.
func (c *Client) Namespace(ctx context.Context, name string) (Namespace, error) {
	w, err := api.Get[namespaceWire](ctx, c.Client, namespaces, "", name)
	if err != nil {
		return Namespace{}, err
	}
	return w.slim(), nil
}

// AnnotateNamespace changes the annotations of a namespace as [Client.Annotate] does a
// Component's.
func (c *Client) AnnotateNamespace(ctx context.Context, in Namespace, change AnnotationChange) (Namespace, error) {
	if in.ResourceVersion == "" {
		return Namespace{}, api.Refusal("patch", namespaces, "", in.Name, noVersion)
	}
	w, err := api.Patch[namespaceWire](ctx, c.Client, namespaces, "", in.Name, types.JSONPatchType, change.operations(in.ResourceVersion, in.Annotations, in.Annotated), false)
	if err != nil {
		return Namespace{}, err
	}
	return w.slim(), nil
}
