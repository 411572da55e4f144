package deploy_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"

	"berth/deploy"
	"berth/deploy/deploytest"
	"berth/kube/kubetest"
	"berth/quay/quaytest"
)

// TestMain builds the program, once for all tests, as berth on the PATH.
func TestMain(m *testing.M) {
	bin, err := os.MkdirTemp("", "berth")
	if err == nil {
		err = build(filepath.Join(bin, "berth"))
	}
	if err == nil {
		err = os.Chmod(bin, 0o755) // pods have users of their own
	}
	if err == nil {
		err = os.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(bin)
	os.Exit(code)
}

// build compiles the program as this test was: with the race detector or without.
func build(program string) error {
	args := []string{"build", "-o", program}
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "..")...).CombinedOutput(); err != nil {
		return fmt.Errorf("go %v: %w\n%s", args, err, out)
	}
	return nil
}

// platform is a Quay and a cluster, simulated, and the settings that lead to both.
type platform struct {
	quay    *quaytest.Server
	cluster *kubetest.Server
	env     map[string]string
}

// newPlatform has Components in namespace shop.
func newPlatform(t *testing.T, components ...string) *platform {
	t.Helper()
	return newPlatformWith(t, deploy.Roles(), components...)
}

// newPlatformWith has other roles than those that are shipped.
func newPlatformWith(t *testing.T, roles []byte, components ...string) *platform {
	t.Helper()
	p := &platform{quay: quaytest.New(quaytest.Options{}), cluster: kubetest.New(kubetest.Options{Manifests: roles})}
	p.cluster.Install("components.konflux-ci.dev")
	env, stop, err := deploytest.Serve(t.TempDir(), p.quay, p.cluster)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	p.env = env
	for _, name := range components {
		p.cluster.Apply(deploytest.Component("shop", name, ""))
	}
	return p
}

// result is what a run of the program left.
type result struct {
	code           int
	stdout, stderr string
}

// run is the program with the platform's settings and nothing else of the environment.
func (p *platform) run(t *testing.T, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(t.Context(), "berth", args...)
	c.Stdout, c.Stderr = &stdout, &stderr
	c.Env = []string{"GORACE=atexit_sleep_ms=0", "PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	for key, value := range p.env {
		c.Env = append(c.Env, key+"="+value)
	}
	if err := c.Run(); c.ProcessState == nil {
		t.Fatal(err)
	}
	return result{c.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// must demands an exit code.
func (r result) must(t *testing.T, code int) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", r.code, code, r.stdout, r.stderr)
	}
	return r
}

// shipped is a manifest.
func shipped(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := deploy.Manifests.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
