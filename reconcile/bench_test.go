package reconcile_test

import (
	"fmt"
	"testing"

	"berth/reconcile/report"
)

// BenchmarkSettledRun is a whole run over a settled platform, ends included: most
// of it is the simulators' and the clients' JSON.
func BenchmarkSettledRun(b *testing.B) {
	for _, components := range []int{100, 1000} {
		b.Run(fmt.Sprint(components), func(b *testing.B) {
			e := newEnv()
			for i := range components {
				e.component("tenant", fmt.Sprintf("c%d", i), fmt.Sprintf("uid-%d", i))
			}
			e.run(b)
			b.ReportAllocs()
			for b.Loop() {
				if s := e.newRun().Do(b.Context()); s.Changes != (report.ChangeCount{}) {
					b.Fatalf("not settled: %+v", s.Changes)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*components), "µs/Component")
		})
	}
}
