// Mutants removes one guard of the program at a time and demands that a test
// fails: go run ./testdata/mutants, from the top of the checkout. The sources stay
// as they are; the compiler is shown a changed file in place of one.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// mutant is a guard, and the code without it.
type mutant struct {
	guard    string
	file     string
	old, new string
	tests    string // the package whose tests must notice
}

const together = 2 // at a time

func main() {
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		fail(err)
	}
	defer os.RemoveAll(dir)
	var group sync.WaitGroup
	killed := make([]bool, len(mutants))
	slots := make(chan struct{}, together)
	for i, m := range mutants {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			killed[i] = m.test(filepath.Join(dir, fmt.Sprint(i)))
		})
	}
	group.Wait()
	n := 0
	for i, m := range mutants {
		if killed[i] {
			n++
		} else {
			fmt.Printf("survived: %s (%s)\n", m.guard, m.file)
		}
	}
	fmt.Printf("%d mutants, %d killed\n", len(mutants), n)
	if n < len(mutants) {
		os.Exit(1)
	}
}

// test reports whether a test fails without the guard.
func (m mutant) test(dir string) (killed bool) {
	source, err := os.ReadFile(m.file)
	if err != nil {
		fail(err)
	}
	if strings.Count(string(source), m.old) != 1 {
		fail(fmt.Errorf("%s: the guard %q is not there once", m.file, m.guard))
	}
	changed := strings.Replace(string(source), m.old, m.new, 1)
	path, err := filepath.Abs(m.file)
	if err != nil {
		fail(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: filepath.Join(dir, "file.go")}})
	if err != nil {
		fail(err)
	}
	for name, content := range map[string][]byte{"file.go": []byte(changed), "overlay.json": overlay} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			fail(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			fail(err)
		}
	}
	flag := "-overlay=" + filepath.Join(dir, "overlay.json")
	out, err := exec.Command("go", "test", flag, "-count=1", "-short", "-failfast", m.tests).CombinedOutput()
	if err == nil {
		return false
	}
	if bytes.Contains(out, []byte("[build failed]")) {
		fail(fmt.Errorf("it does not compile without the guard %q: %s", m.guard, out))
	}
	for line := range bytes.Lines(out) {
		if bytes.HasPrefix(line, []byte("--- FAIL")) {
			fmt.Printf("killed: %s, by %s", m.guard, bytes.TrimPrefix(line, []byte("--- FAIL: ")))
			return true
		}
	}
	fmt.Printf("killed: %s\n", m.guard)
	return true
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "mutants:", err)
	os.Exit(2)
}
