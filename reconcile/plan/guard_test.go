package plan_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/decide"
	"berth/reconcile/plan"
	"berth/reconcile/world"
	"berth/testdata/scene"
)

// town is a World in the making: namespaces with so many settled Components each, all of
// which deliver to another namespace.
type town struct{ *scene.Scene }

func newTown(t testing.TB, sizes map[string]int) town {
	s := town{scene.New(t)}
	s.Mode = world.Mode{Wanted: true, Environments: true, RemoteSecrets: true}
	s.RemoteSecrets, s.Arrived = map[component.Key]*world.RemoteSecret{}, map[component.Key]world.Arrived{}
	var d world.Deployments
	for _, namespace := range slices.Sorted(maps.Keys(sizes)) {
		for i := range sizes[namespace] {
			c := scene.Component(namespace, fmt.Sprintf("c%03d", i))
			n := s.Settle(c)
			token := world.At(s.Robots, n.Pull.Robot).Fingerprint
			key := component.Key{Namespace: namespace, Name: n.Pull.Secret}
			stage := kube.RemoteTarget{Namespace: namespace + "-stage"}
			s.RemoteSecrets[key] = &world.RemoteSecret{Owned: component.Mine, Record: component.UploadRecord{Fingerprint: token}, RemoteSecret: &kube.RemoteSecret{
				Namespace: namespace, Name: n.Pull.Secret, Labels: component.Labels(&c), Owners: component.OwnersOf(&c), Secret: n.Pull.Secret,
				Type: component.SecretType, SecretLabels: component.Labels(&c), Targets: []kube.RemoteTarget{stage}, HasData: true,
			}}
			s.Arrived[component.Key{Namespace: stage.Namespace, Name: n.Pull.Secret}] = world.Arrived{Content: world.At(s.Secrets, key).Content, By: key.String()}
			d.Bindings = append(d.Bindings, kube.EnvironmentBinding{Namespace: namespace, Application: "shop", Environment: "stage", Components: []string{c.Name}})
		}
		d.Environments = append(d.Environments, kube.Environment{Namespace: namespace, Name: "stage", Credentials: &kube.Credentials{Namespace: namespace + "-stage"}})
	}
	s.bind(d)
	return s
}

func (s town) bind(d world.Deployments) {
	s.Environments = d.ByNamespace()
	for _, e := range s.Environments {
		e.Authorizing = 1
	}
}

// unbind takes the bindings of all namespaces away but of those named.
func (s town) unbind(but ...string) {
	for namespace := range s.Environments {
		if !slices.Contains(but, namespace) {
			s.Environments[namespace] = &world.Environments{Authorizing: 1}
		}
	}
}

// each edits the first so many Components of a namespace.
func (s town) each(namespace string, most int, edit func(c *kube.Component, n component.Names)) {
	for i := range s.Components {
		c := &s.Components[i]
		if c.Namespace != namespace || most == 0 {
			continue
		}
		most--
		n, err := s.Names(c)
		if err != nil {
			s.Fatal(err)
		}
		edit(c, n)
	}
}

const everyone = -1

func (s town) editSecrets(namespace string, most int) {
	s.each(namespace, most, func(c *kube.Component, n component.Names) {
		scene.Alter(s.Secrets, component.Key{Namespace: c.Namespace, Name: n.Push.Secret}, func(x *world.Secret) { x.Content = component.Content{} })
	})
}

func (s town) restoreTokens() {
	for name := range s.Robots {
		scene.Alter(s.Robots, name, func(r *world.Robot) { r.Fingerprint = "of the backup" })
	}
}

func (s town) recreate(namespace string, most int) {
	s.each(namespace, most, func(c *kube.Component, n component.Names) {
		c.UID += "-again"
		for _, a := range n.Accounts() {
			delete(s.Secrets, component.Key{Namespace: c.Namespace, Name: a.Secret}) // the garbage collector's work
		}
		delete(s.RemoteSecrets, component.Key{Namespace: c.Namespace, Name: n.Pull.Secret})
	})
}

func (s town) estrange(namespace string, most int) {
	s.each(namespace, most, func(_ *kube.Component, n component.Names) {
		scene.Alter(s.Repositories, n.Repository, func(r *quay.Repository) { r.Description = "" })
	})
}

// verdictRow is a world, what the guard says, who is held back, and who is told something.
type verdictRow struct {
	why     string
	sizes   map[string]int
	edit    func(town)
	limits  plan.Limits
	refused string // in part; "" passes
	held    []string
	told    []string // namespaces
}

var (
	usual  = plan.Limits{MaxChangeRatio: 0.3}
	forced = plan.Limits{MaxChangeRatio: 0.3, Force: true}
	three  = map[string]int{"blue": 20, "green": 20, "red": 20}
	noisy  = map[string]int{"noisy": 30, "shop": 40}
	small  = map[string]int{"noisy": 7, "shop": 13}
	one    = map[string]int{"tenant": 20}
)

var verdicts = []verdictRow{
	{why: "settled", sizes: three, edit: func(town) {}, limits: usual},
	{why: "no change is allowed, and there is none", sizes: three, edit: func(town) {}},
	{why: "a first run creates everything", edit: func(s town) {
		for i := range 100 {
			s.Add(scene.Component(fmt.Sprintf("tenant-%d", i%4), fmt.Sprintf("c%d", i)))
		}
	}, limits: usual},
	{why: "all Secrets were deleted; no token changes", sizes: three, edit: func(s town) { clear(s.Secrets) }, limits: usual},

	// What is wide is the operator's mistake, or a restore.
	{why: "a registry restored from a backup has its old tokens back", sizes: three, edit: town.restoreTokens, limits: usual, refused: "60 of 60 Components (100%) would change, unasked: the Secrets of 60; the limit is 30% (--max-change-ratio)"},
	{why: "the same, meant", sizes: three, edit: town.restoreTokens, limits: forced},
	{why: "the same, allowed", sizes: three, edit: town.restoreTokens, limits: plan.Limits{MaxChangeRatio: 1}},
	{why: "another visibility by a slip of the finger", sizes: three, edit: func(s town) { s.Policy.Visibility, s.Policy.AllowPublish = quay.Public, true }, limits: usual, refused: "the visibility of 60"},
	{why: "another organization, which is empty", sizes: three, edit: func(s town) { clear(s.Robots); clear(s.Repositories) }, limits: usual, refused: "the Secrets of 60 Components log in as their robots, and organization acme has those of 0 of them: is it the right organization?"},
	{why: "another organization that has some robots of that name", sizes: three, edit: func(s town) { s.Naming.Organization = "beta"; clear(s.Repositories) }, limits: plan.Limits{MaxChangeRatio: 1}, refused: "organization beta has those of 0 of them"},
	{why: "another cluster's id", sizes: three, edit: func(s town) { s.Naming.Cluster = "cluster-2" }, limits: usual, refused: "these repositories are marked by another cluster: is --cluster-id right? blue/c000, blue/c001, blue/c002 and 57 more (60 of 60 Components)"},
	{why: "a restored cluster: its namespaces are new", sizes: three, edit: func(s town) {
		for name := range s.Namespaces {
			scene.Change(s.Namespaces, name, func(n *kube.Namespace) { n.UID = "new" })
		}
	}, limits: usual, refused: "what is suddenly not theirs of 60"},
	{why: "a restored cluster: its Components are new, so that all their robots would go", sizes: three, edit: func(s town) {
		for namespace := range three {
			s.recreate(namespace, everyone)
		}
	}, limits: usual, refused: "robots or their rights of 60"},
	{why: "bindings that are lost", sizes: three, edit: func(s town) { s.unbind() }, limits: usual, refused: "60 of 60 Components (100%) would lose places that their pull Secrets are brought to: were SnapshotEnvironmentBindings lost?"},
	{why: "bindings that are lost but for one namespace's", sizes: three, edit: func(s town) { s.unbind("red") }, limits: usual, refused: "40 of 60 Components (66.7%) would lose places"},
	{why: "bindings that are lost, where few deliver", sizes: three, edit: func(s town) {
		for i := range 300 {
			s.Settle(scene.Component("quiet", fmt.Sprintf("q%d", i)))
		}
		s.unbind()
	}, limits: usual, refused: "60 of 60 Components (100%) would lose places"},
	{why: "one namespace that is all there is", sizes: one, edit: func(s town) { s.editSecrets("tenant", 7) }, limits: usual, refused: "7 of 20 Components (35%)"},
	{why: "exactly the limit", sizes: one, edit: func(s town) { s.editSecrets("tenant", 6) }, limits: usual},
	{why: "exactly a limit that no float holds", sizes: map[string]int{"tenant": 100}, edit: func(s town) { s.editSecrets("tenant", 29) }, limits: plan.Limits{MaxChangeRatio: 0.29}},
	{why: "no change is allowed", sizes: one, edit: func(s town) { s.editSecrets("tenant", 1) }, refused: "1 of 20 Components (5%)"},
	{why: "of few Components a share says nothing", sizes: map[string]int{"blue": 10, "red": 9}, edit: town.restoreTokens, limits: usual},
	{why: "two namespaces of many small ones do not spare each other", sizes: map[string]int{"a": 10, "b": 10}, edit: func(s town) { s.editSecrets("a", 4); s.editSecrets("b", 3) }, limits: usual, refused: "7 of 20 Components (35%)"},

	// What one namespace does is its own affair.
	{why: "a tenant edits its own Secrets", sizes: noisy, edit: func(s town) { s.editSecrets("noisy", everyone) }, limits: usual, held: []string{"noisy"}, told: []string{"noisy"}},
	{why: "a tenant edits its own Secrets, while a neighbour's one drifts", sizes: noisy, edit: func(s town) { s.editSecrets("noisy", everyone); s.editSecrets("shop", 1) }, limits: usual, held: []string{"noisy"}, told: []string{"noisy"}},
	{why: "the same, meant", sizes: noisy, edit: func(s town) { s.editSecrets("noisy", everyone) }, limits: forced},
	{why: "a tenant edits exactly its limit", sizes: noisy, edit: func(s town) { s.editSecrets("noisy", 9) }, limits: usual},
	{why: "a small tenant edits its own Secrets: they are mended", sizes: small, edit: func(s town) { s.editSecrets("noisy", everyone) }, limits: usual},
	{why: "a small tenant edits its own Secrets, while a neighbour's one drifts", sizes: small, edit: func(s town) { s.editSecrets("noisy", everyone); s.editSecrets("shop", 1) }, limits: usual},
	{why: "two tenants edit their own Secrets, and are no third of all", sizes: map[string]int{"a": 20, "b": 20, "shop": 200}, edit: func(s town) { s.editSecrets("a", everyone); s.editSecrets("b", everyone) }, limits: usual, held: []string{"a", "b"}, told: []string{"a", "b"}},
	{why: "a tenant writes logins of nobody into its own Secrets", sizes: noisy, edit: func(s town) {
		s.each("noisy", everyone, func(_ *kube.Component, n component.Names) {
			scene.Alter(s.Secrets, component.Key{Namespace: "noisy", Name: n.Push.Secret}, func(x *world.Secret) { x.Content.Login = "other+" + n.Push.Robot })
		})
	}, limits: usual, held: []string{"noisy"}, told: []string{"noisy"}},
	{why: "a tenant makes up Secrets with our label", sizes: noisy, edit: func(s town) { s.Strays = 1000 }, limits: usual},
	{why: "a tenant, the last one with bindings, takes its application down", sizes: map[string]int{"noisy": 30}, edit: func(s town) {
		for i := range 40 {
			s.Settle(scene.Component("shop", fmt.Sprintf("c%d", i)))
		}
		s.unbind()
	}, limits: usual, held: []string{"noisy"}, told: []string{"noisy"}},
	{why: "a tenant writes targets into its RemoteSecrets, where nobody has bindings", sizes: map[string]int{"noisy": 30}, edit: func(s town) {
		for i := range 40 {
			s.Settle(scene.Component("shop", fmt.Sprintf("c%d", i)))
		}
		s.Environments = map[string]*world.Environments{}
		s.Remote(func(r *world.RemoteSecret) { r.Targets = []kube.RemoteTarget{{Namespace: "made-up"}} })
	}, limits: usual, held: []string{"noisy"}, told: []string{"noisy"}},
	{why: "a small tenant takes its application down", sizes: small, edit: func(s town) { s.unbind("shop") }, limits: usual},
	{why: "a tenant makes its Components anew", sizes: noisy, edit: func(s town) { s.recreate("noisy", everyone) }, limits: usual, held: []string{"noisy"}, told: []string{"noisy"}},
	{why: "somebody takes the marks off one namespace's repositories", sizes: noisy, edit: func(s town) { s.estrange("noisy", everyone) }, limits: usual, held: []string{"noisy"}, told: []string{"noisy"}},
	{why: "somebody takes the marks off a few", sizes: noisy, edit: func(s town) { s.estrange("noisy", 2) }, limits: usual, told: []string{"noisy"}},
	{why: "a tenant takes the label off its Secrets", sizes: noisy, edit: func(s town) {
		s.each("noisy", everyone, func(_ *kube.Component, n component.Names) {
			scene.Alter(s.Secrets, component.Key{Namespace: "noisy", Name: n.Push.Secret}, func(x *world.Secret) { x.Owned, x.Foreign = component.Foreign, "its label was taken off" })
		})
	}, limits: usual, held: []string{"noisy"}, told: []string{"noisy"}},
	{why: "a tenant writes nonsense into its Components", sizes: noisy, edit: func(s town) {
		s.each("noisy", everyone, func(c *kube.Component, _ component.Names) { c.Annotations[component.AnnotationGenerate] = "{" })
	}, limits: usual, told: []string{"noisy"}},

	// What was asked for never counts, nor what image-controller has left.
	{why: "many rotations that were asked for", sizes: three, edit: func(s town) {
		for namespace := range three {
			s.each(namespace, everyone, func(c *kube.Component, _ component.Names) {
				c.Annotations[component.AnnotationGenerate] = component.RotateRequest
			})
		}
	}, limits: usual},
	{why: "a run broke off in the middle of many rotations", sizes: three, edit: func(s town) {
		for namespace := range three {
			s.each(namespace, everyone, func(c *kube.Component, _ component.Names) {
				c.Annotations[component.AnnotationRotation] = component.NewMarker(c, component.Stamp(s.At), component.Revoke, s.At).Encode()
			})
		}
		s.restoreTokens()
	}, limits: usual},
	{why: "rotations that the operator asks for", sizes: three, edit: func(s town) {
		s.Rotate = map[component.Key]component.How{}
		for _, c := range s.Components {
			s.Rotate[component.KeyOf(&c)] = component.Graceful
		}
		s.restoreTokens()
	}, limits: usual},
	{why: "statements of visibility", sizes: three, edit: func(s town) {
		for namespace := range three {
			s.each(namespace, everyone, func(c *kube.Component, _ component.Names) {
				c.Annotations[component.AnnotationGenerate] = `{"visibility":"public"}`
			})
		}
	}, limits: usual},
	{why: "an organization that image-controller has filled", edit: func(s town) {
		for i := range 60 {
			c := scene.Component(fmt.Sprintf("tenant-%d", i%3), fmt.Sprintf("c%d", i))
			n := s.Add(c)
			s.Repositories[n.Repository] = &quay.Repository{Name: n.Repository, Visibility: quay.Private}
		}
	}, limits: usual, told: []string{"tenant-0", "tenant-1", "tenant-2"}},

	{why: "the Components are gone, nineteen robots' Secrets are left", edit: func(s town) { s.unclaimed(19) }, limits: usual},
	{why: "the Components are gone, twenty robots' Secrets are left", edit: func(s town) { s.unclaimed(20) }, limits: usual, refused: "the cluster shows no Component, yet Secrets of 20 of their robots stand in it"},
	{why: "a part of the cluster may be empty", edit: func(s town) { s.unclaimed(20); s.Whole = false }, limits: usual},
	{why: "the Components are gone, and that is meant", edit: func(s town) { s.unclaimed(20) }, limits: forced},
}

func (s town) unclaimed(n int) {
	s.Unclaimed = map[string]bool{}
	for i := range n {
		s.Unclaimed[fmt.Sprintf("berth_%d", i)] = true
	}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	for _, row := range verdicts {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			s := newTown(t, row.sizes)
			row.edit(s)
			p := decide.Plan(s.World)
			v := plan.Guard(s.World, p, row.limits)
			if row.refused == "" && v.Refused != nil || row.refused != "" && (v.Refused == nil || !strings.Contains(v.Refused.Error(), row.refused)) {
				t.Fatalf("refused: %v, want %q", v.Refused, row.refused)
			}
			if v.Refused != nil && !strings.Contains(v.Refused.Error(), " Nothing was written. If ") {
				t.Errorf("no way out in %q", v.Refused)
			}
			var held []string
			for _, h := range v.Held {
				held = append(held, h.Namespace)
			}
			if d := cmp.Diff(row.held, held); d != "" {
				t.Errorf("held back (-want +got):\n%s", d)
			}
			checkUnder(t, row, p, p.Under(v))
		})
	}
	t.Logf("%d rows", len(verdicts))
}

// checkUnder compares a plan with what the verdict left of it.
func checkUnder(t *testing.T, row verdictRow, was, p plan.Plan) {
	t.Helper()
	told, waiting := map[string]bool{}, map[string]int{}
	for i, c := range p.Components {
		namespace := c.Component.Namespace
		for _, a := range c.Actions {
			if a, ok := a.(plan.Announce); ok && a.Problem {
				told[namespace] = true
			}
		}
		waits := c.Problem != nil && c.Problem.Reason == plan.ReasonHeldBack
		if waits {
			waiting[namespace]++
		}
		if waits && row.refused == "" && !slices.Contains(row.held, namespace) {
			t.Errorf("%s waits, though its namespace is not held back", c.Key())
		}
		if !waits && row.refused == "" && !cmp.Equal(was.Components[i].Actions, c.Actions) {
			t.Errorf("%s: %+v was planned, %+v is left", c.Key(), was.Components[i].Actions, c.Actions)
		}
		if waits && (len(c.Actions) > 1 || c.Problem.Whose != plan.TheTenants) {
			t.Errorf("%s waits: %+v %+v", c.Key(), c.Problem, c.Actions)
		}
	}
	var namespaces []string
	for namespace := range told {
		namespaces = append(namespaces, namespace)
	}
	slices.Sort(namespaces)
	if d := cmp.Diff(row.told, namespaces); d != "" {
		t.Errorf("told (-want +got):\n%s", d)
	}
	for _, h := range p.HeldBack {
		if h.Components == 0 || h.Components != waiting[h.Namespace] {
			t.Errorf("%s: %d Components wait, not %d", h.Namespace, waiting[h.Namespace], h.Components)
		}
	}
}

// A namespace that is held back is told once, in words that stay, and served as soon as it
// is under its limit.
func TestHeldBackForAWhile(t *testing.T) {
	t.Parallel()
	s := newTown(t, noisy)
	s.editSecrets("noisy", 12)
	judge := func() plan.Plan {
		p := decide.Plan(s.World)
		return p.Under(plan.Guard(s.World, p, usual))
	}
	first := judge()
	for i, c := range first.Components {
		for _, a := range c.Actions {
			s.Components[i] = *c.Component // sorted, as the plan is
			s.Components[i].Announced = a.(plan.Announce).Value
		}
	}
	s.editSecrets("noisy", 13)
	if p := judge(); p.Changes() != 1 || len(p.HeldBack) != 1 || p.HeldBack[0].Components != 13 {
		t.Errorf("the second time %d changes, %+v; one Component is new to it", p.Changes(), p.HeldBack)
	}
	s.each("noisy", 10, func(_ *kube.Component, n component.Names) {
		key := component.Key{Namespace: "noisy", Name: n.Push.Secret}
		delete(s.Secrets, key)
	})
	p := judge()
	if len(p.HeldBack) != 0 {
		t.Fatalf("still held back: %+v", p.HeldBack)
	}
	for _, c := range p.Components {
		for _, a := range c.Actions {
			if a, ok := a.(plan.Announce); ok && strings.Contains(a.Value, `"message"`) {
				t.Errorf("%s is told %s", c.Key(), a.Value)
			}
		}
	}
}
