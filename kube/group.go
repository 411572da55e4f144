package kube

import (
	"cmp"

	"berth/kube/api"
)

// Group is an API group that serves kinds which move from one to another.
type Group string

// The groups. In a cluster that is on its way a kind is served in both, as kinds of their
// own: each has objects that the other does not know.
const (
	AppStudio Group = "" // appstudio.redhat.com, which is meant where nothing else is said
	Konflux   Group = "konflux-ci.dev"
)

// String is the group's name in the API.
func (g Group) String() string { return cmp.Or(string(g), "appstudio.redhat.com") }

// APIVersion is what objects of the group say of theirs.
func (g Group) APIVersion() string { return g.String() + "/" + alpha }

// of is a kind as the group serves it.
func (g Group) of(r api.Resource) api.Resource {
	r.Root = "/apis/" + g.APIVersion()
	return r
}

// Groups tells in which groups a kind is served.
type Groups struct{ AppStudio, Konflux bool }

// All lists them.
func (g Groups) All() (all []Group) {
	if g.AppStudio {
		all = append(all, AppStudio)
	}
	if g.Konflux {
		all = append(all, Konflux)
	}
	return all
}
