package decide

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/testdata/scene"
)

// What is closed is opened only by a statement or by --allow-publish; what is
// open is closed by either.
func TestPlanOfVisibility(t *testing.T) {
	t.Parallel()
	const (
		none    = quay.Visibility("")
		private = quay.Private
		public  = quay.Public
		setting = "--visibility is "
		stated  = "stated on the Component"
	)
	for _, row := range []struct {
		is, setting, stated quay.Visibility // is "": there is no repository yet
		allow               bool
		becomes             quay.Visibility
		reason              string // "": nothing changes
		held                int
	}{
		{is: none, setting: private, becomes: private},
		{is: none, setting: private, allow: true, becomes: private},
		{is: none, setting: private, stated: private, becomes: private},
		{is: none, setting: private, stated: private, allow: true, becomes: private},
		{is: none, setting: private, stated: public, becomes: public},
		{is: none, setting: private, stated: public, allow: true, becomes: public},
		{is: none, setting: public, becomes: public},
		{is: none, setting: public, allow: true, becomes: public},
		{is: none, setting: public, stated: private, becomes: private},
		{is: none, setting: public, stated: private, allow: true, becomes: private},
		{is: none, setting: public, stated: public, becomes: public},
		{is: none, setting: public, stated: public, allow: true, becomes: public},

		{is: private, setting: private, becomes: private},
		{is: private, setting: private, allow: true, becomes: private},
		{is: private, setting: private, stated: private, becomes: private},
		{is: private, setting: private, stated: private, allow: true, becomes: private},
		{is: private, setting: private, stated: public, becomes: public, reason: stated},
		{is: private, setting: private, stated: public, allow: true, becomes: public, reason: stated},
		{is: private, setting: public, becomes: private, held: 1},
		{is: private, setting: public, allow: true, becomes: public, reason: setting + "public"},
		{is: private, setting: public, stated: private, becomes: private},
		{is: private, setting: public, stated: private, allow: true, becomes: private},
		{is: private, setting: public, stated: public, becomes: public, reason: stated},
		{is: private, setting: public, stated: public, allow: true, becomes: public, reason: stated},

		{is: public, setting: private, becomes: private, reason: setting + "private"},
		{is: public, setting: private, allow: true, becomes: private, reason: setting + "private"},
		{is: public, setting: private, stated: private, becomes: private, reason: stated},
		{is: public, setting: private, stated: private, allow: true, becomes: private, reason: stated},
		{is: public, setting: private, stated: public, becomes: public},
		{is: public, setting: private, stated: public, allow: true, becomes: public},
		{is: public, setting: public, becomes: public},
		{is: public, setting: public, allow: true, becomes: public},
		{is: public, setting: public, stated: private, becomes: private, reason: stated},
		{is: public, setting: public, stated: private, allow: true, becomes: private, reason: stated},
		{is: public, setting: public, stated: public, becomes: public},
		{is: public, setting: public, stated: public, allow: true, becomes: public},
	} {
		t.Run(fmt.Sprintf("is %q, setting %s, stated %q, allow-publish %v", row.is, row.setting, row.stated, row.allow), func(t *testing.T) {
			t.Parallel()
			s := scene.New(t)
			s.Policy.Visibility, s.Policy.AllowPublish = row.setting, row.allow
			n := s.Settle(scene.Component("tenant", "api"))
			c := &s.Components[0]
			if row.stated != "" {
				c.Annotations[component.AnnotationVisibility] = string(row.stated)
			}
			c.Announced = component.Announcement{
				Image: testImage, Visibility: row.becomes, Secret: n.Push.Secret, PullSecret: n.Pull.Secret,
			}.Encode()
			var want []plan.Action
			if row.is == none {
				delete(s.Repositories, n.Repository)
				create := plan.CreateRepository{Repository: quay.Repository{Name: n.Repository, Description: n.Mark, Visibility: row.becomes}}
				if row.stated != "" {
					create.Reason = stated
				}
				want = []plan.Action{create}
			} else {
				scene.Alter(s.Repositories, n.Repository, func(r *quay.Repository) { r.Visibility = row.is })
			}
			if row.reason != "" {
				want = []plan.Action{plan.ChangeVisibility{
					Repository: n.Repository, From: row.is, To: row.becomes, Reason: row.reason, Asked: row.reason == stated,
				}}
			}
			p := Plan(s.World)
			if d := cmp.Diff(want, p.Components[0].Actions); d != "" {
				t.Errorf("actions (-want +got):\n%s", d)
			}
			if p.Held != row.held {
				t.Errorf("%d repositories are held private, want %d", p.Held, row.held)
			}
		})
	}
}

// A Component that is not served is not counted as held either.
func TestHeldCountsOnlyWhatIsServed(t *testing.T) {
	t.Parallel()
	s := scene.New(t)
	s.Policy.Visibility = quay.Public
	s.Settle(scene.Component("tenant", "api"))
	s.Settle(scene.Component("tenant", "deleting"))
	s.Settle(scene.Component("tenant", "invalid"))
	s.Components[1].Deleting = true
	s.Components[2].Annotations[component.AnnotationGenerate] = "{"
	if p := Plan(s.World); p.Held != 1 {
		t.Errorf("%d repositories are held private, want 1", p.Held)
	}
}
