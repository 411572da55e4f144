package component

import (
	"strings"
	"time"
)

// Memory is what a repository's description tells of the looks at its source.
type Memory struct {
	Refusal string    // how a reader was refused; "": not since one was not
	Since   time.Time // when that was first seen, by the second
	Closed  bool      // and the repository made private for it
}

// Memory reads it.
func (d Description) Memory() (m Memory) {
	for _, n := range d.Notes() {
		if refusal, ok := strings.CutPrefix(string(n), "private at its source ("); ok && m.Refusal == "" {
			m.Refusal, _, _ = strings.Cut(refusal, ")")
			m.Since, _ = d.Note(n)
		}
	}
	_, m.Closed = d.Note(noteClosed)
	return m
}

// Remembering is the description with another memory of its source. at is when it was
// closed, if it is and did not say so yet.
func (d Description) Remembering(m Memory, at time.Time) Description {
	for _, n := range d.Notes() {
		if strings.HasPrefix(string(n), "private at its source (") && n != noteRefused(m.Refusal) {
			d = d.Without(n)
		}
	}
	if m.Refusal != "" {
		d = d.With(noteRefused(m.Refusal), m.Since)
	}
	if _, closed := d.Note(noteClosed); m.Closed && !closed {
		return d.With(noteClosed, at)
	}
	if m.Closed {
		return d
	}
	return d.Without(noteClosed)
}
