package kubetest

import (
	"fmt"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/json"
)

func (s *Server) delete(q request, k *kind) answer {
	object := s.store.get(k, q.namespace, q.name)
	if object == nil {
		return failure(notFound(k, q.name))
	}
	options, ok := q.deleteOptions()
	if !ok {
		return failure(apierrors.NewBadRequest("the body is no DeleteOptions"))
	}
	if err := k.precondition(options.Preconditions, object); err != nil {
		return failure(err)
	}
	if !q.dryRun() {
		if going := s.expel(k, object); going != nil {
			return q.success(http.StatusOK, going)
		}
	}
	details := &metav1.StatusDetails{Name: q.name, Group: k.group, Kind: k.plural, UID: object.GetUID()}
	return encode(http.StatusOK, metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess, Details: details,
	})
}

// deleteOptions are what the body of a delete says.
func (q request) deleteOptions() (options metav1.DeleteOptions, ok bool) {
	return options, len(q.body) == 0 || json.Unmarshal(q.body, &options) == nil
}

// precondition follows BeforeDelete in k8s.io/apiserver pkg/registry/rest/delete.go.
func (k *kind) precondition(p *metav1.Preconditions, object *unstructured.Unstructured) error {
	kind := schema.GroupResource{Group: k.group, Resource: k.kind}
	switch {
	case p == nil:
		return nil
	case p.UID != nil && *p.UID != object.GetUID():
		return apierrors.NewConflict(kind, object.GetName(), fmt.Errorf("the UID in the precondition (%s) does not match the UID in record (%s). "+
			"The object might have been deleted and then recreated", *p.UID, object.GetUID()))
	case p.ResourceVersion != nil && *p.ResourceVersion != object.GetResourceVersion():
		return apierrors.NewConflict(kind, object.GetName(), fmt.Errorf("the ResourceVersion in the precondition (%s) does not match the ResourceVersion in record (%s). "+
			"The object might have been modified", *p.ResourceVersion, object.GetResourceVersion()))
	}
	return nil
}

// expel deletes an object, or marks it where finalizers, or a namespace's content,
// must go first; then it returns it.
func (s *Server) expel(k *kind, object *unstructured.Unstructured) *unstructured.Unstructured {
	if len(object.GetFinalizers()) == 0 && k.kind != "Namespace" {
		s.store.remove(k, object)
		return nil
	}
	if object.GetDeletionTimestamp() != nil {
		return object
	}
	going := object.DeepCopy()
	if generation := going.GetGeneration(); generation > 0 { // markAsDeleting in pkg/registry/generic/registry/store.go
		going.SetGeneration(generation + 1)
	}
	now := metav1.NewTime(s.options.Now().UTC().Truncate(time.Second))
	going.SetDeletionTimestamp(&now)
	if k.kind == "Namespace" {
		mustSet(going, "Terminating", "status", "phase")
	} else {
		var at int64
		going.SetDeletionGracePeriodSeconds(&at)
	}
	s.store.put(k, going)
	return going
}
