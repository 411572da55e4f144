package deploy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"berth/deploy"
	"berth/deploy/deploytest"
)

// Each shard says which it is, holds a lock of its own, and serves its own.
func TestShardsOfAPlatform(t *testing.T) {
	t.Parallel()
	const tenants = 8
	p := newPlatformWith(t, []byte(strings.ReplaceAll(string(deploy.Roles()), "[berth]", "[berth-0, berth-1]")))
	for i := range tenants {
		namespace := fmt.Sprintf("tenant-%d", i)
		p.cluster.Apply(fmt.Appendf(nil, `
{apiVersion: v1, kind: Namespace, metadata: {name: %[1]s}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: appstudio-pipeline, namespace: %[1]s}}
`, namespace))
		p.cluster.Apply(deploytest.Component(namespace, "cart", ""))
	}
	p.env["BERTH_LOCK_NAMESPACE"], p.env["BERTH_SHARD_COUNT"] = "berth", "2"
	served := 0
	for index := range 2 {
		p.env["JOB_COMPLETION_INDEX"] = strconv.Itoa(index)
		all := strings.Split(strings.TrimSpace(p.run(t, "-o", "json").must(t, 0).stdout), "\n")
		var first struct{ Shard, Lock string }
		var last struct{ Components struct{ Changed int } }
		if err := errors.Join(json.Unmarshal([]byte(all[0]), &first), json.Unmarshal([]byte(all[len(all)-1]), &last)); err != nil {
			t.Fatal(err)
		}
		if first.Shard != fmt.Sprintf("%d/2", index) || first.Lock != fmt.Sprintf("berth/berth-%d", index) {
			t.Errorf("the first line of shard %d is of shard %s and its lock %s", index, first.Shard, first.Lock)
		}
		if last.Components.Changed == 0 {
			t.Errorf("shard %d served nobody", index)
		}
		served += last.Components.Changed
		if p.cluster.Object("leases", "berth", fmt.Sprintf("berth-%d", index)) == nil {
			t.Errorf("shard %d had no lock", index)
		}
	}
	if served != tenants {
		t.Errorf("%d Components were served, want %d", served, tenants)
	}
	p.quay.ResetCalls()
	delete(p.env, "JOB_COMPLETION_INDEX")
	if r := p.run(t, "--shard-index=1").must(t, 0); !strings.Contains(r.stdout, "/acme-workloads   shard 1/2\n") {
		t.Errorf("the header does not say which shard it is:\n%s", r.stdout)
	}
	if n := p.quay.Mutations(); n > 0 {
		t.Errorf("a settled shard makes %d writes at Quay", n)
	}
	p.run(t, "--shard-count=1", "--dry-run", "--detailed-exitcode").must(t, 0)
}
