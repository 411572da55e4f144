package kube

import (
	"context"
	"encoding/json"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// metadata is what is read of every object's.
type metadata struct {
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

// object is embedded in the wire form of every kind.
type object struct {
	Metadata metadata `json:"metadata"`
	odd      bool
}

func (o object) meta() metadata { return o.Metadata }

type wire interface{ meta() metadata }

// odd is a wire form that can be made to hold an object's names alone.
type odd[W any] interface {
	*W
	spoil(metadata)
}

func (o *object) spoil(m metadata) {
	o.odd = true
	o.Metadata = metadata{Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion, CreationTimestamp: m.CreationTimestamp, DeletionTimestamp: m.DeletionTimestamp}
}

// complete reports whether an object has what every object has.
func (m metadata) complete(r resource) bool {
	return m.ResourceVersion != "" && m.named(r)
}

func (m metadata) named(r resource) bool {
	return m.Name != "" && m.UID != "" && (m.Namespace != "") == r.scoped
}

// get reads one object.
func get[W wire](ctx context.Context, c *Client, r resource, namespace, name string) (W, error) {
	k := call{op: "get", resource: r, namespace: namespace, name: name}
	ctx, req := c.prepare(ctx, k, http.MethodGet)
	return finish[W](ctx, k, req)
}

// create makes a new object and returns it as the server answered. That of a dry run has
// no resourceVersion.
func create[W wire](ctx context.Context, c *Client, r resource, namespace, name string, body any, dryRun bool) (W, error) {
	k := call{op: "create", resource: r, namespace: namespace, name: name, unkept: dryRun}
	ctx, req := c.prepare(ctx, k, http.MethodPost)
	if dryRun {
		req.Param("dryRun", metav1.DryRunAll)
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		var none W
		return none, k.failure(ctx, err)
	}
	return finish[W](ctx, k, req.SetHeader("Content-Type", runtime.ContentTypeJSON).Body(encoded))
}

// patch changes an object and returns it as the server answered.
func patch[W wire](ctx context.Context, c *Client, r resource, namespace, name string, form types.PatchType, body any, dryRun bool) (W, error) {
	k := call{op: "patch", resource: r, namespace: namespace, name: name}
	ctx, req := c.prepare(ctx, k, http.MethodPatch)
	if dryRun {
		req.Param("dryRun", metav1.DryRunAll)
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		var none W
		return none, k.failure(ctx, err)
	}
	return finish[W](ctx, k, req.SetHeader("Content-Type", string(form)).Body(encoded))
}

// finish sends a request and decodes the object that answers it. An answer that is
// another object is no answer.
func finish[W wire](ctx context.Context, k call, req *rest.Request) (W, error) {
	var w W
	raw, status, err := k.send(ctx, req)
	if err != nil {
		return w, err
	}
	if json.Unmarshal(raw, &w) != nil {
		return w, k.unusable(status, "the answer is no "+k.resource.kind)
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
