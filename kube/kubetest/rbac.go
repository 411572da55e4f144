package kubetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

type user struct {
	name   string
	groups []string
	admin  bool
}

var anonymous = user{name: "system:anonymous", groups: []string{"system:unauthenticated"}}

func newUser(name string, admin bool) user {
	u := user{name: name, admin: admin, groups: []string{"system:authenticated"}}
	if account, ok := strings.CutPrefix(name, "system:serviceaccount:"); ok {
		namespace, _, _ := strings.Cut(account, ":")
		u.groups = append(u.groups, "system:serviceaccounts", "system:serviceaccounts:"+namespace)
	}
	return u
}

// role and binding are what is read of the RBAC objects.
type role struct {
	Rules []rule `json:"rules"`
}

type rule struct {
	APIGroups     []string `json:"apiGroups"`
	Resources     []string `json:"resources"`
	Verbs         []string `json:"verbs"`
	ResourceNames []string `json:"resourceNames"`
}

type binding struct {
	RoleRef struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
	} `json:"roleRef"`
	Subjects []subject `json:"subjects"`
}

type subject struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

// authorize refuses what neither a binding for the cluster nor one in the
// request's namespace grants. Every authenticated user may read discovery.
func (s *Server) authorize(q request) error {
	if q.user.admin || s.granted(q, "clusterrolebindings", "") || q.namespace != "" && s.granted(q, "rolebindings", q.namespace) {
		return nil
	}
	if q.path != "" {
		if q.verb == "get" && discoverable(q.path) && slices.Contains(q.user.groups, "system:authenticated") {
			return nil
		}
		return apierrors.NewForbidden(schema.GroupResource{}, "", fmt.Errorf("User %q cannot %s path %q", q.user.name, q.verb, q.path)) //nolint:staticcheck // the server's words
	}
	where := "at the cluster scope"
	if q.namespace != "" {
		where = fmt.Sprintf("in the namespace %q", q.namespace)
	}
	return apierrors.NewForbidden(schema.GroupResource{Group: q.group, Resource: q.plural}, q.name,
		fmt.Errorf("User %q cannot %s resource %q in API group %q %s", q.user.name, q.verb, q.resource(), q.group, where)) //nolint:staticcheck // the server's words
}

// guardOwners is the admission plugin OwnerReferencesPermissionEnforcement, which
// OpenShift has on: who changes the owners of what is there must have the right to
// delete it (k8s.io/kubernetes plugin/pkg/admission/gc). What it says of
// blockOwnerDeletion is not simulated.
func (s *Server) guardOwners(q request, k *kind, old, object *unstructured.Unstructured) error {
	if equality.Semantic.DeepEqual(old.GetOwnerReferences(), object.GetOwnerReferences()) {
		return nil
	}
	if q.verb = "delete"; s.authorize(q) == nil {
		return nil
	}
	return apierrors.NewForbidden(k.resource(), old.GetName(), errors.New("cannot set an ownerRef on a resource you can't delete: , <nil>"))
}

func (s *Server) granted(q request, bindings, namespace string) bool {
	for _, object := range s.store.all(s.mustKind(bindings), namespace) {
		b := s.said(object).binding
		if !slices.ContainsFunc(b.Subjects, func(who subject) bool { return who.is(q.user) }) {
			continue
		}
		roles, in := "clusterroles", ""
		if b.RoleRef.Kind == "Role" {
			roles, in = "roles", namespace
		}
		granted := s.store.get(s.mustKind(roles), in, b.RoleRef.Name)
		if granted == nil {
			continue
		}
		if slices.ContainsFunc(s.said(granted).role.Rules, func(r rule) bool { return r.covers(q) }) {
			return true
		}
	}
	return false
}

// access is what is read of an RBAC object.
type access struct {
	role    role
	binding binding
}

// said is what a stored object, which never changes, grants.
func (s *Server) said(object *unstructured.Unstructured) access {
	a, known := s.access[object]
	if !known {
		read(object, &a.role)
		read(object, &a.binding)
		s.access[object] = a
	}
	return a
}

func read(object *unstructured.Unstructured, into any) {
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, into); err != nil {
		panic("kubetest: " + err.Error())
	}
}

func (who subject) is(u user) bool {
	switch who.Kind {
	case "ServiceAccount":
		return u.name == "system:serviceaccount:"+who.Namespace+":"+who.Name
	case "Group":
		return slices.Contains(u.groups, who.Name)
	default:
		return u.name == who.Name
	}
}

func (r rule) covers(q request) bool {
	return q.path == "" && has(r.Verbs, q.verb) && has(r.APIGroups, q.group) &&
		(has(r.Resources, q.resource()) || q.subresource != "" && slices.Contains(r.Resources, "*/"+q.subresource)) &&
		(len(r.ResourceNames) == 0 || slices.Contains(r.ResourceNames, q.name))
}

func has(list []string, want string) bool {
	return slices.Contains(list, want) || slices.Contains(list, "*")
}
