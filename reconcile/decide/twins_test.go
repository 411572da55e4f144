package decide

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
	"berth/testdata/scene"
)

// What is the matter with one of two Components that are one berth is mended on that one,
// and what is told is told on both.
func TestPlanOfTwoThatAreOne(t *testing.T) {
	t.Parallel()
	const old, late = "appstudio.redhat.com", "konflux-ci.dev"
	for _, row := range []struct {
		why  string
		edit func(s *scene.Scene, old, late *kube.Component, n component.Names)
		want []string // actions, and the group of the Component that they change
		says string   // a problem or a warning, in part
	}{
		{why: "all is as it should be"},
		{
			why:  "one is not told yet",
			edit: func(_ *scene.Scene, _, late *kube.Component, _ component.Names) { late.Announced = "" },
			want: []string{"Announce " + late},
		},
		{
			why:  "nor the other",
			edit: func(_ *scene.Scene, old, _ *kube.Component, _ component.Names) { old.Announced = "" },
			want: []string{"Announce " + old},
		},
		{
			why: "a Secret that one of them does not own",
			edit: func(s *scene.Scene, _, _ *kube.Component, n component.Names) {
				scene.Alter(s.Secrets, component.Key{Namespace: "tenant", Name: n.Pull.Secret}, func(x *world.Secret) { x.Lacks = true })
			},
			want: []string{"ShareObject "},
		},
		{
			why:  "one names no image",
			edit: func(_ *scene.Scene, _, late *kube.Component, _ component.Names) { late.ContainerImage = "" },
			want: []string{"SetImage " + late},
		},
		{
			why: "one is built elsewhere",
			edit: func(_ *scene.Scene, _, late *kube.Component, _ component.Names) {
				late.ContainerImage = "ghcr.io/acme/api"
			},
			says: "spec.containerImage is ghcr.io/acme/api, so builds push there",
		},
		{
			why: "a visibility is stated where it was asked for",
			edit: func(_ *scene.Scene, _, late *kube.Component, _ component.Names) {
				late.Annotations[component.AnnotationGenerate] = `{"visibility":"private"}`
			},
			want: []string{"StateVisibility " + late},
		},
		{
			why: "what cannot be read on one is told on both",
			edit: func(_ *scene.Scene, _, late *kube.Component, _ component.Names) {
				late.Annotations[component.AnnotationGenerate] = "{"
			},
			want: []string{"Announce " + old, "Announce " + late},
			says: "is not valid JSON",
		},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			s := scene.New(t)
			s.Policy.SetImages = true
			c := scene.Component("tenant", "api")
			n := s.Settle(c)
			c = s.Components[0]
			c.Specified, c.ContainerImage = true, s.Naming.Image(n.Repository)
			twin := c
			twin.UID, twin.Group, twin.Application, twin.Annotations = "uid-k", kube.Konflux, "", maps.Clone(c.Annotations)
			if row.edit != nil {
				row.edit(s, &c, &twin, n)
			}
			c.Twin = &twin
			s.Components[0] = c
			p := only(s)
			var got []string
			for _, a := range p.Actions {
				of := ""
				switch a := a.(type) {
				case plan.Announce:
					of = string(a.Of)
				case plan.SetImage:
					of = string(a.Of)
				case plan.StateVisibility:
					of = string(a.Of)
				}
				got = append(got, strings.TrimPrefix(fmt.Sprintf("%T %s", a, of), "plan."))
			}
			said := fmt.Sprint(p.Warnings)
			if p.Problem != nil {
				said = p.Problem.Summary
			}
			// A warning is told on both, so it changes what both announce.
			if row.says != "" && p.Problem == nil {
				row.want = append(row.want, "Announce "+old, "Announce "+late)
			}
			if !slices.Equal(got, row.want) || !strings.Contains(said, row.says) || (row.says == "") != (p.Problem == nil && len(p.Warnings) == 0) {
				t.Errorf("%q, want %q; said is %s", got, row.want, said)
			}
		})
	}
}
