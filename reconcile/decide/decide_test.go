package decide

import (
	"fmt"
	"strings"
	"testing"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
	"berth/testdata/scene"
)

// The rows of the truth table in doc.go that refuse or skip a Component.
func TestPlanOfWhatIsNotServed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why     string
		edit    func(*scene.Scene, *kube.Component, component.Names)
		skipped string
		reason  plan.Reason
		summary string // of the problem, in part
		told    string // to the tenant, in part
	}{
		{
			why:     "a Component that goes away gets nothing more",
			edit:    func(_ *scene.Scene, c *kube.Component, _ component.Names) { c.Deleting = true },
			skipped: "it is being deleted",
		}, {
			why: "a namespace that goes away takes nothing new",
			edit: func(s *scene.Scene, _ *kube.Component, _ component.Names) {
				scene.Change(s.Namespaces, "tenant", func(n *kube.Namespace) { n.Terminating = true })
			},
			skipped: "its namespace is being deleted",
		}, {
			why:     "without the namespace's uid no mark can be told",
			edit:    func(s *scene.Scene, _ *kube.Component, _ component.Names) { delete(s.Namespaces, "tenant") },
			skipped: "its namespace was deleted while the run was reading",
		}, {
			why: "deletion counts before anything else that is wrong",
			edit: func(_ *scene.Scene, c *kube.Component, _ component.Names) {
				c.Deleting, c.Name, c.Annotations[component.AnnotationGenerate] = true, "A B", "{"
			},
			skipped: "it is being deleted",
		}, {
			why:    "a name that Quay does not allow",
			edit:   func(_ *scene.Scene, c *kube.Component, _ component.Names) { c.Name = "changevisibility" },
			reason: plan.ReasonInvalidComponent, summary: "cannot be the name of a repository", told: "Give the Component another name",
		}, {
			why: "an annotation that cannot be read",
			edit: func(_ *scene.Scene, c *kube.Component, _ component.Names) {
				c.Annotations[component.AnnotationGenerate] = "{"
			},
			reason: plan.ReasonInvalidComponent, summary: "is not valid JSON: unexpected end of input", told: "Fix the annotation",
		}, {
			why: "the name counts before the annotation",
			edit: func(_ *scene.Scene, c *kube.Component, _ component.Names) {
				c.Name, c.Annotations[component.AnnotationGenerate] = "changevisibility", "{"
			},
			reason: plan.ReasonInvalidComponent, summary: "cannot be the name of a repository", told: "Give the Component another name",
		}, {
			why: "a repository without a mark is somebody's",
			edit: func(s *scene.Scene, _ *kube.Component, n component.Names) {
				scene.Alter(s.Repositories, n.Repository, func(r *quay.Repository) { r.Description = "" })
			},
			reason: plan.ReasonNotOurs, summary: "RepositoryNotOurs: repository tenant/api", told: "The platform's administrators",
		}, {
			why: "the repository of a former namespace holds its tenant's images",
			edit: func(s *scene.Scene, _ *kube.Component, _ component.Names) {
				scene.Change(s.Namespaces, "tenant", func(n *kube.Namespace) { n.UID = "new" })
			},
			reason: plan.ReasonNotOurs, summary: "RepositoryNotOurs", told: "The platform's administrators",
		}, {
			why: "a mark with something added is not ours",
			edit: func(s *scene.Scene, _ *kube.Component, n component.Names) {
				scene.Alter(s.Repositories, n.Repository, func(r *quay.Repository) { r.Description += "x" })
			},
			reason: plan.ReasonNotOurs, summary: "RepositoryNotOurs", told: "The platform's administrators",
		}, {
			why: "a push robot without our mark",
			edit: func(s *scene.Scene, _ *kube.Component, n component.Names) {
				scene.Alter(s.Robots, n.Push.Robot, func(r *world.Robot) { r.Mark = "" })
			},
			reason: plan.ReasonNotOurs, summary: "RobotNotOurs: robot berth_tenant_api_", told: "The platform's administrators",
		}, {
			why: "a pull robot that is marked as the push robot",
			edit: func(s *scene.Scene, _ *kube.Component, n component.Names) {
				scene.Alter(s.Robots, n.Pull.Robot, func(r *world.Robot) { r.Mark = n.Push.Mark })
			},
			reason: plan.ReasonNotOurs, summary: "RobotNotOurs", told: "The platform's administrators",
		}, {
			why: "a push Secret that somebody else made",
			edit: func(s *scene.Scene, _ *kube.Component, n component.Names) {
				s.Secrets[component.Key{Namespace: "tenant", Name: n.Push.Secret}] = &world.Secret{Foreign: "it was not made by Berth"}
			},
			reason: plan.ReasonNotOurs, summary: "SecretNotOurs: Secret tenant/api-image-push: it was not made by Berth", told: "Secret api-image-push is in the way",
		}, {
			why: "a pull Secret that somebody else made",
			edit: func(s *scene.Scene, _ *kube.Component, n component.Names) {
				s.Secrets[component.Key{Namespace: "tenant", Name: n.Pull.Secret}] = &world.Secret{Foreign: "it was not made by Berth"}
			},
			reason: plan.ReasonNotOurs, summary: "SecretNotOurs: Secret tenant/api-image-pull: it was not made by Berth", told: "Secret api-image-pull is in the way",
		}, {
			why: "the type of a Secret can never be changed",
			edit: func(s *scene.Scene, _ *kube.Component, n component.Names) {
				scene.Alter(s.Secrets, component.Key{Namespace: "tenant", Name: n.Pull.Secret}, func(x *world.Secret) { x.Type = "Opaque" })
			},
			reason: plan.ReasonNotOurs, summary: "its type is not kubernetes.io/dockerconfigjson", told: "Delete it",
		},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			s := scene.New(t)
			n := s.Settle(scene.Component("tenant", "api"))
			announced := s.Components[0].Announced
			// Whatever else there would be to do is not done.
			delete(s.Robots, n.Push.Robot)
			s.Robot(n.Push)
			s.Robots["berth_of_an_earlier_one"] = &world.Robot{Mark: strings.Replace(n.Push.Mark, "uid=", "uid=x", 1)}
			row.edit(s, &s.Components[0], n)

			got := only(s)
			if got.Skipped != row.skipped {
				t.Errorf("skipped %q, want %q", got.Skipped, row.skipped)
			}
			if row.reason == "" {
				if got.Problem != nil || len(got.Actions) > 0 || len(got.Warnings) > 0 {
					t.Errorf("a skipped Component has a problem, actions or warnings: %+v", got)
				}
				return
			}
			if got.Problem == nil {
				t.Fatalf("no problem; actions %+v", got.Actions)
			}
			if got.Problem.Reason != row.reason || !strings.Contains(got.Problem.Summary, row.summary) || got.Problem.Hint == "" {
				t.Errorf("problem %+v, want %s with %q and a hint", *got.Problem, row.reason, row.summary)
			}
			if len(got.Actions) != 1 {
				t.Fatalf("actions %+v, want the announcement alone", got.Actions)
			}
			a, ok := got.Actions[0].(plan.Announce)
			if !ok || !a.Problem || !strings.Contains(a.Value, row.told) {
				t.Errorf("announced %+v, want %q", got.Actions[0], row.told)
			}
			if got.Names.Repository != "" && !strings.HasPrefix(a.Value, announced[:len(announced)-1]) {
				t.Errorf("announced %s, without the image and the Secrets that still work", a.Value)
			}

			// The next run has nothing to add.
			s.Components[0].Announced = a.Value
			if again := only(s); len(again.Actions) > 0 || again.Problem == nil {
				t.Errorf("told a second time: %+v", again.Actions)
			}
		})
	}
}

// testImage is the address of the repository of Component tenant/api.
const testImage = "quay.example/acme/tenant/api"

// only plans the World and returns the plan of its one Component.
func only(s *scene.Scene) plan.Component {
	s.Helper()
	p := Plan(s.World)
	if len(p.Components) != 1 {
		s.Fatalf("the plan has %d Components, want 1", len(p.Components))
	}
	return p.Components[0]
}

func TestSettledWorldIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := scene.New(t)
	for i := range 1000 {
		s.Settle(scene.Component(fmt.Sprintf("tenant-%d", i%50), fmt.Sprintf("component-%d", i)))
	}
	p := Plan(s.World)
	if len(p.Components) != 1000 || p.Held != 0 || len(p.Orphans.Robots)+len(p.Orphans.Repositories) > 0 {
		t.Errorf("%d Components, %d held, orphans %+v", len(p.Components), p.Held, p.Orphans)
	}
	for _, c := range p.Components {
		if len(c.Actions) > 0 || c.Problem != nil || c.Skipped != "" || len(c.Warnings) > 0 || c.Note != "" {
			t.Fatalf("%s: %+v", c.Key(), c)
		}
	}
}
