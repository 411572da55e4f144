package component

import (
	"slices"
	"time"

	"berth/kube"
)

// While the platform moves from one API group to the other a namespace may have a Component
// of each with one name. They are one berth: what is asked for on either is done for both,
// answered on the one that asks, and told on both.

// OwnersOf makes the Component the owner of an object, and its twin another, so that what
// the garbage collector takes with the one is not taken from the other. None is said to
// block the deletion of its owner: where owner references are guarded, that takes a right
// to each Component's finalizers.
func OwnersOf(c *kube.Component) []kube.OwnerReference {
	var owners []kube.OwnerReference
	for _, one := range Both(c) {
		owners = append(owners, kube.OwnerReference{APIVersion: one.Group.APIVersion(), Kind: Kind, Name: one.Name, UID: one.UID})
	}
	return owners
}

// Both are a Component and its twin, if it has one.
func Both(c *kube.Component) []*kube.Component {
	if c.Twin == nil {
		return []*kube.Component{c}
	}
	return []*kube.Component{c, c.Twin}
}

// Is reports whether a uid is a Component's or its twin's.
func Is(uid string, c *kube.Component) bool {
	return slices.ContainsFunc(Both(c), func(one *kube.Component) bool { return one.UID == uid })
}

// OwnedByBoth reports whether a Component and its twin, if it has one, own an object.
func OwnedByBoth(owners []kube.OwnerReference, c *kube.Component) bool {
	return len(Missing(owners, c)) == 0
}

// Missing are the references to a Component and its twin that an object lacks.
func Missing(owners []kube.OwnerReference, c *kube.Component) []kube.OwnerReference {
	return slices.DeleteFunc(OwnersOf(c), func(o kube.OwnerReference) bool {
		return slices.ContainsFunc(owners, func(have kube.OwnerReference) bool { return have.UID == o.UID })
	})
}

// Asker is that of the two which new credentials are asked for on: first the one on which a
// request was taken on already, then the one that asks for more. Where neither asks it is
// the Component itself.
func Asker(c *kube.Component, now time.Time) *kube.Component {
	if c.Twin == nil {
		return c
	}
	for _, asks := range []func(*kube.Component) bool{
		func(one *kube.Component) bool { _, standing := ParseMarker(one, now); return standing },
		func(one *kube.Component) bool { r, err := RequestOf(one); return err == nil && r.Rotate == Revoke },
		AsksRotation,
		func(one *kube.Component) bool { found, _ := FormerMarker(one, now); return found },
	} {
		for _, one := range Both(c) {
			if asks(one) {
				return one
			}
		}
	}
	return c
}

// Told is what stands on a Component and its twin; of two that differ it is what tells of
// the later rotation.
func Told(c *kube.Component, n Names) (told Announcement) {
	for i, one := range Both(c) {
		if a, _ := Announced(one, n); i == 0 || a.Rotated > told.Rotated {
			told = a
		}
	}
	return told
}
