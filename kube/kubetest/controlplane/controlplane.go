// Package controlplane runs a real etcd and kube-apiserver for tests: the
// authority on what the API server in memory of package kubetest imitates, and
// on whether the manifests of deploy/ are valid.
//
// It promises a server on loopback with RBAC, bearer tokens, working
// ServiceAccount tokens, an audit log and the custom resource definitions of
// Konflux and of RemoteSecret, ready in seconds and gone with the test, even with
// one that was killed. Unless a test asks for the controllers, nothing runs a
// CronJob, fills a namespace or collects garbage. There is no kubelet: a test can
// play it.
//
// The executables come from package assets; "make kubernetes" builds them.
package controlplane

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"berth/kube/kubetest/controlplane/assets"
	"berth/kube/kubetest/crds"
)

// Definitions says whose form of the custom resources the server knows.
type Definitions string

// The published forms. In AppStudio's, of 2023, a Component's git address is
// spec.source.git.url; in Konflux', of 2026, it may be spec.source.url, and more
// fields are optional.
const (
	AppStudio Definitions = "redhat-appstudio"
	Konflux   Definitions = "konflux-ci"
)

// readyTimeout is twenty times what a start takes on two busy cores.
const readyTimeout = time.Minute

// ControlPlane is a running etcd and kube-apiserver.
type ControlPlane struct {
	URL string // https://127.0.0.1:PORT

	executable  string // all of Kubernetes' programs
	controllers bool
	moving      bool
	dir         string // keys, logs and etcd's data
	ca          []byte // PEM, trusts the server
	tokens      map[string]string
	procs       []*process
	http        *http.Client      // as Admin
	objects     dynamic.Interface // as Admin
}

// Option changes what [Start] starts.
type Option func(*ControlPlane)

// WithControllers also starts kube-controller-manager: CronJobs make Jobs, Jobs make
// pods, owned objects go with their last owner, namespaces finish and get the
// ServiceAccount "default", and the status of a ValidatingAdmissionPolicy tells what
// is wrong with its types.
func WithControllers(cp *ControlPlane) { cp.controllers = true }

// BothGroups also serves Components in the group konflux-ci.dev, with the definition that
// they have in the older one: no Go module publishes it yet.
func BothGroups(cp *ControlPlane) { cp.moving = true }

// Start runs a control plane for one test and stops it when the test ends. Where
// the executables are not built the test is skipped; it fails instead when
// BERTH_REQUIRE_KUBERNETES is 1, as under "make test".
func Start(t testing.TB, definitions Definitions, options ...Option) *ControlPlane {
	t.Helper()
	found := find(t)
	cp, err := start(t.Context(), found, t.TempDir(), definitions, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cp.stop)
	return cp
}

var shared struct {
	sync.Mutex
	cp  *ControlPlane
	err error
}

// Shared returns the one control plane of a test executable, with the AppStudio
// definitions, and starts it for the first test that asks. Tests keep apart by
// using a namespace each. The executable's TestMain must call [Main].
func Shared(t testing.TB) *ControlPlane {
	t.Helper()
	found := find(t)
	shared.Lock()
	defer shared.Unlock()
	if shared.cp == nil && shared.err == nil {
		shared.cp, shared.err = startShared(found)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.cp
}

func startShared(found assets.Dir) (*ControlPlane, error) {
	dir, err := os.MkdirTemp("", "controlplane-")
	if err != nil {
		return nil, err
	}
	cp, err := start(context.Background(), found, dir, AppStudio)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return cp, nil
}

// Main runs the tests, stops the control plane they shared, if any, and returns
// the exit code.
func Main(m *testing.M) int {
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.cp == nil {
		return code
	}
	shared.cp.stop()
	if err := os.RemoveAll(shared.cp.dir); err != nil {
		fmt.Fprintln(os.Stderr, "remove the shared control plane:", err)
		return max(code, 1)
	}
	return code
}

func find(t testing.TB) assets.Dir {
	t.Helper()
	dir, err := assets.Find()
	if errors.Is(err, assets.ErrNotBuilt) && os.Getenv("BERTH_REQUIRE_KUBERNETES") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// start returns when the API server is ready and serves the definitions. On
// failure it has stopped what it started, and the error ends with the last of
// the servers' logs.
func start(ctx context.Context, found assets.Dir, dir string, definitions Definitions, options ...Option) (_ *ControlPlane, err error) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	cp := &ControlPlane{executable: found.Kubernetes(), dir: dir}
	for _, option := range options {
		option(cp)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("start a control plane: %w\n%s", err, cp.logs())
			cp.stop()
		}
	}()
	if err := cp.run(); err != nil {
		return nil, err
	}
	if err := cp.wait(ctx, "its certificate", cp.readCA); err != nil {
		return nil, err
	}
	if err := cp.connect(); err != nil {
		return nil, err
	}
	if err := cp.wait(ctx, "/readyz", cp.answers("/readyz")); err != nil {
		return nil, err
	}
	published, err := readAll(found.CRDs(string(definitions)), "*.yaml")
	if err != nil {
		return nil, err
	}
	published = slices.Concat(published, []byte("\n---\n"), crds.ImageRepository)
	if cp.moving {
		moved, err := readAll(found.CRDs(string(Konflux)), "*_components.yaml")
		if err != nil {
			return nil, err
		}
		moved = slices.Concat([]byte("\n---\n"), moved, []byte("\n---\n"), crds.ImageRepository)
		published = append(published, bytes.ReplaceAll(moved, []byte("appstudio.redhat.com"), []byte("konflux-ci.dev"))...)
	}
	if _, err := cp.Apply(ctx, slices.Concat(published, []byte("\n---\n"), crds.RemoteSecret)); err != nil {
		return nil, fmt.Errorf("install the %s definitions: %w", definitions, err)
	}
	if !cp.controllers {
		return cp, nil
	}
	if err := cp.runControllers(); err != nil {
		return nil, err
	}
	// What has no owner is looked for among the kinds there are at the start: the
	// controllers come after the definitions.
	return cp, cp.wait(ctx, "the controllers", cp.answers("/api/v1/namespaces/default/serviceaccounts/default"))
}

// connect makes the administrator's own clients.
func (cp *ControlPlane) connect() error {
	config := cp.config(cp.tokens[Admin])
	var err error
	if cp.http, err = rest.HTTPClientFor(config); err != nil {
		return err
	}
	cp.objects, err = dynamic.NewForConfigAndClient(config, cp.http)
	return err
}

// answers returns a condition for wait: a GET of the path is answered with 200.
func (cp *ControlPlane) answers(path string) func(context.Context) bool {
	return func(ctx context.Context) bool { return cp.get(ctx, path, nil) == nil }
}

// get decodes the JSON answer of a path into v, unless v is nil.
func (cp *ControlPlane) get(ctx context.Context, path string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, cp.URL+path, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := cp.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	if v == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(v)
}

// wait looks every 20 ms until the condition holds, a server ends or time is up.
func (cp *ControlPlane) wait(ctx context.Context, what string, condition func(context.Context) bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition(ctx) {
		for _, p := range cp.procs {
			if p.ended() {
				return fmt.Errorf("wait for %s: %s ended", what, p.name)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}

// readAll joins the YAML files of a folder.
func readAll(dir, pattern string) ([]byte, error) {
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no YAML files in %s", dir)
	}
	var all []byte
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all = append(append(all, "\n---\n"...), data...)
	}
	return all, nil
}
