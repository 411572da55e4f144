package reconcile_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"berth/kube"
	"berth/reconcile/world"
)

// The same on a real API server, which takes of all that is written what it takes: lists of
// true size and pages, null where it says null, and its own limits.
func TestTheWorstNeighbourOnARealServer(t *testing.T) {
	t.Parallel()
	const honest, runs = 5, 3
	r := newRealCluster(t)
	tenant := func(namespace string, names ...string) {
		r.apply(t, fmt.Sprintf(`{apiVersion: v1, kind: Namespace, metadata: {name: %[1]s}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: appstudio-pipeline, namespace: %[1]s}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: deployer, namespace: %[1]s, labels: {appstudio.redhat.com/remotesecret-auth-sa: "true"}}}`, namespace))
		for _, name := range names {
			r.apply(t, fmt.Sprintf(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: %s, namespace: %s}, spec: {componentName: %[1]s, application: shop}}`, name, namespace))
		}
	}
	tenant("hostile", "h0", "h1", "h2", "h3", "h5", "h6", "h7", "h8", "api")
	for i := range honest {
		tenant(fmt.Sprintf("honest-%02d", i), "api")
	}
	pass := func(when string) {
		r.env.clock = r.env.clock.Add(15 * time.Minute)
		q, _ := r.clients(direct)
		run := newRun(q, r.client(t, direct), r.now)
		run.Policy.RemoteSecrets, run.Policy.PullServiceAccounts = world.RemoteSecretsAuto, []string{"default"}
		if record := r.env.do(run); record.ExitCode() != 0 {
			t.Fatalf("%s: exit %d, %v\n%.3000s", when, record.ExitCode(), record.Failures, record.text)
		}
	}
	pass("before anything")
	taken, dropped := 0, 0
	for run := range runs {
		for _, a := range hostileActs {
			if a.objects == nil {
				continue
			}
			for _, o := range a.objects(run) {
				delete(o["metadata"].(object), "uid") // it gives its own
				if _, err := r.cp.Apply(t.Context(), []byte(document(o))); err != nil {
					dropped++ // what the API server refuses nobody can do
					continue
				}
				taken++
			}
		}
		pass(fmt.Sprint("run ", run))
	}
	served := 0
	for i := range honest {
		namespace := fmt.Sprintf("honest-%02d", i)
		c, err := r.admin.Component(t.Context(), kube.AppStudio, namespace, "api")
		if err != nil {
			t.Fatal(err)
		}
		well := c.Announced != ""
		for _, use := range []string{"push", "pull"} {
			s, err := r.admin.Secret(t.Context(), namespace, "api-image-"+use)
			if err != nil {
				t.Fatal(err)
			}
			_, login, token := credentialOf(s.DockerConfigJSON())
			well = well && token != "" && token == r.quay.RobotToken(login)
		}
		if well {
			served++
		}
	}
	fmt.Fprintf(t.Output(), "on a real API server: hostile objects: %d, refused by it: %d, honest Components served: %d of %d, runs refused: 0\n", taken, dropped, served, honest)
	if served < honest || taken < 1000 {
		t.Error("one tenant reaches the others")
	}
}

// A namespace in which there is no Secret at all, of which an API server lists the
// metadata as null, while more are missing than are asked for one by one.
func TestNoSecretAtAllOnARealServer(t *testing.T) {
	t.Parallel()
	r := newRealCluster(t)
	r.apply(t, "{apiVersion: v1, kind: Namespace, metadata: {name: empty}}")
	for i := range 260 {
		r.apply(t, fmt.Sprintf(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: c%d, namespace: empty}, spec: {componentName: c, application: shop}}`, i))
	}
	q, _ := r.clients(direct)
	run := newRun(q, r.client(t, direct), r.now)
	run.Scope.Namespaces, run.Header.DryRun = []string{"empty"}, true
	if s := run.Do(context.Background()); s.ExitCode() != 0 || s.Components.Changed != 260 {
		t.Errorf("exit %d, %v, %+v", s.ExitCode(), s.Err, s.Components)
	}
}
