package decide

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/world"
	"berth/testdata/scene"
)

// foreignTo is a namespace that is not the shard's, ownOf one that is.
func foreignTo(s world.Shard) string {
	return pick(func(n string) bool { return len(s.Keep([]component.Key{{Namespace: n}})) == 0 })
}

func ownOf(s world.Shard) string {
	return pick(func(n string) bool { return len(s.Keep([]component.Key{{Namespace: n}})) == 1 })
}

func pick(fits func(namespace string) bool) string {
	for i := 0; ; i++ {
		if n := fmt.Sprintf("tenant-%d", i); fits(n) {
			return n
		}
	}
}

func TestAShardLeavesWhatIsOthers(t *testing.T) {
	t.Parallel()
	shard := world.Shard{Index: 1, Count: 3}
	s := scene.New(t)
	mineIs, theirs := scene.Component(ownOf(shard), "api"), scene.Component(foreignTo(shard), "api")
	s.Settle(mineIs)
	s.Add(theirs)
	s.Missing = []component.Key{{Namespace: mineIs.Namespace, Name: "typo"}, {Namespace: theirs.Namespace, Name: "typo"}}
	s.Divide(shard)
	p := Plan(s.World)
	if len(p.Components) != 1 || p.Components[0].Key() != component.KeyOf(&mineIs) {
		t.Errorf("%d Components are planned", len(p.Components))
	}
	if d := cmp.Diff([]component.Key{{Namespace: mineIs.Namespace, Name: "typo"}}, p.Missing); d != "" {
		t.Errorf("missing (-want +got):\n%s", d)
	}
	if len(s.Elsewhere) != 1 || component.KeyOf(&s.Elsewhere[0]) != component.KeyOf(&theirs) {
		t.Errorf("what is another shard's: %v", s.Elsewhere)
	}
}

// Shard 0 tells of orphans, with everybody's Components in mind.
func TestOrphansAreShardZeros(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		shard world.Shard
		want  int
	}{{world.Shard{}, 1}, {world.Shard{Index: 0, Count: 1}, 1}, {world.Shard{Index: 0, Count: 3}, 1}, {world.Shard{Index: 1, Count: 3}, 0}, {world.Shard{Index: 2, Count: 3}, 0}} {
		s := scene.New(t)
		for i := range 12 {
			s.Settle(scene.Component(fmt.Sprintf("tenant-%d", i), "api"))
		}
		gone, err := s.Naming.Names(new(scene.Component("tenant-1", "gone")), "uid")
		if err != nil {
			t.Fatal(err)
		}
		s.Repositories[gone.Repository] = &quay.Repository{Name: gone.Repository, Description: gone.Mark}
		s.Divide(test.shard)
		if o := Plan(s.World).Orphans; len(o.Robots) > 0 || len(o.Repositories) != test.want {
			t.Errorf("shard %+v: %+v, want %d repositories", test.shard, o, test.want)
		}
	}
}
