package report

import (
	"fmt"
	"strings"

	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// FewAlike are so many that all of them are shown.
const FewAlike = 3

// Block is a Component's changes as they are printed.
type Block struct {
	Key     component.Key
	Note    string
	Changes []Change
	Alike   int // Components further down whose changes are like these
	names   component.Names
}

// Planned are a Component's changes as they are planned.
func Planned(c plan.Component) []Change {
	var all []Change
	for _, a := range c.Actions {
		all = append(all, ChangeOf(a))
	}
	return all
}

// Blocks are changes of a plan, Component by Component; folded, those that are alike are
// one block.
func Blocks(p plan.Plan, changes func(plan.Component) []Change, folded bool) []Block {
	var all []Block
	like := map[string][]int{}
	for _, c := range p.All() {
		b := Block{Key: c.Key(), Note: c.Note, Changes: changes(c), names: *c.Names}
		if len(b.Changes) == 0 {
			continue
		}
		switch {
		case c.Problem == nil:
		case c.Problem.Reason == plan.ReasonHeldBack:
			b.Note = "held back"
		default:
			b.Note = "cannot be served"
		}
		shape := b.shape(c)
		like[shape] = append(like[shape], len(all))
		all = append(all, b)
	}
	if !folded {
		return all
	}
	hidden := map[int]bool{}
	for _, places := range like {
		if len(places) <= FewAlike {
			continue
		}
		all[places[0]].Alike = len(places) - 1
		for _, i := range places[1:] {
			hidden[i] = true
		}
	}
	var shown []Block
	for i, b := range all {
		if !hidden[i] {
			shown = append(shown, b)
		}
	}
	return shown
}

// Why is what becomes of the target, and the reason for it.
func (c Change) Why() string {
	if c.Reason != "" && c.Detail != "" {
		return c.Detail + ": " + c.Reason
	}
	return c.Detail + c.Reason
}

// More tells of those that are alike, "": there are none.
func (b Block) More() string {
	if b.Alike == 0 {
		return ""
	}
	return fmt.Sprintf("… and %s more like this: %s, %s each", Count(b.Alike), b.Note, Plural(len(b.Changes), "change", "changes"))
}

// Target is what a change is made to; a Component's own robots are called by what they do,
// and when they were made if they are not the first.
func (b Block) Target(c Change) string {
	for use, a := range map[string]component.Account{"push": b.names.Push, "pull": b.names.Pull} {
		switch stamp, own := a.StampOf(c.Target); {
		case !own:
		case stamp == "":
			return use
		default:
			return use + " " + stamp
		}
	}
	return c.Target
}

// shape is what is the same for Components whose changes are alike: all but the names of
// their own things and the places they are delivered to.
func (b Block) shape(c plan.Component) string {
	nameless := withoutNames(c)
	var s strings.Builder
	s.WriteString(b.Note)
	for _, change := range b.Changes {
		target := nameless.Replace(change.Target)
		if target == c.Component.Name {
			target = ""
		}
		s.WriteString(fmt.Sprintf("\n%s|%s|%s|%s|%s", change.Op, change.Kind, target, nameless.Replace(change.Detail), nameless.Replace(change.Reason)))
		for _, line := range change.Lines {
			s.WriteString("|" + line[:1])
		}
	}
	return s.String()
}

// withoutNames takes the names of a Component's own things out of a text.
func withoutNames(c plan.Component) *strings.Replacer {
	var pairs []string
	for i, name := range []string{c.Names.Repository, c.Names.Push.Robot, c.Names.Pull.Robot, c.Names.Push.Secret, c.Names.Pull.Secret, c.Key().String()} {
		if name != "" {
			pairs = append(pairs, name, fmt.Sprintf("{%d}", i))
		}
	}
	return strings.NewReplacer(pairs...)
}
