package kubetest

import (
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// store holds the objects. An object in it is never changed, only replaced, so that
// a list of an earlier moment keeps for as long as somebody holds it.
type store struct {
	objects map[*kind]map[key]*unstructured.Unstructured
	version int // of the last write, of whatever kind, as in etcd
}

type key struct{ namespace, name string }

func newStore() store { return store{objects: map[*kind]map[key]*unstructured.Unstructured{}} }

func keyOf(object *unstructured.Unstructured) key {
	return key{object.GetNamespace(), object.GetName()}
}

func (s *store) get(k *kind, namespace, name string) *unstructured.Unstructured {
	if !k.scoped {
		namespace = ""
	}
	return s.objects[k][key{namespace, name}]
}

// put stores an object under the next resourceVersion.
func (s *store) put(k *kind, object *unstructured.Unstructured) {
	s.version++
	object.SetResourceVersion(strconv.Itoa(s.version))
	if s.objects[k] == nil {
		s.objects[k] = map[key]*unstructured.Unstructured{}
	}
	s.objects[k][keyOf(object)] = object
}

func (s *store) remove(k *kind, object *unstructured.Unstructured) {
	s.version++
	delete(s.objects[k], keyOf(object))
}

// drop forgets a kind.
func (s *store) drop(k *kind) {
	delete(s.objects, k)
}

// all gives the objects of a kind in etcd's order; namespace "" is all of them.
func (s *store) all(k *kind, namespace string) []*unstructured.Unstructured {
	var places []string // a-b/ comes before a/
	for at := range s.objects[k] {
		if namespace == "" || at.namespace == namespace {
			places = append(places, at.namespace+"/"+at.name)
		}
	}
	slices.Sort(places)
	var found []*unstructured.Unstructured
	for _, place := range places {
		namespace, name, _ := strings.Cut(place, "/")
		found = append(found, s.objects[k][key{namespace, name}])
	}
	return found
}
