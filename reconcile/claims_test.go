package reconcile_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"berth/kube/kubetest"
	"berth/reconcile/component"
	"berth/reconcile/report"
	"berth/reconcile/world"
)

// newNeighbours has a Component billing in tenant, whose Environment leads to tenant-stage,
// which is the same team's and may have a Component billing of its own.
func newNeighbours() *env {
	e := newEnv()
	e.deliver()
	e.apply(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: billing, namespace: tenant, uid: uid-1, labels: {team: a}}, spec: {componentName: billing, application: shop}}`)
	e.bind("billing", "stage")
	return e
}

// loginAt is whom the pull Secret of a namespace logs in as.
func (e *env) loginAt(namespace string) string {
	_, login, _ := credentialIn(e.cluster.Object("secrets", namespace, "billing-image-pull"))
	return login
}

var scopes = map[string]world.Scope{
	"everything":           {},
	"one namespace":        {Namespaces: []string{"tenant"}},
	"one Component":        {Only: []component.Key{{Namespace: "tenant", Name: "billing"}}},
	"by a label":           {Selector: "team=a"},
	"one to rotate":        {Only: []component.Key{{Namespace: "tenant", Name: "billing"}}, Rotate: []component.Key{{Namespace: "tenant", Name: "billing"}}},
	"both namespaces":      {Namespaces: []string{"tenant", "tenant-stage"}},
	"the other's alone":    {Namespaces: []string{"tenant-stage"}},
	"one of several":       {Shard: world.Shard{Index: 0, Count: 2}},
	"the other of several": {Shard: world.Shard{Index: 1, Count: 2}},
}

// What a look at everything refuses, no look at less does: a place where another Component
// has a Secret of the name is that Component's.
func TestAPlaceIsTheComponentsThatIsThere(t *testing.T) {
	t.Parallel()
	for why, scope := range scopes {
		for _, made := range []bool{false, true} { // the other has its Secrets already
			t.Run(why, func(t *testing.T) {
				t.Parallel()
				e := newNeighbours()
				e.component("tenant-stage", "billing", "uid-2")
				if made {
					r := e.newRun()
					r.Policy.RemoteSecrets = ""
					told(r)
				}
				before := e.loginAt("tenant-stage")
				r := e.newRun()
				r.Scope = scope
				s, out := told(r)
				e.sync()
				if targets := e.targets("tenant", "billing"); len(targets) > 0 || s.ExitCode() != 0 {
					t.Errorf("exit %d, the targets are %q:\n%s", s.ExitCode(), targets, out)
				}
				if now := e.loginAt("tenant-stage"); made && !strings.HasPrefix(now, before) {
					t.Errorf("its Secret was for %s and is for %s", before, now)
				}
				told(e.newRun())
				e.sync()
				if now := e.loginAt("tenant-stage"); !strings.Contains(now, "tenant_stage_billing") || len(e.targets("tenant", "billing")) > 0 {
					t.Errorf("in the end its Secret is for %s, and the targets are %q", now, e.targets("tenant", "billing"))
				}
				if told := e.annotation("tenant", "billing", component.AnnotationImage); !strings.Contains(told, "rename one of the two, or let this Environment lead elsewhere") {
					t.Errorf("told: %s", told)
				}
			})
		}
	}
}

// A Component that comes later does not push out the Secret that is brought to its
// namespace: it is told a way that helps.
func TestWhoCameFirstKeepsThePlace(t *testing.T) {
	t.Parallel()
	for why, scope := range scopes {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			e := newNeighbours()
			e.deliverOnce(t)
			e.sync()
			first := e.loginAt("tenant-stage")
			e.component("tenant-stage", "billing", "uid-2")
			for range 3 {
				r := e.newRun()
				r.Scope = scope
				_, out := told(r)
				e.sync()
				if now, targets := e.loginAt("tenant-stage"), e.targets("tenant", "billing"); !strings.HasPrefix(now, first) || !slices.Equal(targets, []string{"tenant-stage"}) {
					t.Fatalf("the Secret was for %s and is for %s, the targets are %q:\n%s", first, now, targets, out)
				}
			}
			told(e.newRun())
			const way = "RemoteSecret tenant/billing-image-pull brings it here. Give the Component another name, or let the Environment that leads here lead elsewhere."
			if told := e.annotation("tenant-stage", "billing", component.AnnotationImage); !strings.Contains(told, way) {
				t.Errorf("told: %s", told)
			}

			e.environment("stage", "unstableConfigurationFields: {kubernetesCredentials: {targetNamespace: tenant-extra, apiURL: '', clusterCredentialsSecret: ''}}")
			for range 3 {
				told(e.newRun())
				e.sync()
			}
			e.settled(t)
			if now := e.loginAt("tenant-stage"); !strings.Contains(now, "tenant_stage_billing") {
				t.Errorf("the way out leads nowhere: its Secret is for %q", now)
			}
		})
	}
}

// A target that stands where it should not goes, whatever else is not known: only a place
// that nobody can tell keeps one.
func TestARefusedPlaceLosesItsTarget(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		change func(*env)
		scope  world.Scope
		want   []string
	}{
		{"another Environment is not known", func(e *env) { e.bind("billing", "dangling") }, world.Scope{}, []string{"tenant-stage"}},
		{"and this one neither", func(e *env) { e.bind("billing", "dangling"); e.unbind("billing", "stage") }, world.Scope{}, []string{"tenant-stage"}},
		{"a Component is there, which had its Secret before", func(e *env) {
			e.bind("billing", "dangling")
			e.unbind("billing", "stage")
			e.component("tenant-stage", "billing", "uid-2")
			e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: billing-image-pull, namespace: tenant-stage, ownerReferences: [{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, name: billing, uid: uid-2}]}, type: kubernetes.io/dockerconfigjson}`)
		}, world.Scope{}, nil},
		{"the same in a look at less", func(e *env) {
			e.bind("billing", "dangling")
			e.unbind("billing", "stage")
			e.component("tenant-stage", "billing", "uid-2")
			e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: billing-image-pull, namespace: tenant-stage, ownerReferences: [{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, name: billing, uid: uid-2}]}, type: kubernetes.io/dockerconfigjson}`)
		}, world.Scope{Namespaces: []string{"tenant"}}, nil},
		{"the tenant may not go there any more", func(e *env) {
			e.bind("billing", "dangling")
			e.cluster.Delete("serviceaccounts", "tenant", "deployer")
		}, world.Scope{}, nil},
		{"it was aimed at the platform meanwhile", func(e *env) {
			e.bind("billing", "dangling")
			e.apply(`{apiVersion: appstudio.redhat.com/v1beta1, kind: RemoteSecret, metadata: {name: billing-image-pull, namespace: tenant}, spec: {targets: [{namespace: kube-system}, {namespace: tenant-stage}]}}`)
		}, world.Scope{}, []string{"tenant-stage"}},
		{"nobody may tell whether a Component is there", func(e *env) {
			e.cluster.Inject(kubetest.Fault{Verb: "get", Resource: "components", Namespace: "tenant-stage", Times: -1, Status: http.StatusForbidden})
		}, world.Scope{Namespaces: []string{"tenant"}}, []string{"tenant-stage"}},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newNeighbours()
			e.deliverOnce(t)
			e.sync()
			row.change(e)
			r := e.newRun()
			r.Scope = row.scope
			_, out := told(r)
			if targets := e.targets("tenant", "billing"); !slices.Equal(targets, row.want) {
				t.Errorf("the targets are %q, want %q:\n%s", targets, row.want, out)
			}
		})
	}
}

// A new place is not begun where nobody can tell whose it is.
func TestAnUnclearPlaceIsNotBegun(t *testing.T) {
	t.Parallel()
	e := newNeighbours()
	e.cluster.Inject(kubetest.Fault{Verb: "get", Resource: "components", Namespace: "tenant-stage", Times: -1, Status: http.StatusForbidden})
	r := e.newRun()
	r.Scope.Namespaces = []string{"tenant"}
	s, out := told(r)
	if targets := e.targets("tenant", "billing"); len(targets) > 0 || s.ExitCode() != 0 || !strings.Contains(out, "nobody could tell whether a Component in namespace tenant-stage") {
		t.Errorf("exit %d, the targets are %q:\n%s", s.ExitCode(), targets, out)
	}
}

// The RemoteSecret operator takes over the Component's own Secret where somebody makes
// that a target, by hand or by an address of this cluster. It is taken back before the
// target goes: what the operator manages it deletes.
func TestTheOwnSecretIsTakenBack(t *testing.T) {
	t.Parallel()
	there := func(t *testing.T, e *env, when string) {
		t.Helper()
		if _, token := e.credential("billing-image-pull"); token == "" {
			t.Errorf("%s the pull Secret is away", when)
		}
	}
	t.Run("a target by hand", func(t *testing.T) {
		t.Parallel()
		e := newDelivery()
		e.deliverOnce(t)
		e.sync()
		for range 4 {
			e.apply(`{apiVersion: appstudio.redhat.com/v1beta1, kind: RemoteSecret, metadata: {name: billing-image-pull, namespace: tenant}, spec: {targets: [{namespace: tenant}]}}`)
			e.sync()
			told(e.newRun())
			e.sync()
			there(t, e, "after the target went")
		}
		e.settled(t)
	})
	t.Run("an address of this cluster", func(t *testing.T) {
		t.Parallel()
		e := newDelivery()
		e.delivery.back = true
		e.environment("own", "unstableConfigurationFields: {kubernetesCredentials: {targetNamespace: tenant, apiURL: '"+otherCluster+"', clusterCredentialsSecret: other-cluster}}")
		e.bind("billing", "own")
		for range 3 {
			e.deliverOnce(t)
			e.sync()
			there(t, e, "while it is set up")
		}
		e.settled(t)
		if told := e.annotation("tenant", "billing", component.AnnotationImage); !strings.Contains(told, "Environment own leads to its own namespace by an address of this cluster.") {
			t.Errorf("told: %s", told)
		}
		e.unbind("billing", "own")
		var s report.Summary
		for range 2 {
			s, _ = told(e.newRun())
			e.sync()
			there(t, e, "after the Environment went")
		}
		if s.ExitCode() != 0 {
			t.Errorf("exit %d", s.ExitCode())
		}
		e.settled(t)
	})
}
