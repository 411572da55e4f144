package assets

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// checkout makes a module with a nested one, goes into a package of it and gives
// the test a cache folder of its own.
func checkout(t *testing.T) (nested string) {
	t.Helper()
	top := t.TempDir()
	nested = filepath.Join(top, "testdata", "kubernetes")
	write(t, filepath.Join(nested, "go.mod"), "module nested\n")
	write(t, filepath.Join(nested, "go.sum"), "")
	write(t, filepath.Join(nested, "main.go"), "package main\n")
	write(t, filepath.Join(top, "pkg", "doc.go"), "package pkg\n")
	t.Chdir(filepath.Join(top, "pkg"))
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	return nested
}

func TestOnlyWhatTheAssetsAreMadeFromMovesThem(t *testing.T) {
	nested := checkout(t)
	before, _, err := locate()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		file  string
		moves bool
		why   string
	}{
		{"README.md", false, "is not compiled"},
		{"main.go", true, "is the program"},
		{"go.mod", true, "names the versions"},
		{"go.sum", true, "names the content"},
		{"crds.go", true, "names the definitions"},
	} {
		write(t, filepath.Join(nested, tt.file), "// changed\n")
		after, _, err := locate()
		if err != nil {
			t.Fatal(err)
		}
		if moved := after != before; moved != tt.moves {
			t.Errorf("a change of %s, which %s, moves the assets: %t", tt.file, tt.why, moved)
		}
		before = after
	}
}

func TestFindSaysWhenNothingIsBuilt(t *testing.T) {
	checkout(t)
	if _, err := Find(); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("Find: %v, want ErrNotBuilt", err)
	}
}

func TestMakeKeepsWhatIsBuilt(t *testing.T) {
	checkout(t)
	dir, _, err := locate()
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir.Kubernetes(), "built")
	made, err := Make(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	found, err := Find()
	if err != nil || found != made {
		t.Errorf("Make: %q, Find: %q, %v", made, found, err)
	}
	if content, err := os.ReadFile(made.Kubernetes()); err != nil || string(content) != "built" {
		t.Errorf("Make replaced the executable (%v)", err)
	}
}

func TestAnUnfinishedBuildLeavesNothing(t *testing.T) {
	checkout(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Make(ctx, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("Make: %v, want canceled", err)
	}
	dir, _, err := locate()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Dir(string(dir)))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Name() != "lock" {
			t.Errorf("%s is left behind", entry.Name())
		}
	}
}
