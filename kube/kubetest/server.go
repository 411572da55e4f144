// Package kubetest is a Kubernetes API in memory for tests: an [http.Handler] that
// client-go talks to and that answers for a few kinds of object as a kube-apiserver
// does.
//
// It promises never to be kinder than the real one: who may do what is read from
// RBAC manifests, a stale resourceVersion is a conflict, a list comes in pages of
// one moment whose tokens expire, validation is apimachinery's own. One suite of
// tests runs against it and against a kube-apiserver; where they differ, it is
// wrong. What it cannot answer faithfully it answers with 501.
//
// Like a bare kube-apiserver it has no controllers: a new namespace is empty, a
// deleted one stays Terminating, and nothing is collected until the test says so.
// Of the custom resources only RemoteSecrets are held to their definition, and the
// admission webhook of their operator is part of the server; the operator is a client,
// see package remotesecret.
//
// The methods of [Server] that set up or change things panic when their arguments
// make no sense, as a mistake in a test should end the test. The package itself
// knows nothing of Berth's client; its tests exercise both.
package kubetest

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"berth/quay/quaytest/fault"
)

// Options are the settings of a Server; the zero value is a usable one.
type Options struct {
	Manifests []byte           // YAML documents, applied at the start; kinds the Server does not have are left out
	Namespace string           // made at the start, for what the manifests put into it; "": berth
	Now       func() time.Time // nil: time.Now
	NewUID    func() string    // makes the uids that nobody gives, without using the Server; nil: random ones
	OnRequest func(Call)       // called when a request is counted and before it is looked at, concurrently and without locks
}

// Server is a Kubernetes API in memory. It is safe for concurrent use.
type Server struct {
	options Options
	log     fault.Log[Call]

	mu      sync.Mutex // guards everything below
	kinds   []*kind
	users   map[string]user                       // by token
	access  map[*unstructured.Unstructured]access // what RBAC objects say, which is read for every request
	store   store
	lists   lists
	webhook webhook
}

// New returns a Server with the namespaces that every cluster has, and no users.
func New(o Options) *Server {
	if o.Namespace == "" {
		o.Namespace = "berth"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewUID == nil {
		o.NewUID = randomUID
	}
	s := &Server{options: o, kinds: builtin(), users: map[string]user{}, access: map[*unstructured.Unstructured]access{}, store: newStore()}
	namespaces := s.mustKind("namespaces")
	for _, name := range []string{"default", "kube-node-lease", "kube-public", "kube-system", o.Namespace} {
		namespace := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace"}}
		namespace.SetName(name)
		must(s.applyOne(namespaces, namespace))
	}
	for _, raw := range documentsOnce(o.Manifests) {
		s.applyRaw(raw, true)
	}
	return s
}

// AddUser lets the bearer of a token in. An administrator may do everything, others
// what the RBAC objects grant. A ServiceAccount is a user named
// system:serviceaccount:NAMESPACE:NAME and need not exist.
func (s *Server) AddUser(token, name string, admin bool) {
	if token == "" || name == "" {
		panic("kubetest: a user needs a token and a name")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[token] = newUser(name, admin)
}

// RemoveUser makes a token unknown, from the next request on.
func (s *Server) RemoveUser(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.users, token)
}

// Uninstall takes a kind off the API with all its objects, as deleting a
// CustomResourceDefinition does. A kind is given as its plural, with its group behind a dot
// where the plural is in two: it is the older's without.
func (s *Server) Uninstall(resource string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.mustKind(resource)
	k.absent = true
	s.store.drop(k)
}

// Install puts a kind on the API that a new Server does not serve: the Components of
// konflux-ci.dev and the ImageRepositories of both groups, which not every cluster has.
func (s *Server) Install(resource string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustKind(resource).absent = false
}

// maxBody is the API server's own limit.
const maxBody = 3 << 20

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body []byte
	if r.Body != nil { // a server's requests have one, those of a test's RoundTripper may not
		var err error
		if body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	q := parse(r, body)
	user, known := s.user(r)
	q.user = user
	call := q.call()
	f := s.log.Record(call)
	if s.options.OnRequest != nil {
		s.options.OnRequest(call)
	}
	if f != nil {
		f.Befall(w, r, func() func(http.ResponseWriter) { return s.serve(q, known).write })
		return
	}
	s.serve(q, known).write(w)
}

// user tells who sends a request; it is not known when the token is unknown.
func (s *Server) user(r *http.Request) (_ user, known bool) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return anonymous, true
	}
	token, _ := strings.CutPrefix(header, "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	u, known := s.users[token]
	return u, known
}

// serve carries a request out. The order of the checks is the API server's:
// who, may they, is there such a path, then the object.
func (s *Server) serve(q request, known bool) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !known {
		return failure(unauthorized())
	}
	if err := s.authorize(q); err != nil {
		return failure(err)
	}
	if q.path != "" {
		return s.discover(q)
	}
	k := s.kind(q)
	if k == nil {
		return nothingThere()
	}
	if q.subresource != "" && (q.verb == "create" || q.verb == "delete") {
		return failure(apierrors.NewMethodNotSupported(k.resource(), q.verb))
	}
	switch q.verb {
	case "get":
		return s.get(q, k)
	case "list":
		return s.list(q, k)
	case "create":
		return s.create(q, k)
	case "update":
		return s.update(q, k)
	case "patch":
		return s.patch(q, k)
	case "delete":
		return s.delete(q, k)
	}
	return failure(notSimulated(q.verb))
}

// kind is nil where the path leads nowhere.
func (s *Server) kind(q request) *kind {
	for _, k := range s.kinds {
		if !k.absent && k.group == q.group && k.version == q.version && k.plural == q.plural && (q.subresource == "" || q.subresource == "status" && k.status) {
			if k.scoped || q.namespace == "" || k.kind == "Namespace" {
				return k
			}
		}
	}
	return nil
}

func (s *Server) mustKind(resource string) *kind {
	for _, k := range s.kinds {
		if k.plural == resource || k.plural+"."+k.group == resource {
			return k
		}
	}
	panic("kubetest: unknown resource " + resource)
}
