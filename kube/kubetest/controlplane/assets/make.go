package assets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// kubernetes is the module whose version the API server reports as its own.
const kubernetes = "k8s.io/kubernetes"

// definitions are the modules that carry the definitions of Component and its
// neighbours under config/crd/bases.
var definitions = []string{
	"github.com/redhat-appstudio/application-api",
	"github.com/konflux-ci/application-api",
}

// Make returns the finished assets and builds them first where they are missing,
// writing progress to log. Only one of several processes builds, the others wait
// for it. What stands under the final name is always whole.
func Make(ctx context.Context, log io.Writer) (dir Dir, err error) {
	dir, src, err := locate()
	if err != nil {
		return "", err
	}
	home := filepath.Dir(string(dir))
	if err := os.MkdirAll(home, 0o750); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	unlock, err := lockedfile.MutexAt(filepath.Join(home, "lock")).Lock()
	if err != nil {
		return "", fmt.Errorf("lock the cache folder: %w", err)
	}
	defer unlock()
	if _, err := os.Stat(dir.Kubernetes()); err == nil {
		return dir, nil
	}

	fmt.Fprintln(log, "building etcd, kube-apiserver, kube-controller-manager and kubectl: about ten minutes, once a machine")
	unfinished, err := os.MkdirTemp(home, "unfinished-")
	if err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(unfinished)) }()
	if err := build(ctx, src, Dir(unfinished), log); err != nil {
		return "", err
	}
	if err := os.Rename(unfinished, string(dir)); err != nil {
		return "", fmt.Errorf("finish the build: %w", err)
	}
	return dir, nil
}

func build(ctx context.Context, src string, dst Dir, log io.Writer) error {
	modules, err := download(ctx, src, log)
	if err != nil {
		return err
	}
	for _, path := range definitions {
		owner := filepath.Base(filepath.Dir(path))
		bases := filepath.Join(modules[path].Dir, "config", "crd", "bases")
		if err := os.CopyFS(dst.CRDs(owner), os.DirFS(bases)); err != nil {
			return fmt.Errorf("copy the definitions of %s: %w", path, err)
		}
	}
	_, err = run(ctx, src, log, "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w "+stamps(modules[kubernetes].Version), "-o", dst.Kubernetes(), ".")
	return err
}

type module struct{ Path, Version, Dir string }

// download brings the modules whose folders or versions the build asks for.
func download(ctx context.Context, src string, log io.Writer) (map[string]module, error) {
	out, err := run(ctx, src, log, append([]string{"mod", "download", "-json", kubernetes}, definitions...)...)
	if err != nil {
		return nil, err
	}
	modules := map[string]module{}
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var m module
		if err := dec.Decode(&m); err != nil {
			return nil, fmt.Errorf("read what go mod download says: %w", err)
		}
		modules[m.Path] = m
	}
	return modules, nil
}

// stamps tells the API server its version, "v1.37.2", which a release build of
// Kubernetes gets the same way.
func stamps(version string) string {
	const pkg = "-X k8s.io/component-base/version."
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	return pkg + "gitVersion=" + version + " " + pkg + "gitMajor=" + parts[0] + " " + pkg + "gitMinor=" + parts[1]
}

// run runs the go command in the nested module, without cgo: the executable then
// needs nothing of the machine.
func run(ctx context.Context, src string, log io.Writer, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = src
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	cmd.Stderr = log
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s in %s: %w", args[0], src, err)
	}
	return out, nil
}
