package controlplane

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/kube/kubetest/controlplane/assets"
)

func TestAFailedStartShowsTheLogAndLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	broken := assets.Dir(t.TempDir())
	script := `#!/bin/sh
if [ "$1" = etcd ]; then cat; echo bye >etcd.ended; exit; fi
echo no such flag >&2
exit 1
`
	if err := os.WriteFile(broken.Kubernetes(), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	_, err := start(t.Context(), broken, dir, AppStudio)
	if err == nil {
		t.Fatal("started without servers")
	}
	for _, want := range []string{"kube-apiserver ended", "--- kube-apiserver\nno such flag"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not contain %q: %v", want, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "etcd.ended")); err != nil {
		t.Errorf("etcd was not stopped in peace: %v", err)
	}
}

func TestServersEndWithTheirStandardInput(t *testing.T) {
	t.Parallel()
	cp := &ControlPlane{executable: find(t).Kubernetes(), dir: t.TempDir()}
	if err := cp.exec("etcd", "--data-dir="+filepath.Join(cp.dir, "etcd"),
		"--listen-client-urls=http://127.0.0.1:0", "--advertise-client-urls=http://127.0.0.1:1", "--listen-peer-urls=http://127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if err := cp.procs[0].stdin.Close(); err != nil {
		t.Fatal(err)
	}
	<-cp.procs[0].done
}
