package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// Detail is how much of a plan is told.
type Detail string

// The details, from much to little.
const (
	Full        Detail = "full"     // every change and every warning
	Folded      Detail = "folded"   // of Components whose changes are alike, the first
	SummaryOnly Detail = "summary"  // counts and problems
	Problems    Detail = "problems" // problems
)

// fewAlike are so many that all of them are shown.
const fewAlike = 3

// block is a Component's changes as they are printed.
type block struct {
	key     component.Key
	note    string
	changes []Change
	more    int // Components further down whose changes are like these
}

// planned are a Component's changes as they are planned.
func planned(c plan.Component) []Change {
	var all []Change
	for _, a := range c.Actions {
		all = append(all, ChangeOf(a))
	}
	return all
}

// blocks are changes of a plan, Component by Component; folded, those that are alike are
// one block.
func blocks(p plan.Plan, changes func(plan.Component) []Change, folded bool) []block {
	var all []block
	like := map[string][]int{}
	for _, c := range p.All() {
		b := block{key: c.Key(), note: c.Note, changes: changes(c)}
		if len(b.changes) == 0 {
			continue
		}
		switch {
		case c.Problem == nil:
		case c.Problem.Reason == plan.ReasonHeldBack:
			b.note = "held back"
		default:
			b.note = "cannot be served"
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
		if len(places) <= fewAlike {
			continue
		}
		all[places[0]].more = len(places) - 1
		for _, i := range places[1:] {
			hidden[i] = true
		}
	}
	var shown []block
	for i, b := range all {
		if !hidden[i] {
			shown = append(shown, b)
		}
	}
	return shown
}

// The columns of a row: what it is about, and what becomes of it.
const (
	targetColumns = 36
	detailColumn  = 59
)

func (t *Text) block(b block, names component.Names) {
	t.print("\n%-*s %s\n", detailColumn-1, b.key, b.note)
	for _, c := range b.changes {
		symbol := symbols[c.Op]
		if c.Op == OpRotate && !c.Breaks {
			symbol = symbols[OpUpdate]
		}
		row := fmt.Sprintf("%-15s %-*s ", kinds[c.Kind], targetColumns, role(c, names))
		lines := wrap(c.why(), t.columns(detailColumn))
		if utf8.RuneCountInString(row) > detailColumn-6 && utf8.RuneCountInString(row+lines[0]) > t.columns(6) {
			lines = append([]string{""}, lines...) // beside a long name there is no room
		}
		t.print("  %s%s %s\n", t.paint(symbol), strings.Repeat(" ", 3-len(symbol)), strings.TrimRight(row+lines[0], " "))
		for _, line := range append(lines[1:], c.Lines...) {
			t.print("%*s%s\n", detailColumn, "", line)
		}
	}
	if b.more > 0 {
		t.print("  … and %s more like this: %s, %s each\n", Count(b.more), b.note, Plural(len(b.changes), "change", "changes"))
	}
}

// why is what becomes of the target, and the reason for it.
func (c Change) why() string {
	if c.Reason != "" && c.Detail != "" {
		return c.Detail + ": " + c.Reason
	}
	return c.Detail + c.Reason
}

// role is what a change is made to; a Component's own robots are called by what they do,
// and when they were made if they are not the first.
func role(c Change, names component.Names) string {
	for use, a := range map[string]component.Account{"push": names.Push, "pull": names.Pull} {
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
func (b block) shape(c plan.Component) string {
	nameless := withoutNames(c)
	var s strings.Builder
	s.WriteString(b.note)
	for _, change := range b.changes {
		target := nameless.Replace(change.Target)
		if target == c.Component.Name {
			target = ""
		}
		fmt.Fprintf(&s, "\n%s|%s|%s|%s|%s", change.Op, change.Kind, target, nameless.Replace(change.Detail), nameless.Replace(change.Reason))
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

// Table counts a plan's changes by kind and operation.
func Table(p plan.Plan) string {
	counts := map[Kind]*ChangeCount{}
	var all ChangeCount
	for _, c := range p.All() {
		for _, a := range c.Actions {
			kind := ChangeOf(a).Kind
			if counts[kind] == nil {
				counts[kind] = &ChangeCount{}
			}
			counts[kind].count(a)
			all.count(a)
		}
	}
	var s strings.Builder
	row := func(name string, cells ...string) {
		s.WriteString(strings.TrimRight(fmt.Sprintf("  %-15s %9s %9s %9s %9s", name, cells[0], cells[1], cells[2], cells[3]), " ") + "\n")
	}
	row("", "create", "update", "rotate", "delete")
	for _, kind := range kindOrder {
		if n := counts[kind]; n != nil {
			row(kinds[kind], n.cells()...)
		}
	}
	row("all", all.cells()...)
	return s.String()
}

// cells are the counts, and nothing where there is nothing.
func (c ChangeCount) cells() []string {
	var cells []string
	for _, n := range []int{c.Create, c.Update, c.Rotate, c.Delete} {
		cell := ""
		if n > 0 {
			cell = Count(n)
		}
		cells = append(cells, cell)
	}
	return cells
}

// merged are diagnostics that say the same of several Components.
type merged struct {
	diagnostic
	others []component.Key
}

// merge puts those together that differ in names alone, in the order of the first.
func merge(all []diagnostic) []merged {
	var out []merged
	places := map[string]int{}
	for _, d := range all {
		same := strings.Join([]string{d.severity, d.code, d.plain(d.summary), d.plain(d.detail)}, "\n")
		at, seen := places[same]
		if !seen || d.key == (component.Key{}) {
			places[same] = len(out)
			out = append(out, merged{diagnostic: d})
			continue
		}
		out[at].others = append(out[at].others, d.key)
	}
	return out
}

func (d diagnostic) plain(text string) string {
	if d.names == nil {
		return text
	}
	return d.names.Replace(text)
}
