package observe

import (
	"slices"

	"berth/kube"
	"berth/reconcile/component"
)

// noteRequests notes for which Components the operator asks for a rotation.
func (o *observer) noteRequests() {
	o.Rotate = map[component.Key]bool{}
	for _, k := range o.scope.Shard.Keep(o.scope.Rotate) {
		o.Rotate[k] = true
		if !slices.ContainsFunc(o.Components, func(c kube.Component) bool { return component.KeyOf(c) == k }) && !slices.Contains(o.Missing, k) {
			o.Missing = append(o.Missing, k)
		}
	}
}

// observeRotations notes what of rotations depends on the time.
func (o *observer) observeRotations() {
	o.Young, o.Stale = map[component.Key]bool{}, map[component.Key]bool{}
	for _, c := range o.Components {
		n, err := o.Names(c)
		if err != nil {
			continue
		}
		if m, ok := component.ParseMarker(c); ok {
			o.Stale[component.KeyOf(c)] = m.Stale(o.now) && !o.halfDone(n, m)
		}
		for _, a := range n.Accounts() {
			at := o.Secrets[component.Key{Namespace: c.Namespace, Name: a.Secret}].RotatedAt
			if age := o.now.Sub(at); !at.IsZero() && age >= 0 && age < component.MinPace {
				o.Young[component.KeyOf(c)] = true
			}
		}
	}
}

// halfDone reports whether one of two tokens was replaced. Such a rotation goes on
// however old it is: the environments may have been out of reach for the other token,
// and to start over would replace the first once more.
func (o *observer) halfDone(n component.Names, m component.Marker) bool {
	return (o.Robots[n.Push.Robot].Fingerprint == m.Push) != (o.Robots[n.Pull.Robot].Fingerprint == m.Pull)
}
