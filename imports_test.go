package main

import (
	"go/build"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "berth"

// imports gives what each package of the module imports outside its tests, by
// the package's path.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	err := filepath.WalkDir(".", func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); dir != "." && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata") {
			return filepath.SkipDir
		}
		goFiles, _ := filepath.Glob(filepath.Join(dir, "*.go"))
		if len(goFiles) == 0 {
			return nil
		}
		p, err := build.ImportDir(dir, 0)
		if _, testsOnly := err.(*build.NoGoError); testsOnly { //nolint:errorlint // ImportDir wraps nothing
			return nil
		}
		if err != nil {
			return err
		}
		all[strings.TrimSuffix(module+"/"+filepath.ToSlash(dir), "/.")] = p.Imports
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// within reports whether a package is, or is below, one of the paths.
func within(pkg string, paths ...string) bool {
	return slices.ContainsFunc(paths, func(p string) bool { return pkg == p || strings.HasPrefix(pkg, p+"/") })
}

var simulators = []string{"berth/quay/quaytest", "berth/kube/kubetest", "berth/deploy/deploytest"}

// faults is what the simulators have in common.
const faults = "berth/quay/quaytest/fault"

// importRules are what keeps the packages apart. deny is checked on each import.
var importRules = []struct {
	name string
	of   func(pkg string) bool
	deny func(imported string) bool
	why  string
}{
	{
		"the client of Quay",
		func(pkg string) bool { return within(pkg, "berth/quay") && !within(pkg, simulators...) },
		func(i string) bool {
			return within(i, module) && (!within(i, "berth/quay") || within(i, simulators...)) || within(i, "k8s.io", "sigs.k8s.io")
		},
		"it knows nothing of Components and the cluster",
	},
	{
		"the client of the cluster",
		func(pkg string) bool { return within(pkg, "berth/kube") && !within(pkg, simulators...) },
		func(i string) bool {
			return within(i, module) && (!within(i, "berth/kube") || within(i, simulators...))
		},
		"it knows nothing of the registry and the domain",
	},
	{
		"the domain",
		func(pkg string) bool { return pkg == "berth/reconcile" },
		func(i string) bool {
			return within(i, module) && i != "berth/quay" && i != "berth/kube" && i != "berth/reconcile/gitsource" ||
				within(i, "net/http", "k8s.io", "sigs.k8s.io", "github.com/spf13/pflag", "github.com/sethvargo/go-envconfig", "flag")
		},
		"it knows nothing of HTTP, of flags and of Kubernetes' types",
	},
	{
		"the manifests",
		func(pkg string) bool { return pkg == "berth/deploy" },
		func(i string) bool { return within(i, module) },
		"they know nothing of the program",
	},
	{
		"a simulator",
		func(pkg string) bool { return slices.Contains(simulators[:2], pkg) },
		func(i string) bool {
			return within(i, module) && i != faults && i != "berth/kube/kubetest/crds"
		},
		"it knows nothing of the clients and of the other simulator",
	},
	{
		"what the simulators share",
		func(pkg string) bool { return pkg == faults },
		func(i string) bool { return within(i, module) || within(i, "k8s.io", "sigs.k8s.io") },
		"it knows no server",
	},
	{
		"what is shipped",
		func(pkg string) bool { return pkg != module && !within(pkg, simulators...) },
		func(i string) bool { return within(i, simulators...) },
		"simulators are for tests and the demo",
	},
	{
		"what is shipped",
		func(pkg string) bool { return !within(pkg, simulators...) },
		func(i string) bool {
			return within(i, "berth/deploy/deploytest", "testing", "net/http/httptest", "github.com/google/go-cmp", "pgregory.net/rapid", "go.uber.org/goleak")
		},
		"tests' libraries stay with the tests",
	},
}

func TestImportRules(t *testing.T) {
	t.Parallel()
	all := imports(t)
	for _, rule := range importRules {
		checked := 0
		for pkg, imported := range all {
			if !rule.of(pkg) {
				continue
			}
			checked++
			for _, i := range imported {
				if rule.deny(i) {
					t.Errorf("%s imports %s, but of %s: %s", pkg, i, rule.name, rule.why)
				}
			}
		}
		if checked == 0 {
			t.Errorf("no package is checked for %s", rule.name)
		}
	}
}
