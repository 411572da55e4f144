package reconcile_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"berth/kube/kubetest"
	"berth/quay/quaytest"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/report"
)

// trouble is a problem of the Component tenant/api, which was served before.
type trouble struct {
	why    string
	happen func(e *env, n component.Names)
	wire   func(run int) between // nil: direct
	reason plan.Reason
	whose  plan.Whose
	code   int
	told   string // in part, by the annotation; "": nobody but the reader of the output
}

// secretNeeded lets the next runs have to make the pull Secret.
func secretNeeded(e *env, n component.Names) { e.cluster.Delete("secrets", "tenant", n.Pull.Secret) }

// refusing answers the makings of Secrets in the namespace tenant, in each run in other words.
func refusing(status int, message string) func(int) between {
	return func(run int) between {
		return func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.Method != http.MethodPost || r.URL.Path != "/api/v1/namespaces/tenant/secrets" {
					return next.RoundTrip(r)
				}
				answer := fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","code":%d,"message":%q}`, status, fmt.Sprintf(message, run))
				return &http.Response{
					StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader([]byte(answer))), Request: r,
				}, nil
			})
		}
	}
}

// spoil edits a Secret of the Component's.
func spoil(fields string) func(*env, component.Names) {
	return func(e *env, n component.Names) {
		e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: %s, namespace: tenant, %s}`, n.Push.Secret, fields)
	}
}

var problems = []trouble{
	{
		"a Secret of our name, made by hand", func(e *env, n component.Names) {
			secretNeeded(e, n)
			e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: %s, namespace: tenant}, type: Opaque}`, n.Pull.Secret)
		}, nil, plan.ReasonNotOurs, plan.TheTenants, 0, "Secret api-image-pull is in the way",
	},
	{
		"the label taken off", spoil("labels: {app.kubernetes.io/managed-by: helm}}"), nil,
		plan.ReasonNotOurs, plan.TheTenants, 0, "Secret api-image-push is in the way",
	},
	{
		"a Secret closed to changes, its content changed before", spoil("}, immutable: true, data: {.dockerconfigjson: e30=}"), nil,
		plan.ReasonKubeConflict, plan.TheTenants, 0, "Secret api-image-push is immutable",
	},
	{
		"a Secret closed to changes, and a request for a new token", func(e *env, n component.Names) {
			spoil("}, immutable: true")(e, n)
			e.component("tenant", "api", "uid-api", generate("true"))
		}, nil, plan.ReasonKubeConflict, plan.TheTenants, 0, "Secret api-image-push is immutable",
	},
	{
		"a RemoteSecret of our name", func(e *env, n component.Names) {
			e.deliver()
			e.apply(`{apiVersion: appstudio.redhat.com/v1beta1, kind: RemoteSecret, metadata: {name: %s, namespace: tenant}, spec: {secret: {name: x}}}`, n.Pull.Secret)
		}, nil, plan.ReasonNotOurs, plan.TheTenants, 0, "RemoteSecret api-image-pull is in the way",
	},
	{
		"a quota that is used up, and every run counts anew", secretNeeded,
		refusing(403, `secrets "api-image-pull" is forbidden: exceeded quota: small, requested: count/secrets=1, used: count/secrets=%d, limited: count/secrets=9`),
		plan.ReasonQuotaExceeded, plan.TheTenants, 0, "A quota of this namespace is used up",
	},
	{
		"a quota that leaves no room for an upload", func(e *env, _ component.Names) {
			e.deliver()
			e.bind("api", "stage")
		}, refusing(403, `secrets "api-image-pull-upload-0a1b2c3d" is forbidden: exceeded quota: small, used: %d`),
		plan.ReasonQuotaExceeded, plan.TheTenants, 0, "A quota of this namespace is used up",
	},
	{
		"a Secret that somebody writes all the time", func(e *env, n component.Names) { e.quay.RegenerateToken(org + "+" + n.Push.Robot) },
		func(int) between {
			return func(next http.RoundTripper) http.RoundTripper {
				return roundTrip(func(r *http.Request) (*http.Response, error) {
					if r.Method != http.MethodPatch || !strings.HasSuffix(r.URL.Path, "/secrets/api-image-push") {
						return next.RoundTrip(r)
					}
					return &http.Response{
						StatusCode: 409, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
						Body: io.NopCloser(strings.NewReader(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Conflict","code":409}`)),
					}, nil
				})
			}
		}, plan.ReasonKubeConflict, plan.TheTenants, 0, "",
	},
	{
		"annotations that leave no room, and a request", func(e *env, _ component.Names) {
			used := len(component.AnnotationImage) + len(e.annotation("tenant", "api", component.AnnotationImage)) + len("image.redhat.com/generate"+"true"+"pad")
			e.component("tenant", "api", "uid-api", generate("true"), fmt.Sprintf("pad: %q", strings.Repeat("x", 256<<10-used-20)))
		}, nil, plan.ReasonKubeConflict, plan.TheTenants, 0, "",
	},
	{
		"an annotation that cannot be read", func(e *env, _ component.Names) { e.component("tenant", "api", "uid-api", generate("yes")) }, nil,
		plan.ReasonInvalidComponent, plan.TheTenants, 0, "Fix the annotation",
	},
	{
		"a right that is missing", secretNeeded, refusing(403, `secrets is forbidden: User "x%d" cannot create resource "secrets" in API group "" in the namespace "tenant"`),
		plan.ReasonKubeForbidden, plan.ThePlatforms, 1, "",
	},
	{
		"a webhook that refuses", secretNeeded, refusing(400, "admission webhook denied the request %d"),
		plan.ReasonKubeConflict, plan.ThePlatforms, 1, "",
	},
	{
		"the API server breaks", secretNeeded, refusing(500, "etcd %d"), plan.ReasonKubeUnavailable, plan.ThePlatforms, 1, "",
	},
	{
		"a repository of somebody else's", func(e *env, n component.Names) { e.quay.SetDescription(org+"/"+n.Repository, "by hand") }, nil,
		plan.ReasonNotOurs, plan.ThePlatforms, 1, "The platform's administrators must look into it",
	},
	{
		"a robot of somebody else's", func(e *env, n component.Names) {
			e.quay.DeleteRobot(org + "+" + n.Pull.Robot)
			e.quay.AddRobot(quaytest.Robot{Name: org + "+" + n.Pull.Robot, Description: "by hand"})
		}, nil, plan.ReasonNotOurs, plan.ThePlatforms, 1, "The platform's administrators must look into it",
	},
	{
		"the plan at Quay is full", func(e *env, n component.Names) {
			e.quay.SetVisibility(org+"/"+n.Repository, true)
			e.quay.Inject(quaytest.Fault{Path: "/api/v1/repository/" + org + "/" + n.Repository + "/changevisibility", Status: 402, Times: -1})
		}, nil, plan.ReasonQuayPaymentRequired, plan.ThePlatforms, 1, "administrators must extend the plan",
	},
	{
		"Quay breaks", func(e *env, n component.Names) {
			e.quay.DeleteRobot(org + "+" + n.Pull.Robot)
			e.quay.Inject(quaytest.Fault{Path: "/api/v1" + pullRobot(n), Status: 500, Times: -1})
		}, nil, plan.ReasonQuayUnavailable, plan.ThePlatforms, 1, "",
	},
}

// Whose a problem is, what the exit code says of it, and who is told: the same in every
// run, with one write to tell and no more, while the neighbours are served.
func TestWhoseProblemsAre(t *testing.T) {
	t.Parallel()
	for _, row := range problems {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newEnv()
			e.namespace("blue")
			e.component("tenant", "api", "uid-api")
			e.run(t)
			row.happen(e, *e.look().planOf(t, component.Key{Namespace: "tenant", Name: "api"}).Names)
			for run := range 4 {
				e.component("blue", fmt.Sprintf("new-%d", run), fmt.Sprintf("uid-new-%d", run))
				version := e.version("components", "tenant", "api")
				wire := between(direct)
				if row.wire != nil {
					wire = row.wire(run)
				}
				row.check(t, run, e, e.do(e.newRunOver(wire)))
				if now := e.version("components", "tenant", "api"); run > 0 && now != version {
					t.Errorf("run %d: the Component was written again; it says %s", run, e.annotation("tenant", "api", component.AnnotationImage))
				}
			}
		})
	}
}

// version of an object changes with each write to it.
func (e *env) version(resource, namespace, name string) any {
	metadata, _ := e.cluster.Object(resource, namespace, name)["metadata"].(map[string]any)
	return metadata["resourceVersion"]
}

func (row trouble) check(t *testing.T, run int, e *env, r record) {
	t.Helper()
	if r.ExitCode() != row.code {
		t.Errorf("run %d: exit code %d, want %d:\n%s", run, r.ExitCode(), row.code, r.text)
	}
	want := report.Failure{Component: "tenant/api", Reason: row.reason, Whose: row.whose}
	if len(r.Failures) != 1 || r.Failures[0].Message == "" {
		t.Fatalf("run %d: %d failures, want %+v:\n%s", run, len(r.Failures), want, r.text)
	}
	if want.Message = r.Failures[0].Message; r.Failures[0] != want || !strings.Contains(strings.ReplaceAll(r.text, "\n       ", "\n"), want.Message) {
		t.Errorf("run %d: %+v, want %+v:\n%s", run, r.Failures[0], want, r.text)
	}
	if c := r.Components; c.Failed+c.Blocked+c.Invalid != 1 || (c.Failed == 1) != (row.whose == plan.ThePlatforms) || (c.Invalid == 1) != (row.reason == plan.ReasonInvalidComponent) {
		t.Errorf("run %d: %+v", run, c)
	}
	told := e.annotation("tenant", "api", component.AnnotationImage)
	if row.told == "" && strings.Contains(told, `"message"`) || !strings.Contains(told, row.told) || !strings.Contains(told, `"image"`) {
		t.Errorf("run %d: told %s, want %q", run, told, row.told)
	}
	if e.cluster.Object("secrets", "blue", fmt.Sprintf("new-%d-image-push", run)) == nil {
		t.Errorf("run %d: the neighbour is not served", run)
	}
}

// What is in the way of a Component that nobody has served yet turns out when its own is to be
// created. It is told as of any other, and left alone.
func TestWhatIsInTheWayOfANewComponent(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"api-image-push", "api-image-pull"} {
		e := newDelivery()
		e.run(t)
		e.component("tenant", "api", "uid-api")
		e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: %s, namespace: tenant}, type: Opaque}`, name)
		theirs, ours := e.version("secrets", "tenant", name), any(nil)
		for run := range 3 {
			r := e.do(e.newRun())
			if r.ExitCode() != 0 || len(r.Failures) != 1 || r.Failures[0].Reason != plan.ReasonNotOurs || r.Failures[0].Whose != plan.TheTenants || r.Components.Blocked != 1 {
				t.Errorf("%s, run %d: exit %d, %+v, %+v", name, run, r.ExitCode(), r.Failures, r.Components)
			}
			if told := e.annotation("tenant", "api", component.AnnotationImage); told != `{"message":"Secret `+name+` is in the way: it was not made by Berth. Delete it, and the next run makes it anew."}` {
				t.Errorf("%s, run %d: told %s", name, run, told)
			}
			if now := e.version("components", "tenant", "api"); run > 0 && now != ours {
				t.Errorf("%s, run %d: the Component was written again", name, run)
			}
			ours = e.version("components", "tenant", "api")
		}
		if now := e.version("secrets", "tenant", name); now != theirs {
			t.Errorf("%s: it was written", name)
		}
		e.cluster.Delete("secrets", "tenant", name)
		e.run(t)
		if told := e.annotation("tenant", "api", component.AnnotationImage); strings.Contains(told, "message") || !strings.Contains(told, `"image"`) {
			t.Errorf("%s is gone: told %s", name, told)
		}
		e.settled(t)
	}
}

// A delivery that fails comes before the announcement, and is told with it all the same.
func TestADeliveryThatFailsIsToldWithTheImage(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.deliver()
	e.component("tenant", "api", "uid-api")
	e.bind("api", "stage")
	const uploads = 2 // the Secrets come before
	e.cluster.Inject(kubetest.Fault{Verb: "create", Resource: "secrets", Skip: uploads, Times: -1, Status: http.StatusForbidden, Message: `secrets "upload" is forbidden: exceeded quota: small`})
	var ours any
	for run := range 3 {
		r := e.do(e.newRun())
		told := e.annotation("tenant", "api", component.AnnotationImage)
		if r.ExitCode() != 0 || r.Components.Blocked != 1 || !strings.Contains(told, "A quota of this namespace is used up") || !strings.Contains(told, `"image"`) {
			t.Errorf("run %d: exit %d, %+v, told %s", run, r.ExitCode(), r.Components, told)
		}
		if len(e.linked("tenant", pipeline, "secrets")) != 1 {
			t.Errorf("run %d: builds cannot push", run)
		}
		if now := e.version("components", "tenant", "api"); run > 0 && now != ours {
			t.Errorf("run %d: the Component was written again", run)
		}
		ours = e.version("components", "tenant", "api")
	}
}
