package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"berth/reconcile/component"
)

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

// FirstOf lists at most n names.
func FirstOf(names []string, n int) string {
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

// Read tells what a run looked at.
func (o Observed) Read() string {
	all := []string{
		Plural(o.Components, "Component", "Components"), Plural(o.Repositories, "repository", "repositories"),
		Plural(o.Robots, "robot", "robots"), Plural(o.Secrets, "Secret", "Secrets"),
	}
	if o.Mode.RemoteSecrets {
		all = append(all, Plural(o.RemoteSecrets, "RemoteSecret", "RemoteSecrets"))
	}
	return "Read " + strings.Join(all, ", ") + " in " + Seconds(o.Elapsed)
}

// String tells how far the pull Secrets have come.
func (c DeliveryCount) String() string {
	return fmt.Sprintf("Pull Secrets in %s: %s delivered", Plural(c.Total, "environment", "environments"), Count(c.Delivered)) +
		Counted(c.Unverified, "unverified") + Counted(c.Pending, "on the way") + Counted(c.Failed, "failed") + Counted(c.Unresolved, "unresolved")
}

// Counted is a number of things that are told of if there are any.
func Counted(n int, what string) string {
	if n == 0 {
		return ""
	}
	return ", " + Count(n) + " " + what
}

// Asked tells what a run asked of Quay.
func (s Summary) Asked() string {
	return fmt.Sprintf("Quay: %s%s%s.", Plural(s.Quay.Requests, "request", "requests"), Counted(s.Quay.Retries, "retried"), waited(s.Quay.Throttled))
}

func waited(d time.Duration) string {
	if d < 100*time.Millisecond {
		return ""
	}
	return ", waited " + Seconds(d) + " on the rate limit"
}

// Seconds is a time as runs take it.
func Seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }

// Span is a time in the words of people.
func Span(d time.Duration) string {
	for _, unit := range []struct {
		of        time.Duration
		one, many string
	}{{24 * time.Hour, "day", "days"}, {time.Hour, "hour", "hours"}, {time.Minute, "minute", "minutes"}} {
		if n := int(d / unit.of); n > 0 {
			return Plural(n, unit.one, unit.many)
		}
	}
	return "less than a minute"
}
