package remotesecret

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	uploadSelector     = "appstudio.redhat.com/upload-secret=remotesecret"
	remoteSecretName   = "appstudio.redhat.com/remotesecret-name"
	targetNamespace    = "appstudio.redhat.com/remotesecret-target-namespace"
	partialUpdate      = "appstudio.redhat.com/remotesecret-partial-update"
	opaque             = "Opaque"
	dockerConfigType   = "kubernetes.io/dockerconfigjson"
	dockerConfigSecret = ".dockerconfigjson"
)

// takeIn stores what the upload Secrets bring and deletes them, whatever came of it.
// Why one was dropped stands nowhere: the real operator tells it in an Event.
func (o *Operator) takeIn(ctx context.Context) error {
	uploads, err := o.own.list(ctx, secrets, "", uploadSelector)
	if err != nil {
		return err
	}
	var errs []error
	for _, upload := range uploads {
		if upload.GetDeletionTimestamp() != nil {
			continue
		}
		if !o.drops() {
			_ = o.take(ctx, upload)
		}
		if err := o.own.delete(ctx, secrets, upload.GetNamespace(), upload.GetName()); err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, err)
			continue
		}
		o.taken(key{upload.GetNamespace(), upload.GetAnnotations()[remoteSecretName]})
	}
	return errors.Join(errs...)
}

// take stores the data of one upload Secret.
func (o *Operator) take(ctx context.Context, upload *unstructured.Unstructured) error {
	if _, partial := upload.GetAnnotations()[partialUpdate]; partial {
		return errors.New("partial updates are not played")
	}
	r, err := o.named(ctx, upload)
	if err != nil {
		return err
	}
	data, err := content(upload)
	if err != nil {
		return err
	}
	uploaded, _, _ := unstructured.NestedString(upload.Object, "type")
	if err := r.fits(uploaded, data); err != nil {
		return err
	}
	o.store(r, data)
	return nil
}

// named finds the RemoteSecret of an upload and makes a bare one where there is none.
func (o *Operator) named(ctx context.Context, upload *unstructured.Unstructured) (*remoteSecret, error) {
	name := upload.GetAnnotations()[remoteSecretName]
	if name != "" {
		found, err := o.own.get(ctx, remoteSecrets, upload.GetNamespace(), name)
		if err == nil {
			return parse(found)
		}
		if !apierrors.IsNotFound(err) {
			return nil, err
		}
	}
	spec := map[string]any{"secret": map[string]any{}}
	if namespace, given := upload.GetAnnotations()[targetNamespace]; given {
		spec["targets"] = []any{map[string]any{"namespace": namespace}}
	}
	made := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	made.SetAPIVersion(remoteSecrets.apiVersion)
	made.SetKind(remoteSecrets.kind)
	made.SetNamespace(upload.GetNamespace())
	made.SetName(name)
	if name == "" {
		made.SetGenerateName("generated-")
	}
	if err := o.own.create(ctx, remoteSecrets, made); err != nil {
		return nil, err
	}
	return parse(made)
}

// fits refuses data of another type than the RemoteSecret's, or without the keys that it
// or its type asks for.
func (r *remoteSecret) fits(uploaded string, data map[string][]byte) error {
	want := cmp.Or(r.Spec.Secret.Type, opaque)
	if cmp.Or(uploaded, opaque) != want {
		return fmt.Errorf("the type of upload secret and remote secret spec do not match, uploadSecret: %s, remoteSecret: %s", uploaded, r.Spec.Secret.Type)
	}
	var keys []string
	if want == dockerConfigType {
		keys = append(keys, dockerConfigSecret)
	}
	for _, k := range r.Spec.Secret.Keys {
		keys = append(keys, k.Name)
	}
	missing := slices.DeleteFunc(keys, func(name string) bool { _, there := data[name]; return there })
	if len(missing) > 0 {
		return fmt.Errorf("the secret data does not contain the required keys: %v", missing)
	}
	return nil
}

// content decodes a Secret's data.
func content(secret *unstructured.Unstructured) (map[string][]byte, error) {
	encoded, _, err := unstructured.NestedStringMap(secret.Object, "data")
	if err != nil {
		return nil, err
	}
	data := make(map[string][]byte, len(encoded))
	for name, value := range encoded {
		if data[name], err = base64.StdEncoding.DecodeString(value); err != nil {
			return nil, errors.New("the data of the secret are no base64")
		}
	}
	return data, nil
}
