package gitsource

import (
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRealGit asks git's own server side.
func TestRealGit(t *testing.T) {
	t.Parallel()
	backend := gitHTTPBackend(t)
	root := t.TempDir()
	git(t, root, "init", "-q", "-b", "main", "tree")
	tree := filepath.Join(root, "tree")
	git(t, tree, "commit", "-q", "--allow-empty", "-m", "first")
	git(t, root, "clone", "-q", "--bare", "tree", "full.git")
	git(t, root, "init", "-q", "--bare", "empty.git")
	for i := range 800 { // more refs than are read
		ref := filepath.Join(root, "full.git", "refs", "tags", "a-tag-with-a-name-of-some-length-"+strings.Repeat("x", 60)+string(rune('a'+i%26))+strings.Repeat("y", i/26))
		head, err := os.ReadFile(filepath.Join(tree, ".git", "refs", "heads", "main"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(ref, head, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	// No Git-Protocol is what an old server makes of it.
	oldGit := func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Git-Protocol")
		backend(root)(w, r)
	}
	rows := []struct {
		name string
		host http.HandlerFunc
		path string
		want Verdict
	}{
		{"version 2", backend(root), "/full.git", public},
		{"version 0", oldGit, "/full.git", public},
		{"version 2, empty", backend(root), "/empty.git", public},
		{"version 0, empty", oldGit, "/empty.git", public},
		{"with a slash", backend(root), "/full.git/", public},
		{"not there", backend(root), "/nothing.git", notFound},
		{"without the suffix that it has", backend(root), "/full", public},
		{"a work tree", backend(root), "/tree/.git", public},
		{"behind a password", withPassword(backend(root)), "/full.git", asksLogin},
		{"not exported", backend(root, "GIT_HTTP_EXPORT_ALL"), "/full.git", notFound},
		{"without upload-pack", backend(root, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.uploadpack", "GIT_CONFIG_VALUE_0=false"), "/full.git", refuses},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			server := newTLSServer(t, row.host)
			if got := proberOf(server).Probe(t.Context(), "https://example.com"+row.path); got != row.want {
				t.Errorf("%+v, want %+v", got, row.want)
			}
		})
	}
}

// gitHTTPBackend returns what serves the repositories below a folder; env adds
// variables or, without a value, leaves one out.
func gitHTTPBackend(t *testing.T) func(root string, env ...string) http.HandlerFunc {
	t.Helper()
	execPath, err := exec.CommandContext(t.Context(), "git", "--exec-path").Output()
	path := filepath.Join(strings.TrimSpace(string(execPath)), "git-http-backend")
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("git http-backend is not installed:", err)
	}
	if err != nil {
		t.Fatal("git http-backend is not installed:", err)
	}
	return func(root string, env ...string) http.HandlerFunc {
		h := &cgi.Handler{Path: path, Env: append(quietGit(), "GIT_PROJECT_ROOT="+root), Stderr: t.Output()}
		if len(env) != 1 {
			h.Env = append(h.Env, "GIT_HTTP_EXPORT_ALL=1")
			h.Env = append(h.Env, env...)
		}
		return h.ServeHTTP
	}
}

func withPassword(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); !ok || user != "u" || password != "p" {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next(w, r)
	}
}

// quietGit keeps git from the settings of whoever runs the tests.
func quietGit() []string {
	return []string{
		"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
	}
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), quietGit()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
