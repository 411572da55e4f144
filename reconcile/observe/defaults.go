package observe

import (
	"context"
	"slices"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/observe/territory"
	"berth/reconcile/world"
)

// observeDefaults reads what the organization gives our robots on each repository that is
// made: one call, by a look at everything alone, and where there is a robot of ours. Nothing
// rests on it but a warning and what is taken off again, so that it is told when it cannot
// be read and stops nothing.
func (o *observer) observeDefaults(ctx context.Context) error {
	if !o.Whole || !o.anyOurs() {
		return nil
	}
	all, err := o.Registry.ListDefaultPermissions(ctx)
	if err != nil && territory.Universal(ctx, err) {
		return err
	}
	o.DefaultsUnread = err
	o.Defaults = slices.DeleteFunc(all, func(d quay.DefaultPermission) bool { return !o.ours(d.Robot) })
	return nil
}

func (o *observer) anyOurs() bool {
	for robot := range o.Robots {
		if o.ours(robot) {
			return true
		}
	}
	return false
}

// ours reports whether a robot bears a mark of this cluster.
func (o *observer) ours(robot string) bool {
	m, marked := component.ParseMark(world.At(o.Robots, robot).Mark)
	return marked && o.Naming.Ours(m)
}
