package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"berth/reconcile/component"
)

// width is what a line of text has, in columns. Only a name may be longer.
const width = 110

// wrap breaks a text between its words so that no line is longer than so many columns,
// unless a word is. Where the text has lines, they stay apart.
func wrap(text string, columns int) []string {
	var lines []string
	for part := range strings.SplitSeq(text, "\n") {
		line := ""
		for word := range strings.FieldsSeq(part) {
			switch {
			case line == "":
				line = word
			case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > columns:
				lines = append(lines, line)
				line = word
			default:
				line += " " + word
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// Count is a number as people read it.
func Count(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Plural is a number of things.
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + many
}

// firstOf lists at most n names.
func firstOf(names []string, n int) string {
	if len(names) <= n {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %s more", strings.Join(names[:n], ", "), Count(len(names)-n))
}

// keyNames are Components as they are called.
func keyNames(keys []component.Key) []string {
	var names []string
	for _, k := range keys {
		names = append(names, k.String())
	}
	return names
}

// read tells what a run looked at.
func (o Observed) read() string {
	all := []string{
		Plural(o.Components, "Component", "Components"), Plural(o.Repositories, "repository", "repositories"),
		Plural(o.Robots, "robot", "robots"), Plural(o.Secrets, "Secret", "Secrets"),
	}
	if o.Mode.RemoteSecrets {
		all = append(all, Plural(o.RemoteSecrets, "RemoteSecret", "RemoteSecrets"))
	}
	return "Read " + strings.Join(all, ", ") + " in " + seconds(o.Elapsed)
}

// rest tells of the Components that do not change.
func (c ComponentCount) rest() string {
	return Count(c.UpToDate) + " up to date" + counted(c.Failed, "failed") + counted(c.Skipped, "skipped") +
		counted(c.Invalid, "invalid") + counted(c.Blocked, "blocked") + counted(c.Deferred, "left to the next run")
}

func (c ComponentCount) match() string {
	switch {
	case c.Total == 0:
		return "There are no Components"
	case c.UpToDate == c.Total && c.Total == 1:
		return "No changes. The Component matches Quay and the cluster"
	case c.UpToDate == c.Total:
		return "No changes. " + Count(c.Total) + " Components match Quay and the cluster"
	}
	return fmt.Sprintf("No changes. Of %s, %s", Plural(c.Total, "Component", "Components"), c.rest())
}

// change tells how many do.
func (c ComponentCount) change() string {
	verb := "change"
	if c.Changed == 1 {
		verb = "changes"
	}
	return fmt.Sprintf("%s of %s %s; %s", Count(c.Changed), Plural(c.Total, "Component", "Components"), verb, c.rest())
}

// String tells how far the pull Secrets have come.
func (c DeliveryCount) String() string {
	return fmt.Sprintf("Pull Secrets in %s: %s delivered", Plural(c.Total, "environment", "environments"), Count(c.Delivered)) +
		counted(c.Unverified, "unverified") + counted(c.Pending, "on the way") + counted(c.Failed, "failed") + counted(c.Unresolved, "unresolved")
}

func counted(n int, what string) string {
	if n == 0 {
		return ""
	}
	return ", " + Count(n) + " " + what
}

func waited(d time.Duration) string {
	if d < 100*time.Millisecond {
		return ""
	}
	return ", waited " + seconds(d) + " on the rate limit"
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }
