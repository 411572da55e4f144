package kubetest

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// discoverable reports whether the ClusterRole system:discovery, which every
// authenticated user has, lets one read a path.
func discoverable(path string) bool {
	return path == "/api" || path == "/apis" || strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/apis/")
}

// discover answers what kinds a group has in a version.
func (s *Server) discover(q request) answer {
	switch {
	case q.version == "" && discoverable(q.path):
		return failure(notSimulated("what groups there are"))
	case q.version == "" || q.verb != "get":
		return nothingThere()
	}
	list := metav1.APIResourceList{
		TypeMeta:     metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"},
		GroupVersion: schema.GroupVersion{Group: q.group, Version: q.version}.String(),
	}
	for _, k := range s.kinds {
		if !k.absent && k.group == q.group && k.version == q.version {
			list.APIResources = append(list.APIResources, k.discovered()...)
		}
	}
	if list.APIResources == nil && q.group == "" {
		return failure(apierrors.NewGenericServerResponse(http.StatusNotFound, q.verb, schema.GroupResource{}, "", "", 0, false))
	}
	if list.APIResources == nil {
		return nothingThere()
	}
	slices.SortFunc(list.APIResources, func(a, b metav1.APIResource) int { return cmp.Compare(a.Name, b.Name) })
	return encode(http.StatusOK, list)
}

func (k *kind) discovered() []metav1.APIResource {
	verbs := []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
	switch {
	case k.custom:
		verbs = []string{"delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"}
	case k.kind == "Namespace":
		verbs = slices.DeleteFunc(verbs, func(verb string) bool { return verb == "deletecollection" })
	}
	resources := []metav1.APIResource{{
		Name: k.plural, SingularName: strings.ToLower(k.kind), Namespaced: k.scoped, Kind: k.kind, Verbs: verbs,
	}}
	if k.status {
		resources = append(resources, metav1.APIResource{
			Name: k.plural + "/status", Namespaced: k.scoped, Kind: k.kind, Verbs: []string{"get", "patch", "update"},
		})
	}
	return resources
}

// nothingThere is the API server's answer to a path that leads nowhere.
func nothingThere() answer {
	return answer{status: http.StatusNotFound, contentType: "text/plain; charset=utf-8", body: []byte("404 page not found\n")}
}
