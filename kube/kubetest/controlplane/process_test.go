package controlplane

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/kube/kubetest/controlplane/assets"
)

func TestAFailedStartShowsTheLogsAndLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	broken := assets.Dir(t.TempDir())
	script := "#!/bin/sh\necho \"$1 has no such flag\" >&2\nexit 1\n"
	if err := os.WriteFile(broken.Kubernetes(), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := start(t.Context(), broken, t.TempDir(), AppStudio)
	if err == nil {
		t.Fatal("started without servers")
	}
	for _, want := range []string{"etcd has no such flag", "kube-apiserver has no such flag"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not contain %q: %v", want, err)
		}
	}
}

func TestServersEndWithTheirStandardInput(t *testing.T) {
	t.Parallel()
	cp := &ControlPlane{dir: t.TempDir()}
	found := find(t)
	if err := cp.exec(found.Kubernetes(), "etcd", "--data-dir="+filepath.Join(cp.dir, "etcd"),
		"--listen-client-urls=http://127.0.0.1:0", "--advertise-client-urls=http://127.0.0.1:1", "--listen-peer-urls=http://127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if err := cp.procs[0].stdin.Close(); err != nil {
		t.Fatal(err)
	}
	<-cp.procs[0].done
}
