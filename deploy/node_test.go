package deploy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"berth/kube/kubetest/controlplane"
)

// node plays scheduler and kubelet for the pods of namespace berth: it runs the
// program as a process with the environment, the arguments and the mounted files that
// the Pod object says, as its ServiceAccount, reports how it ended, and serves its log.
type node struct {
	cp      *controlplane.ControlPlane
	objects dynamic.Interface // as an administrator
	dir     string

	mu    sync.Mutex
	roots string // file with the certificates that its images trust, "" for none
	ran   []ranPod
	logs  map[string]string // by pod
}

// ranPod is what a pod ran.
type ranPod struct {
	Name, Image string
	Env         map[string]string
	As          identity
	FSGroup     *int
	Code        int
}

// accountPath is where every pod finds its ServiceAccount's token. A test cannot write
// there.
const accountPath = "/var/run/secrets/kubernetes.io/serviceaccount"

// startNode runs pods, one after the other, until the test ends.
func startNode(t *testing.T, cp *controlplane.ControlPlane, roots string) *node {
	t.Helper()
	n := &node{cp: cp, objects: asAdmin(t, cp), dir: t.TempDir(), roots: roots, logs: map[string]string{}}
	kubelet := httptest.NewTLSServer(http.HandlerFunc(n.serveLog))
	t.Cleanup(kubelet.Close)
	address, err := url.Parse(kubelet.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cp.Apply(t.Context(), []byte("{apiVersion: v1, kind: Node, metadata: {name: node}}")); err != nil {
		t.Fatal(err)
	}
	n.patchStatus(t, "nodes", "", "node", fmt.Sprintf(
		`{"addresses":[{"type":"InternalIP","address":"127.0.0.1"}],"daemonEndpoints":{"kubeletEndpoint":{"Port":%s}}}`, address.Port()))
	pods, err := n.objects.Resource(core("pods")).Namespace("berth").Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var loop sync.WaitGroup
	t.Cleanup(func() { pods.Stop(); loop.Wait() })
	loop.Go(func() {
		for event := range pods.ResultChan() {
			var p pod
			if raw, err := json.Marshal(event.Object); err != nil || json.Unmarshal(raw, &p) != nil || event.Type == "DELETED" {
				continue
			}
			if p.Status.Phase == "Pending" && p.Spec.NodeName == "" {
				if err := n.run(t, p); err != nil && t.Context().Err() == nil {
					t.Errorf("pod %s: %v", p.Metadata.Name, err)
				}
			}
		}
	})
	return n
}

func (n *node) run(t *testing.T, p pod) error {
	binding := fmt.Sprintf(`{"apiVersion":"v1","kind":"Binding","metadata":{"name":%q},"target":{"kind":"Node","name":"node"}}`, p.Metadata.Name)
	if _, err := n.objects.Resource(core("pods")).Namespace("berth").Create(t.Context(), object(binding), metav1.CreateOptions{}, "binding"); err != nil {
		return err
	}
	if len(p.Spec.Containers) != 1 || p.Spec.Containers[0].Name != "berth" {
		return fmt.Errorf("containers %v", p.Spec.Containers)
	}
	c := p.Spec.Containers[0]
	env, err := n.environment(t, p, c)
	if err != nil {
		return err
	}
	who, err := identityOf(t, p, c)
	if err != nil {
		return err
	}
	root := filepath.Join(n.dir, p.Metadata.Name)
	if err := n.mount(t, p, c, root, who); err != nil {
		return err
	}
	kubeconfig, roots := filepath.Join(root, "kubeconfig"), filepath.Join(root, "roots.pem")
	n.cp.Kubeconfig(t, kubeconfig, "system:serviceaccount:berth:"+p.Spec.ServiceAccountName)
	if err := n.copyRoots(roots); err != nil {
		return err
	}
	program := exec.CommandContext(t.Context(), "berth", c.Args...)
	program.Env = []string{
		"GORACE=atexit_sleep_ms=0", "PATH=" + os.Getenv("PATH"), "HOME=" + root, "SSL_CERT_FILE=" + roots,
		"GOCOVERDIR=" + os.Getenv("GOCOVERDIR"), // without it a covered program warns, into its log
		// What accountPath tells a program.
		"BERTH_KUBECONFIG=" + kubeconfig, "BERTH_LOCK_NAMESPACE=berth", "BERTH_YES=true",
	}
	if err := become(program, who, p.Spec.SecurityContext.FSGroup, root, kubeconfig, roots); err != nil {
		return err
	}
	for name, value := range env {
		for _, m := range c.VolumeMounts {
			if strings.HasPrefix(value, m.MountPath) {
				value = filepath.Join(root, value)
			}
		}
		program.Env = append(program.Env, name+"="+value)
	}
	var log bytes.Buffer
	program.Stdout, program.Stderr = &log, &log
	if err := program.Run(); program.ProcessState == nil {
		return err
	}
	code := program.ProcessState.ExitCode() // which tells how it ended
	n.mu.Lock()
	n.ran = append(n.ran, ranPod{p.Metadata.Name, c.Image, env, who, p.Spec.SecurityContext.FSGroup, code})
	n.logs[p.Metadata.Name] = log.String()
	n.mu.Unlock()

	phase, now := "Succeeded", metav1.Now().UTC().Format("2006-01-02T15:04:05Z")
	if code != 0 {
		phase = "Failed"
	}
	n.patchStatus(t, "pods", "berth", p.Metadata.Name, fmt.Sprintf(`{"phase":%q,"startTime":%q,"containerStatuses":[{"name":"berth","image":%q,"imageID":"","ready":false,`+
		`"restartCount":0,"state":{"terminated":{"exitCode":%d,"startedAt":%[2]q,"finishedAt":%[2]q}}}]}`, phase, now, c.Image, code))
	return nil
}

func (n *node) patchStatus(t *testing.T, plural, namespace, name, status string) {
	_, err := n.objects.Resource(core(plural)).Namespace(namespace).Patch(t.Context(), name, types.StrategicMergePatchType,
		[]byte(`{"status":`+status+`}`), metav1.PatchOptions{}, "status")
	if err != nil && t.Context().Err() == nil {
		t.Errorf("status of %s %s: %v", plural, name, err)
	}
}

// serveLog answers as the kubelet does: /containerLogs/NAMESPACE/POD/CONTAINER.
func (n *node) serveLog(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.URL.Path, "/")
	if len(parts) != 5 || parts[1] != "containerLogs" {
		http.NotFound(w, r)
		return
	}
	n.mu.Lock()
	lines := strings.SplitAfter(n.logs[parts[3]], "\n")
	n.mu.Unlock()
	if tail, err := strconv.Atoi(r.URL.Query().Get("tailLines")); err == nil {
		lines = lines[max(0, len(lines)-1-tail):] // after the last newline is nothing
	}
	fmt.Fprint(w, strings.Join(lines, ""))
}

// copyRoots gives a pod's image its certificates.
func (n *node) copyRoots(file string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.roots == "" {
		return os.WriteFile(file, nil, 0o600) // none
	}
	raw, err := os.ReadFile(n.roots)
	if err != nil {
		return err
	}
	return os.WriteFile(file, raw, 0o600)
}

// pods are what ran so far.
func (n *node) pods() []ranPod {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]ranPod(nil), n.ran...)
}

// trust changes the certificates of the images.
func (n *node) trust(roots string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.roots = roots
}
