package plan

import (
	"fmt"
	"testing"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/world"
	"berth/testdata/scene"
)

// BenchmarkMakePlan plans for a settled platform; what a Component costs must not
// grow with their number.
func BenchmarkMakePlan(b *testing.B) {
	for _, components := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprint(components), func(b *testing.B) {
			s := scene.New(b)
			for i := range components {
				s.Settle(scene.Component("tenant", fmt.Sprintf("c%d", i)))
			}
			b.ReportAllocs()
			for b.Loop() {
				Make(s.World)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*components), "µs/Component")
		})
	}
}

// BenchmarkMakePlanDelivery plans for a settled platform whose Components each run in ten
// namespaces of the cluster.
func BenchmarkMakePlanDelivery(b *testing.B) {
	const environments = 10
	for _, components := range []int{100, 1000} {
		b.Run(fmt.Sprint(components), func(b *testing.B) {
			s := scene.New(b)
			s.Mode = world.Mode{Wanted: true, Environments: true, RemoteSecrets: true}
			s.RemoteSecrets, s.Arrived = map[component.Key]world.RemoteSecret{}, map[component.Key]world.Arrived{}
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
				s.RemoteSecrets[key] = world.RemoteSecret{
					RemoteSecret: kube.RemoteSecret{
						Labels: component.Labels(c), Secret: n.Pull.Secret, Type: component.SecretType, SecretLabels: component.Labels(c), Targets: targets, HasData: true, TargetStatuses: statuses,
					},
					Owned: component.Mine, Record: component.UploadRecord{Fingerprint: s.Robots[n.Pull.Robot].Fingerprint},
				}
				for e := range d.Bindings {
					d.Bindings[e].Components = append(d.Bindings[e].Components, c.Name)
					s.Arrived[component.Key{Namespace: targets[e].Namespace, Name: n.Pull.Secret}] = world.Arrived{Content: s.Secrets[key].Content, By: key.String()}
				}
			}
			s.Environments = d.ByNamespace()
			s.Environments["tenant"].Authorizing = 1
			if p := Make(s.World); len(p.Components[0].Actions) > 0 || p.Components[0].Deliveries[environments-1].State != Delivered {
				b.Fatalf("not settled: %+v", p.Components[0])
			}
			b.ReportAllocs()
			for b.Loop() {
				Make(s.World)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*components), "µs/Component")
		})
	}
}
