package kubetest

import (
	"bufio"
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/yaml"
	syaml "sigs.k8s.io/yaml"
)

// Apply brings the objects of a stream of YAML documents to the cluster as an
// administrator: a new one is created, with the uid the manifest gives, if any; an
// existing one takes over the fields given and keeps the others. A status is taken as
// given, as if the administrator had written it by way of its subresource, too.
func (s *Server) Apply(manifests []byte) {
	all := documents(manifests)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, raw := range all {
		s.applyRaw(raw, false)
	}
}

// documents are those of a stream of YAML, in JSON.
func documents(manifests []byte) (all [][]byte) {
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifests)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		must(err)
		raw := document
		if !stdjson.Valid(document) { // which is YAML, too, and read sooner as what it is
			raw, err = syaml.YAMLToJSONStrict(document)
			must(err)
		}
		all = append(all, raw)
	}
}

// manifestsRead are what the servers of a test process begin with, which is mostly the same.
var manifestsRead sync.Map

func documentsOnce(manifests []byte) [][]byte {
	all, known := manifestsRead.Load(string(manifests))
	if !known {
		all, _ = manifestsRead.LoadOrStore(string(manifests), documents(manifests))
	}
	return all.([][]byte)
}

// applyRaw applies one object; where only known kinds are, it leaves out others.
func (s *Server) applyRaw(raw []byte, known bool) {
	object := &unstructured.Unstructured{}
	must(json.Unmarshal(raw, &object.Object))
	if len(object.Object) == 0 { // a document of comments
		return
	}
	if k := s.kindOf(object); k != nil {
		must(s.applyOne(k, object))
	} else if !known {
		panic(fmt.Sprintf("kubetest: no kind %s in %s", object.GetKind(), object.GetAPIVersion()))
	}
}

func (s *Server) kindOf(object *unstructured.Unstructured) *kind {
	for _, k := range s.kinds {
		if !k.absent && k.apiVersion() == object.GetAPIVersion() && k.kind == object.GetKind() {
			return k
		}
	}
	return nil
}

func (s *Server) applyOne(k *kind, object *unstructured.Unstructured) error {
	if k.scoped && object.GetNamespace() == "" {
		object.SetNamespace(s.options.Namespace)
	}
	old := s.store.get(k, object.GetNamespace(), object.GetName())
	if old == nil {
		if err := s.admit(k, object); err != nil {
			return err
		}
		return s.add(k, object, false)
	}
	merged := old.DeepCopy()
	merge(merged.Object, object.Object)
	_, err := s.change(k, old, merged, false, func(*unstructured.Unstructured) error { return nil })
	return err
}

func must(err error) {
	if err != nil {
		panic("kubetest: " + err.Error())
	}
}

// Object returns a copy of an object, nil when there is none. The resource is as
// [Server.Uninstall] takes it; the namespace of what is in none is "".
func (s *Server) Object(resource, namespace, name string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	object := s.store.get(s.mustKind(resource), namespace, name)
	if object == nil {
		return nil
	}
	return object.DeepCopy().Object
}

// Text is the text in a field of an object, "" when there is none: as [Server.Object]
// without the rest.
func (s *Server) Text(resource, namespace, name string, field ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	object := s.store.get(s.mustKind(resource), namespace, name)
	if object == nil {
		return ""
	}
	text, _, _ := unstructured.NestedString(object.Object, field...)
	return text
}

// Delete deletes an object as an administrator and reports whether it is gone: one
// with finalizers stays, marked as being deleted. A namespace goes with all that is
// in it, as if its controller had been at work.
func (s *Server) Delete(resource, namespace, name string) (gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.mustKind(resource)
	object := s.store.get(k, namespace, name)
	if object == nil {
		panic(fmt.Sprintf("kubetest: no %s %s/%s", resource, namespace, name))
	}
	if k.kind != "Namespace" {
		return s.expel(k, object) == nil
	}
	for _, inner := range s.kinds {
		if inner.scoped {
			for _, o := range s.store.all(inner, name) {
				s.store.remove(inner, o)
			}
		}
	}
	s.store.remove(k, object)
	return true
}

// Terminate begins to delete a namespace: it takes nothing new, but what is in it
// stays.
func (s *Server) Terminate(namespace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.mustKind("namespaces")
	object := s.store.get(k, "", namespace)
	if object == nil {
		panic("kubetest: no namespace " + namespace)
	}
	s.expel(k, object)
}

// CollectGarbage does what the garbage collector would: every object all of whose owners
// are gone is deleted, and what that leaves behind; one that has another owner loses the
// reference to the one that is gone (attemptToDeleteItem in k8s.io/kubernetes
// pkg/controller/garbagecollector/garbagecollector.go). An owner of another kind, name or
// namespace than the reference says counts as alive here, there it does not.
func (s *Server) CollectGarbage() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.collect() {
	}
}

// collect makes one round and reports whether there may be another.
func (s *Server) collect() (found bool) {
	alive := map[types.UID]bool{}
	for _, k := range s.kinds {
		for _, object := range s.store.all(k, "") {
			alive[object.GetUID()] = true
		}
	}
	for _, k := range s.kinds {
		for _, object := range s.store.all(k, "") {
			solid := slices.DeleteFunc(object.GetOwnerReferences(), func(o metav1.OwnerReference) bool { return !alive[o.UID] })
			switch {
			case len(solid) == len(object.GetOwnerReferences()), object.GetDeletionTimestamp() != nil:
			case len(solid) > 0:
				kept := object.DeepCopy()
				kept.SetOwnerReferences(solid)
				s.store.put(k, kept)
			default:
				s.expel(k, object)
				found = true
			}
		}
	}
	return found
}
