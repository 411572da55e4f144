package world

import (
	"cmp"
	"slices"

	"berth/kube"
	"berth/reconcile/component"
)

// Berths makes one of the two Components of a name, one of each API group, that a
// namespace may have while it moves from the one to the other: they share a repository, a
// pair of robots and their Secrets. The older stands for both and has the other for its
// twin. Which is the older nobody can choose but by what he makes and deletes in his own
// namespace.
func Berths(all []kube.Component) []kube.Component {
	at := make(map[component.Key]int, len(all))
	berths := make([]kube.Component, 0, len(all))
	for _, c := range all {
		key := component.KeyOf(&c)
		i, known := at[key]
		if !known {
			at[key] = len(berths)
			berths = append(berths, c)
			continue
		}
		berths[i] = pair(berths[i], c)
	}
	return berths
}

// pair makes one of two. What the older leaves open, the younger answers.
func pair(a, b kube.Component) kube.Component {
	if elder(b, a) {
		a, b = b, a
	}
	if b.Deleting || a.UID == b.UID {
		return a
	}
	a.Application, a.ComponentName = cmp.Or(a.Application, b.Application), cmp.Or(a.ComponentName, b.ComponentName)
	a.SourceURL = cmp.Or(a.SourceURL, b.SourceURL)
	a.Twin = &b
	return a
}

// elder reports whether a stands for both: one that goes is there no more, and of two of
// the same second it is the one of the older group.
func elder(a, b kube.Component) bool {
	if a.Deleting != b.Deleting {
		return b.Deleting
	}
	return cmp.Or(cmp.Compare(a.Created, b.Created), cmp.Compare(a.Group, b.Group), cmp.Compare(a.UID, b.UID)) < 0
}

// Selected are the berths of which one or the other Component is among those that a
// selector has matched.
func Selected(berths, matched []kube.Component) []kube.Component {
	keys := make(map[component.Key]bool, len(matched))
	for _, c := range matched {
		keys[component.KeyOf(&c)] = true
	}
	return slices.DeleteFunc(berths, func(c kube.Component) bool { return !keys[component.KeyOf(&c)] })
}
