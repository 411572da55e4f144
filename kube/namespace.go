package kube

import (
	"context"

	"berth/kube/api"
)

// Namespace is a namespace of the cluster.
type Namespace struct {
	Name, UID   string
	Terminating bool // being deleted: takes nothing new
}

type namespaceWire struct {
	api.Object
	Status struct {
		Phase string `json:"phase"`
	} `json:"status"`
}

func (w namespaceWire) slim() Namespace {
	m := w.Metadata
	return Namespace{
		Name: m.Name, UID: m.UID,
		Terminating: m.DeletionTimestamp != "" || w.Status.Phase == "Terminating",
	}
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
