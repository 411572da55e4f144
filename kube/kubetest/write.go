package kubetest

import (
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func (s *Server) get(q request, k *kind) answer {
	object := s.store.get(k, q.namespace, q.name)
	if object == nil {
		return failure(notFound(k, q.name))
	}
	return q.success(http.StatusOK, object)
}

func (s *Server) create(q request, k *kind) answer {
	object, err := q.decode(k)
	if err != nil {
		return failure(err)
	}
	if object.GetResourceVersion() != "" {
		return failure(errors.New("resourceVersion should not be set on objects to be created"))
	}
	object.SetUID("")
	if k.status {
		delete(object.Object, "status")
	}
	if err := s.admit(k, object); err != nil {
		return failure(err)
	}
	if err := s.webhook.review(q, k, object); err != nil {
		return failure(err)
	}
	if err := s.add(k, object, q.dryRun()); err != nil {
		return failure(err)
	}
	return q.success(http.StatusCreated, object)
}

// decode reads the object in a request's body.
func (q request) decode(k *kind) (*unstructured.Unstructured, error) {
	object := &unstructured.Unstructured{}
	if err := json.Unmarshal(q.body, &object.Object); err != nil || object.Object == nil {
		return nil, apierrors.NewBadRequest("the body is not a JSON object")
	}
	if object.GetAPIVersion() != k.apiVersion() || object.GetKind() != k.kind {
		return nil, apierrors.NewBadRequest("the object provided is unrecognized (must be of type " + k.kind + ")")
	}
	if k.scoped && object.GetNamespace() == "" {
		object.SetNamespace(q.namespace)
	}
	if k.scoped && object.GetNamespace() != q.namespace {
		return nil, apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
	}
	return object, nil
}

// add stores a new object, which becomes what the API server would answer, in a
// namespace that takes it.
func (s *Server) add(k *kind, object *unstructured.Unstructured, dryRun bool) error {
	if object.GetName() == "" && object.GetGenerateName() != "" {
		object.SetName(fmt.Sprintf("%s%05d", object.GetGenerateName(), mathrand.IntN(1e5)))
	}
	if object.GetUID() == "" {
		object.SetUID(types.UID(s.options.NewUID()))
	}
	object.SetCreationTimestamp(metav1.NewTime(s.options.Now().UTC().Truncate(time.Second)))
	object.SetDeletionTimestamp(nil)
	if k.custom {
		object.SetGeneration(1)
	}
	if err := k.prepared(object); err != nil {
		return err
	}
	if errs := k.check(object, nil); len(errs) > 0 {
		return apierrors.NewInvalid(k.groupKind(), object.GetName(), errs)
	}
	if s.store.get(k, object.GetNamespace(), object.GetName()) != nil {
		return apierrors.NewAlreadyExists(k.resource(), object.GetName())
	}
	if !dryRun {
		s.store.put(k, object)
	}
	return nil
}

func randomUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// admit refuses what is created where there is no namespace, or not for long.
func (s *Server) admit(k *kind, object *unstructured.Unstructured) error {
	if !k.scoped {
		return nil
	}
	name := object.GetNamespace()
	namespaces := s.mustKind("namespaces")
	namespace := s.store.get(namespaces, "", name)
	switch {
	case namespace == nil:
		return notFound(namespaces, name)
	case namespace.GetDeletionTimestamp() == nil:
		return nil
	}
	err := apierrors.NewForbidden(k.resource(), object.GetName(),
		fmt.Errorf("unable to create new content in namespace %s because it is being terminated", name))
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{
		Type: "NamespaceTerminating", Message: fmt.Sprintf("namespace %s is being terminated", name), Field: "metadata.namespace",
	}}
	return err
}

func (s *Server) update(q request, k *kind) answer {
	old := s.store.get(k, q.namespace, q.name)
	if old == nil {
		return failure(notFound(k, q.name))
	}
	object, err := q.decode(k)
	if err != nil {
		return failure(err)
	}
	if object.GetUID() == "" {
		object.SetUID(old.GetUID())
	}
	object.SetCreationTimestamp(old.GetCreationTimestamp())
	return s.finish(q, k, old, object)
}

// finish stores what a request made of an object.
func (s *Server) finish(q request, k *kind, old, object *unstructured.Unstructured) answer {
	if err := s.webhook.review(q, k, object); err != nil {
		return failure(err)
	}
	if k.status {
		object = q.reach(old, object)
	}
	object, err := s.change(k, old, object, q.dryRun(), func(object *unstructured.Unstructured) error {
		return s.guardOwners(q, k, old, object)
	})
	if err != nil {
		return failure(err)
	}
	return q.success(http.StatusOK, object)
}

// reach undoes what a request cannot change: by way of the subresource all but the
// status, else the status
// (k8s.io/apiextensions-apiserver pkg/registry/customresource/{,status_}strategy.go).
func (q request) reach(old, object *unstructured.Unstructured) *unstructured.Unstructured {
	result, status := object, old
	if q.subresource == "status" {
		result, status = old.DeepCopy(), object
		result.SetResourceVersion(object.GetResourceVersion())
	}
	if value, given := status.Object["status"]; given {
		result.Object["status"] = value
	} else {
		delete(result.Object, "status")
	}
	return result
}

// change stores an object's new state, provided it was made of the old one and is
// valid and admitted, and returns it. What changes nothing is not stored.
func (s *Server) change(k *kind, old, object *unstructured.Unstructured, dryRun bool, admitted func(*unstructured.Unstructured) error) (*unstructured.Unstructured, error) {
	if version := object.GetResourceVersion(); version != "" && version != old.GetResourceVersion() {
		return nil, apierrors.NewConflict(k.resource(), old.GetName(),
			fmt.Errorf("the object has been modified; please apply your changes to the latest version and try again"))
	}
	if k.custom && object.GetResourceVersion() == "" { // others are changed unconditionally
		return nil, apierrors.NewInvalid(schema.GroupKind{Group: k.group, Kind: k.plural}, old.GetName(), field.ErrorList{
			field.Invalid(field.NewPath("metadata", "resourceVersion"), 0, "must be specified for an update"),
		})
	}
	object.SetResourceVersion(old.GetResourceVersion())
	object.SetDeletionTimestamp(old.GetDeletionTimestamp())
	object.SetDeletionGracePeriodSeconds(old.GetDeletionGracePeriodSeconds())
	if err := k.prepared(object); err != nil {
		return nil, err
	}
	object.SetGeneration(old.GetGeneration())
	if k.custom && !sameSpec(old, object) {
		object.SetGeneration(old.GetGeneration() + 1)
	}
	if errs := k.check(object, old); len(errs) > 0 {
		return nil, apierrors.NewInvalid(k.groupKind(), old.GetName(), errs)
	}
	tidy(object)
	if err := admitted(object); err != nil {
		return nil, err
	}
	switch {
	case equality.Semantic.DeepEqual(old.Object, object.Object):
		return old, nil
	case dryRun:
	case object.GetDeletionTimestamp() != nil && len(object.GetFinalizers()) == 0:
		s.store.remove(k, old)
	default:
		s.store.put(k, object)
	}
	return object, nil
}

// sameSpec compares all but metadata and status.
func sameSpec(a, b *unstructured.Unstructured) bool {
	rest := func(o *unstructured.Unstructured) map[string]any {
		others := map[string]any{}
		for name, value := range o.Object {
			if name != "metadata" && name != "status" {
				others[name] = value
			}
		}
		return others
	}
	return equality.Semantic.DeepEqual(rest(a), rest(b))
}

// tidy takes empty maps and lists off the metadata, as every decoding into
// Kubernetes' own types does.
func tidy(object *unstructured.Unstructured) {
	metadata, _ := object.Object["metadata"].(map[string]any)
	for _, name := range []string{"labels", "annotations", "ownerReferences", "finalizers"} {
		switch value := metadata[name].(type) {
		case map[string]any:
			if len(value) == 0 {
				delete(metadata, name)
			}
		case []any:
			if len(value) == 0 {
				delete(metadata, name)
			}
		}
	}
}
