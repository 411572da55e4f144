package text

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"berth/reconcile/plan"
	"berth/reconcile/report"
)

// The columns of a row: what it is about, and what becomes of it.
const (
	targetColumns = 36
	detailColumn  = 59
)

func (t *Reporter) block(b report.Block) {
	t.print("\n%-*s %s\n", detailColumn-1, b.Key, b.Note)
	for _, c := range b.Changes {
		symbol := symbols[c.Op]
		if c.Op == report.OpRotate && !c.Breaks {
			symbol = symbols[report.OpUpdate]
		}
		row := fmt.Sprintf("%-15s %-*s ", c.Kind.Word(), targetColumns, b.Target(c))
		lines := wrap(c.Why(), t.columns(detailColumn))
		if utf8.RuneCountInString(row) > detailColumn-6 && utf8.RuneCountInString(row+lines[0]) > t.columns(6) {
			lines = append([]string{""}, lines...) // beside a long name there is no room
		}
		t.print("  %s%s %s\n", t.paint(symbol), strings.Repeat(" ", 3-len(symbol)), strings.TrimRight(row+lines[0], " "))
		for _, line := range append(lines[1:], c.Lines...) {
			t.print("%*s%s\n", detailColumn, "", line)
		}
	}
	if more := b.More(); more != "" {
		t.print("  %s\n", more)
	}
}

// takeOver prints, before any change, what a take-over comes to: the counts, then who, by
// how; of the refused each with its reason.
func (t *Reporter) takeOver(p plan.Plan) {
	all, n := report.TakeOvers(p)
	if len(all) == 0 {
		return
	}
	t.print("\nTake-over: %s.\n", n)
	for _, how := range []plan.TakeOver{plan.InPlace, plan.Beside} {
		var names []string
		for _, x := range all {
			if x.How == how {
				names = append(names, x.Key.String())
			}
		}
		few := report.FewAlike
		if t.detail == report.Full {
			few = len(names)
		}
		if len(names) > 0 && t.detail != report.Problems {
			t.print("  %-15s %s\n", how, report.FirstOf(names, few))
		}
	}
	for _, x := range all {
		if x.How == plan.Refused {
			t.print("  %-15s %s: %s\n", x.How, x.Key, x.Reason)
		}
	}
}

// orphanColumn is where an orphan's name begins, and what is told of it below.
const orphanColumn = 22

// orphans prints each of them, with what is known of when it was used.
func (t *Reporter) orphans(o plan.Orphans) {
	lines := report.Orphans(o)
	for i, l := range lines {
		if i == 0 || lines[i-1].Component != l.Component {
			t.print("\n%-*s left, and gone\n", detailColumn-1, l.Component)
		}
		t.print("      %-15s %s\n", l.Kind.Word(), l.Name)
		var told []string
		for _, part := range []struct {
			what string
			day  time.Time
		}{
			{"made", l.Made}, {"last used", l.Used}, {"in quarantine since", l.Quarantined}, {"orphan since", l.Since},
		} {
			if !part.day.IsZero() {
				told = append(told, part.what+" "+report.Day(part.day))
			}
		}
		for _, line := range []string{strings.Join(told, ", "), l.Fate} {
			if line != "" {
				t.print("%*s%s\n", orphanColumn, "", line)
			}
		}
	}
}
