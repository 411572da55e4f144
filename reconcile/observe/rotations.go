package observe

import (
	"berth/reconcile/component"
)

// noteRequests notes what the operator asked for by name. To revoke is more than
// to rotate gracefully.
func (o *observer) noteRequests() {
	o.Rotate = map[component.Key]component.How{}
	known := setOf(o.Missing)
	for i := range o.Components {
		known[component.KeyOf(&o.Components[i])] = true
	}
	for _, asked := range []struct {
		keys []component.Key
		how  component.How
	}{{o.scope.Gracefully, component.Graceful}, {o.scope.Rotate, component.Revoke}} {
		for _, k := range o.scope.Shard.Keep(asked.keys) {
			o.Rotate[k] = asked.how
			if !known[k] {
				o.Missing, known[k] = append(o.Missing, k), true
			}
		}
	}
}
