package kubetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

type answer struct {
	status      int
	contentType string
	header      map[string]string
	body        []byte
}

func (a answer) write(w http.ResponseWriter) {
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", a.contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client may be gone
}

func encode(status int, body any) answer {
	raw, err := json.Marshal(body)
	if err != nil {
		panic("kubetest: " + err.Error())
	}
	return answer{status: status, contentType: "application/json", body: append(raw, '\n')}
}

// success answers with an object, or its metadata where only that is asked for.
func (q request) success(status int, object *unstructured.Unstructured) answer {
	if q.partial {
		return encode(status, partial(object))
	}
	return encode(status, object.Object)
}

func partial(object *unstructured.Unstructured) map[string]any {
	return map[string]any{
		"apiVersion": "meta.k8s.io/v1",
		"kind":       "PartialObjectMetadata",
		"metadata":   object.Object["metadata"],
	}
}

// failure answers with the error as a Status.
func failure(err error) answer {
	var known apierrors.APIStatus
	if !errors.As(err, &known) {
		known = &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Message: err.Error()}}
	}
	status := known.Status()
	status.Kind, status.APIVersion = "Status", "v1"
	a := encode(int(status.Code), status)
	if status.Details != nil && status.Details.RetryAfterSeconds > 0 {
		a.header = map[string]string{"Retry-After": strconv.Itoa(int(status.Details.RetryAfterSeconds))}
	}
	return a
}

func unauthorized() error { return apierrors.NewUnauthorized("Unauthorized") }

func notFound(k *kind, name string) error { return apierrors.NewNotFound(k.resource(), name) }

func notSimulated(what string) error {
	err := apierrors.NewGenericServerResponse(http.StatusNotImplemented, "", schema.GroupResource{}, "", "", 0, false)
	err.ErrStatus.Message = fmt.Sprintf("the simulator does not answer %s", what)
	return err
}

func unsupportedMediaType(contentType string, accepted string) error {
	err := apierrors.NewGenericServerResponse(http.StatusUnsupportedMediaType, "", schema.GroupResource{}, "", "", 0, false)
	err.ErrStatus.Reason = metav1.StatusReasonUnsupportedMediaType
	err.ErrStatus.Message = fmt.Sprintf("the body of the request was in an unknown format - accepted media types include: %s, not %s", accepted, contentType)
	return err
}
