package decide

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
	"berth/testdata/scene"
)

// The rows of the truth table in doc.go about each thing: one is changed in a
// settled world.
func TestPlanOfDrift(t *testing.T) {
	t.Parallel()
	missing := func(a component.Account) plan.WriteSecret {
		return plan.WriteSecret{Account: a, Image: testImage, Reason: "missing; same token, not rotated"}
	}
	wrong := func(a component.Account, reason string) plan.WriteSecret {
		return plan.WriteSecret{Account: a, Image: testImage, Exists: true, Reason: reason}
	}
	const (
		stale   = "its token is not the robot's"
		edited  = "its content is not Berth's"
		earlier = "it is of an earlier Component of this name"
		relabel = "its labels changed"
	)
	for _, row := range []struct {
		why  string
		edit func(*scene.Scene, component.Names)
		want func(component.Names) []plan.Action
		note string
	}{
		{
			why:  "a settled Component",
			edit: func(*scene.Scene, component.Names) {}, want: func(component.Names) []plan.Action { return nil },
		}, {
			why: "a missing repository comes with the permissions on it",
			edit: func(s *scene.Scene, n component.Names) {
				delete(s.Repositories, n.Repository)
				delete(s.Roles, n.Repository)
				for _, a := range n.Accounts() {
					s.Robot(a)
				}
			},
			want: func(n component.Names) []plan.Action {
				return []plan.Action{
					plan.CreateRepository{Repository: quay.Repository{Name: n.Repository, Description: n.Mark, Visibility: quay.Private}},
					plan.SetPermission{Repository: n.Repository, Robot: n.Push.Robot, To: quay.Write, Again: true},
					plan.SetPermission{Repository: n.Repository, Robot: n.Pull.Robot, To: quay.Read, Again: true},
				}
			},
			note: "new, private",
		}, {
			why: "a missing robot comes back with its permission and its Secret's content",
			edit: func(s *scene.Scene, n component.Names) {
				delete(s.Robots, n.Pull.Robot)
				delete(s.Roles[n.Repository], n.Pull.Robot)
			},
			want: func(n component.Names) []plan.Action {
				return []plan.Action{
					plan.CreateRobot{Account: n.Pull},
					plan.SetPermission{Repository: n.Repository, Robot: n.Pull.Robot, To: quay.Read, Again: true},
					wrong(n.Pull, stale),
				}
			},
		}, {
			why:  "a robot without its permission",
			edit: func(s *scene.Scene, n component.Names) { s.Robot(n.Push) },
			want: func(n component.Names) []plan.Action {
				return []plan.Action{plan.SetPermission{Repository: n.Repository, Robot: n.Push.Robot, To: quay.Write, Again: true}}
			},
		}, {
			why:  "the audit sees a role too high",
			edit: func(s *scene.Scene, n component.Names) { s.Roles[n.Repository][n.Pull.Robot] = quay.Admin },
			want: func(n component.Names) []plan.Action {
				return []plan.Action{plan.SetPermission{Repository: n.Repository, Robot: n.Pull.Robot, From: quay.Admin, To: quay.Read}}
			},
		}, {
			why:  "the audit sees a role too low",
			edit: func(s *scene.Scene, n component.Names) { s.Roles[n.Repository][n.Push.Robot] = quay.Read },
			want: func(n component.Names) []plan.Action {
				return []plan.Action{plan.SetPermission{Repository: n.Repository, Robot: n.Push.Robot, From: quay.Read, To: quay.Write}}
			},
		}, {
			why:  "the audit sees that the list of robots was late",
			edit: func(s *scene.Scene, n component.Names) { delete(s.Roles[n.Repository], n.Push.Robot) },
			want: func(n component.Names) []plan.Action {
				return []plan.Action{plan.SetPermission{Repository: n.Repository, Robot: n.Push.Robot, To: quay.Write}}
			},
		}, {
			why:  "roles of people and of other robots are none of our business",
			edit: func(s *scene.Scene, n component.Names) { s.Roles[n.Repository]["scanner"] = quay.Admin },
			want: func(component.Names) []plan.Action { return nil },
		}, {
			why:  "a repository that is not this run's share says nothing about roles",
			edit: func(s *scene.Scene, n component.Names) { delete(s.Roles, n.Repository) },
			want: func(component.Names) []plan.Action { return nil },
		}, {
			why: "a permission elsewhere is removed, in the order of the names",
			edit: func(s *scene.Scene, n component.Names) {
				s.Robot(n.Push, "z/z", n.Repository, "a/a")
				s.Repositories["a/a"], s.Repositories["z/z"] = &quay.Repository{Name: "a/a"}, &quay.Repository{Name: "z/z"}
			},
			want: func(n component.Names) []plan.Action {
				return []plan.Action{plan.RemovePermission{Repository: "a/a", Robot: n.Push.Robot}, plan.RemovePermission{Repository: "z/z", Robot: n.Push.Robot}}
			},
		}, {
			why: "a team's rights come on top of a robot's own",
			edit: func(s *scene.Scene, n component.Names) {
				scene.Alter(s.Robots, n.Pull.Robot, func(r *world.Robot) { r.Teams = []string{"devs", "owners"} })
			},
			want: func(n component.Names) []plan.Action {
				return []plan.Action{plan.LeaveTeam{Robot: n.Pull.Robot, Team: "devs"}, plan.LeaveTeam{Robot: n.Pull.Robot, Team: "owners"}}
			},
		}, {
			why: "and an older generation's are as good",
			edit: func(s *scene.Scene, n component.Names) {
				older, younger := n.Push, n.Push.At("20991231235959")
				s.Robot(younger, n.Repository)
				s.Roles[n.Repository][younger.Robot] = quay.Write
				scene.Alter(s.Secrets, component.Key{Namespace: "tenant", Name: n.Push.Secret}, func(x *world.Secret) {
					x.Content.Login, x.Content.Fingerprint = s.Naming.Login(younger.Robot), world.At(s.Robots, younger.Robot).Fingerprint
				})
				scene.Alter(s.Robots, older.Robot, func(r *world.Robot) { r.Teams = []string{"owners"} })
			},
			want: func(n component.Names) []plan.Action {
				return []plan.Action{plan.LeaveTeam{Robot: n.Push.Robot, Team: "owners"}}
			},
		}, {
			why: "a deleted repository waits under a random name and counts for nothing",
			edit: func(s *scene.Scene, n component.Names) {
				s.Robot(n.Push, n.Repository, "0b0e7a3e-7b1f-4f6f-9d58-0d1b5c1c2f3a")
			},
			want: func(component.Names) []plan.Action { return nil },
		}, {
			why:  "both Secrets are gone",
			edit: func(s *scene.Scene, _ component.Names) { clear(s.Secrets) },
			want: func(n component.Names) []plan.Action { return []plan.Action{missing(n.Push), missing(n.Pull)} },
		}, {
			why: "the Secret carries an old token",
			edit: func(s *scene.Scene, n component.Names) {
				scene.Alter(s.Secrets, component.Key{Namespace: "tenant", Name: n.Push.Secret}, func(x *world.Secret) { x.Content.Fingerprint = "other" })
			},
			want: func(n component.Names) []plan.Action { return []plan.Action{wrong(n.Push, stale)} },
		}, {
			why: "the Secret logs in as another robot",
			edit: func(s *scene.Scene, n component.Names) {
				scene.Alter(s.Secrets, component.Key{Namespace: "tenant", Name: n.Pull.Secret}, func(x *world.Secret) { x.Content.Login = s.Naming.Login(n.Push.Robot) })
			},
			want: func(n component.Names) []plan.Action { return []plan.Action{wrong(n.Pull, edited)} },
		}, {
			why: "the Secret is for another address",
			edit: func(s *scene.Scene, n component.Names) {
				scene.Alter(s.Secrets, component.Key{Namespace: "tenant", Name: n.Pull.Secret}, func(x *world.Secret) { x.Content.Image = "quay.example" })
			},
			want: func(n component.Names) []plan.Action { return []plan.Action{wrong(n.Pull, edited)} },
		}, {
			why: "the Secret's content cannot be read",
			edit: func(s *scene.Scene, n component.Names) {
				scene.Alter(s.Secrets, component.Key{Namespace: "tenant", Name: n.Pull.Secret}, func(x *world.Secret) { x.Content = component.Content{} })
			},
			want: func(n component.Names) []plan.Action { return []plan.Action{wrong(n.Pull, edited)} },
		}, {
			why: "the Secret is of an earlier Component",
			edit: func(s *scene.Scene, n component.Names) {
				scene.Alter(s.Secrets, component.Key{Namespace: "tenant", Name: n.Push.Secret}, func(x *world.Secret) { x.Owned = component.Predecessor })
			},
			want: func(n component.Names) []plan.Action { return []plan.Action{wrong(n.Push, earlier)} },
		}, {
			why: "a label of the Secret was changed",
			edit: func(s *scene.Scene, n component.Names) {
				scene.Alter(s.Secrets, component.Key{Namespace: "tenant", Name: n.Push.Secret}, func(x *world.Secret) { x.Labels["appstudio.redhat.com/internal"] = "false" })
			},
			want: func(n component.Names) []plan.Action { return []plan.Action{wrong(n.Push, relabel)} },
		}, {
			why: "further labels are the tenant's",
			edit: func(s *scene.Scene, n component.Names) {
				scene.Alter(s.Secrets, component.Key{Namespace: "tenant", Name: n.Push.Secret}, func(x *world.Secret) { x.Labels["appstudio.redhat.com/x"] = "y" })
			},
			want: func(component.Names) []plan.Action { return nil },
		}, {
			why: "the ServiceAccount lost its link",
			edit: func(s *scene.Scene, n component.Names) {
				delete(s.ServiceAccounts[component.Key{Namespace: "tenant", Name: "appstudio-pipeline"}].Secrets, n.Push.Secret)
			},
			want: func(n component.Names) []plan.Action {
				return []plan.Action{plan.LinkSecret{ServiceAccount: "appstudio-pipeline", Secret: n.Push.Secret}}
			},
		}, {
			why: "the annotation was edited; it is output, never input",
			edit: func(s *scene.Scene, _ component.Names) {
				s.Components[0].Announced = `{"image":"quay.example/acme/other/api","secret":"admin"}`
			},
			want: func(component.Names) []plan.Action {
				return []plan.Action{plan.Announce{Component: "api", Value: announced}}
			},
		}, {
			why: "what the controller of 2023 left behind asks for nothing",
			edit: func(s *scene.Scene, _ component.Names) {
				s.Components[0].Annotations[component.AnnotationGenerate] = "false"
			},
			want: func(component.Names) []plan.Action { return nil },
		},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			s := scene.New(t)
			n := s.Settle(scene.Component("tenant", "api"))
			row.edit(s, n)
			got := only(s)
			if d := cmp.Diff(row.want(n), got.Actions); d != "" {
				t.Errorf("actions (-want +got):\n%s", d)
			}
			if row.note == "" && len(got.Actions) > 0 {
				row.note = "drifted"
			}
			if got.Note != row.note || got.Problem != nil || got.Skipped != "" {
				t.Errorf("note %q, problem %v, skipped %q; want the note %q alone", got.Note, got.Problem, got.Skipped, row.note)
			}
		})
	}
}

// announced is what Berth says of a settled Component tenant/api.
const announced = `{"image":"quay.example/acme/tenant/api","visibility":"private","secret":"api-image-push","pullSecret":"api-image-pull"}`

func TestPlanOfANewComponent(t *testing.T) {
	t.Parallel()
	s := scene.New(t)
	s.Policy.PushServiceAccounts = []string{"builder", "build-pipeline-{component}"}
	n := s.Add(scene.Component("tenant", "api"))
	got := only(s)
	const warning = "None of the ServiceAccounts builder, build-pipeline-api exists, so builds cannot use Secret api-image-push yet."
	want := []plan.Action{
		plan.CreateRobot{Account: n.Push},
		plan.CreateRobot{Account: n.Pull},
		plan.CreateRepository{Repository: quay.Repository{Name: "tenant/api", Description: n.Mark, Visibility: quay.Private}},
		plan.SetPermission{Repository: "tenant/api", Robot: n.Push.Robot, To: quay.Write},
		plan.SetPermission{Repository: "tenant/api", Robot: n.Pull.Robot, To: quay.Read},
		plan.WriteSecret{Account: n.Push, Image: testImage},
		plan.WriteSecret{Account: n.Pull, Image: testImage},
		plan.Announce{Component: "api", Value: announced[:len(announced)-1] + `,"message":"` + warning + `"}`},
	}
	if d := cmp.Diff(want, got.Actions); d != "" {
		t.Errorf("actions (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]plan.Warning{{Code: "incomplete", Text: warning}}, got.Warnings); d != "" {
		t.Errorf("warnings (-want +got):\n%s", d)
	}
	if got.Note != "new, private" {
		t.Errorf("note %q", got.Note)
	}
}

// Builds run as one of several ServiceAccounts, whichever the platform has: each that is
// there is linked, and something lacks only where none is.
func TestPlanLinksWhatIsThere(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why           string
		there, linked []string
		warned        bool
	}{
		{"a platform of 2023", []string{"appstudio-pipeline"}, []string{"appstudio-pipeline"}, false},
		{"a platform of today", []string{"build-pipeline-api"}, []string{"build-pipeline-api"}, false},
		{"one that is being moved", []string{"appstudio-pipeline", "build-pipeline-api"}, []string{"appstudio-pipeline", "build-pipeline-api"}, false},
		{"another Component's account is not this one's", []string{"build-pipeline-web"}, nil, true},
		{"none of them", nil, nil, true},
	} {
		s := scene.New(t)
		s.Policy.PushServiceAccounts = []string{"appstudio-pipeline", "build-pipeline-{component}"}
		s.Add(scene.Component("tenant", "api"))
		clear(s.ServiceAccounts)
		for _, name := range row.there {
			if !s.Policy.Links(name) {
				t.Errorf("%s: %s would not be listed", row.why, name)
			}
			s.ServiceAccounts[component.Key{Namespace: "tenant", Name: name}] = world.Links{}
		}
		got := only(s)
		var linked []string
		for _, a := range got.Actions {
			if l, ok := a.(plan.LinkSecret); ok {
				linked = append(linked, l.ServiceAccount)
			}
		}
		if d := cmp.Diff(row.linked, linked); d != "" || (len(got.Warnings) > 0) != row.warned {
			t.Errorf("%s: %+v (-want +got):\n%s", row.why, got.Warnings, d)
		}
	}
}
