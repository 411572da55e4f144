package controlplane

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Kubectl runs kubectl as [Admin] and returns what it wrote to stdout. When it fails,
// the error is what it wrote to stderr.
func (cp *ControlPlane) Kubectl(t testing.TB, args ...string) (string, error) {
	t.Helper()
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	cp.Kubeconfig(t, kubeconfig, Admin)
	cmd := exec.CommandContext(t.Context(), cp.executable, append([]string{"kubectl"}, args...)...)
	cmd.Env = []string{"KUBECONFIG=" + kubeconfig, "HOME=" + cp.dir, "PATH=" + os.Getenv("PATH"), "GOGC=" + os.Getenv("GOGC")} // HOME is where it keeps what the server knows
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}

// InstallKubectl puts an executable of that name into a folder, for scripts.
func (cp *ControlPlane) InstallKubectl(t testing.TB, dir string) {
	t.Helper()
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' kubectl \"$@\"\n", cp.executable)
	if err := os.WriteFile(filepath.Join(dir, "kubectl"), []byte(script), 0o700); err != nil { //nolint:gosec // it must be executable
		t.Fatal(err)
	}
}
