package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/term"

	"berth/reconcile/observe"
	"berth/reconcile/plan"
	"berth/reconcile/report"
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
	thinks atomic.Bool // has been asked and has not answered yet
	line   *status     // on the same terminal, or nil
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
		to := p.line.over(p)
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

// status is the last line of a terminal while a run is at work. Whatever else goes to
// the terminal goes through it, so that nothing is written over anything.
type status struct {
	mu     sync.Mutex
	w      io.Writer
	shown  bool
	drawn  time.Time
	read   []string // what was read so far, in words
	places map[string]int
}

// newStatus is nil where there is nobody to see it.
func (s streams) newStatus(set settings, environment environ) *status {
	if !isTerminal(s.err) || environment["TERM"] == "dumb" || set.NoProgress {
		return nil
	}
	return &status{w: s.err, places: map[string]int{}}
}

// reading is told of what was read; of is 0 when all of it came at once.
func (s *status) reading(what observe.Thing, n, of int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := report.Plural(n, what.One, what.Many)
	if of > 0 {
		told = report.Count(n) + " of " + report.Plural(of, what.One, what.Many)
	}
	at, known := s.places[what.Many]
	if !known {
		at = len(s.read)
		s.places[what.Many], s.read = at, append(s.read, "")
	}
	s.read[at] = told
	if of == 0 || n == 1 || n == of || time.Since(s.drawn) > tick {
		s.draw("reading: " + strings.Join(s.read, ", "))
	}
}

// applying is told of each change that was made.
func (s *status) applying(done, total int) {
	const marks = 20
	s.mu.Lock()
	defer s.mu.Unlock()
	if done == 1 || done == total || time.Since(s.drawn) > tick {
		full := marks * done / total
		s.draw(fmt.Sprintf("applying [%s%s] %s of %s", strings.Repeat("#", full), strings.Repeat(".", marks-full),
			report.Count(done), report.Plural(total, "change", "changes")))
	}
}

// say shows a line, until there is another.
func (s *status) say(line string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draw(line)
}

const tick = 100 * time.Millisecond // between two drawings

// draw replaces the line; one longer than the terminal is cut, or it would be two.
func (s *status) draw(line string) {
	if f, ok := s.w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 && len(line) >= columns {
			line = line[:columns-1] // it is ASCII
		}
	}
	_, _ = io.WriteString(s.w, eraseLine+line)
	s.shown, s.drawn = true, time.Now()
}

const eraseLine = "\r\x1b[K"

// over writes to a stream that may lead to the same terminal; the line gives way.
func (s *status) over(w io.Writer) io.Writer {
	if s == nil {
		return w
	}
	return overStatus{s, w}
}

type overStatus struct {
	*status
	w io.Writer
}

func (o overStatus) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.shown {
		_, _ = io.WriteString(o.status.w, eraseLine)
		o.shown = false
	}
	return o.w.Write(b)
}
