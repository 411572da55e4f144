// Package lastwords tells a run as a kubelet keeps it of a container that has ended, for kubectl
// describe: in goes its summary, out come a few bytes.
package lastwords

import (
	"encoding/json"
	"unicode/utf8"

	"berth/reconcile/report"
)

// most is how many bytes of them a kubelet keeps.
const most = 4096

// Of is a JSON object. What does not fit is told by its first failures.
func Of(s report.Summary) []byte {
	message := struct {
		Result     report.Result         `json:"result"`
		ExitCode   int                   `json:"exit_code"`
		Error      string                `json:"error,omitempty"`
		Changes    report.ChangeCount    `json:"changes"`
		Components report.ComponentCount `json:"components"`
		Delivery   report.DeliveryCount  `json:"delivery"`
		HeldBack   int                   `json:"held_back_namespaces,omitempty"`
		Failures   []report.Failure      `json:"failures,omitempty"`
	}{Result: s.Result(), ExitCode: s.ExitCode(), Changes: s.Changes, Components: s.Components, Delivery: s.Deliveries, HeldBack: s.HeldBack}
	if s.Err != nil {
		message.Error = shorten(s.Err.Error())
	}
	for _, f := range s.Failures[:min(len(s.Failures), 10)] {
		f.Message = shorten(f.Message)
		message.Failures = append(message.Failures, f)
	}
	for {
		raw, _ := json.Marshal(message) // numbers and strings always encode
		if len(raw) <= most || len(message.Failures) == 0 {
			return raw
		}
		message.Failures = message.Failures[:len(message.Failures)-1]
	}
}

func shorten(s string) string {
	if utf8.RuneCountInString(s) > 200 {
		s = string([]rune(s)[:200]) + "…"
	}
	return s
}
