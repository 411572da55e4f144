package plan_test

import (
	"fmt"
	"testing"

	"berth/reconcile/component"
	"berth/reconcile/decide"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

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
			p := decide.Plan(s.World)
			if len(p.Components) >= 50 {
				t.Fatalf("shard %d has %d Components, and shows nothing", i, len(p.Components))
			}
			v := plan.Guard(s.World, p, usual)
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
