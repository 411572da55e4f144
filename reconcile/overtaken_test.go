package reconcile_test

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"berth/kube"
	"berth/quay"
	"berth/quay/quaytest"
	"berth/reconcile"
	"berth/reconcile/component"
	"berth/reconcile/plan"
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

// meddledAfter is what happens to a cluster after so many reads of it by a run, unless the run
// writes before.
type meddledAfter struct {
	n      int
	meddle func()

	mu    sync.Mutex
	reads int
	wrote bool
}

func (m *meddledAfter) over(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(req *http.Request) (*http.Response, error) {
		m.mu.Lock() // a read that is under way while it happens sees one or the other
		defer m.mu.Unlock()
		answer, err := next.RoundTrip(req)
		switch {
		case req.Method != http.MethodGet:
			m.wrote = true
		case !m.wrote && req.URL.Host == "kube.test":
			if m.reads++; m.reads == m.n {
				m.meddle()
			}
		}
		return answer, err
	})
}

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

// A namespace that is made again while a run reads, with Components that are called alike, gets
// nothing that was the former one's: neither its robots nor rights on its repositories. So it is
// at whatever moment that happens, since Components are listed before their namespaces are read.
func TestNoRepositoryOfAFormerNamespace(t *testing.T) {
	t.Parallel()
	billing := component.Key{Namespace: "tenant", Name: "billing"}
	eleven := []string{"tenant"}
	for i := range 10 {
		eleven = append(eleven, fmt.Sprintf("other-%d", i))
	}
	for why, change := range map[string]func(*env, *reconcile.Run){
		"whole":          func(*env, *reconcile.Run) {},
		"named":          func(_ *env, r *reconcile.Run) { r.Scope.Namespaces = []string{"tenant"} },
		"one of eleven":  func(_ *env, r *reconcile.Run) { r.Scope.Namespaces = eleven },
		"its Components": func(_ *env, r *reconcile.Run) { r.Scope.Only = []component.Key{billing} },
		"a label":        func(_ *env, r *reconcile.Run) { r.Scope.Selector = "!none" },
		"with a person in it": func(_ *env, r *reconcile.Run) {
			r.Confirm = func(context.Context, plan.Plan) (bool, error) { return true, nil }
		},
		"of two groups": func(e *env, _ *reconcile.Run) { e.late("billing", "uid-k") },
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				e := newEnv()
				e.stands("tenant", `{"auths":{}}`, "")
				e.component("tenant", "billing", "uid-1")
				e.runForAll(t, true)
				former := e.quay.Snapshot().Robots
				e.component("tenant", "cart", "uid-c")
				m := &meddledAfter{n: n, meddle: func() {
					e.remake()
					e.stands("tenant", `{"auths":{}}`, "")
					e.component("tenant", "billing", "uid-2")
					e.component("tenant", "cart", "uid-c2")
				}}
				r := e.forAll(m.over)
				change(e, r)
				s := r.Do(t.Context())
				if m.reads < n {
					if n < 10 {
						t.Errorf("only %d moments", n)
					}
					return
				}
				if s.Err != nil {
					t.Errorf("after %d reads: %v", n, s.Err)
				}
				for _, wrong := range e.inherited(former) {
					t.Errorf("after %d reads: %s", n, wrong)
				}
				if s := e.do(e.forAll(direct)); len(s.Failures) == 0 || s.Failures[0].Component != billing.String() || !strings.Contains(s.Failures[0].Message, "RepositoryNotOurs") {
					t.Errorf("after %d reads, and then: %+v", n, s.Failures)
				}
				for _, wrong := range e.inherited(former) {
					t.Errorf("after %d reads, and then: %s", n, wrong)
				}
			}
		})
	}
}

// inherited is what Secrets of the namespace that was made again give that was a former one's.
func (e *env) inherited(former []quaytest.Robot) (wrong []string) {
	naming := e.newRun().Naming
	naming.Cluster = e.id()
	for _, s := range e.listing(secretsPath) {
		_, login, _ := credentialIn(s)
		was := func(r quaytest.Robot) bool { return r.Name == login }
		if login == "" {
			continue
		}
		if slices.ContainsFunc(former, was) {
			wrong = append(wrong, "it has the former robot "+login)
		}
		robots := e.quay.Snapshot().Robots
		at := slices.IndexFunc(robots, was)
		if at < 0 {
			wrong = append(wrong, "robot "+login+" is gone")
			continue
		}
		for _, r := range e.quay.Snapshot().Repositories {
			names, err := naming.Names(&kube.Component{Namespace: "tenant", Name: path.Base(r.Name), UID: "any"}, "another")
			if role := robots[at].Permissions[r.Name]; role != "" && (err != nil || !names.Marks(r.Description)) {
				wrong = append(wrong, fmt.Sprintf("robot %s may %s %s, which was the former one's", login, role, r.Name))
			}
		}
	}
	return wrong
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
