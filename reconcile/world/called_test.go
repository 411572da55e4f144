package world_test

import (
	"testing"

	"berth/kube"
	"berth/reconcile/component"
	"berth/testdata/scene"
)

func TestWhatIsNamedIsCalledByItsPlace(t *testing.T) {
	t.Parallel()
	s := scene.New(t)
	for _, name := range []string{"api", "web"} {
		s.Add(scene.Component("tenant", name))
	}
	s.Elsewhere = []kube.Component{scene.Component("tenant", "other")}
	s.NameComponents()
	i := 0
	for c := range s.All() {
		if got := s.CallNext(i, c); got != s.Called(component.KeyOf(c)) || got.Component != c {
			t.Errorf("%d: %s is not what was named", i, c.Name)
		}
		i++
	}
	moved := s.Components[1]
	for _, at := range []int{0, 1, 2, 3} {
		if got := s.CallNext(at, &moved); got.Component.Name != "web" || got.Repository != "tenant/web" {
			t.Errorf("web, asked for at %d, is called %s", at, got.Repository)
		}
	}
}
