package reconcile_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"berth/kube"
	"berth/quay/quaytest"
	"berth/reconcile"
	"berth/reconcile/component"
	"berth/reconcile/report"
	"berth/reconcile/world"
)

// shardUser is who a shard is at the cluster.
func shardUser(index int) string { return fmt.Sprintf("shard-%d", index) }

// shardRun is a run that the cluster knows apart from the others'.
func (e *env) shardRun(s world.Shard) *reconcile.Run {
	user := shardUser(s.Index)
	e.cluster.AddUser("token-of-"+user, user, true)
	k, err := kube.New(kube.Options{
		Config: &rest.Config{Host: "https://kube.test", BearerToken: "token-of-" + user, Transport: quaytest.Wire(e.cluster)}, QPS: -1, Backoff: func(int) time.Duration { return 0 },
	})
	if err != nil {
		panic(err)
	}
	r := e.newRun()
	q, _ := endsOf(r)
	rewire(r, q, k)
	r.Scope.Shard, r.Header.Shard = s, s
	r.Naming.Cluster = "twin" // else its random uid is part of every name
	return r
}

// together makes the runs of all shards at once.
func (e *env) together(t *testing.T, count int) []report.Summary {
	t.Helper()
	all := make([]report.Summary, count)
	var runs sync.WaitGroup
	for i := range all {
		r := e.shardRun(world.Shard{Index: i, Count: count})
		runs.Go(func() { all[i] = r.Do(context.Background()) })
	}
	runs.Wait()
	for i, s := range all {
		if s.ExitCode() != 0 {
			t.Fatalf("shard %d exits %d: %v %+v", i, s.ExitCode(), s.Err, s.Failures)
		}
	}
	return all
}

// total adds up the summaries of shards.
func total(all []report.Summary) (changes report.ChangeCount, components report.ComponentCount) {
	for _, s := range all {
		changes.Create += s.Changes.Create
		changes.Update += s.Changes.Update
		changes.Rotate += s.Changes.Rotate
		changes.Delete += s.Changes.Delete
		components.Total += s.Components.Total
		components.Changed += s.Components.Changed
		components.UpToDate += s.Components.UpToDate
		components.Invalid += s.Components.Invalid
	}
	return changes, components
}

// state is everything at both ends that a run may write, sorted; a token counts by
// whether it is its robot's.
func (e *env) state() map[string]string {
	all := map[string]string{}
	snapshot := e.quay.Snapshot()
	for _, r := range snapshot.Repositories {
		all["repository "+r.Name] = marshaled(r)
	}
	for _, r := range snapshot.Robots {
		all["robot "+r.Name] = marshaled(r)
	}
	for kind, path := range map[string]string{"Component": componentsPath, "Secret": secretsPath, "ServiceAccount": serviceAccountsPath} {
		for _, o := range e.listing(path) {
			metadata := o["metadata"].(map[string]any)
			name := fmt.Sprintf("%s %s/%s", kind, metadata["namespace"], metadata["name"])
			for _, key := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"} {
				delete(metadata, key)
			}
			if kind == "Secret" {
				image, login, token := credentialIn(o)
				o["data"] = []any{image, login, token != "" && token == e.quay.RobotToken(login)}
			}
			if links, ok := o["secrets"].([]any); ok { // the order of linking
				slices.SortFunc(links, func(a, b any) int { return strings.Compare(marshaled(a), marshaled(b)) })
			}
			all[name] = marshaled(o)
		}
	}
	return all
}

// drift does to a served world what people do.
func (e *env) drift(served record, components []component.Key) {
	names := map[component.Key]*component.Names{}
	for _, p := range served.plan.Components {
		names[p.Key()] = p.Names
	}
	for i, k := range components[:len(components)/4] {
		n := names[k]
		switch i % 10 {
		case 0:
			e.cluster.Delete("secrets", k.Namespace, n.Push.Secret)
		case 1:
			e.quay.RegenerateToken(org + "+" + n.Pull.Robot)
		case 2:
			e.quay.SetVisibility(org+"/"+n.Repository, true)
		case 3:
			e.quay.SetPermission(org+"/library/tools", org+"+"+n.Pull.Robot, "admin")
		case 4:
			e.cluster.Delete("components", k.Namespace, k.Name)
			e.component(k.Namespace, k.Name, "another-"+k.Name)
		case 5:
			e.component(k.Namespace, k.Name, "uid-"+k.Name, generate(`{"visibility":`))
		case 6:
			e.cluster.Delete("components", k.Namespace, k.Name)
		}
	}
	for _, k := range components[len(components)-5:] { // fewer than --max-rotations
		e.component(k.Namespace, k.Name, "uid-"+k.Name, generate("true"))
	}
}

// writers tells who wrote in each namespace.
func (e *env) writers() map[string][]string {
	all := map[string][]string{}
	for _, c := range e.cluster.Calls() {
		if c.Verb != "get" && c.Verb != "list" && !slices.Contains(all[c.Namespace], c.User) {
			all[c.Namespace] = append(all[c.Namespace], c.User)
		}
	}
	return all
}

// twins are two worlds alike, of which one is served by one run and the other by
// shards.
type twins struct {
	one, many  *env
	shards     int
	components []component.Key
}

func newTwins(tenants, each, shards int) twins {
	w := twins{one: newEnv(), many: newEnv(), shards: shards}
	for i := range tenants * each {
		w.components = append(w.components, component.Key{Namespace: fmt.Sprintf("tenant-%d", i%tenants), Name: fmt.Sprintf("c%d", i)})
	}
	for _, e := range []*env{w.one, w.many} {
		e.quay.AddRepository(quaytest.Repository{Name: org + "/library/tools", Description: "by hand"})
		for i := range tenants {
			e.namespace(fmt.Sprintf("tenant-%d", i))
		}
		for _, k := range w.components {
			e.component(k.Namespace, k.Name, "uid-"+k.Name)
		}
	}
	return w
}

// serve lets both worlds be served and demands that nothing tells them apart.
func (w twins) serve(t *testing.T, when string) {
	t.Helper()
	w.one.resetCalls()
	w.many.resetCalls()
	wantChanges, wantComponents := total(w.one.together(t, 1))
	changes, components := total(w.many.together(t, w.shards))
	if changes != wantChanges || components != wantComponents {
		t.Errorf("%s: shards made %+v for %+v, one run %+v for %+v", when, changes, components, wantChanges, wantComponents)
	}
	if one, many := w.one.quay.Mutations(), w.many.quay.Mutations(); one == 0 || one != many {
		t.Errorf("%s: shards made %d writes at Quay, one run %d", when, many, one)
	}
	if d := cmp.Diff(w.one.state(), w.many.state()); d != "" {
		t.Errorf("%s: (-one run +shards)\n%s", when, d)
	}
	busy := map[string]bool{}
	writers := w.many.writers()
	for namespace, users := range writers {
		busy[users[0]] = true
		if len(users) > 1 {
			t.Errorf("%s: namespace %s was written by %v", when, namespace, users)
		}
	}
	if len(busy) != w.shards {
		t.Errorf("%s: %d shards wrote anything", when, len(busy))
	}
	t.Logf("%s: %d Components, %+v, %d writes at Quay, %d namespaces", when, components.Total, changes, w.many.quay.Mutations(), len(writers))
}

// lookAs makes a dry run of the run.
func (e *env) lookAs(r *reconcile.Run) record {
	r.Header.DryRun = true
	return e.do(r)
}
