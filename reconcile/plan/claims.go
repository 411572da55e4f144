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
			plans[i] = Component{Component: plans[i].Component, Names: plans[i].Names, Image: plans[i].Image}.refuse(&Problem{
				Reason:  ReasonNameCollision,
				Whose:   TheTenants, // both are in one namespace, which is part of every name
				Summary: fmt.Sprintf("NameCollision: more than one Component leads to %s", name),
				Hint:    "Rename all but one of them; none is served meanwhile.",
				Tenant:  "Another Component leads to the same " + strings.Fields(name)[0] + ". Rename one of them.",
			})
		}
	}
}

// orphans lists what bears our mark and this cluster's name without a Component.
func (w *planner) orphans() Orphans {
	live := make(map[string]bool, len(w.Components)+len(w.Elsewhere))
	for _, c := range w.Components {
		live[w.Naming.KeyHash(component.KeyOf(c))] = true
	}
	for _, c := range w.Elsewhere {
		live[w.Naming.KeyHash(component.KeyOf(c))] = true
	}
	orphan := func(description string) bool {
		m, ok := component.ParseMark(description)
		return ok && !live[m.Key] && w.Naming.Ours(m)
	}
	var o Orphans
	for name, r := range w.Robots {
		if orphan(r.Mark) {
			o.Robots = append(o.Robots, name)
		}
	}
	for name, r := range w.Repositories {
		if orphan(r.Description) {
			o.Repositories = append(o.Repositories, name)
		}
	}
	slices.Sort(o.Robots)
	slices.Sort(o.Repositories)
	return o
}
