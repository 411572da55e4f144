package lastwords

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"berth/reconcile/plan"
	"berth/reconcile/report"
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
			s := report.Summary{Err: errors.New(strings.Repeat(test.letter, 10_000))}
			s.Components.Failed = 10_000
			for i := range 10_000 {
				s.Failures = append(s.Failures, report.Failure{
					Component: strings.Repeat("n", 63) + "/" + strings.Repeat("c", 253),
					Reason:    plan.ReasonQuayUnavailable,
					Message:   fmt.Sprint(i, strings.Repeat(test.letter, 1000)),
				})
			}
			raw := Of(s)
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
	s := report.Summary{Failures: make([]report.Failure, 50)}
	if n := strings.Count(string(Of(s)), `"component":`); n != 10 {
		t.Errorf("%d failures are told, want 10", n)
	}
}
