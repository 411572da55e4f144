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

	"golang.org/x/term"

	"berth/reconcile/plan"
	"berth/reconcile/report"
	"berth/reconcile/report/progress"
	"berth/reconcile/report/text"
)

// streams are the program's ends.
type streams struct {
	out, err io.Writer
	tty      func() (io.ReadWriteCloser, error) // opens the terminal; nil: there is none
	last     string                             // a file for the run's last words; where there is none, nothing is left
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
	thinks atomic.Bool    // has been asked and has not answered yet
	line   *progress.Line // on the same terminal, or nil
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
		to := p.line.Over(p)
		if !seen {
			_, _ = fmt.Fprintf(to, "\n%s", text.Table(agenda))
		}
		_, _ = fmt.Fprintf(to, "\nApply %s to %s and %s/%s? [y/N] ", report.Plural(agenda.Changes(), "change", "changes"), h.Cluster, h.Quay, h.Org)
		answer := make(chan string, 1)
		go func() {
			line, _ := bufio.NewReader(p).ReadString('\n')
			answer <- strings.ToLower(strings.TrimSpace(line))
		}()
		select {
		case a := <-answer: // after an interrupt it stays true: whoever hears of that may ask later
			p.thinks.Store(false)
			return a == "y" || a == "yes", nil
		case <-ctx.Done():
			_, _ = fmt.Fprintln(p)
			return false, context.Cause(ctx)
		}
	}
}

// progress is nil where there is nobody to see it.
func (s streams) progress(set settings, environment environ) *progress.Line {
	if !isTerminal(s.err) || environment["TERM"] == "dumb" || set.NoProgress {
		return nil
	}
	return progress.New(s.err, func() int { return columns(s.err) })
}

// columns is how wide a terminal is, 0 where that is not known.
func columns(stream any) int {
	if f, ok := stream.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil {
			return n
		}
	}
	return 0
}

// colored reports whether a stream is to have colors.
func (s settings) colored(environment environ, stream any) bool {
	return s.Color == "always" || s.Color == "auto" && environment["NO_COLOR"] == "" && environment["TERM"] != "dumb" && isTerminal(stream)
}
