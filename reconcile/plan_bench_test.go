package reconcile

import (
	"fmt"
	"testing"
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
