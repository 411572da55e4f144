package reconcile_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"berth/kube"
	"berth/quay"
	"berth/quay/quaytest"
	"berth/reconcile/component"
	"berth/reconcile/report"
)

// meddled is a Quay during whose last call before a Secret something happens elsewhere.
type meddled struct {
	registry
	use    string // of the robots whose token is read then, "": either
	meddle func()
}

func (m meddled) SetPermission(ctx context.Context, repository, robot string, role quay.Role) error {
	err := m.registry.SetPermission(ctx, repository, robot, role)
	if role == quay.Read {
		m.meddle()
	}
	return err
}

func (m meddled) GetRobot(ctx context.Context, name string) (quay.Robot, error) {
	robot, err := m.registry.GetRobot(ctx, name)
	if strings.HasSuffix(name, m.use) {
		m.meddle()
	}
	return robot, err
}

// listed is a cluster in which something happens right after Components were listed.
type listed struct {
	cluster
	meddle func()
}

func (l listed) Components(ctx context.Context, g kube.Group, namespace, selector string) ([]kube.Component, error) {
	components, err := l.cluster.Components(ctx, g, namespace, selector)
	l.meddle()
	return components, err
}

// stale is a cluster whose list of namespaces is older than everything else.
type stale struct {
	cluster
	namespaces []kube.Namespace
}

func (s stale) Namespaces(context.Context) ([]kube.Namespace, error) { return s.namespaces, nil }

// remake deletes the namespace tenant with all that is in it, and makes another.
func (e *env) remake() {
	for _, s := range e.listing(secretsPath) {
		metadata := s["metadata"].(map[string]any)
		e.cluster.Delete("secrets", metadata["namespace"].(string), metadata["name"].(string))
	}
	e.cluster.Delete("components", "tenant", "billing")
	e.cluster.Delete("serviceaccounts", "tenant", "appstudio-pipeline")
	e.cluster.Delete("namespaces", "", "tenant")
	e.apply(`{apiVersion: v1, kind: Namespace, metadata: {name: tenant, uid: another}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: appstudio-pipeline, namespace: tenant}}`)
}

// Whoever has a name by the time that a Secret is written does not get what was made for
// whoever had it when the run looked.
func TestNoCredentialForANamesake(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		before bool // the Component was served before, and has lost its Secrets
		meddle func(*env)
		use    string
	}{
		{"the namespace was deleted and made again", false, func(e *env) { e.remake(); e.component("tenant", "billing", "uid-2") }, ""},
		{"so it was between the two Secrets", true, func(e *env) { e.remake(); e.component("tenant", "billing", "uid-2") }, "_pull"},
		{"so it was, with a settled Component", true, func(e *env) { e.remake(); e.component("tenant", "billing", "uid-2") }, ""},
		{"nothing but the namespace's uid tells", false, func(e *env) { e.remake(); e.component("tenant", "billing", "uid-1") }, ""},
		{"nothing but the Component's uid tells", true, func(e *env) {
			e.cluster.Delete("components", "tenant", "billing")
			e.component("tenant", "billing", "uid-2")
		}, ""},
		{"the Component is gone", false, func(e *env) { e.cluster.Delete("components", "tenant", "billing") }, ""},
		{"the namespace is going", false, func(e *env) { e.cluster.Terminate("tenant") }, ""},
	} {
		e := newEnv()
		e.component("tenant", "billing", "uid-1")
		if row.before {
			e.run(t)
			e.cluster.Delete("secrets", "tenant", "billing-image-push")
			e.cluster.Delete("secrets", "tenant", "billing-image-pull")
		}
		r := e.newRun()
		q, k := endsOf(r)
		rewire(r, meddled{q, row.use, sync.OnceFunc(func() { row.meddle(e) })}, k)
		s := r.Do(t.Context())
		for _, secret := range []string{"billing-image-push", "billing-image-pull"} {
			if e.cluster.Object("secrets", "tenant", secret) != nil {
				t.Errorf("%s: Secret %s was written", row.why, secret)
			}
		}
		if s.Components.Skipped != 1 || s.ExitCode() != 0 {
			t.Errorf("%s: exit %d, %+v, %+v: a tenant's doing is no failure", row.why, s.ExitCode(), s.Components, s.Failures)
		}
	}
}

// A namespace that was made again between two lists of one run has a Component that looks
// as if the former one's repository were its own.
func TestNoRepositoryOfAFormerNamespace(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.component("tenant", "billing", "uid-1")
	e.run(t)
	r := e.newRun()
	q, k := endsOf(r)
	before, err := k.Namespaces(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e.remake()
	e.component("tenant", "billing", "uid-2")
	rewire(r, q, stale{k, before})
	r.Do(t.Context())
	if e.cluster.Object("secrets", "tenant", "billing-image-push") != nil {
		t.Error("the new tenant may push to the former one's repository")
	}
	if s := e.do(e.newRun()); len(s.Failures) != 1 || !strings.Contains(s.Failures[0].Message, "RepositoryNotOurs") {
		t.Errorf("afterwards: %+v", s.Failures)
	}
}

// What opens a repository is looked at once more before it is opened.
func TestAStatementThatWasTakenBackOpensNothing(t *testing.T) {
	t.Parallel()
	public, private := `image.redhat.com/visibility: public`, `image.redhat.com/visibility: private`
	for _, row := range []struct {
		why        string
		exists     bool // a private repository
		said, says string
		open       bool
		allow      bool // --visibility public --allow-publish
	}{
		{"replaced before a repository is opened", true, public, private, false, false},
		{"replaced before one is made", false, public, private, false, false},
		{"taken away", true, public, `image.redhat.com/visibility: null`, false, false},
		{"a request that was replaced", true, generate(`{"visibility":"public"}`), generate(`{"visibility":"private"}`), false, false},
		{"a request that was replaced by a statement", true, generate(`{"visibility":"public"}`), `image.redhat.com/generate: null, ` + private, false, false},
		{"made unreadable", true, public, `image.redhat.com/visibility: "open, I think"`, false, false},
		{"made before the operator's setting opens it", true, "", private, false, true},
		{"made before the operator's setting makes it", false, "", private, false, true},
		{"written once more", true, public, public, true, false},
		{"written in other words", true, generate(`{"visibility":"public"}`), `image.redhat.com/generate: null, ` + public, true, false},
		{"another request beside it", true, public, generate("true"), true, false},
	} {
		e := newEnv()
		e.component("tenant", "billing", "uid-1")
		if row.exists {
			e.run(t)
		}
		e.component("tenant", "billing", "uid-1", row.said)
		r := e.newRun()
		if row.allow {
			r.Policy.Visibility, r.Policy.AllowPublish = quay.Public, true
		}
		q, k := endsOf(r)
		rewire(r, q, listed{k, func() { e.component("tenant", "billing", "uid-1", row.says) }})
		s := r.Do(t.Context())
		open := false
		for _, repository := range e.quay.Snapshot().Repositories {
			open = open || repository.Public
		}
		if open != row.open || s.ExitCode() != 0 {
			t.Errorf("%s: opened: %v, exit %d, %+v", row.why, open, s.ExitCode(), s.Failures)
		}
	}
}

// A tenant can write the label and the annotation of uploads on its own push Secret. What
// is deleted as an upload is one by all its properties.
func TestOnlyUploadsAreDeleted(t *testing.T) {
	t.Parallel()
	e := newDelivery("stage")
	e.deliverOnce(t)
	const upload = `labels: {appstudio.redhat.com/upload-secret: remotesecret}, annotations: {appstudio.redhat.com/remotesecret-name: billing-image-pull}`
	for _, name := range []string{"billing-image-push", "billing-image-pull"} {
		e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: %s, namespace: tenant, %s}}`, name, upload)
	}
	e.apply(`{apiVersion: v1, kind: Secret, type: kubernetes.io/dockerconfigjson, metadata: {name: billing-image-pull-upload-01234567, namespace: tenant, %s,
 ownerReferences: [{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, name: billing, uid: uid-1}]}, data: {.dockerconfigjson: e30K}}`,
		strings.Replace(upload, "labels: {", "labels: {app.kubernetes.io/managed-by: berth, ", 1))
	e.rotate() // which is when earlier uploads are deleted
	e.resetCalls()
	s := e.do(e.newRun())
	if n := e.cluster.Count("delete", "secrets"); n != 0 || s.ExitCode() != 0 {
		t.Errorf("%d Secrets were deleted, exit %d:\n%s", n, s.ExitCode(), s.text)
	}
	if push := e.cluster.Object("secrets", "tenant", "billing-image-push"); push == nil {
		t.Error("the push Secret is gone")
	}
}

// Two clusters that were given one --cluster-id, as a restored one and its original are,
// but stand under different prefixes: neither takes the other's robots for an earlier
// Component's, whatever the order of their runs.
func TestTwoClustersOfOneIDUnderTwoPrefixes(t *testing.T) {
	t.Parallel()
	east, west := newEnv(), newEnv()
	west.quay, west.tokens = east.quay, east.tokens
	east.component("tenant", "billing", "uid-east")
	west.component("tenant", "billing", "uid-west")
	west.component("tenant", "western", "uid-western")
	run := func(e *env, prefix string) record {
		r := e.newRun()
		r.Naming.Cluster, r.Naming.Prefix = "one", prefix
		return e.do(r)
	}
	run(east, "")
	run(west, "west")
	before := fmt.Sprint(east.quay.Snapshot().Robots)
	for range 2 {
		for prefix, e := range map[string]*env{"": east, "west": west} {
			s := run(e, prefix)
			if s.Changes != (report.ChangeCount{}) || s.ExitCode() != 0 {
				t.Fatalf("prefix %q: exit %d\n%s", prefix, s.ExitCode(), s.text)
			}
			if !strings.Contains(s.text, "does another cluster have this --cluster-id?") || strings.Contains(s.text, "are left from Components that are gone") {
				t.Errorf("prefix %q: the platform is told otherwise:\n%s", prefix, s.text)
			}
			if told := e.annotation("tenant", "billing", component.AnnotationImage); strings.Contains(told, "message") {
				t.Errorf("prefix %q: the tenant is told of it: %s", prefix, told)
			}
		}
	}
	if after := fmt.Sprint(east.quay.Snapshot().Robots); after != before {
		t.Errorf("robots changed:\n%s\n%s", before, after)
	}
}

// A robot of an earlier Component that works on nothing cannot push: it is reported.
func TestARobotThatWorksOnNothingIsReported(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.component("tenant", "billing", "uid-1")
	e.run(t)
	for _, r := range e.quay.Snapshot().Robots {
		e.quay.RemovePermission(org+"/tenant/billing", r.Name)
	}
	e.cluster.Delete("components", "tenant", "billing")
	e.cluster.CollectGarbage()
	e.component("tenant", "billing", "uid-2")
	s := e.do(e.newRun())
	if n := e.quay.Requests("DELETE", quaytest.RouteRobot); n != 0 || s.ExitCode() != 0 || !strings.Contains(s.text, "2 robots are left") {
		t.Errorf("%d robots were deleted, exit %d:\n%s", n, s.ExitCode(), s.text)
	}
}
