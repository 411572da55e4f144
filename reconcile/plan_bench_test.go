package reconcile

import (
	"fmt"
	"testing"

	"berth/kube"
)

// BenchmarkMakePlan plans for a settled platform; what a Component costs must not
// grow with their number.
func BenchmarkMakePlan(b *testing.B) {
	for _, components := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprint(components), func(b *testing.B) {
			s := newScene(b)
			for i := range components {
				s.settle(component("tenant", fmt.Sprintf("c%d", i)))
			}
			b.ReportAllocs()
			for b.Loop() {
				MakePlan(s.World)
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
			s := newScene(b)
			s.Mode = Mode{Wanted: true, Environments: true, RemoteSecrets: true}
			s.RemoteSecrets, s.Arrived = map[Key]RemoteSecret{}, map[Key]Arrived{}
			var d Deployments
			var targets []kube.RemoteTarget
			var statuses []kube.TargetStatus
			for i := range environments {
				name := fmt.Sprintf("place-%d", i)
				d.Environments = append(d.Environments, stating(name, name, "", ""))
				d.Bindings = append(d.Bindings, kube.EnvironmentBinding{Namespace: "tenant", Application: "shop", Environment: name})
				targets, statuses = append(targets, here(name).RemoteTarget), append(statuses, kube.TargetStatus{Namespace: name})
			}
			for i := range components {
				c := component("tenant", fmt.Sprintf("c%d", i))
				n := s.settle(c)
				key := Key{"tenant", n.Pull.Secret}
				s.RemoteSecrets[key] = RemoteSecret{
					RemoteSecret: kube.RemoteSecret{
						Labels: labels(c), Secret: n.Pull.Secret, Type: secretType, SecretLabels: labels(c), Targets: targets, HasData: true, TargetStatuses: statuses,
					},
					Owned: mine, Record: upload{Fingerprint: s.Robots[n.Pull.Robot].Fingerprint},
				}
				for e := range d.Bindings {
					d.Bindings[e].Components = append(d.Bindings[e].Components, c.Name)
					s.Arrived[Key{targets[e].Namespace, n.Pull.Secret}] = Arrived{Content: s.Secrets[key].Content, By: key.String()}
				}
			}
			s.Environments = d.ByNamespace()
			s.Environments["tenant"].Authorizing = 1
			if p := MakePlan(s.World); len(p.Components[0].Actions) > 0 || p.Components[0].Deliveries[environments-1].State != Delivered {
				b.Fatalf("not settled: %+v", p.Components[0])
			}
			b.ReportAllocs()
			for b.Loop() {
				MakePlan(s.World)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*components), "µs/Component")
		})
	}
}
