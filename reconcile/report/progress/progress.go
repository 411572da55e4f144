// Package progress tells what a run is at while it is at work, on the last line of a terminal:
// in goes what was read and applied, out comes a line that is drawn over again. Nothing else is
// written over it, or under it, that goes through it.
package progress

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"berth/reconcile/observe"
	"berth/reconcile/report"
)

// Line is the last line of a terminal while a run is at work. Whatever else goes to
// the terminal goes through it, so that nothing is written over anything.
type Line struct {
	mu      sync.Mutex
	w       io.Writer
	columns func() int
	shown   bool
	drawn   time.Time
	read    []string // what was read so far, in words
	places  map[string]int
}

// New shows a run on a terminal so many columns wide; 0: nobody knows.
func New(w io.Writer, columns func() int) *Line {
	return &Line{w: w, columns: columns, places: map[string]int{}}
}

// Reading is told of what was read; of is 0 when all of it came at once.
func (l *Line) Reading(what observe.Thing, n, of int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	told := report.Plural(n, what.One, what.Many)
	if of > 0 {
		told = report.Count(n) + " of " + report.Plural(of, what.One, what.Many)
	}
	at, known := l.places[what.Many]
	if !known {
		at = len(l.read)
		l.places[what.Many], l.read = at, append(l.read, "")
	}
	l.read[at] = told
	if of == 0 || n == 1 || n == of || time.Since(l.drawn) > tick {
		l.draw("reading: " + strings.Join(l.read, ", "))
	}
}

// Applying is told of each change that was made.
func (l *Line) Applying(done, total int) {
	const marks = 20
	l.mu.Lock()
	defer l.mu.Unlock()
	if done == 1 || done == total || time.Since(l.drawn) > tick {
		full := marks * done / total
		l.draw(fmt.Sprintf("applying [%s%s] %s of %s", strings.Repeat("#", full), strings.Repeat(".", marks-full),
			report.Count(done), report.Plural(total, "change", "changes")))
	}
}

// Say shows a line, until there is another. Where nobody sees a Line it is nil.
func (l *Line) Say(line string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.draw(line)
}

const tick = 100 * time.Millisecond // between two drawings

// draw replaces the line; one longer than the terminal is cut, or it would be two.
func (l *Line) draw(line string) {
	if columns := l.columns(); columns > 0 && len(line) >= columns {
		line = line[:columns-1] // it is ASCII
	}
	_, _ = io.WriteString(l.w, eraseLine+line)
	l.shown, l.drawn = true, time.Now()
}

const eraseLine = "\r\x1b[K"

// Over writes to a stream that may lead to the same terminal; the line gives way.
func (l *Line) Over(w io.Writer) io.Writer {
	if l == nil {
		return w
	}
	return over{l, w}
}

type over struct {
	*Line
	w io.Writer
}

func (o over) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.shown {
		_, _ = io.WriteString(o.Line.w, eraseLine)
		o.shown = false
	}
	return o.w.Write(b)
}
