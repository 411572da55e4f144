package reconcile_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"berth/quay/quaytest"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/report"
)

// populate adds namespaces with so many Components each.
func (e *env) populate(sizes map[string]int) {
	for namespace, size := range sizes {
		e.namespace(namespace)
		for i := range size {
			name := fmt.Sprintf("c%02d", i)
			e.component(namespace, name, "uid-"+namespace+"-"+name)
		}
	}
}

// A tenant spoils its own Secrets before every run. Where it has few Components they are
// mended, where it has many its namespace waits; its neighbours are served either way, and
// no run is refused.
func TestATenantTripsNoGuard(t *testing.T) {
	t.Parallel()
	for size, held := range map[int]int{7: 0, 30: 1} {
		e := newEnv()
		e.populate(map[string]int{"noisy": size, "shop": 13})
		e.run(t)
		for run := range 4 {
			for i := range size {
				e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: c%02d-image-push, namespace: noisy}, data: {.dockerconfigjson: e30=}}`, i)
			}
			e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: c00-image-pull, namespace: shop}, data: {.dockerconfigjson: e30=}}`)
			name := fmt.Sprintf("new-%d", run)
			e.component("shop", name, "uid-"+name)
			e.resetCalls()
			r := e.do(e.newRun())
			want := report.ComponentCount{Total: size + 14 + run, Changed: 2 + size, UpToDate: 12 + run}
			if held > 0 {
				want.Changed, want.Blocked = 2, size
			}
			if r.ExitCode() != 0 || r.HeldBack != held || r.Components != want {
				t.Errorf("size %d, run %d: exit %d, %d held back, %+v, want %+v:\n%s", size, run, r.ExitCode(), r.HeldBack, r.Components, want, r.text)
			}
			if e.cluster.Object("secrets", "shop", name+"-image-push") == nil {
				t.Errorf("size %d, run %d: the neighbour's new Component is not served", size, run)
			}
			if told := e.annotation("noisy", "c00", component.AnnotationImage); strings.Contains(told, "This namespace is held back") != (held > 0) {
				t.Errorf("size %d, run %d: told %s", size, run, told)
			}
			if told := e.annotation("shop", "c01", component.AnnotationImage); strings.Contains(told, "message") {
				t.Errorf("size %d, run %d: the neighbour is told %s", size, run, told)
			}
			for _, c := range e.cluster.Calls() {
				if held > 0 && run > 0 && c.Namespace == "noisy" && c.Verb != "get" && c.Verb != "list" {
					t.Errorf("size %d, run %d: %+v", size, run, c)
				}
			}
		}
		if held == 0 {
			continue
		}
		for i := range size { // the way out that the tenant has
			e.cluster.Delete("secrets", "noisy", fmt.Sprintf("c%02d-image-push", i))
		}
		e.run(t)
		e.settled(t)
		if told := e.annotation("noisy", "c00", component.AnnotationImage); strings.Contains(told, "message") {
			t.Errorf("still told %s", told)
		}
	}
}

// Secrets that a tenant makes up count for nothing, with whatever label, owner and login.
func TestMadeUpSecretsCountForNothing(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.populate(map[string]int{"noisy": 1, "shop": 2})
	e.run(t)
	for i := range 60 {
		auth := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s+nobody%d:X", org, i))
		e.apply(`{apiVersion: v1, kind: Secret, type: kubernetes.io/dockerconfigjson, metadata: {name: c%d-image-push, namespace: noisy, labels: {app.kubernetes.io/managed-by: berth},
 ownerReferences: [{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, name: c%[1]d, uid: uid-noisy-c%[1]d}]}, stringData: {.dockerconfigjson: '{"auths":{"quay.test/acme/noisy/c%[1]d":{"auth":"%s"}}}'}}`, i, auth)
	}
	e.component("shop", "new", "uid-new")
	if s := e.run(t); s.HeldBack != 0 || e.cluster.Object("secrets", "shop", "new-image-push") == nil {
		t.Errorf("%+v", s.Components)
	}
	for i := range 3 { // and when nobody has a Component any more
		e.cluster.Delete("components", []string{"noisy", "shop", "shop"}[i], []string{"c00", "c00", "c01"}[i])
	}
	e.cluster.Delete("components", "shop", "new")
	e.run(t)
}

// A cluster that shows no Component, while the tokens of their robots stand in Secrets, is
// not one that has none.
func TestComponentsThatAreNotShown(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.populate(map[string]int{"blue": 5, "red": 5})
	e.run(t)
	for i := range 5 {
		e.cluster.Delete("components", "blue", fmt.Sprintf("c%02d", i))
		e.cluster.Delete("components", "red", fmt.Sprintf("c%02d", i))
	}
	if r := e.do(e.newRun()); r.ExitCode() != report.ExitRefused || !strings.Contains(r.text, "the cluster shows no Component, yet Secrets of 20 of their robots stand in it") {
		t.Errorf("exit %d:\n%s", r.ExitCode(), r.text)
	}
}

// With a wrong --cluster-id each repository looks like somebody else's. That is one
// sentence of the guard's, and not a word to the tenants.
func TestTheWrongClusterID(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.populate(map[string]int{"blue": 15, "red": 25})
	e.run(t)
	for range 2 {
		e.resetCalls()
		run := e.newRun()
		run.Naming.Cluster = "another"
		r := e.do(run)
		if r.ExitCode() != report.ExitRefused || e.mutations() != 0 || strings.Count(r.text, "Error:") != 1 ||
			!strings.Contains(r.text, "these repositories are marked by another cluster: is --cluster-id right?") {
			t.Errorf("exit %d, %d writes:\n%s", r.ExitCode(), e.mutations(), r.text)
		}
		if r.Components.Blocked != 40 || r.Components.Failed != 0 {
			t.Errorf("%+v", r.Components)
		}
	}
	e.settled(t)
}

// Every robot was made and no Secret was moved when a run died: the next one ends it all,
// since all of it was asked for.
func TestACrashInTheMiddleOfManyRotations(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.populate(map[string]int{"blue": 30, "red": 30})
	e.run(t)
	before := e.look()
	for _, p := range before.plan.Components {
		m := component.NewMarker(p.Component, component.Stamp(e.clock), component.Revoke, e.clock)
		for _, a := range p.Names.Accounts() {
			e.quay.AddRobot(quaytest.Robot{
				Name: org + "+" + a.At(m.To).Robot, Description: a.Mark, Permissions: map[string]string{org + "/" + p.Names.Repository: string(a.Role)},
			})
		}
		e.apply(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: %s, namespace: %s, annotations: {image.redhat.com/rotation: '%s'}}}`,
			p.Component.Name, p.Component.Namespace, m.Encode())
	}
	all := e.newRun()
	all.Policy.MaxRotations = 60
	if r := e.do(all); r.ExitCode() != 0 || r.HeldBack != 0 || r.Components.Changed != 60 {
		t.Fatalf("exit %d, %+v:\n%s", r.ExitCode(), r.Components, r.text)
	}
	e.settled(t)
}

// A registry that was restored from a backup is still what the guard is for; and no run that
// it refuses tells anybody anything, whatever else there would be to tell.
func TestTheGuardTellsNobody(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.populate(map[string]int{"blue": 30, "red": 30})
	e.run(t)
	for _, p := range e.look().plan.Components {
		e.quay.RegenerateToken(org + "+" + p.Names.Pull.Robot)
	}
	e.component("red", "c00", "uid-red-c00", generate("sideways"))
	e.resetCalls()
	r := e.do(e.newRun())
	if r.ExitCode() != report.ExitRefused || e.mutations() != 0 || strings.Contains(r.json, `\"message\"`) {
		t.Errorf("exit %d, %d writes:\n%s", r.ExitCode(), e.mutations(), r.text)
	}
	forced := e.newRun()
	forced.Limits = plan.Limits{MaxChangeRatio: 0.3, Force: true}
	if r := e.do(forced); r.ExitCode() != 0 || r.Components.Changed != 59 {
		t.Errorf("forced: exit %d, %+v", r.ExitCode(), r.Components)
	}
	e.settled(t)
}
