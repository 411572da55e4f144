package api

import (
	"context"
	"encoding/json"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// OwnerReference names the object whose deletion takes its dependents with it.
type OwnerReference struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	UID        string `json:"uid"`
}

// Metadata is what is read of every object's.
type Metadata struct {
	Namespace         string            `json:"namespace"`
	Name              string            `json:"name"`
	UID               string            `json:"uid"`
	ResourceVersion   string            `json:"resourceVersion"`
	CreationTimestamp string            `json:"creationTimestamp"`
	DeletionTimestamp string            `json:"deletionTimestamp"`
	Labels            map[string]string `json:"labels"`
	Annotations       map[string]string `json:"annotations"`
	OwnerReferences   []OwnerReference  `json:"ownerReferences"`
	Finalizers        []string          `json:"finalizers"`
}

// Object is embedded in the wire form of every kind.
type Object struct {
	Metadata Metadata `json:"metadata"`
	Odd      bool     `json:"-"` // of a list: not of its kind's form, so that nothing but its names is known
}

func (o Object) meta() Metadata { return o.Metadata }

// Wire is what embeds [Object].
type Wire interface{ meta() Metadata }

// odd is a wire form that can be made to hold an object's names alone.
type odd[W any] interface {
	*W
	spoil(Metadata)
}

func (o *Object) spoil(m Metadata) {
	o.Odd = true
	o.Metadata = Metadata{Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion, CreationTimestamp: m.CreationTimestamp, DeletionTimestamp: m.DeletionTimestamp}
}

// complete reports whether an object has what every object has.
func (m Metadata) complete(r Resource) bool {
	return m.ResourceVersion != "" && m.named(r)
}

func (m Metadata) named(r Resource) bool {
	return m.Name != "" && m.UID != "" && (m.Namespace != "") == r.Scoped
}

// Get reads one object, in no older state than that of this moment, as [Each] does.
func Get[W Wire](ctx context.Context, c *Client, r Resource, namespace, name string) (W, error) {
	k := call{op: "get", resource: r, namespace: namespace, name: name}
	ctx, req := c.prepare(ctx, k, http.MethodGet)
	return finish[W](ctx, k, req)
}

// Create makes a new object and returns it as the server answered. That of a dry run has
// no resourceVersion.
func Create[W Wire](ctx context.Context, c *Client, r Resource, namespace, name string, body any, dryRun bool) (W, error) {
	k := call{op: "create", resource: r, namespace: namespace, name: name, unkept: dryRun}
	return write[W](ctx, c, k, http.MethodPost, runtime.ContentTypeJSON, body, dryRun)
}

// Patch changes an object and returns it as the server answered.
func Patch[W Wire](ctx context.Context, c *Client, r Resource, namespace, name string, form types.PatchType, body any, dryRun bool) (W, error) {
	k := call{op: "patch", resource: r, namespace: namespace, name: name}
	return write[W](ctx, c, k, http.MethodPatch, string(form), body, dryRun)
}

func write[W Wire](ctx context.Context, c *Client, k call, method, form string, body any, dryRun bool) (W, error) {
	ctx, req := c.prepare(ctx, k, method)
	if dryRun {
		req.Param("dryRun", metav1.DryRunAll)
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		var none W
		return none, k.failure(ctx, err)
	}
	return finish[W](ctx, k, req.SetHeader("Content-Type", form).Body(encoded))
}

// Delete deletes an object that is still at the resourceVersion: otherwise [ErrConflict].
// One with finalizers only begins to go.
func Delete(ctx context.Context, c *Client, r Resource, namespace, name, resourceVersion string) error {
	k := call{op: "delete", resource: r, namespace: namespace, name: name}
	ctx, req := c.prepare(ctx, k, http.MethodDelete)
	encoded, err := json.Marshal(metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: &resourceVersion}})
	if err != nil {
		return k.failure(ctx, err)
	}
	raw, status, err := k.send(ctx, req.SetHeader("Content-Type", runtime.ContentTypeJSON).Body(encoded))
	if err != nil {
		return err
	}
	return k.deleted(raw, status)
}

// finish sends a request and decodes the object that answers it. An answer that is
// another object is no answer.
func finish[W Wire](ctx context.Context, k call, req *rest.Request) (W, error) {
	var w W
	raw, status, err := k.send(ctx, req)
	if err != nil {
		return w, err
	}
	if json.Unmarshal(raw, &w) != nil {
		return w, k.unusable(status, "the answer is no "+k.resource.Kind)
	}
	if m := w.meta(); !(m.complete(k.resource) || k.unkept && m.named(k.resource)) || m.Name != k.name || m.Namespace != k.namespace {
		return w, k.unusable(status, "the answer is about something else")
	}
	return w, nil
}

// send returns the body and the status of the answer to a request. An error of the API
// server's is known as what it is only after client-go's Result.Error: Result.Raw by
// itself takes each for an unexpected answer.
func (k call) send(ctx context.Context, req *rest.Request) (raw []byte, status int, err error) {
	result := req.Do(ctx)
	if err = result.Error(); err == nil {
		raw, err = result.Raw()
	}
	if err != nil {
		return nil, 0, k.failure(ctx, err)
	}
	result.StatusCode(&status)
	return raw, status, nil
}

// deleted reads the answer to a delete: a Status that says success or, while a finalizer
// keeps the object, the object.
func (k call) deleted(raw []byte, status int) error {
	var answer struct {
		Kind     string `json:"kind"`
		Status   string `json:"status"`
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
		Details struct {
			Name string `json:"name"`
		} `json:"details"`
	}
	switch err := json.Unmarshal(raw, &answer); {
	case err == nil && answer.Kind == "Status" && answer.Status == metav1.StatusSuccess && answer.Details.Name == k.name:
		return nil
	case err == nil && answer.Kind == k.resource.Kind && answer.Metadata.Name == k.name:
		return nil
	}
	return k.unusable(status, "the answer does not say that it is deleted")
}
