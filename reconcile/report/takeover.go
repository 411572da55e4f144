package report

import (
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// takeOver shows an Action by which something is taken over from image-controller.
func takeOver(action plan.Action) Change {
	switch a := action.(type) {
	case plan.KeepRepository:
		return Change{
			Op: OpUpdate, Kind: KindRequest, Target: a.Name, Detail: "its repository outlives it", Reason: "taken over", Audit: true,
			After: map[string]string{component.AnnotationKeep: "true"},
		}
	case plan.KeepVisibility:
		return Change{
			Op: OpUpdate, Kind: KindComponent, Target: a.Component, Group: string(a.Of), Detail: "states " + string(a.To), Reason: "as it was found",
			After: map[string]string{component.AnnotationVisibility: string(a.To)},
		}
	case plan.Unfinalize:
		c := Change{Op: OpUpdate, Kind: KindComponent, Target: a.Name, Detail: "image-controller's finalizer removed"}
		if a.ImageRepository != nil {
			c.Kind = KindRequest
		}
		return c
	}
	return Change{}
}
