package kubetest

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// request is a request as the API server reads its path.
type request struct {
	user                                                       user
	path                                                       string // where it is no object's or list's; the API's root or a version's
	verb, group, version, plural, subresource, namespace, name string
	query                                                      url.Values
	contentType                                                string
	partial                                                    bool // only metadata is asked for
	body                                                       []byte
}

func parse(r *http.Request, body []byte) request {
	q := request{query: r.URL.Query(), body: body, partial: onlyMetadata(r.Header.Get("Accept"))}
	q.contentType, _, _ = mime.ParseMediaType(r.Header.Get("Content-Type"))
	segments := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case segments[0] == "api" && len(segments) > 2:
		q.version, segments = segments[1], segments[2:]
	case segments[0] == "apis" && len(segments) > 3:
		q.group, q.version, segments = segments[1], segments[2], segments[3:]
	default:
		q.verb, q.path = strings.ToLower(r.Method), r.URL.Path
		if segments[0] == "api" && len(segments) == 2 {
			q.version = segments[1]
		} else if segments[0] == "apis" && len(segments) == 3 {
			q.group, q.version = segments[1], segments[2]
		}
		return q
	}
	if segments[0] == "namespaces" && len(segments) > 1 {
		q.namespace = segments[1]
		if len(segments) > 2 {
			segments = segments[2:]
		}
	}
	q.plural = segments[0]
	if len(segments) > 1 {
		q.name = segments[1]
	}
	if len(segments) > 2 {
		q.subresource = strings.Join(segments[2:], "/")
	}
	q.verb = verb(r.Method, q)
	return q
}

func verb(method string, q request) string {
	switch {
	case method == http.MethodGet && q.query.Get("watch") != "":
		return "watch"
	case method == http.MethodGet && q.name == "":
		return "list"
	case method == http.MethodDelete && q.name == "":
		return "deletecollection"
	}
	switch method {
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	default:
		return strings.ToLower(method)
	}
}

// onlyMetadata looks at what the client would like best.
func onlyMetadata(accept string) bool {
	first, _, _ := strings.Cut(accept, ",")
	_, params, err := mime.ParseMediaType(first)
	return err == nil && strings.HasPrefix(params["as"], "PartialObjectMetadata") && params["g"] == "meta.k8s.io"
}

// dryRun is said in the query, but for a delete with a body: there only the body
// counts.
func (q request) dryRun() bool {
	if q.verb == "delete" && len(q.body) > 0 {
		options, _ := q.deleteOptions()
		return slices.Contains(options.DryRun, metav1.DryRunAll)
	}
	return q.query.Get("dryRun") == metav1.DryRunAll
}

// resource is the plural with the subresource, as roles name it, or the path where
// there is none.
func (q request) resource() string {
	switch {
	case q.path != "":
		return q.path
	case q.subresource != "":
		return q.plural + "/" + q.subresource
	}
	return q.plural
}

func (q request) call() Call {
	return Call{
		User: q.user.name, Verb: q.verb, Group: q.group, Resource: q.resource(),
		Namespace: q.namespace, Name: q.name, DryRun: q.dryRun(),
	}
}
