package reconcile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/quay"
)

// foreignTo is a namespace that is not the shard's, ownOf one that is.
func foreignTo(s Shard) string {
	return pick(func(n string) bool { return len(s.Keep([]Key{{Namespace: n}})) == 0 })
}
func ownOf(s Shard) string {
	return pick(func(n string) bool { return len(s.Keep([]Key{{Namespace: n}})) == 1 })
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
	shard := Shard{1, 3}
	s := newScene(t)
	mineIs, theirs := component(ownOf(shard), "api"), component(foreignTo(shard), "api")
	s.settle(mineIs)
	s.add(theirs)
	s.Missing = []Key{{mineIs.Namespace, "typo"}, {theirs.Namespace, "typo"}}
	s.Divide(shard)
	p := MakePlan(s.World)
	if len(p.Components) != 1 || p.Components[0].Key() != keyOf(mineIs) {
		t.Errorf("%d Components are planned", len(p.Components))
	}
	if d := cmp.Diff([]Key{{mineIs.Namespace, "typo"}}, p.Missing); d != "" {
		t.Errorf("missing (-want +got):\n%s", d)
	}
	if len(s.Elsewhere) != 1 || s.Elsewhere[0] != keyOf(theirs) {
		t.Errorf("what is another shard's: %v", s.Elsewhere)
	}
}

// Shard 0 tells of orphans, with everybody's Components in mind.
func TestOrphansAreShardZeros(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		shard Shard
		want  int
	}{{Shard{}, 1}, {Shard{0, 1}, 1}, {Shard{0, 3}, 1}, {Shard{1, 3}, 0}, {Shard{2, 3}, 0}} {
		s := newScene(t)
		for i := range 12 {
			s.settle(component(fmt.Sprintf("tenant-%d", i), "api"))
		}
		gone, err := s.Naming.Names(component("tenant-1", "gone"), "uid")
		if err != nil {
			t.Fatal(err)
		}
		s.Repositories[gone.Repository] = quay.Repository{Name: gone.Repository, Description: gone.Mark}
		s.Divide(test.shard)
		if o := MakePlan(s.World).Orphans; len(o.Robots) > 0 || len(o.Repositories) != test.want {
			t.Errorf("shard %+v: %+v, want %d repositories", test.shard, o, test.want)
		}
	}
}

// A shard without Components is no empty inventory; and its shares are of its own.
func TestTheGuardOfAShard(t *testing.T) {
	t.Parallel()
	shard := Shard{1, 2}
	s := newScene(t)
	for i := range 40 {
		s.settle(component(foreignTo(shard), fmt.Sprintf("c%d", i)))
	}
	s.Divide(shard)
	s.Strays, s.Secrets = len(s.Secrets), nil
	if err := Guard(s.World, MakePlan(s.World), Limits{MaxChangeRatio: 0.3}); err != nil {
		t.Errorf("without own Components: %v", err)
	}
	s = newScene(t)
	for i := range 200 {
		s.settle(component(foreignTo(shard), fmt.Sprintf("c%d", i)))
	}
	for i := range 20 {
		n := s.settle(component(ownOf(shard), fmt.Sprintf("c%d", i)))
		if i < 7 {
			change(s.Secrets, Key{ownOf(shard), n.Push.Secret}, func(x *Secret) { x.Content = content{} })
		}
	}
	s.Divide(shard)
	err := Guard(s.World, MakePlan(s.World), Limits{MaxChangeRatio: 0.3})
	if err == nil || !strings.Contains(err.Error(), "7 of 20") {
		t.Errorf("7 of its 20 Components: %v", err)
	}
}
