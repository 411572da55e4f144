package decide

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
	"berth/testdata/scene"
)

// Dead links fall to one Component of their namespace, the first that is served.
func TestPlanDeadLinks(t *testing.T) {
	t.Parallel()
	s := scene.New(t)
	for _, name := range []string{"api", "bad", "box", "cart"} {
		s.Settle(scene.Component("tenant", name))
	}
	s.Settle(scene.Component("other", "api"))
	s.Components[0].Deleting = true
	s.Components[1].Annotations[component.AnnotationGenerate] = "sideways"
	s.Components[2].Annotations[component.AnnotationGenerate] = component.RotateRequest
	scene.Alter(s.Secrets, component.Key{Namespace: "tenant", Name: "box-image-push"}, func(x *world.Secret) { x.Fixed = true }) // the new token cannot be written
	gone := component.Key{Namespace: "tenant", Name: "till"}
	ours := []world.DeadLink{
		{ServiceAccount: "appstudio-pipeline", Secret: "till-image-push", Component: gone},
		{ServiceAccount: "default", Secret: "till-image-pull", Pull: true, Component: gone},
	}
	s.Dead = map[string][]world.DeadLink{"tenant": append(ours, world.DeadLink{ServiceAccount: "default", Secret: "desk-image-pull", Pull: true})}
	for range 2 { // the same World gives the same Plan
		got := map[string][]plan.UnlinkSecret{}
		for _, p := range Plan(s.World).Components {
			for _, a := range p.Actions {
				if u, ok := a.(plan.UnlinkSecret); ok {
					got[p.Key().String()] = append(got[p.Key().String()], u)
				}
			}
			if warned := len(p.Warnings) > 0; p.Problem == nil && warned != (p.Key().String() == "tenant/cart") {
				t.Errorf("%s: %v", p.Key(), p.Warnings)
			}
		}
		if diff := cmp.Diff(map[string][]plan.UnlinkSecret{"tenant/cart": {{DeadLink: ours[0]}, {DeadLink: ours[1]}}}, got); diff != "" {
			t.Error(diff)
		}
	}
}
