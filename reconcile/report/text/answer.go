package text

import (
	"fmt"
	"strings"
	"time"

	"berth/reconcile/plan"
	"berth/reconcile/report"
)

// found prints a Component that was asked for by name.
func (t *Reporter) found(f report.Found) {
	t.print("\n%-*s %s\n", detailColumn-1, f.Key, f.State)
	row := func(what, text string) {
		for i, line := range wrap(text, t.columns(18)) {
			if i > 0 {
				what = ""
			}
			t.print("%s\n", strings.TrimRight(fmt.Sprintf("  %-15s %s", what, line), " "))
		}
	}
	if f.Repository.Name == "" {
		return
	}
	row("repository", repository(f.Repository))
	row("image", f.Image)
	for _, r := range f.Robots {
		row("robot "+r.Use, robot(r))
	}
	for _, s := range f.Secrets {
		text := s.Name + ", whole"
		if !s.Whole {
			text = s.Name + ", not whole: " + s.Why
		}
		row("Secret "+s.Use, text)
	}
	for _, l := range f.Links {
		row("ServiceAccount", link(l))
	}
	for _, p := range f.Places {
		text := p.Environment + ", " + string(p.State)
		if p.Place != "" {
			text = p.Environment + " (" + p.Place + "), " + string(p.State)
		}
		if p.Why != "" {
			text += ": " + p.Why
		}
		row("environment", text)
	}
	if f.Request == "" {
		f.Request = "none"
	}
	row("request", f.Request)
	row("rotated", rotated(f))
}

func repository(r report.FoundRepository) string {
	text := r.Name
	switch {
	case r.Theirs:
		text += ", not marked as this Component's"
	case r.Is == "" && r.ToBe == "":
		return text + ", not there yet; whether it is to be private is not known yet"
	case r.Is == "":
		text += ", not there yet, to be " + string(r.ToBe)
	case r.ToBe != "" && r.Is != r.ToBe:
		text += ", " + string(r.Is) + ", to be " + string(r.ToBe)
	default:
		text += ", " + string(r.Is)
	}
	if r.Reason != "" {
		text += ": " + r.Reason
	}
	return text
}

func robot(r report.FoundRobot) string {
	text := r.Name
	switch {
	case !r.There:
		return text + ", not there yet"
	case r.Role == "":
		text += ", its role was not looked at"
	case r.Role == "none":
		text += ", without a role"
	default:
		text += ", may " + r.Role
	}
	if r.Created != nil {
		text += ", made " + ago(r.Age)
	}
	return text
}

func link(l report.FoundLink) string {
	if l.State == "no such ServiceAccount" {
		return l.Account + ", which does not exist, for " + l.Secret
	}
	return l.Account + ", " + l.State + " to " + l.Secret
}

func rotated(f report.Found) string {
	text := "never"
	if f.RotatedAt != nil {
		text = "last " + f.RotatedAt.UTC().Format("2006-01-02 15:04 UTC")
	}
	if f.Waits != "" {
		return text + "; " + f.Waits
	}
	return text + "; next on request"
}

// ago is an age in the words of people.
func ago(d time.Duration) string {
	if d < time.Minute {
		return "just now"
	}
	return report.Span(d) + " ago"
}

// foundLine is a Component of a namespace that was asked for.
func (t *Reporter) foundLine(f report.Found) {
	visibility := string(f.Repository.Is)
	if visibility == "" {
		visibility = "-"
	}
	delivered := 0
	for _, p := range f.Places {
		if p.State == plan.Delivered || p.State == plan.Unverified {
			delivered++
		}
	}
	secrets := 0
	for _, s := range f.Secrets {
		if s.Whole {
			secrets++
		}
	}
	places := "no environment"
	if n := len(f.Places); n > 0 {
		places = fmt.Sprintf("%d/%d environments", delivered, n)
	}
	t.print("%-50s %-8s %-11s %d/2 Secrets, %s\n", f.Key, visibility, f.State, secrets, places)
}
