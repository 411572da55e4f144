package kubetest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	kjson "k8s.io/apimachinery/pkg/util/json"
)

// operation is one of a JSON patch (RFC 6902); move and copy are not simulated.
type operation struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value"`
}

// maxOperations is maxJSONPatchOperations in k8s.io/apiserver pkg/endpoints/handlers/patch.go.
const maxOperations = 10_000

func jsonPatch(object map[string]any, body []byte) (map[string]any, error) {
	var ops []operation
	if json.Unmarshal(body, &ops) != nil {
		return nil, errBadPatch
	}
	if len(ops) > maxOperations {
		return nil, apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("The allowed maximum operations in a JSON patch is %d, got %d", maxOperations, len(ops)))
	}
	for _, op := range ops {
		if err := op.apply(object); err != nil {
			return nil, err
		}
	}
	return object, nil
}

var pointerUnescape = strings.NewReplacer("~1", "/", "~0", "~")

// apply works on members of JSON objects. Of a list only an element can be removed, and one
// added at its end; the document itself is not simulated.
func (op operation) apply(object map[string]any) error {
	segments := strings.Split(op.Path, "/")
	if len(segments) < 2 || segments[0] != "" {
		return errDoesNotApply
	}
	segments = segments[1:]
	for i := range segments {
		segments[i] = pointerUnescape.Replace(segments[i])
	}
	parents, name := segments[:len(segments)-1], segments[len(segments)-1]
	for i, parent := range parents {
		inner, ok := object[parent].(map[string]any)
		if !ok {
			list, isList := object[parent].([]any)
			switch {
			case !isList:
				return errDoesNotApply
			case op.Op == "add" && name == "-" && i == len(parents)-1:
				var value any
				if op.Value == nil || kjson.Unmarshal(op.Value, &value) != nil {
					return errDoesNotApply
				}
				object[parent] = append(list, value)
				return nil
			case op.Op != "remove" || i < len(parents)-1:
				return errBeyondSimulate
			}
			n, err := strconv.Atoi(name)
			if err != nil || n < 0 || n >= len(list) {
				return errDoesNotApply
			}
			object[parent] = slices.Delete(list, n, n+1)
			return nil
		}
		object = inner
	}
	return op.member(object, name)
}

func (op operation) member(object map[string]any, name string) error {
	if op.Op == "move" || op.Op == "copy" {
		return errBeyondSimulate
	}
	var value any
	if op.Op != "remove" && (op.Value == nil || kjson.Unmarshal(op.Value, &value) != nil) {
		return errDoesNotApply
	}
	current, there := object[name]
	switch {
	case op.Op == "add", op.Op == "replace": // the API server's library does not mind what is missing
		object[name] = value
	case op.Op == "remove" && there:
		delete(object, name)
	case op.Op == "test" && there && reflect.DeepEqual(current, value):
	default:
		return errDoesNotApply
	}
	return nil
}
