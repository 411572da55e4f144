// Package assets builds and finds what a control plane for tests needs: one
// executable that is etcd, kube-apiserver, kube-controller-manager and kubectl, and
// the custom resource definitions that Konflux publishes.
//
// Their sources are pinned by the nested module testdata/kubernetes and come
// through the Go module proxy. The result stands in the user's cache folder,
// outside the checkout, under a hash of everything it was made from: it is built
// once a machine and again when a pinned version changes, and for nothing else.
// Running it is the business of package controlplane.
package assets

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Dir holds finished assets.
type Dir string

// Kubernetes is the path of the executable. Its first argument is the program to
// be: etcd, kube-apiserver, kube-controller-manager or kubectl.
func (d Dir) Kubernetes() string { return filepath.Join(string(d), "kubernetes") }

// CRDs is the folder of the YAML files that OWNER's application-api module
// publishes: "redhat-appstudio" (2023) or "konflux-ci" (2026).
func (d Dir) CRDs(owner string) string { return filepath.Join(string(d), "crds", owner) }

// ErrNotBuilt says that nothing stands under the hash of the present sources.
var ErrNotBuilt = errors.New("the control plane is not built: run make kubernetes (about ten minutes, once a machine)")

// Find returns the finished assets of the module that holds the working
// directory, or [ErrNotBuilt].
func Find() (Dir, error) {
	dir, _, err := locate()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(dir.Kubernetes()); errors.Is(err, fs.ErrNotExist) {
		return "", ErrNotBuilt
	} else if err != nil {
		return "", fmt.Errorf("find the control plane: %w", err)
	}
	return dir, nil
}

// locate returns where the assets belong and the sources they are made from.
func locate() (Dir, string, error) {
	src, err := sources()
	if err != nil {
		return "", "", err
	}
	sum, err := hash(src)
	if err != nil {
		return "", "", fmt.Errorf("hash %s: %w", src, err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", "", fmt.Errorf("find the user's cache folder: %w", err)
	}
	return Dir(filepath.Join(cache, "berth", "kubernetes", sum)), src, nil
}

// sources looks for testdata/kubernetes from the working directory upwards: a
// test runs in the folder of its package, make at the top.
func sources() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find testdata/kubernetes: %w", err)
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		src := filepath.Join(dir, "testdata", "kubernetes")
		if _, err := os.Stat(filepath.Join(src, "go.mod")); err == nil {
			return src, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no testdata/kubernetes in %s or above it", wd)
		}
	}
}

// hash covers the pinned versions, the program and what compiles it.
func hash(src string) (string, error) {
	files, err := filepath.Glob(filepath.Join(src, "*.go"))
	if err != nil {
		return "", err
	}
	files = append(files, filepath.Join(src, "go.mod"), filepath.Join(src, "go.sum"))
	h := sha256.New()
	fmt.Fprintln(h, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %x\n", filepath.Base(name), sha256.Sum256(data))
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}
