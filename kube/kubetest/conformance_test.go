package kubetest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"berth/deploy"
	"berth/kube"
)

// env is an API server under the conformance suite: the simulator, or the real one
// that it has to resemble.
type env interface {
	config(t *testing.T, user string) *rest.Config // of a ServiceAccount, or "admin"
	apply(t *testing.T, manifests string)
	object(t *testing.T, resource, namespace, name string) map[string]any
	delete(t *testing.T, resource, namespace, name string) // a namespace or what has finalizers only begins to go
	uninstall(t *testing.T, resource string)               // a custom one
}

// berth is the user that the shipped manifests give rights to, so that the suite
// also shows that they suffice.
const berth = "system:serviceaccount:berth:berth"

// conformance exercises every method of kube.Client and every answer that Berth
// rests on. Where the simulator fails it, the simulator is wrong.
func conformance(t *testing.T, e env) {
	e.apply(t, "{apiVersion: v1, kind: Namespace, metadata: {name: berth}}")
	e.apply(t, "{apiVersion: v1, kind: ServiceAccount, metadata: {name: berth, namespace: berth}}")
	e.apply(t, string(deploy.Roles()))
	e.apply(t, string(takeOverRoles(t)))

	t.Run("together", func(t *testing.T) {
		for name, test := range map[string]func(*fixture){
			"namespaces":                    testNamespaces,
			"annotate a namespace":          testAnnotateNamespace,
			"a terminating namespace":       testTerminating,
			"components":                    testComponents,
			"components of two groups":      testComponentGroups,
			"components by page and label":  testComponentLists,
			"annotate":                      testAnnotate,
			"annotate, odd keys and values": testAnnotateOdd,
			"annotate, refused":             testAnnotateRefused,
			"create a secret":               testCreateSecret,
			"create a secret, refused":      testCreateSecretRefused,
			"update a secret":               testUpdateSecret,
			"update a secret, refused":      testUpdateSecretRefused,
			"an immutable secret":           testImmutableSecret,
			"further owners":                testOwners,
			"a secret's metadata":           testSecretMetadata,
			"secrets by page and label":     testSecretLists,
			"lists of nothing":              testEmptyLists,
			"service accounts":              testServiceAccounts,
			"links":                         testLinks,
			"many links at once":            testManyLinks,
			"lists that merge and do not":   testStrategicMerge,
			"links that go":                 testUnlink,
			"container images":              testContainerImage,
			"some rights":                   testRights,
			"no rights":                     testForbidden,
			"no credentials":                testUnauthorized,
			"a read-only client":            testReadOnly,
			"a lock":                        testLock,
			"leases":                        testLeases,
			"other clients":                 testRaw,
			"a delete on conditions":        testConditionalDelete,
			"remote secrets":                testRemoteSecrets,
			"a status of its own":           testStatus,
			"rights to a status":            testStatusRights,
			"environments":                  testEnvironments,
			"image repositories":            testImageRepositories,
			"image repositories, refused":   testImageRepositoriesRefused,
			"image repositories that move":  testMovedImageRepositories,
			"a component's finalizer":       testComponentFinalizer,
			"discovery":                     testDiscovery,
			"kinds that are served":         testServed,
			"environments by page":          testEnvironmentLists,
			"bindings by page":              testEnvironmentBindingLists,
			"targets and claims by page":    testDeploymentTargetLists,
			"create a remote secret":        testCreateRemoteSecret,
			"remote secrets by page":        testRemoteSecretLists,
			"update a remote secret":        testUpdateRemoteSecret,
			"a remote secret, not updated":  testUpdateRemoteSecretRefused,
			"record an upload":              testRecordUpload,
			"a remote secret's status":      testRemoteSecretStatus,
			"upload a secret":               testUploadSecret,
			"delete a secret":               testDeleteSecret,
			"links to pull":                 testPullLinks,
			"links to pull, as listed":      testPullLinksAsListed,
			"links to pull, thousands":      testManyPullLinks,
			"links to pull, in conflict":    testPullLinkConflicts,
			"no rights to deliver":          testForbiddenDelivery,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(newFixture(t, e))
			})
		}
	})
	// The last, for the others need them.
	t.Run("remote secrets are not installed", func(t *testing.T) {
		testNotDiscovered(newFixture(t, e))
	})
	t.Run("deployment targets are not installed", func(t *testing.T) {
		testNotServed(newFixture(t, e))
	})
	t.Run("components are not installed", func(t *testing.T) {
		f := newFixture(t, e)
		e.uninstall(t, "components")
		_, err := f.Components(t.Context(), kube.AppStudio, kube.AllNamespaces, "")
		f.is(err, kube.ErrNotInstalled)
		_, err = f.Component(t.Context(), kube.AppStudio, f.ns, "c")
		f.is(err, kube.ErrNotInstalled)
		if errors.Is(err, kube.ErrNotFound) {
			t.Error("a kind that is not installed reads as an object that is not there")
		}
		if served, err := f.Served(f.Context()); err != nil || served.Components != (kube.Groups{Konflux: true}) {
			t.Errorf("with the younger group alone: %+v, %v", served, err)
		}
		e.uninstall(t, "components.konflux-ci.dev")
		_, err = f.Components(f.Context(), kube.Konflux, kube.AllNamespaces, "")
		f.is(err, kube.ErrNotInstalled)
		if served, err := f.Served(f.Context()); err != nil || served.Components != (kube.Groups{}) {
			t.Errorf("with neither: %+v, %v", served, err)
		}
	})
}

// fixture is a client, and a namespace of a test's own.
type fixture struct {
	*kube.Client
	*testing.T
	env
	ns string
}

var lastNamespace atomic.Int64

func newFixture(t *testing.T, e env) *fixture {
	f := &fixture{T: t, env: e, ns: fmt.Sprintf("conformance-%d", lastNamespace.Add(1))}
	f.given("{apiVersion: v1, kind: Namespace, metadata: {name: NS}}")
	f.Client = f.client(kube.Options{Config: e.config(t, berth)})
	return f
}

func (f *fixture) client(o kube.Options) *kube.Client {
	f.Helper()
	o.PageSize, o.QPS, o.Backoff = 2, -1, func(int) time.Duration { return 0 }
	c, err := kube.New(o)
	if err != nil {
		f.Fatal(err)
	}
	return c
}

// given applies a manifest, in which NS stands for the test's namespace.
func (f *fixture) given(manifest string) {
	f.Helper()
	f.apply(f.T, strings.ReplaceAll(manifest, "NS", f.ns))
}

func (f *fixture) component(name string) kube.Component {
	f.Helper()
	f.given(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: ` + name + `, namespace: NS},
		spec: {componentName: ` + name + `, application: shop, source: {git: {url: "https://git.example.com/a.git"}}}}`)
	c, err := f.Component(f.Context(), kube.AppStudio, f.ns, name)
	f.no(err)
	return c
}

// secret creates one by the client.
func (f *fixture) secret(name string) kube.Secret {
	f.Helper()
	f.no(f.CreateSecret(f.Context(), f.write(name)))
	return f.read(name)
}

func (f *fixture) read(name string) kube.Secret {
	f.Helper()
	s, err := f.Secret(f.Context(), f.ns, name)
	f.no(err)
	return s
}

const dockerConfig = `{"auths":{"quay.example.com/a/b":{"auth":"YSticm90OnRva2VuLXRoYXQtaXMtc2VjcmV0"}}}`

func (f *fixture) write(name string) kube.SecretWrite {
	return kube.SecretWrite{
		Namespace: f.ns, Name: name,
		Labels:           map[string]string{"app.kubernetes.io/managed-by": "berth", "appstudio.redhat.com/component": "c"},
		Owners:           []kube.OwnerReference{{APIVersion: "appstudio.redhat.com/v1alpha1", Kind: "Component", Name: "c", UID: "uid-of-c"}},
		DockerConfigJSON: content(dockerConfig),
	}
}

func content(s string) func() []byte { return func() []byte { return []byte(s) } }

func (f *fixture) no(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// is demands one of the kinds of error and none of the others.
func (f *fixture) is(err, want error) {
	f.Helper()
	for _, kind := range []error{
		kube.ErrNotFound, kube.ErrExists, kube.ErrConflict, kube.ErrForbidden, kube.ErrQuota, kube.ErrFull, kube.ErrUnauthorized, kube.ErrInvalid,
		kube.ErrTerminating, kube.ErrUnavailable, kube.ErrNotInstalled, kube.ErrReadOnly,
	} {
		if errors.Is(err, kind) != (kind == want) { //nolint:errorlint // the kinds themselves are compared
			f.Errorf("the error is %v, want %v alone", err, want)
		}
	}
}

// same demands that an object was not written meanwhile.
func (f *fixture) same(before, after string) {
	f.Helper()
	if before != after || before == "" {
		f.Errorf("resourceVersion was %q and is %q, want no write", before, after)
	}
}

func message(err error) string {
	var e *kube.Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Message
}

func secrets(ctx context.Context, c *kube.Client, namespace, selector string) (found []kube.Secret, err error) {
	err = c.EachSecret(ctx, namespace, selector, func() func(kube.Secret) {
		found = nil
		return func(s kube.Secret) { found = append(found, s) }
	})
	return found, err
}

func remoteSecrets(ctx context.Context, c *kube.Client, namespace string, keep func(namespace, name string) bool) (found []kube.RemoteSecret, err error) {
	err = c.EachRemoteSecret(ctx, namespace, keep, func() func(kube.RemoteSecret) {
		found = nil
		return func(r kube.RemoteSecret) { found = append(found, r) }
	})
	return found, err
}
