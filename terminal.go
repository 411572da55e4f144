package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"berth/reconcile/plan"
	"berth/reconcile/report"
)

// streams are the program's ends.
type streams struct {
	out, err io.Writer
	tty      func() (io.ReadWriteCloser, error) // opens the terminal; nil: there is none
}

// isTerminal reports whether a stream is a person's.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// listening is a stream whose reader may go away. What is written then is lost, which is
// no failure: it was not wanted.
type listening struct {
	io.Writer
	terminal bool
}

func listener(w io.Writer) io.Writer { return listening{w, isTerminal(w)} }

func (l listening) Write(b []byte) (int, error) {
	n, err := l.Writer.Write(b)
	if errors.Is(err, syscall.EPIPE) || l.terminal && errors.Is(err, syscall.EIO) { // of a terminal that was closed
		return len(b), nil
	}
	return n, err
}

// controllingTerminal is where a person sits, wherever the streams lead.
func controllingTerminal() (io.ReadWriteCloser, error) {
	return os.OpenFile("/dev/tty", os.O_RDWR, 0)
}

// person is who is asked before the first write.
type person struct {
	io.ReadWriteCloser
	thinks atomic.Bool // has been asked and has not answered yet
}

// findPerson opens the terminal.
func (s streams) findPerson() (*person, error) {
	if s.tty == nil {
		return nil, os.ErrNotExist
	}
	tty, err := s.tty()
	return &person{ReadWriteCloser: tty}, err
}

const nobodyToAsk = `Error: there is no terminal to ask at before the first write

  --dry-run  prints what would be changed
  --yes      changes it without a question
`

// ask puts the question before the first write. Who does not see the plan, which went
// elsewhere, sees at least what it comes to.
func (p *person) ask(h report.Header, seen bool) func(context.Context, plan.Plan) (bool, error) {
	return func(ctx context.Context, agenda plan.Plan) (bool, error) {
		p.thinks.Store(true)
		defer p.thinks.Store(false)
		if !seen {
			_, _ = fmt.Fprintf(p, "\n%s", report.Table(agenda))
		}
		_, _ = fmt.Fprintf(p, "\nApply %s to %s and %s/%s? [y/N] ", report.Plural(agenda.Changes(), "change", "changes"), h.Cluster, h.Quay, h.Org)
		answer := make(chan string, 1)
		go func() {
			line, _ := bufio.NewReader(p).ReadString('\n')
			answer <- strings.ToLower(strings.TrimSpace(line))
		}()
		select {
		case a := <-answer:
			return a == "y" || a == "yes", nil
		case <-ctx.Done():
			_, _ = fmt.Fprintln(p)
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
