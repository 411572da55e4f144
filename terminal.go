package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"berth/reconcile/report"
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
func (s streams) ask(h report.Header) func(context.Context, int) (bool, error) {
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
