package component

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Description is the text that Quay shows of a repository, as it stands there. The first
// line is the mark. Of the lines below it those that have the form of a [Note] are what
// Berth remembers from run to run, and all others are people's: they are kept to the byte.
// Whoever could write it is an administrator of the organization, or was given the right
// by one, so what it says may be believed; tenants' robots cannot.
type Description string

// Note is what a line below the mark says, but for the moment at its end.
type Note string

// NoteOrphan is of a repository whose Component is gone.
const NoteOrphan Note = "orphan since"

// NoteQuarantined is of a robot that lost its permission on the repository, and is to go.
func NoteQuarantined(robot string) Note { return Note("robot " + robot + " quarantined") }

// noteClosed is of a repository that is private because its source refused readers, and for
// nothing that a person said or did.
const noteClosed Note = "closed by its source on"

// noteRefused is of one whose source refused a reader so when it was looked at.
func noteRefused(refusal string) Note { return Note("private at its source (" + refusal + ") since") }

// notes is the closed list of forms, a moment follows each. They are plain, since quay.io
// refuses what looks like spam, and nothing that people say by chance; what is close to
// one and is none, such as a day that no calendar has, is people's.
var notes = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(orphan since|robot [a-z][a-z0-9_]{1,254} quarantined|closed by its source on|private at its source \((?:login|missing|elsewhere|page|address)\) since) ([0-9TZ:-]{10,20})$`)
})

// maxNotes bounds what Berth itself adds to a description, besides its source's two. Quay has
// no limit for one.
const maxNotes = 32

// Mark is the first line, without blanks at its end, whatever it says. A line below it is
// never read as one.
func (d Description) Mark() string {
	first, _, _ := strings.Cut(string(d), "\n")
	return trimmed(first)
}

// Note is the moment that a note tells, by UTC; false when there is no such note. Of two,
// the first counts.
func (d Description) Note(n Note) (time.Time, bool) {
	for _, line := range d.below() {
		if note, at := parseNote(line); note == n {
			return at, true
		}
	}
	return time.Time{}, false
}

// Notes are all that there are, in their order.
func (d Description) Notes() []Note {
	var all []Note
	for _, line := range d.below() {
		if note, _ := parseNote(line); note != "" && !slices.Contains(all, note) {
			all = append(all, note)
		}
	}
	return all
}

// With is the description with one note more, or with the moment of one changed. What
// bears no mark is left as it is, and so is what has as many notes as there may be.
func (d Description) With(n Note, at time.Time) Description {
	line := string(n) + " " + at.UTC().Format(n.layout())
	has := d.Notes()
	parsed, _ := parseNote(line)
	if _, marked := ParseMark(string(d)); !marked || parsed != n || len(has) >= maxNotes && !slices.Contains(has, n) && !n.ofSource() {
		return d
	}
	rest, place := d.without(n)
	return rest.insert(place, line)
}

// Without is the description without a note.
func (d Description) Without(n Note) Description {
	rest, _ := d.without(n)
	return rest
}

// Under is the description under another mark. People's lines stay; what Berth noted under
// the former mark was about somebody else's repository and goes.
func (d Description) Under(mark string) Description {
	if d.Mark() == mark {
		return d
	}
	for _, n := range d.Notes() {
		d = d.Without(n)
	}
	_, rest, more := strings.Cut(string(d), "\n")
	if _, marked := ParseMark(string(d)); !marked {
		rest, more = string(d), d != ""
	}
	if !more {
		return Description(mark)
	}
	return Description(mark + "\n" + rest)
}

// Unmarked is what is left of the description when the mark and Berth's own notes are taken
// off: what people wrote.
func (d Description) Unmarked() Description {
	if _, marked := ParseMark(string(d)); !marked {
		return d
	}
	for _, n := range d.Notes() {
		d = d.Without(n)
	}
	_, rest, _ := strings.Cut(string(d), "\n")
	return Description(rest)
}

// below are the lines under the mark, none where there is no mark.
func (d Description) below() []string {
	_, rest, several := strings.Cut(string(d), "\n")
	if !several {
		return nil
	}
	if _, marked := ParseMark(string(d)); !marked {
		return nil
	}
	return strings.Split(rest, "\n")
}

// without takes a note off, and says at which line it stood, or where the first would.
func (d Description) without(n Note) (rest Description, place int) {
	if _, marked := ParseMark(string(d)); !marked {
		return d, 0
	}
	lines := strings.SplitN(string(d), "\n", 2)[:1]
	for _, line := range d.below() {
		if note, _ := parseNote(line); note != n {
			lines = append(lines, line)
		} else if place == 0 {
			place = len(lines)
		}
	}
	return Description(strings.Join(lines, "\n")), max(place, 1)
}

func (d Description) insert(place int, line string) Description {
	return Description(strings.Join(slices.Insert(strings.Split(string(d), "\n"), place, line), "\n"))
}

// parseNote reads a line; the note is "" when it is people's.
func parseNote(line string) (Note, time.Time) {
	m := notes().FindStringSubmatch(trimmed(line))
	if m == nil {
		return "", time.Time{}
	}
	at, err := time.Parse(Note(m[1]).layout(), m[2])
	if err != nil {
		return "", time.Time{}
	}
	return Note(m[1]), at
}

// layout is of a note's moment: the day, or for what a source said the second, by UTC.
func (n Note) layout() string {
	if n.ofSource() {
		return "2006-01-02T15:04:05Z"
	}
	return time.DateOnly
}

func (n Note) ofSource() bool { return strings.Contains(string(n), " its source ") }

// trimmed is a line without what editors and forms leave at its end.
func trimmed(line string) string { return strings.TrimRight(line, " \t\r") }

// Robot is whom a note is about that quarantines one; false of any other note.
func (n Note) Robot() (string, bool) {
	rest, ok := strings.CutPrefix(string(n), "robot ")
	robot, quarantined := strings.CutSuffix(rest, " quarantined")
	return robot, ok && quarantined
}
