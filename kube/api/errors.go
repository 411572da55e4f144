package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/rest"
)

// The kinds of failure a caller tells apart with [errors.Is].
var (
	// ErrNotFound: the API server said that the object, or the namespace it was to
	// be in, is not there. Nothing else is ever read as absence.
	ErrNotFound = errors.New("not found")
	// ErrExists: a create met an object of that name.
	ErrExists = errors.New("already exists")
	// ErrConflict: the object is not at the resourceVersion given any more.
	ErrConflict = errors.New("changed meanwhile")
	// ErrForbidden: the user lacks the right, or an admission rule forbids it.
	ErrForbidden = errors.New("forbidden")
	// ErrQuota: a ResourceQuota of the namespace has no room for the object.
	ErrQuota = errors.New("a quota of the namespace is used up")
	// ErrFull: there is so much on the object that nothing more fits.
	ErrFull = errors.New("the object has no room left")
	// ErrUnauthorized: the cluster does not know the credentials.
	ErrUnauthorized = errors.New("the cluster rejects the credentials")
	// ErrInvalid: the API server refused the request as it stands; a test of a
	// JSON patch that failed is among these.
	ErrInvalid = errors.New("refused as invalid")
	// ErrNoDryRun: an admission webhook does not say what it would do.
	ErrNoDryRun = errors.New("cannot be tried without doing it")
	// ErrTerminating: the namespace is being deleted and takes nothing new.
	ErrTerminating = errors.New("the namespace is being deleted")
	// ErrUnavailable: no usable answer. A write may have taken effect.
	ErrUnavailable = errors.New("no usable answer from the cluster")
	// ErrNotInstalled: the cluster does not serve this kind of object.
	ErrNotInstalled = errors.New("the cluster does not serve this kind")
	// ErrReadOnly: the client was made read-only and sent nothing.
	ErrReadOnly = errors.New("this client does not write")
)

// Error is a failed call. Its text is one sentence that shows neither a body nor
// an address.
type Error struct {
	Op, Kind, Namespace, Name string // what was tried, such as get, Secret, NAMESPACE, NAME
	Status                    int    // HTTP status, 0 when there was no answer
	Reason                    string // the API server's word for it, such as AlreadyExists
	Message                   string // what it said, cleaned, at most 256 bytes; may be empty
	kind                      error
	cause                     error
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op + " " + e.Kind)
	if e.Op == "list" {
		b.WriteByte('s')
	}
	switch {
	case e.Namespace != "" && e.Name != "":
		b.WriteString(" " + e.Namespace + "/" + e.Name)
	case e.Name != "":
		b.WriteString(" " + e.Name)
	case e.Namespace != "":
		b.WriteString(" in " + e.Namespace)
	}
	b.WriteString(": " + e.kind.Error())
	if e.Status != 0 {
		fmt.Fprintf(&b, " (HTTP %d)", e.Status)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	return b.String()
}

// Is matches the kinds above.
func (e *Error) Is(target error) bool { return target == e.kind }

// Unwrap gives the cause below the missing answer, so that a context that ended is
// still seen as one.
func (e *Error) Unwrap() error { return e.cause }

// Refusal is the [ErrInvalid] of a call that is not even sent, or whose answer is not what
// was asked for.
func Refusal(op string, r Resource, namespace, name, why string) error {
	return call{op: op, resource: r, namespace: namespace, name: name}.error(ErrInvalid, why)
}

func (k call) error(kind error, message string) *Error {
	return &Error{Op: k.op, Kind: k.resource.Kind, Namespace: k.namespace, Name: k.name, Message: message, kind: kind}
}

// unusable is an answer that says success but is not what was asked for.
func (k call) unusable(status int, message string) *Error {
	e := k.error(ErrUnavailable, message)
	e.Status = status
	return e
}

// failure classifies what client-go returned.
func (k call) failure(ctx context.Context, err error) *Error {
	var answer apierrors.APIStatus
	switch {
	case errors.Is(err, ErrReadOnly):
		return k.error(ErrReadOnly, "")
	case !k.named():
		return k.error(ErrInvalid, "this is no name")
	case ctx.Err() != nil:
		err = ctx.Err()
	case errors.As(err, &answer):
		status := answer.Status()
		e := k.error(kindOf(err, status), "")
		e.Status = int(status.Code)
		e.Reason = word(string(status.Reason))
		// Of anything but the API server's own answer, such as a proxy's page,
		// nothing is kept.
		if !unexpected(err) {
			e.Message = Clean(status.Message)
		}
		return e
	}
	message := err
	if outer, ok := errors.AsType[*url.Error](err); ok {
		message = outer.Err // without the URL
	}
	e := k.error(ErrUnavailable, Clean(message.Error()))
	e.cause = err
	return e
}

// named reports whether the names can stand in a path, without which client-go sends
// nothing.
func (k call) named() bool {
	segment := func(s string) bool { return s != "" && len(rest.IsValidPathSegmentName(s)) == 0 }
	switch {
	case k.op == "list":
		return k.namespace == "" || segment(k.namespace)
	case k.resource.Scoped && !segment(k.namespace):
		return false
	}
	return k.op == "create" || segment(k.name)
}

// terminating is the cause that the API server gives for a create in a namespace
// that is being deleted.
const terminating metav1.CauseType = "NamespaceTerminating"

// noDryRun is how the API server's refusal ends, which has no reason of its own
// (k8s.io/apiserver pkg/admission/plugin/webhook/errors/statuserror.go: NewDryRunUnsupportedErr).
const noDryRun = "does not support dry run"

// quotaExceeded is how the API server's plugin ResourceQuota begins what it says (plugin/
// resourcequota/controller.go); in all else its 403 is like that for a missing right.
const quotaExceeded = " is forbidden: exceeded quota: "

func kindOf(err error, status metav1.Status) error {
	switch code := int(status.Code); {
	case !unexpected(err) && full(err, status):
		return ErrFull
	case code == http.StatusNotFound && !unexpected(err):
		return ErrNotFound
	case code == http.StatusNotFound && notServed(err):
		return ErrNotInstalled
	case code == http.StatusUnauthorized:
		return ErrUnauthorized
	case unexpected(err):
		return ErrUnavailable
	case code == http.StatusForbidden && apierrors.HasStatusCause(err, terminating):
		return ErrTerminating
	case code == http.StatusForbidden && strings.Contains(status.Message, quotaExceeded):
		return ErrQuota
	case code == http.StatusForbidden:
		return ErrForbidden
	case code == http.StatusBadRequest && strings.HasSuffix(status.Message, noDryRun):
		return ErrNoDryRun
	case code == http.StatusConflict && status.Reason == metav1.StatusReasonAlreadyExists:
		return ErrExists
	case code == http.StatusConflict:
		return ErrConflict
	case code == http.StatusGone, code == http.StatusTooManyRequests, code < 400, code >= 500:
		return ErrUnavailable
	default:
		return ErrInvalid
	}
}

// full recognises the two bounds that an object meets: 256 KiB of annotations, and what
// etcd takes (1.5 MiB), which the API server passes on as an error of its own.
func full(err error, status metav1.Status) bool {
	cause, _ := apierrors.StatusCause(err, metav1.CauseType(field.ErrorTypeTooLong))
	return cause.Field == "metadata.annotations" || status.Code == http.StatusInternalServerError && strings.Contains(status.Message, "etcdserver: request is too large")
}

// unexpected reports whether an answer was no Status, the API server's form of an
// error.
func unexpected(err error) bool {
	return apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// notServed recognises the one error that the API server answers in plain text: for
// a path that leads nowhere. Any other 404 that is no Status is some proxy's.
func notServed(err error) bool {
	cause, _ := apierrors.StatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
	return strings.TrimSpace(cause.Message) == "404 page not found"
}
