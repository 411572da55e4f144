package kubetest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var (
	errBadPatch       = errors.New("the patch cannot be read")
	errDoesNotApply   = errors.New("the patch does not apply")
	errUnknownPatch   = errors.New("no such kind of patch")
	errBeyondSimulate = errors.New("this directive")
)

func (s *Server) patch(q request, k *kind) answer {
	old := s.store.get(k, q.namespace, q.name)
	if old == nil {
		return failure(notFound(k, q.name))
	}
	object := old.DeepCopy()
	var err error
	switch form := types.PatchType(q.contentType); {
	case form == types.JSONPatchType:
		object.Object, err = jsonPatch(object.Object, q.body)
	case form == types.MergePatchType:
		object.Object, err = mergePatch(object.Object, q.body)
	case form == types.StrategicMergePatchType && !k.custom:
		object.Object, err = k.strategicPatch(object.Object, q.body)
	default:
		err = errUnknownPatch
	}
	switch {
	case errors.Is(err, errUnknownPatch):
		return failure(unsupportedMediaType(q.contentType, string(types.JSONPatchType)+", "+string(types.MergePatchType)))
	case errors.Is(err, errBeyondSimulate):
		return failure(notSimulated("this directive of a strategic merge patch"))
	case errors.Is(err, errDoesNotApply):
		return failure(apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", schema.GroupResource{}, "", "", 0, false))
	case apierrors.IsRequestEntityTooLargeError(err):
		return failure(err)
	case err != nil:
		return failure(apierrors.NewBadRequest(err.Error()))
	}
	if object.GetName() != q.name {
		return failure(apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", object.GetName(), q.name)))
	}
	if err := decodable(k, object); err != nil {
		return failure(err)
	}
	if object.GetKind() != k.kind || object.GetAPIVersion() != k.apiVersion() {
		return failure(apierrors.NewBadRequest("a patch cannot change what an object is"))
	}
	return s.finish(q, k, old, object)
}

// decodable refuses a patch that leaves no Secret. The API server's message quotes
// the object it has made, content included.
func decodable(k *kind, object *unstructured.Unstructured) error {
	if k.kind != "Secret" {
		return nil
	}
	_, err := content(object)
	if err == nil {
		return nil
	}
	return apierrors.NewInvalid(schema.GroupKind{}, "", field.ErrorList{
		field.Invalid(field.NewPath("patch"), string(encode(0, object.Object).body), err.Error()),
	})
}

func mergePatch(object map[string]any, body []byte) (map[string]any, error) {
	var change map[string]any
	if json.Unmarshal(body, &change) != nil || change == nil {
		return nil, errBadPatch
	}
	merge(object, change)
	return object, nil
}

// merge is RFC 7396.
func merge(object, change map[string]any) {
	for name, value := range change {
		switch value := value.(type) {
		case nil:
			delete(object, name)
		case map[string]any:
			inner, ok := object[name].(map[string]any)
			if !ok {
				inner = map[string]any{}
			}
			merge(inner, value)
			object[name] = inner
		default:
			object[name] = value
		}
	}
}

// strategicPatch merges the kind's lists by their keys and the rest, other lists
// included, as a merge patch does. It knows no directives.
func (k *kind) strategicPatch(object map[string]any, body []byte) (map[string]any, error) {
	var change map[string]any
	if json.Unmarshal(body, &change) != nil || change == nil {
		return nil, errBadPatch
	}
	if directed(change) {
		return nil, errBeyondSimulate
	}
	for name, by := range k.mergeBy {
		items, ok := change[name].([]any)
		if !ok {
			continue
		}
		delete(change, name)
		list, _ := object[name].([]any)
		list, err := mergeList(list, items, by)
		if err != nil {
			return nil, err
		}
		if object[name] = list; len(list) == 0 {
			delete(object, name)
		}
	}
	merge(object, change)
	return object, nil
}

// mergeList puts the items of a patch into a list, in the patch's order; where nothing tells
// whether one comes before what the list alone has, it does (mergeSortedSlice in
// apimachinery's strategicpatch).
func mergeList(list, changes []any, by string) ([]any, error) {
	place := func(in []any, of any) int {
		return slices.IndexFunc(in, func(item any) bool { m, ok := item.(map[string]any); return ok && m[by] == of })
	}
	var ours []any
	for _, c := range changes {
		change, ok := c.(map[string]any)
		if !ok || change[by] == nil {
			return nil, errBadPatch
		}
		item := map[string]any{}
		if at := place(ours, change[by]); at >= 0 {
			item = ours[at].(map[string]any)
		} else {
			if at := place(list, change[by]); at >= 0 {
				item = list[at].(map[string]any)
			}
			ours = append(ours, item)
		}
		merge(item, change)
	}
	var merged []any
	for i, item := range list {
		m, _ := item.(map[string]any)
		if place(ours, m[by]) >= 0 {
			continue
		}
		for len(ours) > 0 {
			if at := place(list, ours[0].(map[string]any)[by]); at > i {
				break
			}
			merged, ours = append(merged, ours[0]), ours[1:]
		}
		merged = append(merged, item)
	}
	return append(merged, ours...), nil
}

// directed reports whether there is a directive anywhere in a patch.
func directed(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			if name != "" && name[0] == '$' || directed(inner) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(value, directed)
	}
	return false
}
