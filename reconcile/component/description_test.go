package component

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func someMarks() (mine, another Names) {
	naming := someNaming()
	mine, _ = naming.Names(new(componentOf("tenant", "api")), "uid")
	another, _ = naming.Names(new(componentOf("tenant", "web")), "uid")
	return mine, another
}

func TestDescriptions(t *testing.T) {
	t.Parallel()
	n, another := someMarks()
	day := time.Date(2026, 11, 27, 14, 23, 5, 0, time.UTC)
	robot := NoteQuarantined(n.Push.Robot)
	for _, row := range []struct {
		why, description string
		ours             bool
		notes            string
	}{
		{"the mark alone", n.Mark, true, ""},
		{"blanks at its end", n.Mark + " \t\r\n", true, ""},
		{"people's words below", n.Mark + "\n\n# The API\n\nAsk the *tenant*.", true, ""},
		{"another's mark below it is words", n.Mark + "\n" + another.Mark, true, ""},
		{"words before the mark", "The API\n" + n.Mark, false, ""},
		{"words behind the mark", n.Mark + " The API", false, ""},
		{"another's mark", another.Mark + "\n" + n.Mark, false, ""},
		{"blanks before it", " " + n.Mark, false, ""},
		{"nothing", "", false, ""},
		{"a note", n.Mark + "\norphan since 2026-11-27", true, "[orphan since]"},
		{"notes between people's lines, as a form sends them", n.Mark + "\r\nThe API\r\norphan since 2026-11-27 \r\n\r\n" + string(robot) + " 2026-11-28", true, "[orphan since " + string(robot) + "]"},
		{"twice", n.Mark + "\norphan since 2026-11-27\norphan since 2026-11-28", true, "[orphan since]"},
		{"close to a note", n.Mark + "\norphan since 2026-02-30\norphan since long\n orphan since 2026-11-27\norphan since 2026-11-27.\nOrphan since 2026-11-27\n" +
			"robot ../x quarantined 2026-11-27\nrobot  quarantined 2026-11-27\nrobot a b quarantined 2026-11-27\norphan since 2026-11-27T00:00:00Z", true, ""},
		{"without a mark nothing is a note", "orphan since 2026-11-27\norphan since 2026-11-27", false, ""},
	} {
		d := Description(row.description)
		if ours := n.Marks(row.description); ours != row.ours {
			t.Errorf("%s: ours %v", row.why, ours)
		}
		if got := strings.TrimPrefix(fmt.Sprint(d.Notes()), "[]"); got != row.notes {
			t.Errorf("%s: notes %s, want %s", row.why, got, row.notes)
		}
	}
	d := Description(n.Mark+"\nThe API").With(NoteOrphan, day).With(robot, day)
	if want := n.Mark + "\nrobot " + n.Push.Robot + " quarantined 2026-11-27\norphan since 2026-11-27\nThe API"; string(d) != want {
		t.Errorf("noted as\n%s\nwant\n%s", d, want)
	}
	if d = d.With(NoteOrphan, day.AddDate(0, 0, 1)); !strings.Contains(string(d), "quarantined 2026-11-27\norphan since 2026-11-28\nThe API") {
		t.Errorf("changed in its place: %q", d)
	}
	if adopted := d.Under(another.Mark); string(adopted) != another.Mark+"\nThe API" {
		t.Errorf("adopted as %q", adopted)
	}
	if adopted := Description("orphan since 2026-11-27").Under(n.Mark).Under(n.Mark); string(adopted) != n.Mark+"\norphan since 2026-11-27" {
		t.Errorf("adopted as %q", adopted)
	}
	if got := Description("The API").With(NoteOrphan, day); got != "The API" {
		t.Errorf("noted without a mark: %q", got)
	}
	if got := Description(n.Mark).With("The API is good since", day); string(got) != n.Mark {
		t.Errorf("a note of no form that is read: %q", got)
	}
	for i := range 2 * maxNotes {
		d = d.With(NoteQuarantined(fmt.Sprintf("robot%d", i)), day)
	}
	if got := len(d.Notes()); got != maxNotes {
		t.Errorf("%d notes in one description", got)
	}
	told := Memory{Refusal: "login", Since: day, Closed: true}
	if got := d.Remembering(told, day).Memory(); got != told {
		t.Errorf("beside %d notes a source tells %+v", maxNotes, got)
	}
}

// people's are the lines that Berth has not written.
func peoples(d Description) string {
	_, rest, _ := strings.Cut(string(d), "\n")
	var lines []string
	for line := range strings.SplitSeq(rest, "\n") {
		if note, _ := parseNote(line); note == "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// Whatever stands below a mark, Berth's notes are told from it, change as they are to, and
// leave the rest to the byte; and it never makes the repository another's.
func TestPeoplesLinesAreKept(t *testing.T) {
	t.Parallel()
	mine, another := someMarks()
	line := rapid.OneOf(
		rapid.String(), rapid.StringMatching(`[ \t\r]{0,3}`),
		rapid.SampledFrom([]string{
			mine.Mark, another.Mark, "orphan since 2026-11-27", "orphan since 2026-11-27\r", "orphan since", "robot a_b quarantined 2026-11-27",
			"private at its source (login) since 2026-11-27T14:23:05Z", "private at its source (missing) since 2026-11-27T14:23:05Z", "closed by its source on 2026-11-27T14:23:05Z",
			"private at its source (login) since 2026-11-27", "private at its source (whatever) since 2026-11-27T14:23:05Z", "closed by its source on 2026-11-27T25:23:05Z",
		}),
	)
	rapid.Check(t, func(t *rapid.T) {
		below := strings.Join(rapid.SliceOfN(line, 0, 6).Draw(t, "below"), "\n")
		d := Description(mine.Mark + rapid.SampledFrom([]string{"", " ", "\r"}).Draw(t, "blanks") + "\n" + below)
		note := rapid.SampledFrom([]Note{NoteOrphan, NoteQuarantined("a_b"), NoteQuarantined("berth_x_push")}).Draw(t, "note")
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "at"), 0).UTC()
		whose, _ := ParseMark(mine.Mark)
		checkDescription(t, d, whose)
		with, without := d.With(note, at), d.Without(note)
		for _, changed := range []Description{with, without} {
			checkDescription(t, changed, whose)
			if peoples(changed) != peoples(d) {
				t.Fatalf("%q became %q", d, changed)
			}
		}
		if got, ok := with.Note(note); !ok || got.Format(time.DateOnly) != at.Format(time.DateOnly) {
			t.Fatalf("%q notes %v, %v", with, got, ok)
		}
		if _, ok := without.Note(note); ok {
			t.Fatalf("%q still notes it", without)
		}
		told := Memory{Refusal: rapid.SampledFrom([]string{"", "login", "page"}).Draw(t, "refusal"), Closed: rapid.Bool().Draw(t, "closed")}
		if told.Refusal != "" {
			told.Since = at
		}
		remembering := d.Remembering(told, at)
		checkDescription(t, remembering, whose)
		if got := remembering.Memory(); got != told || peoples(remembering) != peoples(d) {
			t.Fatalf("%q tells %+v in %q, want %+v", d, got, remembering, told)
		}
		if again := remembering.Remembering(told, at.Add(time.Hour)); again != remembering {
			t.Fatalf("%q told again: %q", remembering, again)
		}
		if _, had := d.Note(note); !had && with.Without(note) != d {
			t.Fatalf("%q and back: %q", d, with.Without(note))
		}
		if again := with.With(note, at); again != with {
			t.Fatalf("%q noted again: %q", with, again)
		}
		if adopted := d.Under(another.Mark); peoples(adopted) != peoples(d) || len(adopted.Notes()) > 0 || !another.Marks(string(adopted)) {
			t.Fatalf("%q became %q", d, adopted)
		}
		if adopted := Description("x" + below).Under(mine.Mark); string(adopted) != mine.Mark+"\nx"+below {
			t.Fatalf("%q became %q", "x"+below, adopted)
		}
	})
}

func checkDescription(t interface{ Fatalf(string, ...any) }, d Description, whose Mark) {
	if m, marked := ParseMark(string(d)); !marked || m != whose {
		t.Fatalf("%q is %+v's", d, m)
	}
}

func FuzzDescription(f *testing.F) {
	n, another := someMarks()
	for _, seed := range []string{"", n.Mark, n.Mark + "\r\norphan since 2026-11-27\r\nThe API", another.Mark + "\n" + n.Mark, "\n\n", "\xff\n" + n.Mark} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := Description(s)
		for _, note := range append(d.Notes(), NoteOrphan) {
			if got := peoples(d.With(note, time.Unix(0, 0)).Without(note)); got != peoples(d) {
				t.Fatalf("%q lost lines of people: %q, want %q", s, got, peoples(d))
			}
		}
		if adopted := d.Under(n.Mark); !n.Marks(string(adopted)) {
			t.Fatalf("%q became %q", s, adopted)
		}
	})
}
