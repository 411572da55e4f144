package reconcile_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"berth/reconcile/decide"
	"berth/reconcile/observe"
	"berth/reconcile/world"
)

// burden is what one tenant can write as much of as it likes.
type burden struct {
	why   string
	n     int
	write func(e *env, n int)
	scope world.Scope
	calls int // at most, of a whole run over twice as much, beyond what its neighbours take
	kept  int // bytes at most of a World with twice as much in it, beyond the same
}

// document is JSON, which is YAML.
func document(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

type object = map[string]any

func many(n int, one func(i int) any) []any {
	all := make([]any, n)
	for i := range all {
		all[i] = one(i)
	}
	return all
}

func (e *env) write(objects ...object) {
	var documents []string
	for _, o := range objects {
		documents = append(documents, document(o))
	}
	e.cluster.Apply([]byte(strings.Join(documents, "\n---\n")))
}

func (e *env) all(n int, one func(i int) object) {
	for i := range n {
		e.write(one(i))
	}
}

const mib = 1 << 20

var burdens = []burden{
	{
		why: "targets in a RemoteSecret, and statuses", n: 3000, calls: 1, kept: mib / 8,
		write: func(e *env, n int) {
			e.all(1, func(int) object {
				target := func(i int) any {
					return object{"namespace": fmt.Sprint("n", i), "apiUrl": "https://api.example", "clusterCredentialsSecret": "c"}
				}
				status := func(i int) any {
					return object{"namespace": fmt.Sprint("n", i), "apiUrl": "https://api.example", "error": "no", "secretName": ""}
				}
				return object{
					"apiVersion": "appstudio.redhat.com/v1beta1", "kind": "RemoteSecret",
					"metadata": object{"name": "victim-image-pull", "namespace": "hostile", "labels": object{"app.kubernetes.io/managed-by": "berth"}, "ownerReferences": []any{object{"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Component", "name": "victim", "uid": "uid-victim"}}},
					"spec":     object{"secret": object{}, "targets": many(n, target)},
					"status":   object{"targets": many(n, status)},
				}
			})
		},
	},
	{
		why: "RemoteSecrets without a Component", n: 500, calls: 3, kept: mib / 4,
		write: func(e *env, n int) {
			e.all(n, func(i int) object {
				return object{
					"apiVersion": "appstudio.redhat.com/v1beta1", "kind": "RemoteSecret", "metadata": object{"name": fmt.Sprint("x", i, "-image-pull"), "namespace": "hostile"},
					"spec": object{"secret": object{}, "targets": many(20, func(i int) any { return object{"namespace": fmt.Sprint("n", i)} })},
				}
			})
		},
	},
	{
		why: "Secrets with our label, whole", n: 8, calls: 0, kept: mib / 4,
		write: func(e *env, n int) {
			e.all(n, func(i int) object {
				return object{
					"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
					"metadata":   object{"name": fmt.Sprint("stray-", i), "namespace": "hostile", "labels": object{"app.kubernetes.io/managed-by": "berth"}},
					"stringData": object{".dockerconfigjson": `{"auths":{"` + strings.Repeat("x", 900<<10) + `":{}}}`},
				}
			})
		},
	},
	{
		why: "annotations under our prefix, labels, owners", n: 300, calls: 0, kept: mib / 4,
		write: func(e *env, n int) {
			annotations, labels := object{}, object{}
			for i := range n {
				annotations[fmt.Sprint("image.redhat.com/more-", i)] = strings.Repeat("x", 400)
				labels[fmt.Sprint("appstudio.redhat.com/more-", i)] = strings.Repeat("x", 60)
			}
			owners := many(n, func(i int) any {
				return object{"apiVersion": "v1", "kind": "Component", "name": fmt.Sprint("o", i), "uid": fmt.Sprint("u", i)}
			})
			e.all(1, func(int) object {
				return object{"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Component", "metadata": object{"name": "victim", "namespace": "hostile", "annotations": annotations, "labels": labels, "ownerReferences": owners}}
			})
		},
	},
	{
		why: "Environments, and bindings to them", n: 400, calls: 4, kept: mib,
		write: func(e *env, n int) {
			e.all(n, func(i int) object {
				return object{
					"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Environment", "metadata": object{"name": fmt.Sprint("e", i), "namespace": "hostile"},
					"spec": object{"unstableConfigurationFields": object{"kubernetesCredentials": object{"targetNamespace": fmt.Sprint("n", i), "apiURL": "https://api.example", "clusterCredentialsSecret": "c"}}},
				}
			})
			e.all(n, func(i int) object {
				return object{
					"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "SnapshotEnvironmentBinding", "metadata": object{"name": fmt.Sprint("b", i), "namespace": "hostile"},
					"spec": object{"application": "shop", "environment": fmt.Sprint("e", i), "components": many(10, func(i int) any { return object{"name": []string{"victim", fmt.Sprint("x", i)}[min(i, 1)]} })},
				}
			})
		},
	},
	{
		why: "upload Secrets of one Component", n: 300, calls: 2, kept: mib,
		write: func(e *env, n int) {
			e.all(n, func(i int) object {
				return object{
					"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
					"metadata": object{
						"name": fmt.Sprint("upload-", i), "namespace": "hostile", "labels": object{"app.kubernetes.io/managed-by": "berth", "appstudio.redhat.com/upload-secret": "remotesecret"},
						"annotations":     object{"appstudio.redhat.com/remotesecret-name": "victim-image-pull"},
						"ownerReferences": []any{object{"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Component", "name": "victim", "uid": "uid-victim"}},
					},
					"stringData": object{".dockerconfigjson": "{}"},
				}
			})
		},
	},
	{
		why: "requests for new credentials", n: 150, calls: 50 + 10, kept: 4 * mib, // as many as can be rotated, and the audit's
		write: func(e *env, n int) {
			for i := range n {
				e.component("hostile", fmt.Sprint("r", i), fmt.Sprint("uid-r", i))
			}
			told(e.newRun())
			for i := range n {
				e.component("hostile", fmt.Sprint("r", i), fmt.Sprint("uid-r", i), `image.redhat.com/generate: "true"`)
			}
		},
	},
	{
		why: "places in other namespaces that are to be looked at", n: 150, calls: 2 * 200, kept: mib, scope: world.Scope{Namespaces: []string{"hostile", "honest"}},
		write: func(e *env, n int) {
			e.apply(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: deployer, namespace: hostile, labels: {appstudio.redhat.com/remotesecret-auth-sa: "true"}}}`)
			e.all(n, func(i int) object {
				return object{
					"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Environment", "metadata": object{"name": fmt.Sprint("e", i), "namespace": "hostile"},
					"spec": object{"unstableConfigurationFields": object{"kubernetesCredentials": object{"targetNamespace": fmt.Sprint("n", i)}}},
				}
			})
			e.all(n, func(i int) object {
				return object{
					"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "SnapshotEnvironmentBinding", "metadata": object{"name": fmt.Sprint("b", i), "namespace": "hostile"},
					"spec": object{"application": "shop", "environment": fmt.Sprint("e", i), "components": []any{object{"name": "victim"}}},
				}
			})
		},
	},
	{
		why: "DeploymentTargets for one claim", n: 500, calls: 3, kept: 2 * mib,
		write: func(e *env, n int) {
			e.all(n, func(i int) object {
				return object{
					"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "DeploymentTarget", "metadata": object{"name": fmt.Sprint("t", i), "namespace": "hostile"},
					"spec": object{"claimRef": "c", "kubernetesCredentials": object{"defaultNamespace": "n", "apiURL": "https://api.example/" + strings.Repeat("x", 1000), "clusterCredentialsSecret": "c"}},
				}
			})
		},
	},
}

// effort is what a whole run took, until its first write.
type effort struct {
	calls  int
	allocs int // how often memory was asked for, the simulators' part included
	kept   int // bytes that the World holds
	world  world.World
}

func (b burden) measure(t *testing.T, n int) (m effort) {
	t.Helper()
	e := newEnv()
	e.deliver()
	for _, namespace := range []string{"honest", "hostile"} {
		e.namespace(namespace)
		for i := range 3 {
			e.component(namespace, fmt.Sprint("c", i), fmt.Sprint("uid-", namespace, i))
		}
	}
	e.component("hostile", "victim", "uid-victim")
	e.run(t)
	if n > 0 {
		b.write(e, n)
	}
	e.cluster.Delete("secrets", "honest", "c1-image-push")
	r := e.newRun()
	r.Scope, r.Header.DryRun = b.scope, true
	e.resetCalls()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run := e.do(r)
	runtime.ReadMemStats(&after)
	m.calls, m.allocs = e.quay.Total()+e.cluster.Count("", ""), int(after.Mallocs-before.Mallocs)
	if run.Changes.Create == 0 {
		t.Errorf("%s: the neighbours are not served: exit %d", b.why, run.ExitCode())
	}

	heap := func(m *runtime.MemStats) {
		e.resetCalls()
		runtime.GC()
		runtime.GC() // what pools keep goes with the second
		runtime.ReadMemStats(m)
	}
	heap(&before)
	w, err := observe.World(t.Context(), r.Read, r.Naming, r.Policy, r.Scope, e.now(), time.Time{})
	if err != nil {
		t.Fatalf("%s: %v", b.why, err)
	}
	heap(&after)
	m.kept, m.world = int(after.HeapAlloc)-int(before.HeapAlloc), w
	runtime.KeepAlive(e)
	return m
}

// However much one tenant writes: what a run asks for and keeps is bounded, and what it
// works grows no faster than what was written.
//
//nolint:paralleltest // memory is everybody's
func TestWhatATenantWritesIsBounded(t *testing.T) {
	base := map[bool]effort{false: burdens[0].measure(t, 0), true: burden{scope: world.Scope{Namespaces: []string{"hostile", "honest"}}}.measure(t, 0)}
	for _, b := range burdens {
		t.Run(b.why, func(t *testing.T) {
			b.n = some(t, b.n, max(b.n/20, 2))
			none, once, twice := base[len(b.scope.Namespaces) > 0], b.measure(t, b.n), b.measure(t, 2*b.n)
			t.Logf("%d: %d calls more, %d times memory; %d: %d calls, %d times, %d KiB kept", b.n, once.calls-none.calls, once.allocs-none.allocs,
				2*b.n, twice.calls-none.calls, twice.allocs-none.allocs, (twice.kept-none.kept)>>10)
			if more := twice.calls - none.calls; more > b.calls {
				t.Errorf("%d calls more, want at most %d", more, b.calls)
			}
			if kept := twice.kept - none.kept; kept > b.kept {
				t.Errorf("%d KiB are kept, want at most %d", kept>>10, b.kept>>10)
			}
			const slack, log = 20_000, 0.3
			if first, second := once.allocs-none.allocs, twice.allocs-once.allocs; float64(second) > float64(max(first, 0))*(1+log)+slack {
				t.Errorf("the first %d take memory %d times, the next %d times", b.n, first, second)
			}
			p := decide.Plan(twice.world)
			for _, c := range p.Components {
				if len(c.Actions) > 30 || len(c.Deliveries) > 200 || len(c.Warnings) > 10 {
					t.Errorf("the plan of %s has %d actions, %d deliveries, %d warnings", c.Key(), len(c.Actions), len(c.Deliveries), len(c.Warnings))
				}
			}
		})
	}
}
