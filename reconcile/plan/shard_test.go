package plan

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
	p := Make(s.World)
	if len(p.Components) != 1 || p.Components[0].Key() != component.KeyOf(mineIs) {
		t.Errorf("%d Components are planned", len(p.Components))
	}
	if d := cmp.Diff([]component.Key{{Namespace: mineIs.Namespace, Name: "typo"}}, p.Missing); d != "" {
		t.Errorf("missing (-want +got):\n%s", d)
	}
	if len(s.Elsewhere) != 1 || component.KeyOf(s.Elsewhere[0]) != component.KeyOf(theirs) {
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
		gone, err := s.Naming.Names(scene.Component("tenant-1", "gone"), "uid")
		if err != nil {
			t.Fatal(err)
		}
		s.Repositories[gone.Repository] = quay.Repository{Name: gone.Repository, Description: gone.Mark}
		s.Divide(test.shard)
		if o := Make(s.World).Orphans; len(o.Robots) > 0 || len(o.Repositories) != test.want {
			t.Errorf("shard %+v: %+v, want %d repositories", test.shard, o, test.want)
		}
	}
}

// Shares are of all that the shards together have: what is wide is so for each of them,
// however few its own Components are, and what is one namespace's is held back by the one
// that has it.
func TestTheGuardOfAShard(t *testing.T) {
	t.Parallel()
	const shards = 8
	sizes := map[string]int{"noisy": 30}
	for i := range 40 {
		sizes[fmt.Sprintf("tenant-%d", i)] = 3
	}
	for _, row := range []struct {
		why     string
		edit    func(town)
		refused int // shards
		held    int // namespaces of all shards
	}{
		{"settled", func(town) {}, 0, 0},
		{"a registry restored from a backup", town.restoreTokens, shards, 0},
		{"lost bindings", func(s town) { s.unbind() }, shards, 0},
		{"another cluster's id", func(s town) { s.Naming.Cluster = "cluster-2" }, shards, 0},
		{"one tenant's Secrets", func(s town) { s.editSecrets("noisy", everyone) }, 0, 1},
	} {
		refused, held := 0, 0
		for i := range shards {
			s := newTown(t, sizes)
			row.edit(s)
			shard := world.Shard{Index: i, Count: shards}
			s.Divide(shard)
			p := Make(s.World)
			if len(p.Components) >= guardFloor+30 {
				t.Fatalf("shard %d has %d Components, and shows nothing", i, len(p.Components))
			}
			v := Guard(s.World, p, usual)
			if v.Refused != nil {
				refused++
			}
			for _, h := range v.Held {
				held++
				if len(shard.Keep([]component.Key{{Namespace: h.Namespace}})) == 0 {
					t.Errorf("%s: shard %d holds back %s, which is another's", row.why, i, h.Namespace)
				}
			}
		}
		if refused != row.refused || held != row.held {
			t.Errorf("%s: %d shards refuse, %d namespaces are held back", row.why, refused, held)
		}
	}
}
