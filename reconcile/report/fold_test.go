package report

import (
	"fmt"
	"testing"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/decide"
	"berth/testdata/scene"
)

// What is folded is alike in all but names: anything else is shown.
func TestOnlyWhatIsAlikeIsFolded(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		change func(s *scene.Scene, i int, c *kube.Component, n component.Names)
		blocks int
	}{
		{"all alike", func(*scene.Scene, int, *kube.Component, component.Names) {}, 1},
		{"one rotates, too", func(_ *scene.Scene, i int, c *kube.Component, _ component.Names) {
			if i == 7 {
				c.Annotations[component.AnnotationGenerate] = component.RotateRequest
			}
		}, 2},
		{"three lose another role", func(s *scene.Scene, i int, _ *kube.Component, n component.Names) {
			if i < 3 {
				s.Roles[n.Repository][n.Pull.Robot] = quay.Write
			}
		}, 4},
		{"each is on a repository of its own", func(s *scene.Scene, i int, _ *kube.Component, n component.Names) {
			other := fmt.Sprintf("shared/%d", i)
			s.Repositories[other] = &quay.Repository{Name: other}
			s.Robot(n.Push, n.Repository, other)
		}, 10},
	} {
		s := scene.New(t)
		s.Policy.MaxRotations = 50
		for i := range 10 {
			n := s.Settle(scene.Component("tenant", fmt.Sprintf("c%d", i)))
			s.Roles[n.Repository][n.Pull.Robot] = quay.Admin
			row.change(s, i, &s.Components[i], n)
		}
		p := decide.Plan(s.World)
		shown, told := Blocks(p, Planned, true), 0
		for _, b := range shown {
			told += 1 + b.Alike
		}
		if len(shown) != row.blocks || told != 10 || len(Blocks(p, Planned, false)) != 10 {
			t.Errorf("%s: %d blocks that tell of %d Components, %d unfolded", row.why, len(shown), told, len(Blocks(p, Planned, false)))
		}
	}
}

func TestWordsAndNumbers(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 55000: "55,000", 1234567: "1,234,567"} {
		if got := Count(n); got != want {
			t.Errorf("%d is %q", n, got)
		}
	}
	for n, want := range map[int]string{0: "0 robots", 1: "1 robot", 2: "2 robots"} {
		if got := Plural(n, "robot", "robots"); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}
