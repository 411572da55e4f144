package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth/reconcile/component"
)

// refuseCollisions refuses every Component that shares a repository or a
// Secret with another: whoever can make two Components meet in one name would
// own the other's images.
func refuseCollisions(plans []Component) {
	claims := map[string][]int{}
	for i, p := range plans {
		if p.Names.Repository == "" || p.Skipped != "" {
			continue
		}
		for _, name := range []string{
			"repository " + p.Names.Repository,
			"Secret " + p.Component.Namespace + "/" + p.Names.Push.Secret, "Secret " + p.Component.Namespace + "/" + p.Names.Pull.Secret,
		} {
			claims[name] = append(claims[name], i)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		if len(claims[name]) < 2 {
			continue
		}
		for _, i := range claims[name] {
			plans[i] = Component{Component: plans[i].Component, Namespace: plans[i].Namespace, Names: plans[i].Names, Image: plans[i].Image}.refuse(&Problem{
				Reason:  ReasonNameCollision,
				Whose:   TheTenants, // both are in one namespace, which is part of every name
				Summary: fmt.Sprintf("NameCollision: more than one Component leads to %s", name),
				Hint:    "Rename all but one of them; none is served meanwhile.",
				Tenant:  "Another Component leads to the same " + strings.Fields(name)[0] + ". Rename one of them.",
			})
		}
	}
}

// planSuperseded deletes the robots of earlier Components of the name: they could still
// push. Each property is looked at, not the mark alone: where two clusters share a
// --cluster-id, what bears our mark and works on another repository is the other's.
// One that works on none can wait to be reported.
func (w *planner) planSuperseded(p *Component) {
	own, _ := component.ParseMark(p.Names.Push.Mark)
	for _, robot := range w.incarnations[own.Key] {
		mark := w.Robots[robot].Mark
		if m, _ := component.ParseMark(mark); m.Incarnate == own.Incarnate {
			continue
		}
		switch works := w.worksOn(robot); {
		case slices.Contains(works, p.Names.Repository) && strings.HasPrefix(robot, p.Names.RobotPrefix()):
			p.aside = append(p.aside, DeleteRobot{robot, mark})
			p.Note = "recreated"
		case len(works) > 0:
			p.Platform = append(p.Platform, Warning{Code: string(ReasonNotOurs), Text: fmt.Sprintf(
				"robot %s bears this Component's mark and works on repository %s, so it is left alone: does another cluster have this --cluster-id?", robot, works[0])})
		default:
			p.idle = append(p.idle, robot)
		}
	}
}

// worksOn are the repositories that a robot has a permission on. A name that no list of
// repositories knows is one that was deleted and waits, under a random name, to be
// collected.
func (w *planner) worksOn(robot string) []string {
	var works []string
	for _, name := range slices.Sorted(slices.Values(w.Robots[robot].Repositories)) {
		if _, exists := w.Repositories[name]; exists {
			works = append(works, name)
		}
	}
	return works
}

// orphans lists what bears our mark and this cluster's name without a Component, or is
// left of an earlier one. What stands under another prefix is not ours: another cluster of
// our --cluster-id may be at home there.
func (w *planner) orphans(plans []Component) Orphans {
	live := make(map[string]bool, len(w.Components)+len(w.Elsewhere))
	for _, c := range w.Components {
		live[w.Naming.KeyHash(component.KeyOf(c))] = true
	}
	for _, c := range w.Elsewhere {
		live[w.Naming.KeyHash(component.KeyOf(c))] = true
	}
	orphan := func(description string, repositories ...string) bool {
		m, ok := component.ParseMark(description)
		home := strings.TrimPrefix(w.Naming.Prefix+"/"+m.Component.Namespace+"/", "/")
		return ok && !live[m.Key] && w.Naming.Ours(m) &&
			(len(repositories) == 0 || slices.ContainsFunc(repositories, func(name string) bool { return strings.HasPrefix(name, home) }))
	}
	var o Orphans
	for name, r := range w.Robots {
		if orphan(r.Mark, w.worksOn(name)...) {
			o.Robots = append(o.Robots, name)
		}
	}
	for name, r := range w.Repositories {
		if orphan(r.Description, name) {
			o.Repositories = append(o.Repositories, name)
		}
	}
	for _, p := range plans {
		o.Robots = append(o.Robots, p.idle...)
	}
	slices.Sort(o.Robots)
	slices.Sort(o.Repositories)
	return o
}
