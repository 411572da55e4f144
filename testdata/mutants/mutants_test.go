package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A mutant whose guard stands elsewhere by now shows nothing, and nobody sees that.
func TestEachMutantFindsItsGuard(t *testing.T) {
	guards := map[string]bool{}
	for _, m := range mutants {
		source, err := os.ReadFile(filepath.Join("..", "..", m.file))
		if err != nil {
			t.Error(err)
			continue
		}
		if n := strings.Count(string(source), m.old); n != 1 {
			t.Errorf("%s: its code is %d times in %s", m.guard, n, m.file)
		}
		if guards[m.guard] {
			t.Errorf("%s: two mutants are called so", m.guard)
		}
		guards[m.guard] = true
	}
	for guard := range first {
		if !guards[guard] {
			t.Errorf("%s is to be noticed first by a test, and is no mutant", guard)
		}
	}
}

// One that does not compile shows nothing either. Those of different files are compiled at
// once, so that it takes as many builds as one file has mutants.
func TestEachMutantCompiles(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles much of the program a few times")
	}
	t.Chdir(filepath.Join("..", ".."))
	for left := mutants; len(left) > 0; {
		var round, next []mutant
		build := []string{"build"}
		for _, m := range left {
			if slices.ContainsFunc(round, func(other mutant) bool { return other.file == m.file }) {
				next = append(next, m)
				continue
			}
			round, build = append(round, m), append(build, "./"+filepath.Dir(m.file))
		}
		overlay, err := lay(t.TempDir(), round)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(build[1:])
		build = slices.Insert(slices.Compact(build), 1, "-overlay="+overlay)
		if out, err := exec.CommandContext(t.Context(), "go", build...).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		left = next
	}
}
