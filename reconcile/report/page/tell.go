package page

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/report"
)

// problem is something that is not as it should be.
type problem struct{ Label, Class, Subject, Hint, More string }

// tellProblems has what is the platform's first, then the tenants', then warnings.
func (p *Reporter) tellProblems(c *content, s report.Summary) {
	var all []report.Diagnostic
	if end, told := s.Ending(); told {
		all = append(all, end)
	}
	if p.plan != nil {
		all = append(all, report.Diagnostics(*p.plan)...)
	}
	all = append(all, p.problems...)
	rank := map[string]int{"Error": 1, "Invalid": 2, "Blocked": 3, "Warning": 4}
	slices.SortStableFunc(all, func(a, b report.Diagnostic) int { return cmp.Compare(rank[a.Label()], rank[b.Label()]) })
	classes := map[string]string{"Error": "bad", "Invalid": "warn", "Blocked": "warn", "Warning": "info"}
	for i, m := range report.Merge(all) {
		if i == maxProblems {
			c.MoreProblems = fmt.Sprintf("… and %s more: the JSON lines of the run have each.", report.Count(len(report.Merge(all))-i))
			break
		}
		c.Problems = append(c.Problems, problem{m.Label(), classes[m.Label()], m.Subject(), m.Detail, m.More()})
	}
}

// block is a Component's changes, row one of them.
type (
	block struct {
		Key, Note, More string
		Rows            []row
	}
	row struct {
		Op, Class, Kind, Target, Why string
		Lines                        []string
	}
)

// tellChanges has what was done, or, where nothing was to be, what is planned.
func (p *Reporter) tellChanges(c *content, s report.Summary) {
	changes, heading := report.Planned, "What was planned, and why"
	switch {
	case applied(s):
		heading, changes = "What was changed, and why", func(c plan.Component) []report.Change { return p.made[c.Key()] }
	case s.DryRun && s.Err == nil:
		heading = "What would be changed, and why"
	}
	c.Heading = heading
	all := report.Blocks(*p.plan, changes, true)
	left, components := 0, 0
	for i, b := range all {
		if i >= maxBlocks {
			left, components = left+len(b.Changes)*(1+b.Alike), components+1+b.Alike
			continue
		}
		shown := block{Key: b.Key.String(), Note: b.Note, More: b.More()}
		for _, change := range b.Changes {
			shown.Rows = append(shown.Rows, rowOf(b, change))
		}
		c.Changes = append(c.Changes, shown)
	}
	if components > 0 {
		c.MoreChanges = fmt.Sprintf("… and %s in %s: the JSON lines of the run have each.", report.Plural(left, "change", "changes"), report.Plural(components, "further Component", "further Components"))
	}
}

func rowOf(b report.Block, c report.Change) row {
	shown := row{Op: string(c.Op), Kind: c.Kind.Word(), Target: b.Target(c), Why: c.Why()}
	switch {
	case c.Breaks:
		shown.Op, shown.Class = "revoke", "bad"
	case c.Op == report.OpCreate:
		shown.Class = "good"
	case c.Op == report.OpDelete:
		shown.Class = "bad"
	default:
		shown.Class = "warn"
	}
	shown.Lines = c.Lines[:min(len(c.Lines), maxLines)]
	if more := len(c.Lines) - maxLines; more > 0 {
		shown.Lines = append(slices.Clone(shown.Lines), fmt.Sprintf("… and %s more", report.Count(more)))
	}
	return shown
}

// place is an environment, of those Components whose pull Secret has come equally far.
type place struct {
	Environment, Place, State, Class, Count string

	state      plan.DeliveryState
	components int
	waits      time.Duration
}

// worstFirst are the states as somebody wants to see them.
var worstFirst = []plan.DeliveryState{plan.Failed, plan.Unresolved, plan.Pending, plan.Unverified, plan.Delivered}

func (p *Reporter) tellDelivery(c *content, n report.DeliveryCount) {
	c.Environments = report.Plural(n.Total, "environment", "environments")
	c.Delivery = bar(counting("failed", "c4", n.Failed), counting("unresolved", "c3", n.Unresolved), counting("pending", "c1", n.Pending),
		counting("unverified", "c7", n.Unverified), counting("delivered", "c2", n.Delivered))
	places := map[string]*place{}
	for _, x := range p.plan.Components {
		for _, d := range x.Deliveries {
			name := x.Component.Namespace + "/" + component.Shown(d.Environment)
			key := strings.Join([]string{name, d.Place, string(d.State)}, "\n")
			if places[key] == nil {
				places[key] = &place{Environment: name, Place: d.Place, state: d.State}
			}
			places[key].components++
			places[key].waits = max(places[key].waits, d.Waits)
		}
	}
	all := slices.SortedFunc(maps.Values(places), func(a, b *place) int {
		return cmp.Or(cmp.Compare(slices.Index(worstFirst, a.state), slices.Index(worstFirst, b.state)),
			cmp.Compare(b.components, a.components), cmp.Compare(a.Environment, b.Environment), cmp.Compare(a.Place, b.Place))
	})
	for _, x := range all[:min(len(all), maxShown)] {
		x.Count, x.State = report.Count(x.components), string(x.state)
		if x.waits >= time.Minute {
			x.State += " for " + report.Span(x.waits)
		}
		x.Class = map[plan.DeliveryState]string{plan.Failed: "bad", plan.Unresolved: "warn", plan.Delivered: "good"}[x.state]
		c.Places = append(c.Places, *x)
	}
	if more := len(all) - maxShown; more > 0 {
		c.MorePlaces = fmt.Sprintf("… and %s.", report.Plural(more, "more row", "more rows"))
	}
}

// age is a Component and the age of its older credential.
type age struct{ Key, Age string }

// band is a part of all ages.
type band struct {
	name, class string
	under       time.Duration
}

const day = 24 * time.Hour

var bands = []band{
	{"under a day", "c2", day},
	{"under a week", "c7", 7 * day},
	{"under a month", "c1", 30 * day},
	{"under a quarter", "c5", 91 * day},
	{"under a year", "c3", 365 * day},
	{"older", "c4", math.MaxInt64},
}

// tellAges sorts the Components by the age of their older credential.
func (p *Reporter) tellAges(c *content) {
	counts, unknown := make([]int, len(bands)), 0
	var known []plan.Component
	for _, x := range p.plan.Components {
		switch {
		case x.Names.Repository == "":
		case x.Age == 0:
			unknown++
		default:
			known = append(known, x)
			counts[slices.IndexFunc(bands, func(b band) bool { return x.Age < b.under })]++
		}
	}
	var parts []part
	for i, b := range bands {
		parts = append(parts, counting(b.name, b.class, counts[i]))
	}
	c.Ages = bar(append(parts, counting("none yet, or not told", "c6", unknown))...)
	slices.SortStableFunc(known, func(a, b plan.Component) int { return cmp.Compare(b.Age, a.Age) })
	for _, x := range known[:min(len(known), 5)] {
		c.Oldest = append(c.Oldest, age{x.Key().String(), report.Span(x.Age)})
	}
}
