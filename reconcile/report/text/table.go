package text

import (
	"fmt"
	"strings"

	"berth/reconcile/plan"
	"berth/reconcile/report"
)

// kindOrder is how kinds follow each other in a table, as they do in a plan.
var kindOrder = []report.Kind{
	report.KindRequest, report.KindRepository, report.KindRobot, report.KindPermission, report.KindSecret, report.KindServiceAccount, report.KindComponent, report.KindRemoteSecret, report.KindUploadSecret, report.KindNamespace,
}

// ops are the columns of a table.
var ops = []report.Op{report.OpCreate, report.OpUpdate, report.OpRotate, report.OpDelete}

// Table counts a plan's changes by kind and operation.
func Table(p plan.Plan) string {
	counts, all := map[report.Kind]map[report.Op]int{}, map[report.Op]int{}
	for _, c := range p.All() {
		for _, change := range report.Planned(c) {
			if counts[change.Kind] == nil {
				counts[change.Kind] = map[report.Op]int{}
			}
			counts[change.Kind][change.Op]++
			all[change.Op]++
		}
	}
	var s strings.Builder
	row := func(name string, cell func(report.Op) string) {
		cells := []any{name}
		for _, op := range ops {
			cells = append(cells, cell(op))
		}
		s.WriteString(strings.TrimRight(fmt.Sprintf("  %-15s %9s %9s %9s %9s", cells...), " ") + "\n")
	}
	counted := func(n map[report.Op]int) func(report.Op) string {
		return func(op report.Op) string {
			if n[op] == 0 {
				return ""
			}
			return report.Count(n[op])
		}
	}
	row("", func(op report.Op) string { return string(op) })
	for _, kind := range kindOrder {
		if n := counts[kind]; n != nil {
			row(kind.Word(), counted(n))
		}
	}
	row("all", counted(all))
	return s.String()
}
