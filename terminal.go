package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"berth/reconcile"
)

// streams are the program's ends.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// isTerminal reports whether a stream is a person's.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// attended reports whether somebody is there to answer.
func (s streams) attended() bool { return isTerminal(s.in) && isTerminal(s.err) }

// ask puts the question before the first write.
func (s streams) ask(h reconcile.Header) func(context.Context, int) (bool, error) {
	return func(ctx context.Context, changes int) (bool, error) {
		noun := "changes"
		if changes == 1 {
			noun = "change"
		}
		_, _ = fmt.Fprintf(s.err, "\nApply %d %s to %s and %s/%s? [y/N] ", changes, noun, h.Cluster, h.Quay, h.Org)
		answer := make(chan string, 1)
		go func() {
			line, _ := bufio.NewReader(s.in).ReadString('\n')
			answer <- strings.ToLower(strings.TrimSpace(line))
		}()
		select {
		case a := <-answer:
			return a == "y" || a == "yes", nil
		case <-ctx.Done():
			_, _ = fmt.Fprintln(s.err)
			return false, context.Cause(ctx)
		}
	}
}

// progress draws a bar that counts changes.
func (s streams) progress() func(done, total int) {
	var bar *progressbar.ProgressBar
	return func(done, total int) {
		if bar == nil {
			bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(s.err), progressbar.OptionShowCount(),
				progressbar.OptionClearOnFinish(), progressbar.OptionSetDescription("applying"))
		}
		_ = bar.Set(done)
	}
}

// terminationLog is where a kubelet looks for a container's last words, and
// maxTermination how many bytes of them it keeps.
const (
	terminationLog = "/dev/termination-log"
	maxTermination = 4096
)

// writeTermination leaves the summary for kubectl describe. The file exists
// only in a pod.
func writeTermination(path string, s reconcile.Summary) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return
	}
	defer f.Close()
	_, _ = f.Write(lastWords(s))
}

func lastWords(s reconcile.Summary) []byte {
	message := struct {
		Result     reconcile.Result         `json:"result"`
		ExitCode   int                      `json:"exit_code"`
		Error      string                   `json:"error,omitempty"`
		Changes    reconcile.ChangeCount    `json:"changes"`
		Components reconcile.ComponentCount `json:"components"`
		Delivery   reconcile.DeliveryCount  `json:"delivery"`
		Failures   []reconcile.Failure      `json:"failures,omitempty"`
	}{Result: s.Result(), ExitCode: s.ExitCode(), Changes: s.Changes, Components: s.Components, Delivery: s.Deliveries}
	if s.Err != nil {
		message.Error = shorten(s.Err.Error())
	}
	for _, f := range s.Failures[:min(len(s.Failures), 10)] {
		f.Message = shorten(f.Message)
		message.Failures = append(message.Failures, f)
	}
	for {
		raw, _ := json.Marshal(message) // numbers and strings always encode
		if len(raw) <= maxTermination || len(message.Failures) == 0 {
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
