package reconcile_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// raceDetector is set when it is built in. It makes everything six times longer, and what
// tries every place of one run after another shows it no more than some of them do.
var raceDetector bool

// partly reports whether a test that tries all there is need try only a sample: make test
// runs all of it, too, without the race detector.
func partly() bool { return raceDetector || testing.Short() }

// some is how many a test makes of what it makes many of.
func some(t testing.TB, whole, sample int) int {
	t.Helper()
	if !partly() {
		return whole
	}
	t.Logf("a sample: %d of %d", sample, whole)
	return sample
}

// every is the step from one that a test tries to the next: 1, which is all, or with the
// race detector a greater one.
func every(t testing.TB, nth int) int {
	t.Helper()
	if !partly() {
		return 1
	}
	t.Logf("a sample: one in %d", nth)
	return nth
}

// Whatever is only a sample with the race detector is whole in the other run of make test.
func TestASampleIsNotAll(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^whole += (\S+)$`).FindSubmatch(makefile)
	if found == nil || strings.Count(string(makefile), "-run='$(whole)'") != 1 {
		t.Fatal("the Makefile names no tests that are run whole")
	}
	whole := regexp.MustCompile(strings.ReplaceAll(string(found[1]), "$$", "$"))
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	samples := 0
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range tree.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || file == "sample_test.go" || file == "race_test.go" || !samplesIn(f) {
				continue
			}
			samples++
			if !whole.MatchString(f.Name.Name) {
				t.Errorf("%s: %s tries a sample with the race detector, and is in no run without it (whole in the Makefile)", file, f.Name.Name)
			}
		}
	}
	if samples < 10 {
		t.Errorf("only %d tests try samples", samples)
	}
}

func samplesIn(f *ast.FuncDecl) (found bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		name, ok := n.(*ast.Ident)
		found = found || ok && (name.Name == "raceDetector" || name.Name == "partly" || name.Name == "some" || name.Name == "every")
		return !found
	})
	return found
}
