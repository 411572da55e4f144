package report

import (
	"fmt"
	"strings"
	"time"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// Found is all that a run found of one Component, and why it is as it will be.
type Found struct {
	Key        component.Key   `json:"-"`
	State      string          `json:"state"` // up to date, changes, skipped, invalid, blocked, failed, waits
	Repository FoundRepository `json:"repository"`
	Image      string          `json:"image,omitempty"`
	Robots     []FoundRobot    `json:"robots"`  // push, pull
	Secrets    []FoundSecret   `json:"secrets"` // push, pull
	Links      []FoundLink     `json:"links"`
	Places     []FoundPlace    `json:"environments"`
	Request    string          `json:"request,omitempty"`    // what its owner asks for
	RotatedAt  *time.Time      `json:"rotated_at,omitempty"` // nil: never, or not told
	NextAt     *time.Time      `json:"next_at,omitempty"`    // from when another request counts; nil: at once
}

// FoundRepository is a repository as it is and as it is to be.
type FoundRepository struct {
	Name   string          `json:"name,omitempty"`
	Is     quay.Visibility `json:"is,omitempty"`       // "": it is not there
	ToBe   quay.Visibility `json:"to_be,omitempty"`    // "": not known yet
	Reason string          `json:"reason,omitempty"`   // for what it is to be
	Theirs bool            `json:"not_ours,omitempty"` // it has no mark of this Component
}

// FoundRobot is one of a Component's robots.
type FoundRobot struct {
	Use     string     `json:"use"` // push or pull
	Name    string     `json:"name"`
	There   bool       `json:"there"`
	Role    string     `json:"role,omitempty"` // on the repository; "": this run did not look
	Created *time.Time `json:"created,omitempty"`
	age     time.Duration
}

// FoundSecret is one of a Component's Secrets.
type FoundSecret struct {
	Use   string `json:"use"`
	Name  string `json:"name"`
	Whole bool   `json:"whole"`
	Why   string `json:"why,omitempty"` // when it is not
}

// FoundLink is a ServiceAccount that is to use a Secret.
type FoundLink struct {
	Account string `json:"service_account"`
	Secret  string `json:"secret"`
	State   string `json:"state"` // linked, not linked, no such ServiceAccount
}

// FoundPlace is an environment that a Component runs in.
type FoundPlace struct {
	Environment string             `json:"environment"`
	Place       string             `json:"place,omitempty"`
	State       plan.DeliveryState `json:"state"`
	Why         string             `json:"why,omitempty"`
}

// NewFound looks every Component of a plan up in the World it was made of.
func NewFound(w world.World, p plan.Plan) []Found {
	found := make([]Found, len(p.Components))
	for i, c := range p.Components {
		found[i] = find(w, c)
	}
	return found
}

func find(w world.World, c plan.Component) Found {
	f := Found{Key: c.Key(), State: state(c), Image: c.Image, Robots: []FoundRobot{}, Secrets: []FoundSecret{}, Links: []FoundLink{}, Places: []FoundPlace{}}
	if c.Names.Repository == "" {
		return f // it has no names, for which there is a problem or a reason to skip it
	}
	r := w.Repositories[c.Names.Repository]
	f.Repository = FoundRepository{c.Names.Repository, r.Visibility, c.Visibility, c.VisibilityReason, r.Name != "" && r.Description != c.Names.Mark}
	for i, use := range []string{"push", "pull"} {
		account := c.Names.Accounts()[i]
		f.Robots = append(f.Robots, findRobot(w, use, account, c.Names.Repository))
		f.Secrets = append(f.Secrets, findSecret(w, use, account, c))
		if at := w.Secrets[component.Key{Namespace: f.Key.Namespace, Name: account.Secret}].RotatedAt; !at.IsZero() && (f.RotatedAt == nil || at.After(*f.RotatedAt)) {
			f.RotatedAt = &at
		}
	}
	for _, account := range w.Policy.PushAccounts(f.Key.Name) {
		a, there := w.ServiceAccounts[component.Key{Namespace: f.Key.Namespace, Name: account}]
		f.Links = append(f.Links, FoundLink{account, c.Names.Push.Secret, linkState(there, a.Secrets[c.Names.Push.Secret])})
	}
	for _, d := range c.Deliveries {
		f.Places = append(f.Places, FoundPlace{component.Shown(d.Environment), d.Place, d.State, d.Why})
	}
	f.Request = request(w, c)
	if f.RotatedAt != nil && w.At.Sub(*f.RotatedAt) < component.MinPace {
		next := f.RotatedAt.Add(component.MinPace)
		f.NextAt = &next
	}
	return f
}

// state is the heading that a Component is counted under.
func state(c plan.Component) string {
	switch {
	case c.Skipped != "":
		return "skipped"
	case c.Problem != nil && c.Problem.Whose != plan.TheTenants:
		return "failed"
	case c.Problem != nil && c.Problem.Reason == plan.ReasonInvalidComponent:
		return "invalid"
	case c.Problem != nil:
		return "blocked"
	case len(c.Actions) > 0:
		return "changes"
	case c.Deferred != "":
		return "waits"
	}
	return "up to date"
}

func findRobot(w world.World, use string, account component.Account, repository string) FoundRobot {
	r, there := w.Robots[account.Robot]
	f := FoundRobot{Use: use, Name: account.Robot, There: there}
	if roles, looked := w.Roles[repository]; looked && there {
		f.Role = string(roles[account.Robot])
		if f.Role == "" {
			f.Role = "none"
		}
	}
	if !r.Created.IsZero() {
		f.Created, f.age = &r.Created, w.At.Sub(r.Created)
	}
	return f
}

// findSecret tells what is wrong with a Secret by what the plan does about it.
func findSecret(w world.World, use string, account component.Account, c plan.Component) FoundSecret {
	s, there := w.Secrets[component.Key{Namespace: c.Component.Namespace, Name: account.Secret}]
	f := FoundSecret{Use: use, Name: account.Secret}
	switch {
	case !there:
		f.Why = "missing"
	case s.Foreign != "":
		f.Why = "not Berth's: " + s.Foreign
	case s.Content.Fingerprint != w.Robots[account.Robot].Fingerprint:
		f.Why = "its token is not the robot's"
	}
	for _, a := range c.Actions {
		if write, ok := a.(plan.WriteSecret); ok && write.Secret == account.Secret && write.Reason != "" && f.Why == "" {
			f.Why = write.Reason
		}
	}
	f.Whole = f.Why == ""
	return f
}

func linkState(there, linked bool) string {
	switch {
	case !there:
		return "no such ServiceAccount"
	case linked:
		return "linked"
	}
	return "not linked"
}

// request is what was asked for, by the Component's owner or by the operator.
func request(w world.World, c plan.Component) string {
	asked, err := component.ParseRequest(c.Component.Annotations[component.AnnotationGenerate])
	var all []string
	switch {
	case err != nil:
		all = append(all, "cannot be read")
	case asked.Rotate:
		all = append(all, "new credentials")
	case asked.Visibility != "":
		all = append(all, string(asked.Visibility))
	}
	if w.Rotate[c.Key()] {
		all = append(all, "new credentials (--rotate)")
	}
	return strings.Join(all, ", ")
}

// found prints a Component that was asked for by name.
func (t *Text) found(f Found) {
	t.print("\n%-*s %s\n", detailColumn-1, f.Key, f.State)
	row := func(what, text string) {
		for i, line := range wrap(text, width-18) {
			if i > 0 {
				what = ""
			}
			t.print("%s\n", strings.TrimRight(fmt.Sprintf("  %-15s %s", what, line), " "))
		}
	}
	if f.Repository.Name == "" {
		return
	}
	row("repository", f.Repository.String())
	row("image", f.Image)
	for _, r := range f.Robots {
		row("robot "+r.Use, r.String())
	}
	for _, s := range f.Secrets {
		text := s.Name + ", whole"
		if !s.Whole {
			text = s.Name + ", not whole: " + s.Why
		}
		row("Secret "+s.Use, text)
	}
	for _, l := range f.Links {
		row("ServiceAccount", fmt.Sprintf("%s, %s to %s", l.Account, l.State, l.Secret))
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
	row("rotated", f.rotated())
}

func (r FoundRepository) String() string {
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

func (r FoundRobot) String() string {
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
		text += ", made " + ago(r.age)
	}
	return text
}

func (f Found) rotated() string {
	text := "never"
	if f.RotatedAt != nil {
		text = "last " + f.RotatedAt.UTC().Format("2006-01-02 15:04 UTC")
	}
	if f.NextAt != nil {
		return text + "; next on request, from " + f.NextAt.UTC().Format("15:04 UTC") + " on"
	}
	return text + "; next on request"
}

// ago is an age in the words of people.
func ago(d time.Duration) string {
	for _, unit := range []struct {
		of        time.Duration
		one, many string
	}{{24 * time.Hour, "day", "days"}, {time.Hour, "hour", "hours"}, {time.Minute, "minute", "minutes"}} {
		if n := int(d / unit.of); n > 0 {
			return Plural(n, unit.one, unit.many) + " ago"
		}
	}
	return "just now"
}

// foundLine is a Component of a namespace that was asked for.
func (t *Text) foundLine(f Found) {
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
