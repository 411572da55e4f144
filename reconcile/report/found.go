package report

import (
	"slices"
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
	Waits      string          `json:"waits,omitempty"`      // what is left to a later run, and why
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
	Use     string        `json:"use"` // push or pull
	Name    string        `json:"name"`
	There   bool          `json:"there"`
	Role    string        `json:"role,omitempty"` // on the repository; "": this run did not look
	Created *time.Time    `json:"created,omitempty"`
	Age     time.Duration `json:"-"`
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

// Find looks every Component of a plan up in the World it was made of.
func Find(w world.World, p plan.Plan) []Found {
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
	r := world.At(w.Repositories, c.Names.Repository)
	f.Repository = FoundRepository{c.Names.Repository, r.Visibility, c.Visibility, c.Why, r.Name != "" && !c.Names.Marks(r.Description)}
	for i, use := range []string{"push", "pull"} {
		account := c.Names.Accounts()[i]
		f.Robots = append(f.Robots, findRobot(w, use, account, c.Names.Repository))
		f.Secrets = append(f.Secrets, findSecret(w, use, account, c))
	}
	f.Links = findLinks(w, c)
	for _, d := range c.Deliveries {
		f.Places = append(f.Places, FoundPlace{component.Shown(d.Environment), d.Place, d.State, d.Why})
	}
	f.Request = request(w, c)
	if told := component.Told(c.Component, *c.Names); told.Image != "" {
		if at, err := time.Parse(time.RFC3339, told.Rotated); err == nil {
			f.RotatedAt = &at
		}
	}
	f.Waits = c.Deferred
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
	_, there := w.Robots[account.Robot]
	r := world.At(w.Robots, account.Robot)
	f := FoundRobot{Use: use, Name: account.Robot, There: there}
	if roles, looked := w.Roles[repository]; looked && there {
		f.Role = string(roles[account.Robot])
		if f.Role == "" {
			f.Role = "none"
		}
	}
	if !r.Created.IsZero() {
		f.Created, f.Age = &r.Created, w.At.Sub(r.Created)
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
	case s.Content.Fingerprint != world.At(w.Robots, account.Robot).Fingerprint:
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

// findLinks tells which ServiceAccounts use the Secrets. Of those of builds a platform
// has one kind, as a rule, so what is not there is told when none is; and pods need the
// pull Secret here only where something is to run.
func findLinks(w world.World, c plan.Component) []FoundLink {
	links, absent := []FoundLink{}, []FoundLink{}
	account := func(name string) (world.Links, bool) {
		a, there := w.ServiceAccounts[component.Key{Namespace: c.Component.Namespace, Name: name}]
		return a, there
	}
	push, pull := c.Names.Push.Secret, c.Names.Pull.Secret
	for _, name := range w.Policy.PushAccounts(c.Component.Name) {
		switch a, there := account(name); {
		case !there:
			absent = append(absent, FoundLink{name, push, "no such ServiceAccount"})
		case a.Secrets[push]:
			links = append(links, FoundLink{name, push, "linked"})
		default:
			links = append(links, FoundLink{name, push, "not linked"})
		}
	}
	if len(links) == 0 {
		links = absent
	}
	for _, name := range w.Policy.PullAccounts(c.Component.Name) {
		a, _ := account(name)
		switch planned := slices.Contains(c.Actions, plan.Action(plan.LinkPullSecret{ServiceAccount: name, Secret: pull})); {
		case a.Pull[pull]:
			links = append(links, FoundLink{name, pull, "linked"})
		case planned:
			links = append(links, FoundLink{name, pull, "not linked"})
		}
	}
	return links
}

// request is what was asked for, by the Component's owner or by the operator.
func request(w world.World, c plan.Component) string {
	var all []string
	for _, one := range component.Both(c.Component) {
		asked, err := component.RequestOf(one)
		switch {
		case err != nil:
			all = append(all, "cannot be read")
		case asked.Rotate != "":
			all = append(all, "new credentials, "+string(asked.Rotate))
		case asked.Visibility != "":
			all = append(all, string(asked.Visibility))
		}
	}
	if how := w.Rotate[c.Key()]; how != "" {
		all = append(all, "new credentials, "+string(how)+", of the operator")
	}
	return strings.Join(all, ", ")
}
