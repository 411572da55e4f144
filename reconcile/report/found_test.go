package report

import (
	"testing"

	"berth/reconcile/decide"
	"berth/testdata/scene"
)

// The state that is told is the heading that is counted.
func TestStateIsTheHeading(t *testing.T) {
	t.Parallel()
	p := decide.Plan(scene.Asked(t))
	var s Summary
	s.Count(p, nil)
	n := map[string]int{}
	for _, c := range p.Components {
		n[state(c)]++
	}
	c := s.Components
	for name, want := range map[string]int{"up to date": c.UpToDate, "changes": c.Changed, "skipped": c.Skipped, "invalid": c.Invalid, "blocked": c.Blocked, "failed": c.Failed, "waits": c.Deferred} {
		if n[name] != want {
			t.Errorf("%d are %s, %d are counted so", n[name], name, want)
		}
	}
}
