package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"berth/deploy"
	"berth/deploy/deploytest"
	"berth/kube/kubetest"
	"berth/quay/quaytest"
)

// TestMain makes the test executable answer to the name berth as well, so that
// scripts and tests of signals run the program as a process.
func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"berth": berthProcess}) }

// shortLease makes a process's lock expire in a second or more, for tests that
// take it from a holder.
const shortLease = "LEASE_OF_THE_TEST"

// berthProcess is the program as a process of its own.
func berthProcess() {
	if d, err := time.ParseDuration(os.Getenv(shortLease)); err == nil {
		leaseDuration = d
	}
	main()
}

// platform is a Quay and a cluster, simulated, on loopback.
type platform struct {
	quay    *quaytest.Server
	cluster *kubetest.Server
	dir     string            // its files
	env     map[string]string // the settings that lead to both
}

const (
	testOrg    = deploytest.Org
	oauthToken = deploytest.QuayToken
	kubeToken  = deploytest.KubeToken
)

// serve starts a platform with these roles. What it returns is to be called at its end.
func serve(dir string, roles []byte, onRequest func(method, route, path string)) (p *platform, stop func(), err error) {
	p = &platform{
		quay:    quaytest.New(quaytest.Options{OnRequest: onRequest}),
		cluster: kubetest.New(kubetest.Options{Manifests: roles}),
		dir:     dir,
	}
	p.env, stop, err = deploytest.Serve(dir, p.quay, p.cluster)
	return p, stop, err
}

// writeKubeconfig leads to another API server.
func (p *platform) writeKubeconfig(t *testing.T, server string) {
	t.Helper()
	if err := os.WriteFile(p.env["BERTH_KUBECONFIG"], deploytest.Kubeconfig(server, p.env["BERTH_QUAY_CA_FILE"]), 0o600); err != nil {
		t.Fatal(err)
	}
}

func newPlatform(t *testing.T, components ...string) *platform {
	t.Helper()
	return newPlatformWith(t, deploy.Roles(), nil, components...)
}

func newPlatformWith(t *testing.T, roles []byte, onRequest func(method, route, path string), components ...string) *platform {
	t.Helper()
	p, stop, err := serve(t.TempDir(), roles, onRequest)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	for _, name := range components {
		p.component(name, "")
	}
	return p
}

// component applies a Component to namespace shop; generate is its request.
func (p *platform) component(name, generate string) {
	p.cluster.Apply(deploytest.Component("shop", name, generate))
}

// result is what a run left.
type result struct {
	code           int
	stdout, stderr string
}

// run is the program in this process. More of the environment follows the
// platform's, as KEY=value, then the arguments.
func (p *platform) run(t *testing.T, args ...string) result {
	t.Helper()
	env := maps.Clone(p.env)
	for len(args) > 0 && regexp.MustCompile(`^[A-Z_]+=`).MatchString(args[0]) {
		key, value, _ := strings.Cut(args[0], "=")
		env[key] = value
		args = args[1:]
	}
	return runProgram(t, env, args...)
}

// runProgram is for tests whose environment is all their own.
func runProgram(t *testing.T, env map[string]string, args ...string) result {
	t.Helper()
	var out, err bytes.Buffer
	code := run(t.Context(), args, environ(env), streams{out: &out, err: &err})
	return result{code, out.String(), err.String()}
}

// must demands an exit code.
func (r result) must(t *testing.T, code int) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", r.code, code, r.stdout, r.stderr)
	}
	return r
}

// lines decodes JSON lines.
func lines(t *testing.T, output string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(output) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("not a line of JSON: %v\n%s", err, line)
		}
		all = append(all, v)
	}
	return all
}

// ofType picks the lines of a type.
func ofType(lines []map[string]any, kind string) []map[string]any {
	return slices.DeleteFunc(slices.Clone(lines), func(l map[string]any) bool { return l["type"] != kind })
}

func (p *platform) forgetCalls() {
	p.quay.ResetCalls()
	p.cluster.ResetCalls()
}

// wrote counts the writes, dry runs among them.
func (p *platform) wrote() int { return p.quay.Mutations() + p.cluster.Mutations() }

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func closedServer(t *testing.T) string {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	s.Close()
	return s.URL
}

// process is the program, running.
type process struct {
	cmd    *exec.Cmd
	stdout *watcher
	stderr *watcher
}

// watcher keeps what is written and tells when it holds what is waited for.
type watcher struct {
	text  strings.Builder
	await string
	seen  chan struct{} // closed
}

func (w *watcher) Write(b []byte) (int, error) {
	had := w.has()
	n, err := w.text.Write(b)
	if !had && w.has() {
		close(w.seen)
	}
	return n, err
}

func (w *watcher) has() bool { return w.await != "" && strings.Contains(w.text.String(), w.await) }

// start runs the program as a process; await is what is waited for on its stderr.
func (p *platform) start(t *testing.T, await string, args ...string) process {
	t.Helper()
	c := p.command(t, await, args...)
	c.begin(t)
	return c
}

// command is the program as a process yet to be started, with nothing of this one's
// environment.
func (p *platform) command(t *testing.T, await string, args ...string) process {
	t.Helper()
	c := process{exec.CommandContext(t.Context(), "berth", args...), &watcher{}, &watcher{await: await, seen: make(chan struct{})}}
	c.cmd.Stdout, c.cmd.Stderr = c.stdout, c.stderr
	c.cmd.Env = []string{"GORACE=atexit_sleep_ms=0", "PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "GOCOVERDIR=" + os.Getenv("GOCOVERDIR")}
	for key, value := range p.env {
		c.cmd.Env = append(c.cmd.Env, key+"="+value)
	}
	return c
}

func (c process) begin(t *testing.T) {
	t.Helper()
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

func (c process) wait(t *testing.T) result {
	t.Helper()
	_ = c.cmd.Wait() // the exit code tells
	return result{c.cmd.ProcessState.ExitCode(), c.stdout.text.String(), c.stderr.text.String()}
}

// await bounds a wait by far more than it takes.
func await(t *testing.T, what string, happened <-chan struct{}) {
	t.Helper()
	select {
	case <-happened:
	case <-time.After(time.Minute):
		t.Fatalf("%s did not come", what)
	}
}
