package kubetest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const maxSecret = 1 << 20

// prepared sets what the API server sets by itself.
func (k *kind) prepared(object *unstructured.Unstructured) error {
	k.schema.fit(object)
	if k.prepare != nil {
		k.prepare(object)
	}
	if k.kind != "Secret" {
		return nil
	}
	if _, err := content(object); err != nil {
		return apierrors.NewBadRequest("Secret in version \"v1\" cannot be handled as a Secret: " + err.Error())
	}
	return nil
}

// check judges a new object, or a changed one with its old state.
func (k *kind) check(object, old *unstructured.Unstructured) field.ErrorList {
	metadata := field.NewPath("metadata")
	var errs field.ErrorList
	if old == nil {
		name := k.name
		if name == nil {
			name = validation.NameIsDNSSubdomain
		}
		errs = validation.ValidateObjectMetaAccessor(object, k.scoped, name, metadata)
	} else {
		errs = validation.ValidateObjectMetaAccessorUpdate(object, old, metadata)
	}
	errs = append(errs, k.schema.errors(object.Object, nil)...)
	if k.validate != nil {
		errs = append(errs, k.validate(object, old)...)
	}
	return errs
}

// prepareSecret gives a Secret its type and moves stringData to where it is kept.
func prepareSecret(secret *unstructured.Unstructured) {
	if text, _, _ := unstructured.NestedString(secret.Object, "type"); text == "" {
		mustSet(secret, "Opaque", "type")
	}
	plain, _, _ := unstructured.NestedStringMap(secret.Object, "stringData")
	for key, value := range plain {
		mustSet(secret, base64.StdEncoding.EncodeToString([]byte(value)), "data", key)
	}
	delete(secret.Object, "stringData")
	if data, _, _ := unstructured.NestedMap(secret.Object, "data"); len(data) == 0 {
		delete(secret.Object, "data")
	}
}

// content decodes a Secret's data.
func content(secret *unstructured.Unstructured) (map[string][]byte, error) {
	encoded, _, err := unstructured.NestedStringMap(secret.Object, "data")
	if err != nil {
		return nil, err
	}
	data := map[string][]byte{}
	for key, value := range encoded {
		if data[key], err = base64.StdEncoding.DecodeString(value); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// validateSecret follows ValidateSecret and ValidateSecretUpdate in
// kubernetes/kubernetes pkg/apis/core/validation, for the types that matter here.
func validateSecret(secret, old *unstructured.Unstructured) field.ErrorList {
	var errs field.ErrorList
	data, _ := content(secret)
	kind, _, _ := unstructured.NestedString(secret.Object, "type")
	if old != nil {
		was, _, _ := unstructured.NestedString(old.Object, "type")
		errs = append(errs, validation.ValidateImmutableField(kind, was, field.NewPath("type"))...)
		errs = append(errs, validateImmutable(secret, old)...)
	}
	size := 0
	for _, value := range data {
		size += len(value)
	}
	path := field.NewPath("data")
	if size > maxSecret {
		errs = append(errs, field.TooLong(path, "", maxSecret))
	}
	const dockerConfig = ".dockerconfigjson"
	if kind != "kubernetes.io/dockerconfigjson" {
		return errs
	}
	raw, ok := data[dockerConfig]
	if !ok {
		return append(errs, field.Required(path.Key(dockerConfig), ""))
	}
	if err := json.Unmarshal(raw, &map[string]any{}); err != nil {
		errs = append(errs, field.Invalid(path.Key(dockerConfig), "<secret contents redacted>", err.Error()))
	}
	return errs
}

func validateImmutable(secret, old *unstructured.Unstructured) field.ErrorList {
	const reason = "field is immutable when `immutable` is set"
	if was, _, _ := unstructured.NestedBool(old.Object, "immutable"); !was {
		return nil
	}
	var errs field.ErrorList
	if is, _, _ := unstructured.NestedBool(secret.Object, "immutable"); !is {
		errs = append(errs, field.Forbidden(field.NewPath("immutable"), reason))
	}
	before, err := content(old)
	if err != nil {
		panic(fmt.Sprintf("kubetest: a stored Secret cannot be read: %v", err))
	}
	if after, _ := content(secret); !reflect.DeepEqual(before, after) {
		errs = append(errs, field.Forbidden(field.NewPath("data"), reason))
	}
	return errs
}

// prepareLease takes out what is null, as decoding into the API's own type does.
func prepareLease(lease *unstructured.Unstructured) {
	spec, _, _ := unstructured.NestedMap(lease.Object, "spec")
	maps.DeleteFunc(spec, func(_ string, value any) bool { return value == nil })
	mustSet(lease, spec, "spec")
}

// validateLease follows ValidateLeaseSpec in kubernetes/kubernetes
// pkg/apis/coordination/validation, for the fields that a holder writes.
func validateLease(lease, _ *unstructured.Unstructured) field.ErrorList {
	path := field.NewPath("spec").Child("leaseDurationSeconds")
	seconds, given, err := unstructured.NestedInt64(lease.Object, "spec", "leaseDurationSeconds")
	if err != nil || given && seconds <= 0 {
		return field.ErrorList{field.Invalid(path, seconds, "must be greater than 0")}
	}
	return nil
}
