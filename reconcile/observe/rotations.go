package observe

import (
	"slices"

	"berth/kube"
	"berth/reconcile/component"
)

// noteRequests notes what the operator asked for by name. To revoke is more than
// to rotate gracefully.
func (o *observer) noteRequests() {
	o.Rotate = map[component.Key]component.How{}
	for _, asked := range []struct {
		keys []component.Key
		how  component.How
	}{{o.scope.Gracefully, component.Graceful}, {o.scope.Rotate, component.Revoke}} {
		for _, k := range o.scope.Shard.Keep(asked.keys) {
			o.Rotate[k] = asked.how
			if !slices.ContainsFunc(o.Components, func(c kube.Component) bool { return component.KeyOf(c) == k }) && !slices.Contains(o.Missing, k) {
				o.Missing = append(o.Missing, k)
			}
		}
	}
}
