package kube

import (
	"context"

	"berth/kube/api"

	"k8s.io/apimachinery/pkg/types"
)

// OwnSecret adds owners to a Secret that has some and is still as it was read: otherwise
// ErrConflict.
func (c *Client) OwnSecret(ctx context.Context, s Secret, owners []OwnerReference) error {
	return own[secretWire](ctx, c, secrets, s.Namespace, s.Name, s.ResourceVersion, owners)
}

// OwnRemoteSecret adds owners to a RemoteSecret that has some and is still as it was read:
// otherwise ErrConflict.
func (c *Client) OwnRemoteSecret(ctx context.Context, r RemoteSecret, owners []OwnerReference) error {
	return own[remoteSecretWire](ctx, c, remoteSecrets, r.Namespace, r.Name, r.ResourceVersion, owners)
}

// own adds owners to an object that has some. Those that it has stay as they are, whatever
// they say that is not known here. Where owner references are guarded, as on OpenShift, it
// takes the right to delete the object.
func own[W api.Wire](ctx context.Context, c *Client, r api.Resource, namespace, name, resourceVersion string, owners []OwnerReference) error {
	if resourceVersion == "" {
		return api.Refusal("patch", r, namespace, name, noVersion)
	}
	ops := []operation{{"replace", "/metadata/resourceVersion", resourceVersion}}
	for _, o := range owners {
		ops = append(ops, operation{"add", "/metadata/ownerReferences/-", o})
	}
	_, err := api.Patch[W](ctx, c.Client, r, namespace, name, types.JSONPatchType, ops, false)
	return err
}
