package decide

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/gitsource"
	"berth/reconcile/plan"
	"berth/testdata/scene"
)

// The second half of the table in doc.go: what a source leads to, in every
// combination with what stands and what is stated.
func TestVisibilityFollowsTheSource(t *testing.T) {
	t.Parallel()
	const (
		none    = quay.Visibility("")
		private = quay.Private
		public  = quay.Public
		waits   = quay.Visibility("waits")
	)
	const notLooked = gitsource.Answer(-1)
	answers := map[gitsource.Answer]string{
		gitsource.Public: "anybody may read it", gitsource.Private: "it asks for a login", gitsource.Unknown: "it did not answer", notLooked: "",
	}
	becomes := map[quay.Visibility]map[gitsource.Answer]quay.Visibility{
		none:    {gitsource.Public: public, gitsource.Private: private, gitsource.Unknown: private, notLooked: waits},
		private: {gitsource.Public: private, gitsource.Private: private, gitsource.Unknown: private, notLooked: private},
		public:  {gitsource.Public: public, gitsource.Unknown: public, notLooked: public}, // and private: see TestSecondLook
	}
	for _, is := range []quay.Visibility{none, private, public} {
		for answer := range answers {
			for _, stated := range []quay.Visibility{none, private, public} {
				for _, allow := range []bool{false, true} {
					want, reason := becomes[is][answer], answers[answer]
					if want == none && stated == none {
						continue
					}
					if stated != none {
						want, reason = stated, "stated on the Component"
					}
					t.Run(fmt.Sprintf("is %q, source %d, stated %q, allow-publish %v", is, answer, stated, allow), func(t *testing.T) {
						t.Parallel()
						s := scene.New(t)
						s.Policy.Visibility, s.Policy.AllowPublish = "", allow
						n := s.Settle(scene.Component("tenant", "api"))
						c := &s.Components[0]
						if stated != none {
							c.Annotations[component.AnnotationVisibility] = string(stated)
						}
						if answer != notLooked {
							s.Sources = map[component.Key]gitsource.Verdict{component.KeyOf(c): {Answer: answer, Reason: answers[answer]}}
						}
						c.Announced = component.Announcement{
							Image: testImage, Visibility: want, Secret: n.Push.Secret, PullSecret: n.Pull.Secret,
						}.Encode()
						var actions []plan.Action
						switch {
						case want == waits:
							delete(s.Repositories, n.Repository)
						case is == none:
							delete(s.Repositories, n.Repository)
							actions = []plan.Action{plan.CreateRepository{Repository: quay.Repository{Name: n.Repository, Description: n.Mark, Visibility: want}, Reason: reason}}
						default:
							scene.Alter(s.Repositories, n.Repository, func(r *quay.Repository) { r.Visibility = is })
						}
						if is != none && is != want {
							actions = []plan.Action{plan.ChangeVisibility{Repository: n.Repository, From: is, To: want, Reason: reason, Asked: stated != none}}
						}
						got := Plan(s.World).Components[0]
						if d := cmp.Diff(actions, got.Actions); d != "" {
							t.Errorf("actions (-want +got):\n%s", d)
						}
						if (got.Deferred != "") != (want == waits) {
							t.Errorf("deferred: %q", got.Deferred)
						}
					})
				}
			}
		}
	}
}
