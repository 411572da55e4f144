package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"berth/deploy"
	"berth/deploy/deploytest"
	"berth/kube/kubetest"
	"berth/quay/quaytest"
)

// shown runs a program and ends when all it wrote to the terminal was read there: a
// terminal's buffer has no room for what comes behind it. Without that, what was not read by
// the time a program ends is missing in ttyout.
const shown = `#!/bin/sh
"$@"
code=$?
head -c 65536 /dev/zero >/dev/tty
exit $code
`

// TestScripts runs the program as a process. In a script the environment leads
// to a platform with one Component, shop/cart, until it says otherwise.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			dir := filepath.Join(e.WorkDir, "platform")
			if err := os.Mkdir(dir, 0o700); err != nil {
				return err
			}
			p, stop, err := serve(dir, deploy.Roles(), nil)
			if err != nil {
				return err
			}
			e.Defer(stop)
			p.component("cart", "")
			for key, value := range p.env {
				e.Setenv(key, value)
			}
			e.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector's second of sleep
			e.Setenv("PLATFORM", dir)
			if err := os.WriteFile(filepath.Join(dir, "shown"), []byte(shown), 0o700); err != nil {
				return err
			}
			e.Setenv("PATH", dir+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("KUBECONFIG", filepath.Join(e.WorkDir, "none"))
			e.Values["platform"] = p
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": scriptExits,
			"wrote": scriptWrote,
		},
	})
}

// scriptExits is "exits CODE PROGRAM ARGUMENT...".
func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENT...")
	}
	got := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// scriptWrote demands that Quay or the cluster was sent a write, or that neither was.
func scriptWrote(ts *testscript.TestScript, neg bool, _ []string) {
	p := ts.Value("platform").(*platform)
	n := p.quay.Mutations() + p.cluster.Mutations()
	if neg != (n == 0) {
		ts.Fatalf("Quay and the cluster were sent %d writes", n)
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason string
		code   int
		spoil  func(t *testing.T, p *platform) // what is wrong with the platform
		args   []string
		says   string // on stdout
	}{
		{reason: "all is done", code: 0, says: "Apply complete"},
		{reason: "changes are no failure", code: 0, args: []string{"--dry-run"}, says: "Dry run: nothing was changed"},
		{reason: "pending changes, asked for", code: 2, args: []string{"--dry-run", "--detailed-exitcode"}, says: "9 to create"},
		{
			reason: "what a tenant wrote makes no run fail", code: 0, says: "1 invalid",
			spoil: func(_ *testing.T, p *platform) { p.component("cart", `{"visibility":`) },
		},
		{
			reason: "a Component fails", code: 1, says: "Error: shop/cart: ",
			spoil: func(_ *testing.T, p *platform) {
				p.cluster.Inject(kubetest.Fault{Verb: "create", Resource: "secrets", Times: -1, Status: http.StatusUnprocessableEntity})
			},
		},
		{
			reason: "Quay is out of reach", code: 1, says: "Check --quay-url and the network",
			spoil: func(t *testing.T, p *platform) { p.env["BERTH_QUAY_URL"] = closedServer(t) },
		},
		{
			reason: "the cluster is out of reach", code: 1, says: "Check the cluster's address and the network",
			spoil: func(t *testing.T, p *platform) { p.writeKubeconfig(t, closedServer(t)) },
		},
		{
			reason: "no such organization", code: 1, says: "Check --quay-url and --quay-org",
			args: []string{"--quay-org", "nobodys"},
		},
		{
			reason: "Quay does not know the token", code: 77, says: "Quay does not know the token, or not any more\n       The OAuth token of variable BERTH_QUAY_TOKEN has expired, was revoked, or is another Quay's.",
			args: []string{"BERTH_QUAY_TOKEN_FILE=", "BERTH_QUAY_TOKEN=of-another-quay"},
		},
		{
			reason: "Quay's token has died", code: 77, says: "(BERTH_QUAY_TOKEN_FILE) has expired",
			spoil: func(_ *testing.T, p *platform) { p.quay.ExpireToken(oauthToken) },
		},
		{
			reason: "the token lacks a scope", code: 77, says: "does not administer the organization\n       The OAuth token of file ",
			spoil: func(_ *testing.T, p *platform) { p.quay.AddToken(oauthToken, "platform", "repo:admin") },
		},
		{
			reason: "the token's user is no administrator", code: 77, says: "does not administer the organization",
			spoil: func(_ *testing.T, p *platform) {
				p.quay.AddUser("somebody")
				p.quay.AddTeam(testOrg, "readers", "member", "somebody")
				p.quay.AddToken(oauthToken, "somebody", "org:admin repo:admin")
			},
		},
		{
			reason: "the token dies while changes are made", code: 77, says: "Error: shop/cart: ",
			spoil: func(_ *testing.T, p *platform) {
				p.quay.Inject(quaytest.Fault{Method: "PUT", Route: quaytest.RouteRobot, Outcome: quaytest.ExpireToken})
			},
		},
		{
			reason: "the API server does not know us", code: 77, says: "Check the ServiceAccount or the kubeconfig",
			spoil: func(_ *testing.T, p *platform) { p.cluster.RemoveUser(kubeToken) },
		},
		{
			reason: "we may not list", code: 77, says: "Compare the roles",
			spoil: func(_ *testing.T, p *platform) { p.cluster.Delete("clusterrolebindings", "", "berth") },
		},
		{
			reason: "the cluster has no Components", code: 78, says: "Is this the right cluster?",
			spoil: func(_ *testing.T, p *platform) { p.cluster.Uninstall("components") },
		},
		{reason: "usage", code: 64, args: []string{"--dryrun"}},
		{reason: "settings", code: 78, args: []string{"--concurrency=0"}},
		{reason: "a Component asked for by name is not there", code: 1, args: []string{"shop/cat"}, says: "shop/cat: there is no such Component"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t, "cart")
			if test.spoil != nil {
				test.spoil(t, p)
			}
			r := p.run(t, test.args...).must(t, test.code)
			if !strings.Contains(r.stdout, test.says) {
				t.Errorf("stdout does not say %q:\n%s", test.says, r.stdout)
			}
		})
	}
}

func TestTheGuardRefusesAndForcePasses(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprintf("c%02d", i))
	}
	p := newPlatform(t, names...)
	p.run(t).must(t, 0)
	for i, r := range p.quay.Snapshot().Robots {
		if i < 14 { // two a Component
			p.quay.RegenerateToken(r.Name)
		}
	}
	p.forgetCalls()
	refused := p.run(t).must(t, 3)
	if want := "the guard refused this plan: 7 of 20 Components (35%) would change, unasked: the Secrets of 7"; !strings.Contains(refused.stdout, want) {
		t.Errorf("stdout does not say %q:\n%s", want, refused.stdout)
	}
	p.run(t, "--dry-run", "--detailed-exitcode").must(t, 3)
	if n := p.wrote(); n > 0 {
		t.Errorf("%d writes were sent", n)
	}
	p.run(t, "--force").must(t, 0)
	p.run(t).must(t, 0)
}

// TestAPanicIsABug: Go's own exit code for a panic reads as "changes pending".
func TestAPanicIsABug(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	code := run(t.Context(), []string{"--demo"}, environ(nil), streams{out: brokenWriter{}, err: &said})
	if code != 70 || !strings.Contains(said.String(), "Error: a bug in Berth: out of order") {
		t.Errorf("exit code %d, want 70; stderr: %s", code, said.String())
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { panic("out of order") }

func TestTheTimeoutEndsInASummary(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason string
		stall  func(p *platform)
	}{
		{"Quay is silent", func(p *platform) { p.quay.Inject(quaytest.Fault{Times: -1, Outcome: quaytest.Stall}) }},
		{"the cluster is silent", func(p *platform) { p.cluster.Inject(kubetest.Fault{Times: -1, Outcome: kubetest.Stall}) }},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t, "cart")
			test.stall(p)
			r := p.run(t, "--timeout=300ms", "-o", "json").must(t, 1)
			all := lines(t, r.stdout)
			if last := all[len(all)-1]; last["type"] != "change_summary" || last["result"] != "failed" {
				t.Errorf("the last line is %v", last)
			}
			if p.wrote() > 0 {
				t.Error("something was written")
			}
		})
	}
}

// TestASignalLetsFinishWhatIsInFlight runs the program as a process, stops it
// while Quay is slow to make a robot, and demands that this Component is
// complete, the other untouched, and the summary there.
func TestASignalLetsFinishWhatIsInFlight(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			stalled, release := make(chan struct{}, 8), make(chan struct{})
			p := newPlatformWith(t, deploy.Roles(), func(method, route, _ string) {
				if method == http.MethodPut && route == quaytest.RouteRobot {
					stalled <- struct{}{}
				}
			}, "cart", "till")
			p.quay.Inject(quaytest.Fault{Method: http.MethodPut, Route: quaytest.RouteRobot, Outcome: quaytest.Stall, Release: release})

			program := p.start(t, "interrupted: nothing new is begun", "--concurrency=1", "-o", "json")
			await(t, "the call that stalls", stalled)
			if err := program.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			await(t, "the word that it is interrupted", program.stderr.seen)
			if err := program.cmd.Process.Signal(syscall.SIGHUP); err != nil { // a shell and the kernel send one each
				t.Fatal(err)
			}
			close(release)
			r := program.wait(t).must(t, 128+int(signal))

			all := lines(t, r.stdout)
			last := all[len(all)-1]
			components, _ := last["components"].(map[string]any)
			if last["type"] != "change_summary" || components["changed"] != 1.0 || components["deferred"] != 1.0 {
				t.Errorf("the last line is %v", last)
			}
			secrets := 0
			for _, name := range []string{"cart-image-push", "cart-image-pull", "till-image-push", "till-image-pull"} {
				if p.cluster.Object("secrets", "shop", name) != nil {
					secrets++
				}
			}
			if robots := len(p.quay.Snapshot().Robots); secrets != 2 || robots != 2 {
				t.Errorf("%d Secrets and %d robots, want the two of one Component", secrets, robots)
			}
			p.run(t).must(t, 0)
		})
	}
}

// Who pipes a run into something that ends first gets what was asked for all the same.
func TestAReaderMayGoAway(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--dry-run"}, {"--dry-run", "-o", "json"}, {}, {"-o", "json", "--log-level=debug"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t, "cart")
			p.env["BERTH_LOCK_NAMESPACE"] = leaseNamespace
			reader, writer, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			_ = reader.Close()
			program := p.command(t, "", args...)
			program.cmd.Stdout, program.cmd.Stderr = writer, writer
			program.begin(t)
			_ = writer.Close()
			program.wait(t).must(t, 0)
			if p.holder() != "" {
				t.Errorf("the lock is still %s's", p.holder())
			}
			if dry := slices.Contains(args, "--dry-run"); dry != (p.wrote() == 0) {
				t.Errorf("%d writes", p.wrote())
			}
			if len(args) != 1 {
				p.forgetCalls()
				p.run(t, "--dry-run", "--detailed-exitcode").must(t, map[bool]int{true: 2, false: 0}[slices.Contains(args, "--dry-run")])
			}
		})
	}
}

// By default whatever builds and pods run as is served, on a platform of 2023 and on one
// of today, with deliveries or without.
func TestServiceAccountsByDefault(t *testing.T) {
	t.Parallel()
	linked := func(p *platform, account, list string) string {
		return fmt.Sprint(p.cluster.Object("serviceaccounts", "shop", account)[list])
	}
	for _, test := range []struct {
		reason string
		args   []string
	}{
		{"nothing is set", nil},
		{"no deliveries", []string{"--remote-secrets", "off"}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t, "cart")
			p.cluster.Delete("serviceaccounts", "shop", "appstudio-pipeline")
			p.cluster.Apply([]byte("{apiVersion: v1, kind: ServiceAccount, metadata: {name: build-pipeline-cart, namespace: shop}}"))
			r := p.run(t, test.args...).must(t, 0)
			if got := linked(p, "build-pipeline-cart", "secrets"); !strings.Contains(got, "cart-image-push") {
				t.Errorf("builds have the Secrets %s", got)
			}
			if got := linked(p, "default", "imagePullSecrets"); !strings.Contains(got, "cart-image-pull") {
				t.Errorf("pods pull with %s", got)
			}
			if strings.Contains(r.stdout, "Warning") {
				t.Errorf("it warns:\n%s", r.stdout)
			}
			p.forgetCalls()
			if p.run(t, test.args...).must(t, 0); p.wrote() > 0 {
				t.Error("a second run wrote")
			}
			p.cluster.Delete("serviceaccounts", "shop", "build-pipeline-cart")
			if r := p.run(t, test.args...).must(t, 0); !strings.Contains(r.stdout, "None of the ServiceAccounts appstudio-pipeline, build-pipeline-cart exists") {
				t.Errorf("nobody is told that builds have no ServiceAccount:\n%s", r.stdout)
			}
		})
	}
}

// Builds are let begin, unless that is switched off.
func TestContainerImagesByDefault(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, "cart")
	image := func() any {
		spec, _ := p.cluster.Object("components", "shop", "cart")["spec"].(map[string]any)
		return spec["containerImage"]
	}
	p.run(t, "--no-container-image").must(t, 0)
	if image() != nil {
		t.Errorf("switched off, it became %v", image())
	}
	p.run(t).must(t, 0)
	if want := strings.TrimPrefix(p.env["BERTH_QUAY_URL"], "https://") + "/" + testOrg + "/shop/cart"; image() != want {
		t.Errorf("it is %v, want %s", image(), want)
	}
}

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
