package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/quay/quaytest"
)

func TestRefusesOtherThanLoopback(t *testing.T) {
	t.Parallel()
	transcript := filepath.Join(t.TempDir(), "t.jsonl")
	if err := os.WriteFile(transcript, []byte(`{"seq":0,"setup":{"users":["alice"]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0"} {
		err := run(t.Context(), []string{"--listen", address, "--transcript", transcript}, &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), "not a loopback address") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestServesUntilInterrupted(t *testing.T) {
	t.Parallel()
	transcript := filepath.Join(t.TempDir(), "t.jsonl")
	setup := `{"seq":0,"setup":{"users":["alice"],"tokens":{"admin":{"user":"alice","scope":"org:admin"},"none":{"no_header":true}}}}`
	if err := os.WriteFile(transcript, []byte(setup), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	var stdout bytes.Buffer
	if err := run(ctx, []string{"--listen", "127.0.0.1:0", "--transcript", transcript}, &stdout); err != nil {
		t.Fatal(err)
	}
	if got := stdout.String(); !strings.HasPrefix(got, `{"admin":"`) || strings.Contains(got, "none") {
		t.Errorf("printed %d bytes that are not the tokens", len(got))
	}
}

func TestConfigHook(t *testing.T) {
	t.Parallel()
	quay := quaytest.New(quaytest.Options{})
	handler := newHandler(quay)
	put := func(method, path, body string) int {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
		return w.Code
	}
	tests := []struct {
		reason, method, path, body string
		want                       int
	}{
		{"anybody may ask", http.MethodGet, "/api/v1/repository?public=true", "", http.StatusOK},
		{"the switch", http.MethodPut, "/__config", `{"FEATURE_ANONYMOUS_ACCESS":false}`, http.StatusNoContent},
		{"nobody may ask", http.MethodGet, "/api/v1/repository?public=true", "", http.StatusUnauthorized},
		{"not simulated", http.MethodPut, "/__config", `{"FEATURE_QUOTA_MANAGEMENT":true}`, http.StatusBadRequest},
		{"only PUT", http.MethodGet, "/__config", "", http.StatusMethodNotAllowed},
		{"paths reach Quay uncleaned", http.MethodGet, "/api/v1//repository", "", http.StatusPermanentRedirect},
	}
	for _, test := range tests {
		if got := put(test.method, test.path, test.body); got != test.want {
			t.Errorf("%s: %d, want %d", test.reason, got, test.want)
		}
	}
}
