// Package deploytest serves a platform for tests that run the whole program: a Quay and
// a cluster, simulated, which it connects to as it would to real ones, over HTTPS and
// with the rights of the manifests. Faults and what was called are the simulators' own.
package deploytest

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/kube/kubetest"
	"berth/quay/quaytest"
)

// What both ends know the program by.
const (
	Org       = "acme-workloads"
	QuayToken = "oauth-token-of-the-test"
	Account   = "system:serviceaccount:berth:berth" // of the manifests
	KubeToken = "kube-token-of-the-test"            // the Account's
)

// Serve makes both ends reachable on loopback until stop is called, the organization
// and a namespace shop, with the ServiceAccounts of builds and of pods, in them. It writes token,
// certificate and kubeconfig to dir, and returns the environment that leads there.
func Serve(dir string, quay *quaytest.Server, cluster *kubetest.Server) (env map[string]string, stop func(), err error) {
	quay.AddUser("platform")
	quay.AddOrganization(Org, "platform")
	quay.AddToken(QuayToken, "platform", "org:admin repo:admin")
	cluster.AddUser(KubeToken, Account, false)
	cluster.Apply([]byte(`
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: appstudio-pipeline, namespace: shop}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: shop}}
`))
	registry, apiserver := listen(quay), listen(cluster)
	stop = func() { registry.Close(); apiserver.Close() }
	env = map[string]string{
		"BERTH_QUAY_URL":        registry.URL,
		"BERTH_QUAY_ORG":        Org,
		"BERTH_QUAY_TOKEN_FILE": filepath.Join(dir, "quaytoken"),
		"BERTH_QUAY_CA_FILE":    filepath.Join(dir, "ca.pem"),
		"BERTH_QUAY_QPS":        "1000",
		"BERTH_QUAY_BURST":      "1000",
		"BERTH_KUBECONFIG":      filepath.Join(dir, "kubeconfig"),
		"BERTH_VISIBILITY":      "private", // the Components' git host is nowhere
		"BERTH_YES":             "true",    // nobody is asked, whoever runs the tests
	}
	for file, content := range map[string][]byte{
		env["BERTH_QUAY_TOKEN_FILE"]: []byte(QuayToken + "\n"),
		env["BERTH_QUAY_CA_FILE"]:    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: registry.Certificate().Raw}),
		env["BERTH_KUBECONFIG"]:      Kubeconfig(apiserver.URL, env["BERTH_QUAY_CA_FILE"]), // both servers show the same certificate
	} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			stop()
			return nil, nil, err
		}
	}
	return env, stop, nil
}

// listen starts a server that keeps to itself what its clients break off.
func listen(h http.Handler) *httptest.Server {
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	return s
}

// Kubeconfig leads to an API server whose certificate is in the file ca.
func Kubeconfig(server, ca string) []byte {
	return fmt.Appendf(nil, `
apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: %q, certificate-authority: %q}}]
users: [{name: test, user: {token: %s}}]
contexts: [{name: test, context: {cluster: test, user: test}}]
current-context: test
`, server, ca, KubeToken)
}

// Rotated counts the robots of later generations that Quay was asked to make for Components.
func Rotated(q *quaytest.Server) int { return rotated(q, false) }

// RotatedForAll counts those for namespaces.
func RotatedForAll(q *quaytest.Server) int { return rotated(q, true) }

func rotated(q *quaytest.Server, forAll bool) int {
	robots := map[string]bool{}
	for _, c := range q.Calls() {
		name, stamp := c.Path, ""
		if i := strings.LastIndex(name, "_"); i >= 0 {
			name, stamp = name[:i], name[i+1:]
		}
		if c.Method == http.MethodPut && c.Route == quaytest.RouteRobot && len(stamp) == 14 && strings.HasSuffix(name, "_namespace") == forAll {
			robots[c.Path] = true
		}
	}
	return len(robots)
}

// Component is the manifest of one; generate is its request, "" for none.
func Component(namespace, name, generate string) []byte {
	annotations := "{}"
	if generate != "" {
		annotations = fmt.Sprintf("{image.redhat.com/generate: %q}", generate)
	}
	return fmt.Appendf(nil, `
apiVersion: appstudio.redhat.com/v1alpha1
kind: Component
metadata: {name: %s, namespace: %s, annotations: %s}
spec: {componentName: %[1]s, application: shop, source: {git: {url: "https://git.example.com/%[1]s"}}}
`, name, namespace, annotations)
}

// Late is the manifest of a Component of the younger group, which needs no application.
func Late(namespace, name string) []byte {
	return fmt.Appendf(nil, `
apiVersion: konflux-ci.dev/v1alpha1
kind: Component
metadata: {name: %s, namespace: %s}
spec: {source: {url: "https://git.example.com/%[1]s"}}
`, name, namespace)
}

// Until polls for what no channel tells, by far longer than it takes: a minute.
func Until(t testing.TB, what string, happened func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !happened(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come", what)
		}
	}
}
