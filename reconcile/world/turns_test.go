package world

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// However others fill their namespaces, and though nothing that is served ever leaves,
// everything comes within the bound that [InTurns] tells, at whatever pace runs come.
func TestNobodyWaitsForEver(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		sizes  []int // items of each namespace
		served int   // namespaces in a run
	}{
		{"one item each", []int{1, 1, 1, 1, 1, 1, 1, 1}, 1},
		{"as many items as namespaces", []int{2, 2}, 1},
		{"the same, of four", []int{4, 4, 4, 4}, 1},
		{"a power of two each", []int{8, 4, 2, 1}, 1},
		{"one namespace is full", []int{40, 1, 1, 1, 1}, 2},
		{"everybody is served", []int{20, 10, 1}, 3},
		{"alone", []int{16}, 1},
	} {
		var items []string
		bound := map[string]int{} // of runs, by item
		for n, size := range row.sizes {
			for i := range size {
				items = append(items, fmt.Sprintf("n%d/%d", n, i))
			}
		}
		namespace := func(item string) string { name, _, _ := strings.Cut(item, "/"); return name }
		last := 0
		for _, item := range items {
			var n int
			if _, err := fmt.Sscanf(item, "n%d/", &n); err != nil {
				t.Fatal(err)
			}
			bound[item] = int(math.Ceil(math.Log(1e6*float64(len(items))) * float64(row.sizes[n]*len(row.sizes)) / float64(row.served)))
			last = max(last, bound[item])
		}
		for _, pace := range []time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour, 24 * time.Hour} {
			first := map[string]int{}
			at := time.Date(2026, 3, 16, 12, 0, 0, 0, time.UTC)
			for run := 1; run <= last && len(first) < len(items); run++ {
				for _, item := range InTurns(items, TurnOf(at), namespace)[:row.served] {
					if first[item] == 0 {
						first[item] = run
					}
				}
				at = at.Add(pace)
			}
			for _, item := range items {
				if first[item] == 0 || first[item] > bound[item] {
					t.Errorf("%s: item %s is first served by run %d (0: none), one every %s, want %d at most", row.why, item, first[item], pace, bound[item])
				}
			}
		}
	}
}
