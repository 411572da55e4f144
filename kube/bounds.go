package kube

import (
	"slices"
	"strings"
)

// What is kept of an object is bounded where it is decoded: its author decides how much
// it holds, and a run holds those of all tenants at once. A value that is cut is longer
// than any that is valid, so that it stays invalid.
const (
	maxAnnotation = 4<<10 + 1 // bytes of an annotation's value
	maxName       = 253 + 1   // bytes of a name or a label's value
	maxAddress    = 4<<10 + 1 // bytes of a URL
	maxContent    = 16 << 10  // bytes of a Secret's content; what is longer is not kept at all
	maxNote       = 4 << 10   // bytes of what is left on a Lease
	maxOwners     = 16        // owner references of kind Component or ImageRepository
	maxBound      = 1000      // Components of one binding
	maxLinks      = 20        // ServiceAccounts that a RemoteSecret links its Secret to; Berth names fewer
	// MaxTargets is how many targets of a RemoteSecret are kept.
	MaxTargets = 200
)

// imageAnnotation of a Component has a field of its own.
const imageAnnotation = "image.redhat.com/image"

// The annotations of a Component, of a namespace and of an ImageRepository, and the labels
// of any object that are kept.
var (
	annotations = []string{
		"image.redhat.com/generate", "image.redhat.com/visibility", "image.redhat.com/rotation",
	}
	namespaceAnnotations  = []string{"image.redhat.com/generate", "image.redhat.com/image", "image.redhat.com/rotation"}
	repositoryAnnotations = []string{"image-controller.appstudio.redhat.com/skip-repository-deletion", "image.redhat.com/taken-over"}

	labels = []string{
		managedByLabel, "appstudio.redhat.com/component", "appstudio.redhat.com/application", "appstudio.redhat.com/internal",
	}
)

// kept are the members of a map with these names, their values cut.
func kept(all map[string]string, names []string, most int) map[string]string {
	some := map[string]string{}
	for _, name := range names {
		if value, ok := all[name]; ok {
			some[name] = cut(value, most)
		}
	}
	return some
}

// someOf is kept, nil where nothing is.
func someOf(all map[string]string, names []string, most int) map[string]string {
	if !slices.ContainsFunc(names, func(name string) bool { _, there := all[name]; return there }) {
		return nil
	}
	return kept(all, names, most)
}

// cut is a string of at most so many bytes: a part of one would hold on to the whole.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.Clone(s[:most])
}

// keptOwners are the references to Components, and to ImageRepositories, from which Secrets
// are taken over: nobody else owns what is Berth's.
func keptOwners(all []OwnerReference) []OwnerReference {
	var some []OwnerReference
	for _, o := range all {
		if (o.Kind == "Component" || o.Kind == imageRepositories.Kind) && len(some) < maxOwners {
			some = append(some, OwnerReference{
				APIVersion: cut(o.APIVersion, maxName), Kind: cut(o.Kind, maxName), Name: cut(o.Name, maxName), UID: cut(o.UID, maxName),
			})
		}
	}
	return slices.Clip(some)
}
