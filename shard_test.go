package main

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"berth/deploy"
	"berth/deploy/deploytest"
	"berth/quay"
)

func TestTheIndexOfAShard(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason string
		env    map[string]string
		args   []string
		index  int
		blamed string // "": all is well
	}{
		{"of one", nil, nil, 0, ""},
		{"the Job's", map[string]string{"JOB_COMPLETION_INDEX": "3", "BERTH_SHARD_COUNT": "4"}, nil, 3, ""},
		{"the variable beats the Job", map[string]string{"JOB_COMPLETION_INDEX": "3", "BERTH_SHARD_COUNT": "4", "BERTH_SHARD_INDEX": "1"}, nil, 1, ""},
		{"the flag beats both", map[string]string{"JOB_COMPLETION_INDEX": "3", "BERTH_SHARD_INDEX": "1"}, []string{"--shard-count=4", "--shard-index=2"}, 2, ""},
		{"an empty one is none", map[string]string{"JOB_COMPLETION_INDEX": "", "BERTH_SHARD_INDEX": ""}, nil, 0, ""},
		{"more pods than shards", map[string]string{"JOB_COMPLETION_INDEX": "4", "BERTH_SHARD_COUNT": "4"}, nil, 0, "JOB_COMPLETION_INDEX"},
		{"pods without a count would all do everything", map[string]string{"JOB_COMPLETION_INDEX": "1"}, nil, 0, "JOB_COMPLETION_INDEX"},
		{"no number", map[string]string{"JOB_COMPLETION_INDEX": canary}, nil, 0, "JOB_COMPLETION_INDEX"},
		{"a variable", map[string]string{"BERTH_SHARD_INDEX": "2", "BERTH_SHARD_COUNT": "2"}, nil, 0, "BERTH_SHARD_INDEX"},
		{"a flag", map[string]string{"JOB_COMPLETION_INDEX": "0"}, []string{"--shard-count=2", "--shard-index=2"}, 0, "--shard-index"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			s, wrong := load(t, test.env, test.args...)
			if test.blamed != "" {
				if len(wrong) != 1 || wrong[0].name != test.blamed || strings.Contains(wrong.Error(), "CANARY") {
					t.Errorf("found %v, want a problem with %s", wrong, test.blamed)
				}
				return
			}
			if len(wrong) > 0 || s.ShardIndex != test.index {
				t.Errorf("index %d (%v), want %d", s.ShardIndex, wrong, test.index)
			}
		})
	}
}

// Shards share what is limited for all of them, and none is left with nothing.
func TestShardsShare(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ n, count, want int }{
		{50, 1, 50},
		{50, 4, 13},
		{10, 4, 3},
		{1, 64, 1},
		{0, 4, 0},
		{64, 64, 1},
	} {
		if got := (settings{ShardCount: test.count}).share(test.n); got != test.want {
			t.Errorf("of %d each of %d has %d, want %d", test.n, test.count, got, test.want)
		}
	}
}

// Four shards ask Quay as often as one run: each has a quarter of the limit.
func TestShardsDivideTheLimit(t *testing.T) {
	t.Parallel()
	const burst, perSecond = 4, 4
	for count, want := range map[int]time.Duration{
		1: 0,
		2: time.Second,     // 2 at once, 2 more at 2 a second
		4: 3 * time.Second, // 1 at once, 3 more at 1 a second
	} {
		synctest.Test(t, func(t *testing.T) {
			st := newStage()
			s := settings{QuayURL: "https://quay.example.com", QuayOrg: demoOrg, QuayQPS: perSecond, QuayBurst: burst, ShardCount: count, KubeQPS: 1, KubeBurst: 1}
			s.token = func() (quay.Token, error) { return quay.NewToken(demoToken), nil }
			e, err := connect(s, st.dial, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			for range 4 {
				if _, err := e.quay.GetOrganization(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if got := time.Since(start).Round(time.Millisecond); got != want {
				t.Errorf("one of %d shards waits %s, want %s", count, got, want)
			}
		})
	}
}

// Each shard says which it is, holds a lock of its own, and serves its own.
func TestShardsOfAPlatform(t *testing.T) {
	t.Parallel()
	const tenants = 8
	p := newPlatformWith(t, []byte(strings.ReplaceAll(string(deploy.Roles()), "[berth]", "[berth-0, berth-1]")), nil)
	for i := range tenants {
		namespace := fmt.Sprintf("tenant-%d", i)
		p.cluster.Apply(fmt.Appendf(nil, `
{apiVersion: v1, kind: Namespace, metadata: {name: %[1]s}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: appstudio-pipeline, namespace: %[1]s}}
`, namespace))
		p.cluster.Apply(deploytest.Component(namespace, "cart", ""))
	}
	p.env["BERTH_LOCK_NAMESPACE"], p.env["BERTH_SHARD_COUNT"] = leaseNamespace, "2"
	served := 0
	for index := range 2 {
		r := p.run(t, fmt.Sprintf("JOB_COMPLETION_INDEX=%d", index), "-o", "json").must(t, 0)
		all := lines(t, r.stdout)
		if want := fmt.Sprintf("%d/2", index); all[0]["shard"] != want || all[0]["lock"] != fmt.Sprintf("berth/berth-%d", index) {
			t.Errorf("the first line is %v, want shard %s and its lock", all[0], want)
		}
		components, _ := all[len(all)-1]["components"].(map[string]any)
		changed, _ := components["changed"].(float64)
		if changed == 0 {
			t.Errorf("shard %d served nobody", index)
		}
		served += int(changed)
		if p.cluster.Object("leases", leaseNamespace, fmt.Sprintf("berth-%d", index)) == nil {
			t.Errorf("shard %d had no lock", index)
		}
	}
	if served != tenants {
		t.Errorf("%d Components were served, want %d", served, tenants)
	}
	p.forgetCalls()
	if r := p.run(t, "--shard-index=1").must(t, 0); !strings.Contains(r.stdout, "/acme-workloads   shard 1/2\n") {
		t.Errorf("the header does not say which shard it is:\n%s", r.stdout)
	}
	if n := p.quay.Mutations(); n > 0 {
		t.Errorf("a settled shard makes %d writes at Quay", n)
	}
	p.run(t, "BERTH_SHARD_COUNT=1", "--dry-run", "--detailed-exitcode").must(t, 0)
}
