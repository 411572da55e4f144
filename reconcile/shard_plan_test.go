package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"berth/kube"
	"berth/quay"
)

// namespaceName is what Kubernetes allows.
const namespaceName = `[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?`

func TestEachNamespaceIsOneShards(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		namespace := rapid.StringMatching(namespaceName).Draw(t, "namespace")
		for count := range 65 {
			owners := 0
			for index := range max(count, 1) {
				if (Shard{index, count}).owns(namespace) {
					owners++
				}
			}
			if owners != 1 {
				t.Fatalf("of %d shards %d own namespace %s", count, owners, namespace)
			}
		}
	})
}

// What has been divided once is divided so by every later version: two versions run
// side by side while one is rolled out.
func TestShardsStay(t *testing.T) {
	t.Parallel()
	for namespace, want := range map[string]int{"acme-tenant": 1, "globex-tenant": 1, "initech-tenant": 3} {
		if !(Shard{want, 4}).owns(namespace) {
			t.Errorf("namespace %s is not shard %d's any more", namespace, want)
		}
	}
}

func TestNamespacesSpreadOverShards(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"tenant-%d", "%d-tenant", "user%d-tenant", "team-%[1]d-%[1]d"} {
		for _, count := range []int{2, 4, 7, 64} {
			own := make([]int, count)
			for i := range 100 * count {
				for index := range own {
					if (Shard{index, count}).owns(fmt.Sprintf(pattern, i)) {
						own[index]++
					}
				}
			}
			if slices.Min(own) < 60 || slices.Max(own) > 140 {
				t.Errorf("%s: %d shards own from %d to %d namespaces, not about 100", pattern, count, slices.Min(own), slices.Max(own))
			}
		}
	}
}

// Components of two namespaces never meet in a name, whatever prefix and layout: so a
// shard sees every collision there is among its own.
func TestNoNameIsTwoNamespaces(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := testNaming()
		n.Layout = rapid.SampledFrom([]Layout{LayoutComponent, LayoutApplication}).Draw(t, "layout")
		n.Prefix = rapid.SampledFrom([]string{"", "a", "a/b", "a/b/c"}).Draw(t, "prefix")
		part := rapid.SampledFrom([]string{"a", "b", "c", "a-b", "b-c", "a--b"})
		draw := func(which string) kube.Component {
			c := component(part.Draw(t, which+" namespace"), part.Draw(t, which+" name"))
			c.Application = part.Draw(t, which+" application")
			return c
		}
		one, other := draw("one"), draw("other")
		first, err := n.names(one, "1")
		if err != nil {
			t.Fatal(err)
		}
		second, err := n.names(other, "2")
		if err != nil {
			t.Fatal(err)
		}
		if first.Repository == second.Repository && one.Namespace != other.Namespace {
			t.Fatalf("%s and %s lead to %s", keyOf(one), keyOf(other), first.Repository)
		}
	})
}

// foreignTo is a namespace that is not the shard's, ownOf one that is.
func foreignTo(s Shard) string { return pick(func(n string) bool { return !s.owns(n) }) }
func ownOf(s Shard) string     { return pick(s.owns) }

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
	s.divide(shard)
	p := MakePlan(s.World)
	if len(p.Components) != 1 || p.Components[0].Key() != keyOf(mineIs) {
		t.Errorf("%d Components are planned", len(p.Components))
	}
	if d := cmp.Diff([]Key{{mineIs.Namespace, "typo"}}, p.Missing); d != "" {
		t.Errorf("missing (-want +got):\n%s", d)
	}
	if n := observed(s.World, 0).Components; n != 2 {
		t.Errorf("%d Components were read, want both", n)
	}
	s.observeRotations(Scope{Shard: shard, Rotate: []Key{keyOf(theirs), {theirs.Namespace, "other"}}}, time.Time{})
	if len(s.Rotate) > 0 || len(s.Missing) != 1 {
		t.Errorf("a rotation that is another shard's: %v, missing %v", s.Rotate, s.Missing)
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
		gone, err := s.Naming.names(component("tenant-1", "gone"), "uid")
		if err != nil {
			t.Fatal(err)
		}
		s.Repositories[gone.Repository] = quay.Repository{Name: gone.Repository, Description: gone.Mark}
		s.divide(test.shard)
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
	s.divide(shard)
	s.Strays, s.Secrets = len(s.Secrets), nil
	if err := guard(s.World, MakePlan(s.World), Limits{MaxChangeRatio: 0.3}); err != nil {
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
	s.divide(shard)
	err := guard(s.World, MakePlan(s.World), Limits{MaxChangeRatio: 0.3})
	if err == nil || !strings.Contains(err.Error(), "7 of 20") {
		t.Errorf("7 of its 20 Components: %v", err)
	}
}
