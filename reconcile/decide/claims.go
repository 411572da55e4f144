package decide

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth/reconcile/component"
	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
)

// refuseCollisions refuses every Component that shares a repository or a
// Secret with another: whoever can make two Components meet in one name would
// own the other's images.
func (w *planner) refuseCollisions(plans []plan.Component, berths []draft.Berth) {
	type claim struct {
		secret bool
		name   string
	}
	first, clashes := map[claim]int{}, map[string][]int{}
	namespace := ""
	for i := range plans {
		p := &plans[i]
		if !w.compared[p.Component.Namespace] {
			continue
		}
		if p.Component.Namespace != namespace {
			namespace = p.Component.Namespace
			clear(first) // the namespace is part of every name, and the plans are sorted by it
		}
		if p.Names.Repository == "" || p.Skipped != "" {
			continue
		}
		for _, c := range [...]claim{{false, p.Names.Repository}, {true, p.Names.Push.Secret}, {true, p.Names.Pull.Secret}} {
			other, taken := first[c]
			if !taken {
				first[c] = i
				continue
			}
			name := "repository " + c.name
			if c.secret {
				name = "Secret " + p.Component.Namespace + "/" + c.name
			}
			if clashes[name] == nil {
				clashes[name] = []int{other}
			}
			clashes[name] = append(clashes[name], i)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(clashes)) {
		for _, i := range clashes[name] {
			plans[i] = plan.Component{Component: plans[i].Component, Namespace: plans[i].Namespace, Names: plans[i].Names, Image: plans[i].Image}.Refuse(&plan.Problem{
				Reason:  plan.ReasonNameCollision,
				Whose:   plan.TheTenants, // both are in one namespace, which is part of every name
				Summary: fmt.Sprintf("NameCollision: more than one Component leads to %s", name),
				Hint:    "Rename all but one of them; none is served meanwhile.",
				Tenant:  "Another Component leads to the same " + strings.Fields(name)[0] + ". Rename one of them.",
			})
			p := &draft.Component{Planned: &plans[i], Berth: &berths[i]}
			p.Find()
			w.finish(p)
		}
	}
}

const superseding = "superseded: its Component was deleted and made again"

// planSuperseded deletes the robots of earlier Components of the name: they could still
// push. Each property is looked at, not the mark alone: where two clusters share a
// --cluster-id, what bears our mark and works on another repository is the other's.
// One that works on none can wait to be reported.
func (w *planner) planSuperseded(p *draft.Component) {
	all := w.Incarnations(p.Berth.Called.Key)
	if len(all) == 0 {
		return
	}
	own, _ := component.ParseMark(p.Names.Push.Mark)
	description := component.Description(p.Repository.Description)
	others := func(r draft.Bearer) bool {
		m, _ := component.ParseMark(r.Mark)
		return m.Incarnate != own.Incarnate && !p.HandedOver(r.Name)
	}
	if !slices.ContainsFunc(all, others) {
		return
	}
	for _, r := range slices.SortedFunc(slices.Values(all), func(a, b draft.Bearer) int { return strings.Compare(a.Name, b.Name) }) {
		robot, mark := r.Name, r.Mark
		if !others(r) {
			continue
		}
		works := w.WorksOn(robot)
		_, quarantined := description.Note(component.NoteQuarantined(robot))
		switch {
		case (slices.Contains(works, p.Names.Repository) || len(works) == 0 && quarantined) && strings.HasPrefix(robot, p.Names.RobotPrefix()):
			p.Aside = append(p.Aside, plan.DeleteRobot{Account: component.Account{Robot: robot, Mark: mark}, Reason: superseding})
			p.Note = "recreated"
		case len(works) > 0:
			p.Platform = append(p.Platform, plan.Warning{Code: string(plan.ReasonNotOurs), Text: fmt.Sprintf(
				"robot %s bears this Component's mark and works on repository %s, so it is left alone: does another cluster have this --cluster-id?", robot, works[0])})
		default:
			w.idle = append(w.idle, robot)
		}
	}
}

// planReturn takes off what was noted on the repository while its Component was gone.
func (w *planner) planReturn(p *draft.Component) {
	d := component.Description(p.Repository.Description)
	notes := slices.DeleteFunc(d.Notes(), func(n component.Note) bool {
		_, quarantined := n.Robot()
		return n != component.NoteOrphan && !quarantined
	})
	if len(notes) > 0 && d.Mark() == p.Names.Mark {
		p.Aside = append(p.Aside, plan.NoteRepository{Name: p.Names.Repository, Mark: p.Names.Mark, Remove: notes})
	}
}
