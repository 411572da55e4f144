package decide

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
	"berth/reconcile/world"
	"berth/testdata/scene"
)

// --adopt takes over what is nobody's, never what is somebody's.
func TestPlanOfAdoption(t *testing.T) {
	t.Parallel()
	elsewhere := scene.Naming()
	elsewhere.Cluster = "cluster-2"
	theirs, _ := elsewhere.Names(new(scene.Component("tenant", "api")), "uid")
	former, _ := scene.Naming().Names(new(scene.Component("tenant", "api")), "uid of a former namespace")
	other, _ := scene.Naming().Names(new(scene.Component("tenant", "web")), "uid-of-tenant")
	for _, row := range []struct {
		why, description string
		adopted          bool
	}{
		{"without a description", "", true},
		{"a person's description", "images of the api", true},
		{"of a former namespace", former.Mark, true},
		{"of the same name in another cluster, where it is alive", theirs.Mark, false},
		{"of another Component", other.Mark, false},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			s := scene.New(t)
			n := s.Settle(scene.Component("tenant", "api"))
			scene.Alter(s.Repositories, n.Repository, func(r *quay.Repository) { r.Description, r.Visibility = row.description, quay.Public })
			if got := only(s); got.Problem == nil || got.Problem.Reason != plan.ReasonNotOurs {
				t.Errorf("without --adopt: problem %v, actions %+v", got.Problem, got.Actions)
			}
			s.Policy.Adopt = true
			got := only(s)
			if !row.adopted {
				if got.Problem == nil || got.Problem.Reason != plan.ReasonNotOurs {
					t.Errorf("taken over: %+v", got.Actions)
				}
				return
			}
			announced := component.Announcement{Image: testImage, Visibility: quay.Public, Secret: n.Push.Secret, PullSecret: n.Pull.Secret}
			want := []plan.Action{ // whatever the setting: it stays as it is found
				plan.KeepVisibility{Component: "api", To: quay.Public},
				plan.DescribeRepository{Name: n.Repository, Mark: n.Mark},
				plan.Announce{Component: "api", Value: announced.Encode()},
			}
			if row.description == former.Mark { // Berth knows why it is public
				want = []plan.Action{
					plan.DescribeRepository{Name: n.Repository, Mark: n.Mark},
					plan.ChangeVisibility{Repository: n.Repository, From: quay.Public, To: quay.Private, Reason: "--visibility is private"},
				}
			}
			if d := cmp.Diff(want, got.Actions); d != "" {
				t.Errorf("actions (-want +got):\n%s", d)
			}
			if got.Note != "adopted" {
				t.Errorf("note %q", got.Note)
			}
		})
	}
}

// A Component that was deleted and made again gets new robots and its Secrets;
// only then are the old robots deleted, which could still push.
func TestPlanOfARecreatedComponent(t *testing.T) {
	t.Parallel()
	s := scene.New(t)
	before := s.Settle(scene.Component("tenant", "api"))
	s.Settle(scene.Component("tenant", "api-gateway"))
	for _, a := range before.Accounts() {
		scene.Alter(s.Secrets, component.Key{Namespace: "tenant", Name: a.Secret}, func(x *world.Secret) { x.Owned = component.Predecessor })
	}
	s.Components[0].UID = "another"
	n, err := s.Names(&s.Components[0])
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := scene.Naming()
	elsewhere.Cluster = "cluster-2"
	theirs, _ := elsewhere.Names(new(scene.Component("tenant", "api")), "uid")
	s.Robot(theirs.Push, n.Repository)

	got := Plan(s.World).Components[0]
	const earlier = "it is of an earlier Component of this name"
	superseded := []string{before.Push.Robot, before.Pull.Robot}
	slices.Sort(superseded)
	want := []plan.Action{
		plan.CreateRobot{Account: n.Push},
		plan.CreateRobot{Account: n.Pull},
		plan.SetPermission{Repository: n.Repository, Robot: n.Push.Robot, To: quay.Write},
		plan.SetPermission{Repository: n.Repository, Robot: n.Pull.Robot, To: quay.Read},
		plan.WriteSecret{Account: n.Push, Image: testImage, Exists: true, Reason: earlier},
		plan.WriteSecret{Account: n.Pull, Image: testImage, Exists: true, Reason: earlier},
		plan.DeleteRobot{Account: component.Account{Robot: superseded[0], Mark: world.At(s.Robots, superseded[0]).Mark}, Reason: superseding},
		plan.DeleteRobot{Account: component.Account{Robot: superseded[1], Mark: world.At(s.Robots, superseded[1]).Mark}, Reason: superseding},
	}
	if d := cmp.Diff(want, got.Actions); d != "" {
		t.Errorf("actions (-want +got):\n%s", d)
	}
	if got.Note != "recreated" {
		t.Errorf("note %q", got.Note)
	}
}

// Two clusters may share an organization: with prefixes they never meet, and
// without them the second is refused. Neither touches the other's robots.
func TestPlanOfTwoClustersInOneOrganization(t *testing.T) {
	t.Parallel()
	east, west := scene.New(t), scene.New(t)
	west.Naming.Cluster = "cluster-2"
	for _, s := range []*scene.Scene{east, west} {
		s.Settle(scene.Component("tenant", "api"))
	}
	maps.Copy(west.Robots, east.Robots)
	maps.Copy(west.Repositories, east.Repositories)
	p := Plan(west.World)
	if got := p.Components[0]; got.Problem == nil || got.Problem.Reason != plan.ReasonNotOurs || len(got.Actions) != 1 {
		t.Errorf("without prefixes: problem %v, actions %+v", got.Problem, got.Actions)
	}

	prefixed := scene.New(t)
	prefixed.Naming.Cluster, prefixed.Naming.Prefix = "cluster-2", "west"
	prefixed.Settle(scene.Component("tenant", "api"))
	maps.Copy(prefixed.Robots, east.Robots)
	maps.Copy(prefixed.Repositories, east.Repositories)
	p = Plan(prefixed.World)
	if len(p.Components[0].Actions) > 0 || p.Components[0].Problem != nil {
		t.Errorf("with a prefix: %+v, %v", p.Components[0].Actions, p.Components[0].Problem)
	}
	if d := cmp.Diff(plan.Orphans{}, p.Orphans); d != "" {
		t.Errorf("the other cluster's things are orphans here:\n%s", d)
	}
}

// A Component can be named so that its Secrets are those of a neighbour whose
// name is cut. Neither is served until one is renamed.
func TestPlanOfCollidingSecrets(t *testing.T) {
	t.Parallel()
	s := scene.New(t)
	s.Naming.Layout = component.LayoutApplication
	long := strings.Repeat("c", 240) + ".d.d"
	short := strings.TrimSuffix(component.BoundedName(long, "-image-push"), "-image-push")
	s.Settle(scene.Component("a", "bystander"))
	for _, name := range []string{long, short} {
		c := scene.Component("n", name)
		c.Application = "x"
		s.Settle(c)
	}
	p := Plan(s.World)
	if got := p.Components[0]; got.Problem != nil || len(got.Actions) > 0 {
		t.Errorf("the bystander has %+v, %v", got.Actions, got.Problem)
	}
	checkCollision(t, p.Components[1:], "Secret n/"+short+"-image-push")
}

// However two Components come to one repository, both are refused.
func TestRefuseCollisions(t *testing.T) {
	t.Parallel()
	plans := make([]plan.Component, 3)
	w := world.World{Naming: scene.Naming()}
	for i, name := range []string{"api", "db", "web"} {
		c := scene.Component("tenant", name)
		plans[i].Component, w.Components = &c, append(w.Components, c)
		names, _ := scene.Naming().Names(&c, "uid")
		plans[i].Names = &names
		plans[i].Actions = []plan.Action{plan.CreateRobot{Account: plans[i].Names.Push}}
	}
	plans[2].Names.Repository = plans[0].Names.Repository
	known := newPlanner(w)
	for i := range plans {
		known.compared["tenant"] = known.compared["tenant"] || !draft.Plain(&plans[i])
	}
	known.refuseCollisions(plans, known.Berths[0])
	if plans[1].Problem != nil || len(plans[1].Actions) != 1 {
		t.Errorf("the bystander has %+v, %v", plans[1].Actions, plans[1].Problem)
	}
	checkCollision(t, []plan.Component{plans[0], plans[2]}, "repository tenant/api")
}

func checkCollision(t *testing.T, plans []plan.Component, name string) {
	t.Helper()
	for _, p := range plans {
		if p.Problem == nil || p.Problem.Reason != plan.ReasonNameCollision ||
			p.Problem.Summary != "NameCollision: more than one Component leads to "+name {
			t.Errorf("%.30s has the problem %+v", p.Key(), p.Problem)
		}
		if len(p.Actions) != 1 {
			t.Fatalf("%.30s: actions %+v, want the announcement alone", p.Key(), p.Actions)
		}
		if a, ok := p.Actions[0].(plan.Announce); !ok || !a.Problem || !strings.Contains(a.Value, "Another Component leads to the same ") {
			t.Errorf("%.30s: %+v", p.Key(), p.Actions[0])
		}
	}
}

func TestPlanOfOrphans(t *testing.T) {
	t.Parallel()
	elsewhere := scene.Naming()
	elsewhere.Cluster = "cluster-2"
	theirs, _ := elsewhere.Names(new(scene.Component("gone", "api")), "uid")
	gone, _ := scene.Naming().Names(new(scene.Component("gone", "api")), "uid")
	left := orphanNames{Robots: []string{gone.Pull.Robot, gone.Push.Robot}, Repositories: []string{"gone/api"}}
	slices.Sort(left.Robots)
	for _, row := range []struct {
		why  string
		edit func(*world.World)
		want orphanNames
	}{
		{"the whole cluster was read", func(*world.World) {}, left},
		{"nothing in the cluster claims anything, so the guard must see it", func(w *world.World) { w.Components = nil }, orphanNames{}},
		{"a part of the cluster proves nothing", func(w *world.World) { w.Whole = false }, orphanNames{}},
		{"not asked for", func(w *world.World) { w.Policy.ReportOrphans = false }, orphanNames{}},
		{"its Component is there again", func(w *world.World) { w.Components = append(w.Components, scene.Component("gone", "api")) }, orphanNames{}},
		{"its Component is still going away", func(w *world.World) {
			c := scene.Component("gone", "api")
			c.Deleting = true
			w.Components = append(w.Components, c)
		}, orphanNames{}},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			s := scene.New(t)
			n := s.Settle(scene.Component("tenant", "api"))
			for _, a := range []component.Account{gone.Push, gone.Pull, theirs.Push} {
				s.Robot(a)
			}
			s.Robots["ci"] = &world.Robot{Mark: "robot of the build team"}
			s.Repositories["gone/api"] = &quay.Repository{Name: "gone/api", Description: gone.Mark}
			s.Repositories["theirs"] = &quay.Repository{Name: "theirs", Description: theirs.Mark}
			s.Repositories["free"] = &quay.Repository{Name: "free"}
			row.edit(&s.World)
			want := row.want
			if len(s.Components) == 0 {
				want.Robots = append(slices.Clone(left.Robots), n.Pull.Robot, n.Push.Robot)
				want.Repositories = []string{"gone/api", "tenant/api"}
			}
			p := Plan(s.World)
			if d := cmp.Diff(want, namesOf(p.Orphans)); d != "" {
				t.Errorf("orphans (-want +got):\n%s", d)
			}
			for _, c := range p.Components {
				for _, a := range c.Actions {
					if d, ok := a.(plan.DeleteRobot); ok {
						t.Errorf("robot %s is deleted for being an orphan", d.Robot)
					}
				}
			}
		})
	}
}

// orphanNames are what orphans are called.
type orphanNames struct{ Robots, Repositories []string }

func namesOf(o plan.Orphans) (names orphanNames) {
	for _, r := range o.Robots {
		names.Robots = append(names.Robots, r.Name)
	}
	for _, r := range o.Repositories {
		names.Repositories = append(names.Repositories, r.Name)
	}
	return names
}
