package text

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"berth/reconcile/report"
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

// rest tells of the Components that do not change.
func rest(c report.ComponentCount) string {
	return report.Count(c.UpToDate) + " up to date" + report.Counted(c.Failed, "failed") + report.Counted(c.Skipped, "skipped") +
		report.Counted(c.Invalid, "invalid") + report.Counted(c.Blocked, "blocked") + report.Counted(c.Deferred, "left to the next run")
}

func match(c report.ComponentCount) string {
	switch {
	case c.Total == 0:
		return "There are no Components"
	case c.UpToDate == c.Total && c.Total == 1:
		return "No changes. The Component matches Quay and the cluster"
	case c.UpToDate == c.Total:
		return "No changes. " + report.Count(c.Total) + " Components match Quay and the cluster"
	}
	return fmt.Sprintf("No changes. Of %s, %s", report.Plural(c.Total, "Component", "Components"), rest(c))
}

// change tells how many do.
func change(c report.ComponentCount) string {
	verb := "change"
	if c.Changed == 1 {
		verb = "changes"
	}
	return fmt.Sprintf("%s of %s %s; %s", report.Count(c.Changed), report.Plural(c.Total, "Component", "Components"), verb, rest(c))
}
