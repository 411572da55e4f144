package deploy_test

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// instruction is one of a Dockerfile, its lines joined.
type instruction struct{ name, rest string }

func dockerfile(t *testing.T) []instruction {
	t.Helper()
	var all []instruction
	joined := strings.ReplaceAll(string(readFile(t, "../Dockerfile")), "\\\n", " ")
	for line := range strings.Lines(joined) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name != "" && name != "#" {
			all = append(all, instruction{name, strings.Join(strings.Fields(rest), " ")})
		}
	}
	return all
}

// named are the instructions of a kind, without flags such as --mount.
func named(all []instruction, name string) (rests []string) {
	for _, i := range all {
		if i.name == name {
			rests = append(rests, strings.TrimSpace(regexp.MustCompile(`--(mount|from|platform)=\S+`).ReplaceAllString(i.rest, "")))
		}
	}
	return rests
}

// ignoreRule is a line of .dockerignore.
type ignoreRule struct {
	pattern *regexp.Regexp
	back    bool // what matches is in the context after all
}

func ignoreRules(t *testing.T) []ignoreRule {
	t.Helper()
	var rules []ignoreRule
	for line := range strings.Lines(string(readFile(t, "../.dockerignore"))) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		pattern, back := strings.CutPrefix(line, "!")
		if strings.ContainsAny(pattern, `?[]\`) || strings.HasPrefix(pattern, "/") {
			t.Fatalf("this test does not know the pattern %s", line)
		}
		parts := strings.NewReplacer(`\*\*/`, `(.*/)?`, `\*\*`, `.*`, `\*`, `[^/]*`).Replace(regexp.QuoteMeta(pattern))
		rules = append(rules, ignoreRule{regexp.MustCompile("^" + parts + "(/.*)?$"), back}) // a folder with all in it
	}
	return rules
}

// ignored: the last rule that matches decides.
func ignored(rules []ignoreRule, path string) bool {
	out := false
	for _, r := range rules {
		if r.pattern.MatchString(path) {
			out = !r.back
		}
	}
	return out
}

// buildContext copies what a builder is sent.
func buildContext(t *testing.T) (dir string, files []string) {
	t.Helper()
	rules := ignoreRules(t)
	dir = t.TempDir()
	err := fs.WalkDir(os.DirFS(".."), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || ignored(rules, path) {
			return err
		}
		files = append(files, path)
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(path)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, path), readFile(t, filepath.Join("..", path)), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir, files
}

func TestTheBuildContextHoldsTheSourcesAlone(t *testing.T) {
	t.Parallel()
	_, files := buildContext(t)
	for _, want := range []string{"go.mod", "go.sum", "main.go", "quay/client.go", "kube/kubetest/server.go", "deploy/deploy.go", "testdata/demo/cluster.yaml"} {
		if !slices.Contains(files, want) {
			t.Errorf("it lacks %s", want)
		}
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, ".") || strings.HasPrefix(file, "docs/") || strings.HasPrefix(file, "testdata/kubernetes") {
			t.Errorf("it holds %s", file)
		}
	}
}

// The image's program is made by the Dockerfile's own commands, from what a builder
// is sent: static, for either architecture, and of the version it was told.
func TestTheImagesProgram(t *testing.T) { // not parallel: compilers would keep the processors from what waits for something
	const release, revision, committed = "v9.8.7-of-the-test", "0123abcd", "2026-03-16T12:07:00+00:00"
	dir, _ := buildContext(t)
	commands := named(dockerfile(t), "RUN")
	if len(commands) != 2 || !strings.Contains(commands[0], "go mod download") || !strings.Contains(commands[1], " -o /berth ") {
		t.Fatalf("the commands are %q", commands)
	}
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		program := filepath.Join(t.TempDir(), "berth")
		for _, command := range commands {
			c := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(command, " /berth ", " "+program+" "))
			c.Dir = dir
			c.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "TARGETOS=linux", "TARGETARCH="+arch, "VERSION="+release, "REVISION="+revision, "COMMITTED="+committed)
			if out, err := c.CombinedOutput(); err != nil {
				t.Fatalf("%s: %s: %v\n%s", arch, command, err, out)
			}
		}
		checkProgram(t, program, machine)
		if !bytes.Contains(readFile(t, program), []byte(release)) {
			t.Errorf("%s: it does not hold its version", arch)
		}
		if arch != runtime.GOARCH || runtime.GOOS != "linux" {
			continue
		}
		if out, err := exec.CommandContext(t.Context(), program, "--version").CombinedOutput(); err != nil || string(out) != "berth "+release+"\n" {
			t.Errorf("--version: %s (%v)", out, err)
		}
		if out, err := exec.CommandContext(t.Context(), program, "version").CombinedOutput(); err != nil || !strings.Contains(string(out), revision+"\n") || !strings.Contains(string(out), committed+"\n") {
			t.Errorf("version: %s (%v)", out, err)
		}
		demo := exec.CommandContext(t.Context(), program, "--demo")
		demo.Dir, demo.Env = t.TempDir(), []string{} // an empty root
		if out, err := demo.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("berth "+release)) {
			t.Errorf("--demo: %v\n%s", err, out)
		}
	}
}

// checkProgram demands a program that needs no library and no loader.
func checkProgram(t *testing.T, program string, machine elf.Machine) {
	t.Helper()
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	libraries, err := f.ImportedLibraries()
	if err != nil || len(libraries) > 0 || f.Machine != machine {
		t.Errorf("it is for %s and needs %v (%v)", f.Machine, libraries, err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("it needs a loader")
		}
	}
	info, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d bytes", machine, info.Size())
}

// The image says as whom the program runs, since the manifests do not: by digits, so that
// a kubelet can tell that it is not root.
func TestTheImagesUser(t *testing.T) {
	t.Parallel()
	all := dockerfile(t)
	from, user := named(all, "FROM"), named(all, "USER")
	if from[len(from)-1] != "$BASE_IMAGE" || !strings.HasSuffix(fmt.Sprint(named(all, "ARG")[1]), ":nonroot") || !slices.Equal(user, []string{"65532:65532"}) {
		t.Errorf("from %v as %v", from, user)
	}
	if got := named(all, "ENTRYPOINT"); !slices.Equal(got, []string{`["/berth"]`}) || !slices.Contains(named(all, "COPY"), "/berth /berth") {
		t.Errorf("the entry point is %v", got)
	}
}

// The labels that a registry, a scanner and Red Hat's policies look for.
func TestTheImagesLabels(t *testing.T) {
	t.Parallel()
	all := dockerfile(t)
	labels := fmt.Sprint(named(all, "LABEL"))
	for name, value := range map[string]string{
		"org.opencontainers.image.title": "berth", "org.opencontainers.image.description": "$SUMMARY", "org.opencontainers.image.version": "$VERSION",
		"org.opencontainers.image.revision": "$REVISION", "org.opencontainers.image.created": "$CREATED", "org.opencontainers.image.source": "$SOURCE",
		"org.opencontainers.image.vendor": "$VENDOR", "name": "berth", "com.redhat.component": "berth", "version": "$VERSION", "release": "$REVISION",
		"summary": "$SUMMARY", "description": "$SUMMARY", "vendor": "$VENDOR", "maintainer": "$VENDOR", "url": "$SOURCE", "io.k8s.display-name": "Berth", "io.k8s.description": "$SUMMARY",
	} {
		if !strings.Contains(labels, fmt.Sprintf(`%s=%q`, name, value)) {
			t.Errorf("no label %s=%q in %s", name, value, labels)
		}
		if arg, variable := strings.CutPrefix(value, "$"); variable && !strings.Contains(fmt.Sprint(named(all, "ARG")[2:]), arg) {
			t.Errorf("%s is no argument of the image", arg)
		}
	}
}

// make sbom lists the modules that the program holds, each at the version of go.mod.
func TestSBOM(t *testing.T) {
	t.Parallel()
	if os.Getenv("BERTH_REQUIRE_KUBERNETES") == "" {
		t.Skip("its tool is built from source: run make test")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "berth.cdx.json")
	c := exec.CommandContext(t.Context(), "make", "-C", "..", "sbom", "BINARY="+filepath.Join(dir, "berth"), "SBOM="+file)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var bom struct {
		Metadata   struct{ Component struct{ Name string } }
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal(readFile(t, file), &bom); err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, m := range bom.Components {
		listed[m.Name] = m.Version
	}
	if bom.Metadata.Component.Name != "berth" || listed["std"] == "" {
		t.Errorf("it is of %s, with Go's own %q", bom.Metadata.Component.Name, listed["std"])
	}
	delete(listed, "std")
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}", "..")
	list.Dir = "."
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if path, version, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			linked[path] = version
		}
	}
	if diff := cmp.Diff(linked, listed); diff != "" || len(linked) < 20 {
		t.Errorf("%d modules are linked (-linked +listed):\n%s", len(linked), diff)
	}
}

// make image takes the first builder that works, and says so when there is none.
func TestMakeImage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason  string
		works   map[string]bool // the builders there are
		builder string          // "": none
	}{
		{"docker", map[string]bool{"docker": true, "podman": true}, "docker"},
		{"docker without its daemon", map[string]bool{"docker": false, "podman": true}, "podman"},
		{"buildah", map[string]bool{"buildah": true}, "buildah"},
		{"none that works", map[string]bool{"docker": false}, ""},
		{"none", nil, ""},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			bin := t.TempDir()
			for _, tool := range []string{"sh", "git", "make", "date"} {
				path, err := exec.LookPath(tool)
				if err != nil {
					t.Skip(err)
				}
				if err := os.Symlink(path, filepath.Join(bin, tool)); err != nil {
					t.Fatal(err)
				}
			}
			for builder, works := range test.works {
				script := fmt.Sprintf("#!/bin/sh\n[ \"$1\" = info ] && %t || [ \"$1\" != info ] && echo RAN %s \"$@\"\n", works, builder)
				if err := os.WriteFile(filepath.Join(bin, builder), []byte(script), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			c := exec.CommandContext(t.Context(), filepath.Join(bin, "make"), "image", "IMAGE=registry.example/berth:x", "VERSION=v1.2.3", "PLATFORM=linux/arm64", "VENDOR=Acme, Inc.", "BASE_IMAGE=base@sha256:1")
			c.Dir = ".."
			c.Env = []string{"PATH=" + bin, "HOME=" + os.Getenv("HOME")}
			out, err := c.CombinedOutput()
			if test.builder == "" {
				if err == nil || !strings.Contains(string(out), "docker, podman or buildah") {
					t.Errorf("%v\n%s", err, out)
				}
				return
			}
			want := "RAN " + test.builder + " build --platform linux/arm64 --build-arg VERSION=v1.2.3 --build-arg REVISION="
			if err != nil || !strings.Contains(string(out), want) || !strings.Contains(string(out), " --build-arg COMMITTED=2") || !strings.Contains(string(out), " --build-arg CREATED=2") ||
				!strings.Contains(string(out), " --build-arg VENDOR=Acme, Inc. ") || !strings.Contains(string(out), " --build-arg BASE_IMAGE=base@sha256:1 ") || !strings.Contains(string(out), "--tag registry.example/berth:x .") {
				t.Errorf("it does not say %q: %v\n%s", want, err, out)
			}
		})
	}
}
