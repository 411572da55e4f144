package kubetest

import (
	"net/http"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// lists are those that somebody may want to go on with.
type lists struct {
	last int
	open map[int]snapshot
}

// maxOpen bounds how many are kept; the oldest expires.
const maxOpen = 64

// snapshot is a list as it was when its first page was asked for.
type snapshot struct {
	kind     *kind
	version  string
	selected bool // by a selector, so that it does not say how much remains
	objects  []*unstructured.Unstructured
}

// ExpireLists makes every list that was begun and not ended expire, as the API
// server forgets the past after some minutes: its next page is 410.
func (s *Server) ExpireLists() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lists.open = nil
}

// list answers the first page of a list, or the one that a token leads to.
func (s *Server) list(q request, k *kind) answer {
	limit, err := strconv.Atoi(q.query.Get("limit"))
	if err != nil || q.query.Get("resourceVersion") == "0" { // a list of any age ignores the limit
		limit = 0
	}
	if token := q.query.Get("continue"); token != "" {
		id, from, ok := parseToken(token)
		if !ok {
			return failure(apierrors.NewBadRequest("continue key is not valid: malformed"))
		}
		begun, ok := s.lists.open[id]
		if !ok || begun.kind != k {
			return failure(expired())
		}
		return q.page(k, begun, id, from, limit)
	}
	selector, err := labels.Parse(q.query.Get("labelSelector"))
	if err != nil {
		return failure(apierrors.NewBadRequest("unable to parse requirement: " + err.Error()))
	}
	name, named := strings.CutPrefix(q.query.Get("fieldSelector"), "metadata.name=")
	if q.query.Get("fieldSelector") != "" && (!named || name == "") {
		return failure(notSimulated("a field selector but metadata.name"))
	}
	begun := snapshot{kind: k, version: strconv.Itoa(s.store.version), selected: !selector.Empty() || named}
	for _, object := range s.store.all(k, q.namespace) {
		if selector.Matches(labels.Set(object.GetLabels())) && (!named || object.GetName() == name) {
			begun.objects = append(begun.objects, object)
		}
	}
	return q.page(k, begun, s.keep(begun), 0, limit)
}

func (s *Server) keep(begun snapshot) int {
	if s.lists.open == nil {
		s.lists.open = map[int]snapshot{}
	}
	s.lists.last++
	s.lists.open[s.lists.last] = begun
	delete(s.lists.open, s.lists.last-maxOpen)
	return s.lists.last
}

func (q request) page(k *kind, list snapshot, id, from, limit int) answer {
	objects := list.objects[min(from, len(list.objects)):]
	metadata := map[string]any{"resourceVersion": list.version}
	if limit > 0 && len(objects) > limit {
		if !list.selected {
			metadata["remainingItemCount"] = len(objects) - limit
		}
		metadata["continue"] = token(id, from+limit)
		objects = objects[:limit]
	}
	items := make([]any, 0, len(objects))
	if q.partial {
		items = nil // of a list of metadata without items the API server says null, and of no other
	}
	for _, object := range objects {
		items = append(items, q.item(k, object))
	}
	body := map[string]any{"apiVersion": k.apiVersion(), "kind": k.kind + "List", "metadata": metadata, "items": items}
	if q.partial {
		body["apiVersion"], body["kind"] = "meta.k8s.io/v1", "PartialObjectMetadataList"
	}
	return encode(http.StatusOK, body)
}

// item is an object in a list: the built-in kinds do not say there what they are.
func (q request) item(k *kind, object *unstructured.Unstructured) map[string]any {
	if q.partial {
		return partial(object)
	}
	if k.custom {
		return object.Object
	}
	bare := map[string]any{}
	for name, value := range object.Object {
		if name != "apiVersion" && name != "kind" {
			bare[name] = value
		}
	}
	return bare
}

func token(id, from int) string { return "page-" + strconv.Itoa(id) + "-" + strconv.Itoa(from) }

func parseToken(token string) (id, from int, ok bool) {
	rest, ok := strings.CutPrefix(token, "page-")
	first, second, found := strings.Cut(rest, "-")
	id, err1 := strconv.Atoi(first)
	from, err2 := strconv.Atoi(second)
	return id, from, ok && found && err1 == nil && err2 == nil
}

// expired is the API server's answer to a token that is too old. The token in it
// would lead on in a newer state.
func expired() error {
	err := apierrors.NewResourceExpired("The provided continue parameter is too old to display a consistent list result. " +
		"You can start a new list without the continue parameter, or use the continue token in this response to retrieve " +
		"the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that " +
		"were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.")
	err.ErrStatus.ListMeta = metav1.ListMeta{Continue: "inconsistent"}
	return err
}
