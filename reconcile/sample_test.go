package reconcile_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
	if !raceDetector {
		sample = min(4*sample, whole) // there is time for more
	}
	t.Logf("a sample: %d of %d", sample, whole)
	return sample
}

// every is the step from one that a test tries to the next: 1, which is all, or for a
// sample a greater one.
func every(t testing.TB, nth int) int {
	t.Helper()
	if !partly() {
		return 1
	}
	if !raceDetector {
		nth = (nth + 2) / 3
	}
	t.Logf("a sample: one in %d", nth)
	return nth
}

// Whatever is only a sample with the race detector is whole in another run of make test, and
// what has all its tests without it starts nothing that could race.
func TestASampleIsNotAll(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	named := func(variable string) *regexp.Regexp {
		found := regexp.MustCompile(`(?m)^` + variable + ` += (\S+)$`).FindSubmatch(makefile)
		if found == nil {
			t.Fatalf("the Makefile names no tests that are %s", variable)
		}
		return regexp.MustCompile(strings.ReplaceAll(string(found[1]), "$$", "$"))
	}
	plain, whole, alone := named("plain"), named("whole"), named("alone")
	if !regexp.MustCompile(`-race .*-skip='\$\(plain\)' \$\$\(go list \./\.\.\. \| grep -vE '\$\(alone\)'\) .*\n` +
		`.*go test .*-skip='\$\(plain\)' \$\$\(go list \./\.\.\. \| grep -E '\$\(alone\)'\) .*\n` +
		`.*go test .*-run='\$\(plain\)\|\$\(whole\)' \./deploy \./reconcile \. `).Match(makefile) {
		t.Fatal("make test does not run without the race detector what it leaves out with it")
	}
	var files []string
	for _, pattern := range []string{"../*", "../*/*", "../*/*/*", "../*/*/*/*"} {
		some, err := filepath.Glob(pattern + ".go")
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, some...)
	}
	samples, rooms := 0, map[string]bool{}
	for _, file := range files {
		room, test := filepath.ToSlash(filepath.Dir(file)), strings.HasSuffix(file, "_test.go")
		if !test && !alone.MatchString(room) {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !test {
			if rooms[room] = true; begins(tree) {
				t.Errorf("%s begins what runs beside it, and its tests have no race detector (alone in the Makefile)", file)
			}
			continue
		}
		for _, d := range tree.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			name := f.Name.Name
			if plain.MatchString(name) && !slices.Contains([]string{"..", "../deploy", "../reconcile"}, room) {
				t.Errorf("%s: %s is in no run of make test (plain in the Makefile)", file, name)
			}
			if room != "../reconcile" || slices.Contains([]string{"sample_test.go", "race_test.go"}, filepath.Base(file)) || !samplesIn(f) {
				continue
			}
			samples++
			if !whole.MatchString(name) && !plain.MatchString(name) {
				t.Errorf("%s: %s tries a sample with the race detector, and is in no run without it (whole in the Makefile)", file, name)
			}
		}
	}
	if samples < 10 || len(rooms) < 10 {
		t.Errorf("only %d tests try samples, and only %d rooms have no race detector", samples, len(rooms))
	}
}

// begins finds a go statement, and a call of a method that has one.
func begins(file *ast.File) (found bool) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = true
		case *ast.SelectorExpr:
			found = found || n.Sel.Name == "Go" || n.Sel.Name == "AfterFunc"
		}
		return !found
	})
	return found
}

func samplesIn(f *ast.FuncDecl) (found bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		name, ok := n.(*ast.Ident)
		found = found || ok && (name.Name == "raceDetector" || name.Name == "partly" || name.Name == "some" || name.Name == "every")
		return !found
	})
	return found
}
