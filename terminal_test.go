package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/reconcile"
)

// TestTheLastWordsFit: a kubelet keeps 4096 bytes, and a JSON document cut short
// is none.
func TestTheLastWordsFit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ reason, letter string }{
		{"plain", "a"},
		{"letters of four bytes", "\U0001F6A2"},
		{"what JSON writes with six", "<"},
		{"what is no text", "\xff"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			s := reconcile.Summary{Err: errors.New(strings.Repeat(test.letter, 10_000))}
			s.Components.Failed = 10_000
			for i := range 10_000 {
				s.Failures = append(s.Failures, reconcile.Failure{
					Component: strings.Repeat("n", 63) + "/" + strings.Repeat("c", 253),
					Reason:    reconcile.ReasonQuayUnavailable,
					Message:   fmt.Sprint(i, strings.Repeat(test.letter, 1000)),
				})
			}
			raw := lastWords(s)
			var message struct {
				Result     string
				ExitCode   int `json:"exit_code"`
				Components struct{ Failed int }
				Failures   []struct{ Component, Reason, Message string }
			}
			if err := json.Unmarshal(raw, &message); err != nil {
				t.Fatalf("%v: %s", err, raw)
			}
			if len(raw) > 4096 || message.Components.Failed != 10_000 || message.ExitCode != 1 || message.Result != "failed" {
				t.Errorf("%d bytes: %+v", len(raw), message)
			}
			if n := len(message.Failures); n == 0 || n > 10 || !strings.HasPrefix(message.Failures[0].Message, "0") {
				t.Errorf("%d failures", n)
			}
		})
	}
}

func TestTenFailuresAtMost(t *testing.T) {
	t.Parallel()
	s := reconcile.Summary{Failures: make([]reconcile.Failure, 50)}
	if n := strings.Count(string(lastWords(s)), `"component":`); n != 10 {
		t.Errorf("%d failures are told, want 10", n)
	}
}

// TestLastWordsGoOnlyWhereAKubeletLooks: elsewhere no file is made.
func TestLastWordsGoOnlyWhereAKubeletLooks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "termination-log")
	writeTermination(file, reconcile.Summary{})
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Fatalf("a file was made: %v (%v)", entries, err)
	}
	if err := os.WriteFile(file, bytes.Repeat([]byte("x"), 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	writeTermination(file, reconcile.Summary{})
	raw, err := os.ReadFile(file)
	if err != nil || !json.Valid(raw) || !bytes.Contains(raw, []byte(`"result":"ok"`)) {
		t.Errorf("%s (%v)", raw, err)
	}
}
