package main

import (
	"os"
	"path/filepath"
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
