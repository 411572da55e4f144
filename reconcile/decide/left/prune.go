// Package left is the part of deciding about what Components that are gone have left: in goes a
// [draft.World], out comes what is orphaned, and what is done about it. It is pure, and plans
// nothing for a Component that is there.
package left

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// A robot is pruned in two steps, so that whoever still has its token is noticed before
// anything is lost: its permission is taken away, which one call gives back, and a week
// later it is deleted.
const (
	quarantine  = 8 * 24 * time.Hour // from the beginning of the day that is noted: a week at least
	MaxPruned   = 10                 // robots, and new notes on repositories, in a quarter of an hour;
	prunedShare = 20                 // of robots, at most one of so many that bear this cluster's marks,
	prunedFloor = 2                  // though always so many
)

// Prune plans what becomes of the orphans, for each Component that is gone, and tells of
// each orphan what it waits for. Where nothing at all is shown that could be used, or no
// robot was ever used, so that Quay does not keep that, nothing is concluded.
func Prune(world *draft.World, o *plan.Orphans) []plan.Component {
	w := pruner{world}
	if len(w.Components)+len(w.Elsewhere)+len(w.Hidden) == 0 || !w.remembersUse() {
		return nil
	}
	left := w.leftovers(o)
	w.chooseSteps(left)
	var plans []plan.Component
	for _, l := range left {
		if p := l.plan(w); len(p.Actions) > 0 {
			plans = append(plans, p)
		}
	}
	return plans
}

func (w pruner) remembersUse() bool {
	for _, r := range w.Robots {
		if !r.LastAccessed.IsZero() {
			return true
		}
	}
	return false
}

// pruner chooses among what is left.
type pruner struct{ *draft.World }

// leftover is an orphaned repository with the robots that were made for it alone.
type leftover struct {
	*plan.Orphan
	description component.Description
	robots      []*leftRobot
	notes       bool // it may be noted in this run
}

type leftRobot struct {
	*plan.Orphan
	quay.Role
	mark  string
	works bool // it has its permission
	step  step
}

// step is what is to be done about a robot.
type step int

const (
	stay    step = iota
	release      // it was used in quarantine
	confine      // not used for so long: into quarantine
	remove       // not used in quarantine
)

// leftovers sort robots to repositories: to the one that they have a permission on, else to
// the one that says they are in quarantine, else to the only one that there is.
func (w pruner) leftovers(o *plan.Orphans) []*leftover {
	of := map[component.Key][]*leftover{}
	var all []*leftover
	for i := range o.Repositories {
		r := &o.Repositories[i]
		l := &leftover{Orphan: r, description: component.Description(world.At(w.Repositories, r.Name).Description)}
		of[r.Component], all = append(of[r.Component], l), append(all, l)
	}
	for i := range o.Robots {
		r := &leftRobot{Orphan: &o.Robots[i], mark: world.At(w.Robots, o.Robots[i].Name).Mark}
		a, exact := w.Naming.RobotOf(r.Name, r.mark)
		l := w.home(r, of[a])
		if r.Role = exact; exact == "" || l == nil {
			r.Fate = "left alone: it has no repository of its own that could say since when it is unused"
			continue
		}
		r.Quarantined, _ = l.description.Note(component.NoteQuarantined(r.Name))
		l.robots = append(l.robots, r)
	}
	return all
}

func (w pruner) home(r *leftRobot, all []*leftover) *leftover {
	works := w.WorksOn(r.Name)
	r.works = len(works) > 0
	var homes []*leftover
	for _, l := range all {
		_, noted := l.description.Note(component.NoteQuarantined(r.Name))
		switch {
		case len(works) == 1 && works[0] == l.Name, len(works) == 0 && noted:
			return l
		case len(works) == 0:
			homes = append(homes, l)
		}
	}
	if len(homes) == 1 {
		return homes[0]
	}
	return nil
}

// due is the step that a robot is due for, and since when it was not used.
func (w pruner) due(r *leftRobot) (step, time.Time) {
	last := r.Made
	if r.Used.After(last) {
		last = r.Used
	}
	noted := !r.Quarantined.IsZero() && !r.Quarantined.After(w.At)
	switch {
	case r.Made.IsZero(), len(world.At(w.Robots, r.Name).Teams) > 0:
		return stay, last // nobody can tell how long it is there, or its permission is not all that it has
	case w.At.Sub(last) < w.Policy.PruneAfter, noted && !r.Used.Before(r.Quarantined):
		if !r.Quarantined.IsZero() {
			return release, last
		}
		return stay, last
	case !noted, r.works: // a crash left it so, or somebody gave the permission back
		return confine, last
	case w.At.Sub(r.Quarantined) < quarantine:
		return stay, last
	}
	return remove, last
}

// chooseSteps gives the steps that a run may take in turns by namespace, deletions before
// quarantines in each, and what a run may note. What gives something back always may.
func (w pruner) chooseSteps(left []*leftover) {
	var waiting []*leftRobot
	for _, l := range left {
		for _, r := range l.robots {
			var last time.Time
			r.step, last = w.due(r)
			r.Fate = w.fate(r, last)
			if r.step == confine || r.step == remove {
				waiting = append(waiting, r)
			}
		}
	}
	slices.SortStableFunc(waiting, func(a, b *leftRobot) int { return cmp.Compare(b.step, a.step) })
	for i, r := range world.InTurns(waiting, w.Turn, func(r *leftRobot) string { return r.Component.Namespace }) {
		if i >= w.mayPrune() {
			r.step = stay
		}
	}
	var unnoted []*leftover
	for _, l := range left {
		l.notes = !l.Since.IsZero() || slices.ContainsFunc(l.robots, func(r *leftRobot) bool { return r.step != stay })
		if !l.notes {
			unnoted = append(unnoted, l)
		}
	}
	for i, l := range world.InTurns(unnoted, w.Turn, func(l *leftover) string { return l.Component.Namespace }) {
		l.notes = i < w.paced(MaxPruned)
	}
}

// mayPrune is how many robots a run may take something from.
func (w pruner) mayPrune() int {
	ours := 0
	for _, r := range w.Robots {
		if m, ok := component.ParseMark(r.Mark); ok && w.Naming.Ours(m) {
			ours++
		}
	}
	return w.paced(min(MaxPruned, max(prunedFloor, ours/prunedShare)))
}

// paced is a run's part of what a quarter of an hour may have.
func (w pruner) paced(n int) int {
	return int((time.Duration(n)*w.Elapsed() + world.Quarter - 1) / world.Quarter)
}

// fate tells what a robot waits for.
func (w pruner) fate(r *leftRobot, last time.Time) string {
	day := func(t time.Time) string { return t.Format(time.DateOnly) }
	switch {
	case len(world.At(w.Robots, r.Name).Teams) > 0:
		return "left alone while it is in team " + strings.Join(world.At(w.Robots, r.Name).Teams, ", ")
	case r.step == release:
		return "it was used in quarantine: its permission comes back"
	case r.step == confine:
		return "unused since " + day(last) + ": due for quarantine"
	case r.step == remove:
		return "unused in quarantine: due to be deleted"
	case r.Made.IsZero():
		return "left alone: Quay does not say when it was made"
	case !r.Quarantined.IsZero():
		return "to be deleted from " + day(r.Quarantined.Add(quarantine)) + " on, unless it is used"
	}
	return "for quarantine from " + day(last.Add(w.Policy.PruneAfter)) + " on, unless it is used"
}

// plan lists what is done about what is left of one Component. A note comes before what
// it is about: without it nobody would know that the permission is to come back. One that
// has been acted upon goes last.
func (l *leftover) plan(w pruner) plan.Component {
	p := plan.Component{
		Component: &kube.Component{Namespace: l.Component.Namespace, Name: l.Component.Name}, Gone: true, Note: "gone",
		Names: &component.Names{Repository: l.Name, Mark: l.description.Mark()},
	}
	before, after := plan.NoteRepository{Name: l.Name, Mark: p.Names.Mark, Day: w.At}, plan.NoteRepository{Name: l.Name, Mark: p.Names.Mark}
	if l.Since.IsZero() && l.notes {
		before.Add = append(before.Add, component.NoteOrphan)
	}
	var steps []plan.Action
	for _, r := range l.robots {
		note := component.NoteQuarantined(r.Name)
		a := component.Account{Robot: r.Name, Mark: r.mark, Role: r.Role}
		switch r.step {
		case confine:
			before.Add = append(before.Add, note)
			if r.works {
				steps = append(steps, plan.QuarantineRobot{Account: a, Repository: l.Name, Used: r.Used})
			}
		case release:
			if !r.works {
				steps = append(steps, plan.ReleaseRobot{Account: a, Repository: l.Name, Used: r.Used})
			}
			after.Remove = append(after.Remove, note)
			p.Platform = append(p.Platform, plan.Warning{Code: "used_in_quarantine", Text: fmt.Sprintf(
				"robot %s was used on %s, in quarantine: somebody has its token, and its Component is gone", r.Name, r.Used.Format(time.DateOnly))})
		case remove:
			steps = append(steps, plan.PruneRobot{Account: a, Repository: l.Name, Since: r.Quarantined})
			after.Remove = append(after.Remove, note)
		}
	}
	for _, note := range l.description.Notes() {
		if robot, ok := note.Robot(); ok && world.At(w.Robots, robot).Mark == "" {
			after.Remove = append(after.Remove, note) // a crash left it
		}
	}
	if len(before.Add) > 0 {
		p.Actions = append(p.Actions, before)
	}
	p.Actions = append(p.Actions, steps...)
	if len(after.Remove) > 0 {
		p.Actions = append(p.Actions, after)
	}
	return p
}
