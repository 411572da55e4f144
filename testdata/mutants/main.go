// Mutants removes one guard of the program at a time and demands that a test
// fails: go run ./testdata/mutants, from the top of the checkout. The sources stay
// as they are; the compiler is shown a changed file in place of one. What is named
// in first.go is asked first, and all the tests of the mutant's packages only if that
// notices nothing. Words name the mutants that are wanted, by a part of their guard or file;
// -narrow asks nobody but the first.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// mutant is a guard, and the code without it.
type mutant struct {
	guard    string
	file     string
	old, new string
	tests    string // the packages whose tests must notice
}

const (
	together = 2 // at a time
	limit    = 15 * time.Minute
)

// verdict is what became of a mutant.
type verdict string

const (
	killed   verdict = "killed"
	survived verdict = "survived"
	failed   verdict = "error" // nothing was learned: it does not compile, or takes too long
)

func main() {
	narrow := flag.Bool("narrow", false, "ask only the tests that are named first")
	flag.Parse()
	chosen := slices.DeleteFunc(slices.Clone(mutants), func(m mutant) bool {
		return flag.NArg() > 0 && !slices.ContainsFunc(flag.Args(), func(word string) bool {
			return strings.Contains(m.guard, word) || strings.Contains(m.file, word)
		})
	})
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		fail(err)
	}
	defer os.RemoveAll(dir)
	var mu sync.Mutex
	var group sync.WaitGroup
	count := map[verdict]int{}
	slots := make(chan struct{}, together)
	for i, m := range chosen {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			v, why := m.test(filepath.Join(dir, fmt.Sprint(i)), *narrow)
			mu.Lock()
			defer mu.Unlock()
			count[v]++
			fmt.Printf("%s: %s (%s)%s\n", v, m.guard, m.file, why)
		})
	}
	group.Wait()
	fmt.Printf("%d mutants, %d killed, %d survived, %d errors\n", len(chosen), count[killed], count[survived], count[failed])
	if len(chosen) == 0 || count[killed] < len(chosen) {
		os.Exit(1)
	}
}

// test reports whether a test fails without the guard, and which.
func (m mutant) test(dir string, narrow bool) (v verdict, why string) {
	overlay, err := m.write(dir)
	if err != nil {
		return failed, ": " + err.Error()
	}
	if asked := first[m.guard]; asked != "" {
		pkg, tests, _ := strings.Cut(asked, " ")
		tests, part, _ := strings.Cut(tests, "/")
		v, why = run(overlay, pkg, "-run=^Test("+tests+")$/"+part)
		if v != survived || narrow {
			return v, why
		}
		defer func() { why += ", and not by " + asked }()
	}
	return run(overlay, m.tests, "-short")
}

// write lays down what the compiler is to see.
func (m mutant) write(dir string) (overlay string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return lay(dir, []mutant{m})
}

// lay lays down several, each in a file of its own.
func lay(dir string, all []mutant) (overlay string, err error) {
	replace := map[string]string{}
	for i, m := range all {
		source, err := os.ReadFile(m.file)
		if err != nil {
			return "", err
		}
		if strings.Count(string(source), m.old) != 1 {
			return "", fmt.Errorf("%s: the guard is not there once", m.guard)
		}
		path, err := filepath.Abs(m.file)
		if err != nil {
			return "", err
		}
		replace[path] = filepath.Join(dir, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(replace[path], []byte(strings.Replace(string(source), m.old, m.new, 1)), 0o600); err != nil {
			return "", err
		}
	}
	shown, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, shown, 0o600)
}

// run runs tests until the first fails.
func run(overlay, packages string, args ...string) (v verdict, why string) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	args = append([]string{"test", "-overlay=" + overlay, "-vet=off", "-count=1", "-failfast", "-timeout=0"}, args...)
	out, err := exec.CommandContext(ctx, "go", append(args, packages)...).CombinedOutput()
	switch {
	case err == nil && bytes.Count(out, []byte("[no tests to run]")) == bytes.Count(out, []byte("\n")):
		return failed, fmt.Sprintf(": no test of %s is called so", packages)
	case err == nil:
		return survived, ""
	case ctx.Err() != nil:
		return failed, fmt.Sprintf(": not noticed within %s", limit)
	case bytes.Contains(out, []byte("[build failed]")):
		return failed, ": it does not compile:\n" + string(out)
	}
	for line := range bytes.Lines(out) {
		for _, sign := range []string{"--- FAIL: ", "FAIL: ", "panic: "} { // of a test, of a package's verdict, of all
			if rest, found := bytes.CutPrefix(line, []byte(sign)); found {
				return killed, ", by " + strings.TrimSpace(string(rest))
			}
		}
	}
	return failed, ":\n" + string(out)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "mutants:", err)
	os.Exit(2)
}
