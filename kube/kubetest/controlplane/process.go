package controlplane

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// run writes the servers' files and starts both.
func (cp *ControlPlane) run() error {
	etcd, err := freePort()
	if err != nil {
		return err
	}
	apiserver, err := freePort()
	if err != nil {
		return err
	}
	if err := cp.writeFiles(); err != nil {
		return err
	}
	etcdURL := fmt.Sprintf("http://127.0.0.1:%d", etcd)
	cp.URL = fmt.Sprintf("https://127.0.0.1:%d", apiserver)
	if err := cp.exec("etcd",
		"--data-dir="+cp.file("etcd"),
		"--listen-client-urls="+etcdURL,
		"--advertise-client-urls="+etcdURL,
		"--listen-peer-urls=http://127.0.0.1:0", // it has no peers
		"--unsafe-no-fsync",
	); err != nil {
		return err
	}
	return cp.exec("kube-apiserver",
		"--etcd-servers="+etcdURL,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", apiserver),
		"--endpoint-reconciler-type=none", // nothing in the cluster looks for the API server
		"--cert-dir="+cp.dir,
		"--service-cluster-ip-range=10.0.0.0/24",
		"--authorization-mode=RBAC",
		"--enable-admission-plugins=OwnerReferencesPermissionEnforcement", // as OpenShift has it
		"--token-auth-file="+cp.file("tokens.csv"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+cp.file("serviceaccount.key"),
		"--service-account-signing-key-file="+cp.file("serviceaccount.key"),
		"--audit-policy-file="+cp.file("audit.yaml"),
		"--audit-log-path="+cp.file("audit.log"),
	)
}

// controllers are those that a deployed batch job meets, and the one that checks the
// types of admission policies.
const controllers = "cronjob-controller,job-controller,ttl-after-finished-controller,garbage-collector-controller," +
	"namespace-controller,serviceaccount-controller,root-ca-certificate-publisher-controller," +
	"persistentvolumeclaim-protection-controller,validatingadmissionpolicy-status-controller"

// runControllers starts kube-controller-manager as the administrator.
func (cp *ControlPlane) runControllers() error {
	if err := cp.writeKubeconfig(cp.file("controllers.kubeconfig"), cp.tokens[Admin]); err != nil {
		return err
	}
	return cp.exec("kube-controller-manager",
		"--kubeconfig="+cp.file("controllers.kubeconfig"),
		"--controllers="+controllers,
		"--leader-elect=false",
		"--secure-port=0",
		"--service-account-private-key-file="+cp.file("serviceaccount.key"),
		"--root-ca-file="+cp.file("apiserver.crt"),
	)
}

// readCA is a condition for wait: the API server makes its own certificate, and
// the authority stands in the same file.
func (cp *ControlPlane) readCA(context.Context) bool {
	data, err := os.ReadFile(cp.file("apiserver.crt"))
	cp.ca = data
	return err == nil && bytes.HasSuffix(bytes.TrimSpace(data), []byte("-----END CERTIFICATE-----"))
}

// auditPolicy has one line a finished request, without bodies.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules: [{level: Metadata}]
`

func (cp *ControlPlane) writeFiles() error {
	cp.tokens = map[string]string{Admin: rand.Text(), Tenant: rand.Text()}
	tokens := fmt.Sprintf("%s,%s,1,system:masters\n%s,%s,2\n", cp.tokens[Admin], Admin, cp.tokens[Tenant], Tenant)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(cp.file("tokens.csv"), []byte(tokens), 0o600),
		os.WriteFile(cp.file("audit.yaml"), []byte(auditPolicy), 0o600),
		os.WriteFile(cp.file("serviceaccount.key"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600),
	)
}

func (cp *ControlPlane) file(name string) string { return filepath.Join(cp.dir, name) }

// freePort finds a port that nobody listens on, below the range from which
// systems give out ports themselves: no test server gets it before ours does.
func freePort() (int, error) {
	for range 100 {
		port := 20000 + mathrand.IntN(10000)
		listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, errors.New("no free port from 20000 to 29999")
}

// process is one of the servers. It ends when stdin is closed.
type process struct {
	name  string
	stdin io.Closer
	cmd   *exec.Cmd
	done  chan struct{} // closed when the process has ended
}

func (cp *ControlPlane) exec(name string, args ...string) error {
	log, err := os.Create(cp.file(name + ".log"))
	if err != nil {
		return err
	}
	defer log.Close()                                                      // the process has its own
	cmd := exec.Command(cp.executable, append([]string{name}, args...)...) //nolint:noctx // it must outlive the context of its start
	cmd.Dir = cp.dir
	cmd.Stdout, cmd.Stderr = log, log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p := &process{name: name, stdin: stdin, cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // the log says more than the exit code
	}()
	cp.procs = append(cp.procs, p)
	return nil
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop ends the servers, each before what it talks to.
func (cp *ControlPlane) stop() {
	for _, p := range slices.Backward(cp.procs) {
		_ = p.stdin.Close()
		select {
		case <-p.done:
		case <-time.After(5 * time.Second):
			_ = p.cmd.Process.Kill()
			<-p.done
		}
	}
}

// logs returns the last lines that each server wrote.
func (cp *ControlPlane) logs() string {
	var b strings.Builder
	for _, p := range cp.procs {
		data, err := os.ReadFile(cp.file(p.name + ".log"))
		if err != nil {
			data = []byte(err.Error())
		}
		lines := strings.Split(strings.TrimSpace(string(data)), "\n")
		fmt.Fprintf(&b, "--- %s\n%s\n", p.name, strings.Join(lines[max(0, len(lines)-15):], "\n"))
	}
	return b.String()
}
