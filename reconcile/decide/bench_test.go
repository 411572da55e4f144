package decide

import (
	"fmt"
	"runtime"
	"testing"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
	"berth/testdata/scene"
)

// BenchmarkMakePlan plans for a settled platform; what a Component costs must not
// grow with their number.
func BenchmarkMakePlan(b *testing.B) {
	for _, components := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(components), func(b *testing.B) {
			s := settled(b, components)
			b.ReportAllocs()
			for b.Loop() {
				Plan(s.World)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*components), "µs/Component")
		})
	}
}

// TestASettledComponentCostsLittle holds a plan to a few allocations and bytes for what is as
// it should be, and to no more for each where there are many. The race detector takes more of its own.
func TestASettledComponentCostsLittle(t *testing.T) {
	const few, many, most, bytes, growth = 1000, 10_000, 3, 600, 1.05
	allocations, size := cost(t, few)
	if allocations > most || size > bytes {
		t.Errorf("of %d, each takes %.2f allocations and %.0f bytes, want %d and %d at most", few, allocations, size, most, bytes)
	}
	more, larger := cost(t, many)
	if more > growth*allocations || larger > growth*size {
		t.Errorf("of %d, each takes %.2f allocations and %.0f bytes, and of %d %.2f and %.0f", few, allocations, size, many, more, larger)
	}
	t.Logf("%.2f allocations and %.0f bytes each", more, larger)
}

// cost is what a plan of so many settled Components takes for each.
func cost(t *testing.T, components int) (allocations, bytes float64) {
	s := settled(t, components)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	Plan(s.World)
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(components), float64(after.TotalAlloc-before.TotalAlloc) / float64(components)
}

// settled is a platform in which there is nothing to do, as a run has read it: fifty
// Components in a namespace, which run there, and a RemoteSecret for each.
func settled(t testing.TB, components int) *scene.Scene {
	s := scene.New(t)
	s.Mode = world.Mode{Wanted: true, Environments: true, RemoteSecrets: true}
	s.Policy.PullServiceAccounts, s.Policy.SetImages = []string{scene.PullAccount}, true
	s.RemoteSecrets = map[component.Key]*world.RemoteSecret{}
	var d world.Deployments
	for i := range components {
		c := scene.Component(fmt.Sprintf("tenant-%05d", i/50), fmt.Sprintf("c%02d", i%50))
		names, err := s.Naming.Names(&c, "uid-of-"+c.Namespace)
		if err != nil {
			t.Fatal(err)
		}
		c.ContainerImage = s.Naming.Image(names.Repository)
		n := s.Settle(c)
		accounts := component.Key{Namespace: c.Namespace, Name: scene.PullAccount}
		if i%50 == 0 {
			s.ServiceAccounts[accounts] = world.Links{Pull: map[string]bool{}}
			d.Environments = append(d.Environments, kube.Environment{Namespace: c.Namespace, Name: "dev"})
			d.Bindings = append(d.Bindings, kube.EnvironmentBinding{Namespace: c.Namespace, Application: "shop", Environment: "dev"})
		}
		s.ServiceAccounts[accounts].Pull[n.Pull.Secret] = true
		d.Bindings[len(d.Bindings)-1].Components = append(d.Bindings[len(d.Bindings)-1].Components, c.Name)
		s.RemoteSecrets[component.Key{Namespace: c.Namespace, Name: n.Pull.Secret}] = &world.RemoteSecret{
			RemoteSecret: &kube.RemoteSecret{HasData: true}, Slim: true, Owned: component.Mine,
			Record: component.UploadRecord{Fingerprint: world.At(s.Robots, n.Pull.Robot).Fingerprint},
		}
	}
	s.Environments = d.ByNamespace()
	s.Read()
	if n := Plan(s.World).Changes(); n > 0 {
		t.Fatalf("not settled: %d changes", n)
	}
	return s
}

// BenchmarkMakePlanDelivery plans for a settled platform whose Components each run in ten
// namespaces of the cluster.
func BenchmarkMakePlanDelivery(b *testing.B) {
	const environments = 10
	for _, components := range []int{100, 1000} {
		b.Run(fmt.Sprint(components), func(b *testing.B) {
			s := scene.New(b)
			s.Mode = world.Mode{Wanted: true, Environments: true, RemoteSecrets: true}
			s.RemoteSecrets, s.Arrived = map[component.Key]*world.RemoteSecret{}, map[component.Key]world.Arrived{}
			var d world.Deployments
			var targets []kube.RemoteTarget
			var statuses []kube.TargetStatus
			for i := range environments {
				name := fmt.Sprintf("place-%d", i)
				d.Environments = append(d.Environments, scene.Stating(name, name, "", ""))
				d.Bindings = append(d.Bindings, kube.EnvironmentBinding{Namespace: "tenant", Application: "shop", Environment: name})
				targets, statuses = append(targets, scene.Here(name).RemoteTarget), append(statuses, kube.TargetStatus{Namespace: name})
			}
			for i := range components {
				c := scene.Component("tenant", fmt.Sprintf("c%d", i))
				n := s.Settle(c)
				key := component.Key{Namespace: "tenant", Name: n.Pull.Secret}
				s.RemoteSecrets[key] = &world.RemoteSecret{
					RemoteSecret: &kube.RemoteSecret{
						Labels: component.Labels(&c), Secret: n.Pull.Secret, Type: component.SecretType, SecretLabels: component.Labels(&c), Targets: targets, HasData: true, TargetStatuses: statuses,
					},
					Owned: component.Mine, Record: component.UploadRecord{Fingerprint: world.At(s.Robots, n.Pull.Robot).Fingerprint},
				}
				for e := range d.Bindings {
					d.Bindings[e].Components = append(d.Bindings[e].Components, c.Name)
					s.Arrived[component.Key{Namespace: targets[e].Namespace, Name: n.Pull.Secret}] = world.Arrived{Content: world.At(s.Secrets, key).Content, By: key.String()}
				}
			}
			s.Environments = d.ByNamespace()
			s.Environments["tenant"].Authorizing = 1
			if p := Plan(s.World); len(p.Components[0].Actions) > 0 || p.Components[0].Deliveries[environments-1].State != plan.Delivered {
				b.Fatalf("not settled: %+v", p.Components[0])
			}
			b.ReportAllocs()
			for b.Loop() {
				Plan(s.World)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*components), "µs/Component")
		})
	}
}
