package main

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// arrows are the design: what each package of the module may import of the module.
// Data walks through the rooms of reconcile from left to right, and so do these.
var arrows = map[string]string{
	".":                                       "kube quay quay/quaytest reconcile reconcile/component reconcile/gitsource reconcile/observe reconcile/apply reconcile/plan reconcile/report reconcile/report/jsonl reconcile/report/lastwords reconcile/report/metrics reconcile/report/page reconcile/report/progress reconcile/report/text reconcile/world testdata/demo",
	"reconcile":                               "kube quay reconcile/observe reconcile/world reconcile/decide reconcile/plan reconcile/apply reconcile/report reconcile/component",
	"reconcile/report":                        "kube quay reconcile/component reconcile/world reconcile/observe reconcile/plan reconcile/apply",
	"reconcile/report/jsonl":                  "reconcile/component reconcile/plan reconcile/apply reconcile/report",
	"reconcile/report/lastwords":              "reconcile/report",
	"reconcile/report/progress":               "reconcile/observe reconcile/report",
	"reconcile/report/metrics":                "reconcile/plan reconcile/report reconcile/world",
	"reconcile/report/page":                   "reconcile/component reconcile/plan reconcile/apply reconcile/report",
	"reconcile/report/text":                   "reconcile/plan reconcile/apply reconcile/report",
	"reconcile/apply":                         "kube quay reconcile/apply/act reconcile/apply/ends reconcile/apply/prune reconcile/component reconcile/world reconcile/plan",
	"reconcile/apply/ends":                    "kube quay reconcile/component reconcile/world reconcile/plan",
	"reconcile/apply/act":                     "kube quay reconcile/apply/ends reconcile/component reconcile/world reconcile/plan",
	"reconcile/apply/prune":                   "kube quay reconcile/apply/ends reconcile/component reconcile/world reconcile/plan",
	"reconcile/decide":                        "kube quay reconcile/component reconcile/world reconcile/plan reconcile/decide/delivery reconcile/decide/draft reconcile/decide/left reconcile/decide/visibility",
	"reconcile/decide/delivery":               "kube reconcile/component reconcile/decide/draft reconcile/plan reconcile/world",
	"reconcile/decide/draft":                  "kube quay reconcile/component reconcile/plan reconcile/world",
	"reconcile/decide/left":                   "kube quay reconcile/component reconcile/decide/draft reconcile/plan reconcile/world",
	"reconcile/decide/visibility":             "quay reconcile/component reconcile/decide/draft reconcile/gitsource reconcile/plan reconcile/world",
	"reconcile/plan":                          "kube quay reconcile/component reconcile/world",
	"reconcile/observe":                       "kube quay reconcile/component reconcile/observe/territory reconcile/world reconcile/gitsource",
	"reconcile/observe/territory":             "kube quay reconcile/world",
	"reconcile/world":                         "kube quay reconcile/component reconcile/gitsource",
	"reconcile/component":                     "kube quay",
	"reconcile/gitsource":                     "quay/pace",
	"quay":                                    "quay/pace",
	"quay/pace":                               "",
	"kube":                                    "kube/api",
	"kube/api":                                "",
	"deploy":                                  "",
	"testdata/demo":                           "deploy kube/kubetest kube/kubetest/remotesecret quay quay/quaytest reconcile/component",
	"deploy/deploytest":                       "kube/kubetest quay/quaytest",
	"quay/quaytest":                           "quay/quaytest/fault",
	"quay/quaytest/fault":                     "",
	"quay/quaytest/conformance":               "quay quay/quaytest",
	"quay/quaytest/quaysim":                   "quay/quaytest",
	"kube/kubetest":                           "kube/kubetest/crds quay/quaytest/fault",
	"kube/kubetest/crds":                      "",
	"kube/kubetest/remotesecret":              "",
	"kube/kubetest/controlplane":              "kube/kubetest/controlplane/assets kube/kubetest/crds",
	"kube/kubetest/controlplane/assets":       "",
	"kube/kubetest/controlplane/assets/build": "kube/kubetest/controlplane/assets",
}

// walls are what a package's shipped code may not touch otherwise: the beginnings of
// imported paths, and names as they are written.
var walls = []struct {
	packages []string
	imports  []string
	names    []string
	why      string
}{
	{
		under("reconcile/component", "reconcile/world", "reconcile/decide", "reconcile/plan"),
		[]string{"context", "net", "net/http", "os", "log/slog"},
		[]string{"time.Now", "time.Since", "time.Until"},
		"it is pure: the same in gives the same out",
	},
	{
		without(under("reconcile"), "reconcile/report/text", "reconcile/report/jsonl", "reconcile/report/metrics", "reconcile/report/progress"),
		[]string{"os"},
		[]string{"io.Writer", "fmt.Fprint", "fmt.Fprintf", "fmt.Fprintln", "fmt.Print", "fmt.Printf", "fmt.Println"},
		"only what tells and main write",
	},
	{
		without(under("reconcile"), "reconcile/gitsource", "reconcile/report/metrics"),
		[]string{"net/http", "k8s.io/", "sigs.k8s.io/", "github.com/spf13/pflag", "github.com/sethvargo/go-envconfig", "flag"},
		nil,
		"the domain knows nothing of HTTP, flags and Kubernetes' types",
	},
	{without(under("quay"), testServers...), []string{"k8s.io/", "sigs.k8s.io/"}, nil, "the client of Quay knows nothing of the cluster"},
	{[]string{"kube"}, []string{"net/http", "k8s.io/client-go/"}, nil, "how a call is made is kube/api's matter"},
	{under("quay/pace"), []string{"encoding/", "net/url"}, []string{"http.NewRequest", "http.RoundTripper", "http.Client"}, "it neither sends nor reads"},
	{
		under("."),
		[]string{"github.com/google/go-cmp/", "pgregory.net/rapid", "go.uber.org/goleak", "github.com/santhosh-tekuri/jsonschema/", "github.com/itchyny/gojq"},
		nil,
		"tests' libraries stay with the tests",
	},
	{
		without(under("."), testServers...),
		[]string{"testing", "net/http/httptest"},
		nil,
		"what is shipped is no test",
	},
}

var testServers = []string{"quay/quaytest", "kube/kubetest", "deploy/deploytest"}

// under are the packages of the design in some folders, and the folders themselves.
func under(folders ...string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(arrows)), func(pkg string) bool { return !within(pkg, folders) })
}

// without are packages but for those in some folders.
func without(packages []string, folders ...string) []string {
	return slices.DeleteFunc(packages, func(pkg string) bool { return within(pkg, folders) })
}

func within(pkg string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return f == "." || pkg == f || strings.HasPrefix(pkg, f+"/") })
}

// clients is where interfaces may have methods that take a context.
var clients = []string{"reconcile/observe", "reconcile/observe/territory", "reconcile/apply/ends"}

// sourceFiles are the files of the module's packages outside their tests, by the package's
// folder. Of testdata the program holds the demo alone.
func sourceFiles(t *testing.T) map[string][]*ast.File {
	t.Helper()
	all := map[string][]*ast.File{}
	err := filepath.WalkDir(".", func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		name := d.Name()
		if dir != "." && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" && dir != name) {
			return filepath.SkipDir
		}
		if parent := filepath.Dir(dir); parent == "testdata" && name != "demo" {
			return filepath.SkipDir
		}
		p, err := build.ImportDir(dir, 0)
		if err != nil {
			return nil //nolint:nilerr // no Go files, or tests alone
		}
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			all[filepath.ToSlash(dir)] = append(all[filepath.ToSlash(dir)], file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// importsOf are the paths that files import.
func importsOf(files []*ast.File) []string {
	var paths []string
	for _, f := range files {
		for _, i := range f.Imports {
			path, _ := strconv.Unquote(i.Path.Value)
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// namesOf are the names of other packages that files use, as package.Name.
func namesOf(files []*ast.File) map[string]bool {
	names := map[string]bool{}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok {
					names[x.Name+"."+s.Sel.Name] = true
				}
			}
			return true
		})
	}
	return names
}

// The rooms have walls: each package imports what the design says, and no more.
func TestArrows(t *testing.T) {
	t.Parallel()
	all := sourceFiles(t)
	for pkg, files := range all {
		allowed, known := arrows[pkg]
		if !known {
			t.Errorf("package %s is not in the design", pkg)
		}
		imported := importsOf(files)
		for _, path := range imported {
			if of, ours := strings.CutPrefix(path, "berth/"); ours && !slices.Contains(strings.Fields(allowed), of) {
				t.Errorf("%s imports %s, which the design does not have", pkg, of)
			}
		}
		for of := range strings.FieldsSeq(allowed) {
			if !slices.Contains(imported, "berth/"+of) {
				t.Errorf("the design has an arrow from %s to %s, which nothing needs", pkg, of)
			}
		}
	}
	for pkg := range arrows {
		if len(all[pkg]) == 0 {
			t.Errorf("the design has a package %s, which is not there", pkg)
		}
	}
}

func TestWalls(t *testing.T) {
	t.Parallel()
	all := sourceFiles(t)
	for _, w := range walls {
		for _, pkg := range w.packages {
			names := namesOf(all[pkg])
			for _, path := range importsOf(all[pkg]) {
				if slices.ContainsFunc(w.imports, func(p string) bool { return path == p || strings.HasSuffix(p, "/") && strings.HasPrefix(path, p) }) {
					t.Errorf("%s imports %s, but %s", pkg, path, w.why)
				}
			}
			for _, name := range w.names {
				if names[name] {
					t.Errorf("%s uses %s, but %s", pkg, name, w.why)
				}
			}
		}
	}
}

// Interfaces belong to who consumes them: of the domain only what reads and what acts
// declare what they need of the clients.
func TestOnlyReadersAndWritersDeclareClients(t *testing.T) {
	t.Parallel()
	found := map[string]int{}
	for pkg, files := range sourceFiles(t) {
		if pkg != "reconcile" && !strings.HasPrefix(pkg, "reconcile/") {
			continue
		}
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				if i, ok := n.(*ast.InterfaceType); ok && takesContext(i) {
					found[pkg]++
				}
				return true
			})
		}
	}
	if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, slices.Sorted(slices.Values(clients))) {
		t.Errorf("interfaces with a context are in %v, not in %v", got, clients)
	}
}

func takesContext(i *ast.InterfaceType) bool {
	return slices.ContainsFunc(i.Methods.List, func(m *ast.Field) bool {
		f, ok := m.Type.(*ast.FuncType)
		return ok && slices.ContainsFunc(f.Params.List, func(p *ast.Field) bool {
			s, ok := p.Type.(*ast.SelectorExpr)
			return ok && s.Sel.Name == "Context"
		})
	})
}

// made is a package's line in what the runtime tells of a program's beginning.
var made = regexp.MustCompile(`(?m)^init (berth/(?:quay|kube|reconcile|deploy)\S*) @.* (\d+) bytes, (\d+) allocs$`)

// What a run may never need is not made when the program begins, the simulators of --demo
// before all: patterns, templates and schemas are, when they are asked for.
func TestNothingIsMadeBeforeItIsNeeded(t *testing.T) {
	t.Parallel()
	const most = 200 // allocations of all packages together; one pattern takes some hundred
	self := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	self.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	told, err := self.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, told)
	}
	sum, lines := 0, made.FindAllStringSubmatch(string(told), -1)
	for _, l := range lines {
		n, _ := strconv.Atoi(l[3])
		if sum += n; n > most/4 {
			t.Errorf("%s allocates %s times, %s bytes", l[1], l[3], l[2])
		}
	}
	if sum > most || len(lines) < 5 {
		t.Errorf("%d packages allocate %d times before anything is asked of them, not %d", len(lines), sum, most)
	}
}

// A file is read in one sitting, and so is a room.
func TestRoomsAreSmall(t *testing.T) {
	t.Parallel()
	const lines, code = 300, 1600 // of a file, and of a room without blanks and comments
	for _, pkg := range without(under("."), testServers...) {
		files, err := build.ImportDir(pkg, 0)
		if err != nil {
			t.Fatal(err)
		}
		room := 0
		for _, name := range files.GoFiles {
			raw, err := os.ReadFile(filepath.Join(pkg, name))
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for line := range strings.Lines(string(raw)) {
				n++
				if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
					room++
				}
			}
			if n > lines {
				t.Errorf("%s/%s has %d lines, more than %d", pkg, name, n, lines)
			}
		}
		if room > code {
			t.Errorf("%s has %d lines of code, more than %d", pkg, room, code)
		}
	}
}
