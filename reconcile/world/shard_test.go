package world

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
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
