package reconcile_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"berth/kube/kubetest"
	"berth/kube/kubetest/remotesecret"
	"berth/reconcile/component"
	"berth/reconcile/report"
	"berth/reconcile/world"
)

// newDelivery is an env that delivers, with a Component that runs in places.
func newDelivery(environments ...string) *env {
	e := newEnv()
	e.deliver()
	e.component("tenant", "billing", "uid-1")
	e.bind("billing", environments...)
	return e
}

// deliverOnce runs, lets the operator act, and runs again.
func (e *env) deliverOnce(t *testing.T) report.Summary {
	t.Helper()
	e.run(t)
	e.sync()
	e.clock = e.clock.Add(15 * time.Minute)
	return e.run(t)
}

func (e *env) rotate() {
	e.component("tenant", "billing", "uid-1", `image.redhat.com/generate: "true"`)
}

func (e *env) rotateGracefully() {
	e.component("tenant", "billing", "uid-1", `image.redhat.com/generate: '{"rotate":"graceful"}'`)
}

// The whole story: three environments, one more, one less, a rotation.
func TestDelivery(t *testing.T) {
	t.Parallel()
	e := newDelivery("dev", "stage", "prod")
	s := e.deliverOnce(t)
	expect := func(what string, want report.DeliveryCount, places ...string) {
		t.Helper()
		if s.Deliveries != want {
			t.Errorf("%s: %+v, want %+v", what, s.Deliveries, want)
		}
		for _, m := range e.undelivered(places...) {
			t.Errorf("%s: %s", what, m)
		}
	}
	expect("new", report.DeliveryCount{Total: 3, Delivered: 2, Unverified: 1}, "tenant", "tenant-stage", "prod")
	e.settled(t)

	e.environment("extra", "unstableConfigurationFields: {kubernetesCredentials: {targetNamespace: tenant-extra, apiURL: '', clusterCredentialsSecret: ''}}")
	e.bind("billing", "extra")
	s = e.deliverOnce(t)
	expect("a binding more", report.DeliveryCount{Total: 4, Delivered: 3, Unverified: 1}, "tenant", "tenant-stage", "tenant-extra", "prod")

	e.unbind("billing", "stage")
	s = e.deliverOnce(t)
	expect("a binding less", report.DeliveryCount{Total: 3, Delivered: 2, Unverified: 1}, "tenant", "tenant-extra", "prod")
	if e.cluster.Object("secrets", "tenant-stage", "billing-image-pull") != nil {
		t.Error("the Secret is still where nothing runs any more")
	}

	e.rotate()
	s = e.deliverOnce(t)
	expect("a rotation", report.DeliveryCount{Total: 3, Delivered: 2, Unverified: 1}, "tenant", "tenant-extra", "prod")
	if n := e.made(); len(n["push"]) != 1 || len(n["pull"]) != 1 {
		t.Errorf("made: %v", n)
	}
	if got := e.operator.Uploads("tenant", "billing-image-pull"); got != 2 {
		t.Errorf("%d uploads, want one for each token", got)
	}
	if n := e.cluster.RemoteSecretData(); n > 0 {
		t.Errorf("%d requests carried data in a RemoteSecret", n)
	}
	e.settled(t)
}

// A settled Component in ten environments costs no call at Quay and no write.
func TestSettledDeliveryCosts(t *testing.T) {
	t.Parallel()
	e := newDelivery("dev", "stage", "prod")
	for i := range 7 {
		namespace := fmt.Sprintf("place-%d", i)
		e.environment(namespace, "unstableConfigurationFields: {kubernetesCredentials: {targetNamespace: "+namespace+", apiURL: '"+otherCluster+"', clusterCredentialsSecret: other-cluster}}")
		e.other.Apply([]byte("{apiVersion: v1, kind: Namespace, metadata: {name: " + namespace + "}}\n---\n{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: " + namespace + "}}"))
		e.bind("billing", namespace)
	}
	if s := e.deliverOnce(t); s.Deliveries != (report.DeliveryCount{Total: 10, Delivered: 2, Unverified: 8}) {
		t.Fatalf("%+v", s.Deliveries)
	}
	e.resetCalls()
	e.settled(t)
	const lists, audit, discovery, id = 4, 1, 3, 1
	if got := e.quay.Total(); got != lists+audit {
		t.Errorf("%d calls at Quay", got)
	}
	if n := e.mutations(); n != 0 {
		t.Errorf("%d writes", n)
	}
	if got := e.cluster.Count("get", "") - discovery - id; got != 0 {
		t.Errorf("%d objects were read one by one", got)
	}
	t.Logf("settled in ten environments: %d calls at Quay, 0 for delivery; %d requests to the cluster; 0 writes", e.quay.Total(), e.cluster.Count("", ""))
}

// Whatever the operator does, no token is lost, nothing is uploaded without end or
// rotated once more; when it behaves again, everything arrives.
func TestTheOperatorMisbehaves(t *testing.T) {
	t.Parallel()
	const canary = "LEAKYCANARYLEAKYCANARYLEAKYCANARYLEAKY"
	runs := some(t, 96, 12)
	for _, row := range []struct {
		why     string
		trouble remotesecret.Trouble
		webhook bool // is down
		uploads int  // at most, in a day of runs
		told    string
		says    string // the output; "": what is told
		code    int    // of the run that rotates
	}{
		{why: "it is down", trouble: remotesecret.Trouble{Down: true}, uploads: 0, told: "Environment stage (tenant-stage) has not got the pull Secret for half an hour."},
		{why: "it drops what is uploaded", trouble: remotesecret.Trouble{Drop: true}, uploads: 9, told: "Environment stage (tenant-stage) has not got the pull Secret for half an hour."},
		{why: "it is slow", trouble: remotesecret.Trouble{Delay: 1000}, uploads: 9, told: "Environment stage (tenant-stage) has not got the pull Secret for half an hour."},
		{
			why: "it cannot write to one namespace", trouble: remotesecret.Trouble{Fail: map[string]string{"tenant-stage": "no quota for " + canary}}, uploads: 1,
			told: "Environment stage (tenant-stage) has not got the pull Secret: a quota there is used up; the status of RemoteSecret billing-image-pull says more.",
			says: "Environment stage (tenant-stage) has not got the pull Secret: no quota for [redacted].",
		},
		{why: "its webhook is down", webhook: true, uploads: 0, code: 1},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newDelivery("dev", "stage", "prod")
			e.deliverOnce(t)
			before := e.operator.Uploads("tenant", "billing-image-pull")
			e.operator.Trouble(row.trouble)
			e.cluster.SetWebhook(!row.webhook)
			e.rotate()
			var out bytes.Buffer
			for i := range runs {
				r := e.newRun()
				out.Reset()
				r.Report = wholeText(&out)
				if s := r.Do(context.Background()); s.ExitCode() != row.code {
					t.Fatalf("run %d exits %d:\n%s", i, s.ExitCode(), out.String())
				}
				e.sync()
				e.clock = e.clock.Add(15 * time.Minute)
			}
			if row.told != "" && (!strings.Contains(out.String(), cmp.Or(row.says, row.told)) || !strings.Contains(e.annotation("tenant", "billing", component.AnnotationImage), row.told)) {
				t.Errorf("nobody is told:\n%s", out.String())
			}
			if strings.Contains(out.String()+e.annotation("tenant", "billing", component.AnnotationImage), canary) {
				t.Error("what may be a token is told")
			}
			if got := e.operator.Uploads("tenant", "billing-image-pull") - before; got > row.uploads {
				t.Errorf("%d uploads in a day, want at most %d", got, row.uploads)
			}
			if row.webhook {
				if _, token := e.credential("billing-image-pull"); token != e.stored() {
					t.Error("the pull robot's token was replaced, though the environments could not have got it")
				}
			}

			e.operator.Trouble(remotesecret.Trouble{})
			e.cluster.SetWebhook(true)
			for range 3 { // an upload may have to wait as long as all before it
				e.sync()
				e.clock = e.clock.Add(24 * time.Hour)
				e.run(t)
			}
			e.sync()
			e.settled(t)
			for _, m := range append(e.undelivered("tenant", "tenant-stage", "prod"), e.deadTokens("billing-image-push", "billing-image-pull")...) {
				t.Error(m)
			}
			if n := e.made(); len(n["push"]) != 1 || len(n["pull"]) != 1 {
				t.Errorf("made: %v", n)
			}
		})
	}
}

// stored is the token that the operator has.
func (e *env) stored() string {
	_, _, token := credentialOf(e.operator.Stored("tenant", "billing-image-pull")[".dockerconfigjson"])
	return token
}

// An API that is not there is a mode of the run, told once.
func TestDeliveryWithoutTheKinds(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why     string
		absent  []string
		require bool
		want    report.DeliveryCount
		told    string
		code    int
	}{
		{why: "all are there", want: report.DeliveryCount{Total: 3, Delivered: 2, Unverified: 1}},
		{why: "all are there, and needed", require: true, want: report.DeliveryCount{Total: 3, Delivered: 2, Unverified: 1}},
		{why: "no RemoteSecrets", absent: []string{"remotesecrets"}, want: report.DeliveryCount{Total: 3, Delivered: 1, Unresolved: 2}, told: "Warning: the cluster has no RemoteSecrets"},
		{why: "no RemoteSecrets, though needed", absent: []string{"remotesecrets"}, require: true, told: "Error: RemoteSecrets are required", code: 78},
		{why: "no Environments", absent: []string{"environments"}, told: "Warning: the cluster has no Environments"},
		{why: "no bindings", absent: []string{"snapshotenvironmentbindings"}, told: "Warning: the cluster has no Environments"},
		{why: "no claims", absent: []string{"deploymenttargetclaims", "deploymenttargets"}, want: report.DeliveryCount{Total: 3, Delivered: 2, Unresolved: 1}},
		{
			why:    "none of them",
			absent: []string{"remotesecrets", "environments", "snapshotenvironmentbindings", "deploymenttargetclaims", "deploymenttargets"}, told: "Warning: the cluster has no RemoteSecrets",
		},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newDelivery("dev", "stage", "prod")
			e.deliverOnce(t)
			before := fmt.Sprint(e.cluster.Object("remotesecrets", "tenant", "billing-image-pull")["spec"])
			for _, plural := range row.absent {
				e.cluster.Uninstall(plural)
			}
			var out bytes.Buffer
			r := e.newRun()
			r.Report = wholeText(&out)
			if row.require {
				r.Policy.RemoteSecrets = world.RemoteSecretsRequire
			}
			s := r.Do(context.Background())
			if s.ExitCode() != row.code || s.Deliveries != row.want {
				t.Errorf("exit code %d, %+v", s.ExitCode(), s.Deliveries)
			}
			if n := strings.Count(out.String(), row.told); row.told != "" && n != 1 {
				t.Errorf("told %d times:\n%s", n, out.String())
			}
			if row.told != "" && strings.Contains(out.String(), "tenant/billing: ") {
				t.Errorf("it is told of a Component, too:\n%s", out.String())
			}
			if len(row.absent) > 0 && row.absent[0] == "remotesecrets" {
				return
			}
			if after := fmt.Sprint(e.cluster.Object("remotesecrets", "tenant", "billing-image-pull")["spec"]); after != before {
				t.Errorf("the RemoteSecret changed from %s to %s", before, after)
			}
		})
	}
}

// With the Secrets of some namespaces only, those in target namespaces are read one by
// one; where that is refused, they are unverified.
func TestTargetsOutOfSight(t *testing.T) {
	t.Parallel()
	e := newDelivery("dev", "stage")
	e.deliverOnce(t)
	scoped := func() report.Summary {
		r := e.newRun()
		r.Scope.Namespaces = []string{"tenant"}
		return r.Do(context.Background())
	}
	if s := scoped(); s.Deliveries.Delivered != 2 || s.Changes != (report.ChangeCount{}) {
		t.Errorf("%+v %+v", s.Deliveries, s.Changes)
	}
	fault := e.cluster.Inject(kubetest.Fault{Verb: "get", Resource: "secrets", Namespace: "tenant-stage", Times: -1, Status: http.StatusForbidden})
	if s := scoped(); s.Deliveries.Unverified != 1 || s.Changes != (report.ChangeCount{}) || s.ExitCode() != 0 {
		t.Errorf("refused: %+v %+v, exit code %d", s.Deliveries, s.Changes, s.ExitCode())
	}
	if fault.Hits() == 0 {
		t.Error("nothing was refused")
	}
}

// Berth never makes the operator write where the tenant itself may not, and never tells
// a tenant anything about a namespace that is not its own.
func TestTargetsOfOthers(t *testing.T) {
	t.Parallel()
	e := newDelivery("mine")
	e.namespace("globex")
	e.component("globex", "billing", "uid-2")
	e.environment("mine", "unstableConfigurationFields: {kubernetesCredentials: {targetNamespace: globex, apiURL: '', clusterCredentialsSecret: ''}}")
	e.environment("system", "unstableConfigurationFields: {kubernetesCredentials: {targetNamespace: kube-system, apiURL: '', clusterCredentialsSecret: ''}}")
	e.environment("hosts", "unstableConfigurationFields: {kubernetesCredentials: {targetNamespace: hosts, apiURL: '', clusterCredentialsSecret: ''}}")
	e.namespace("hosts") // where the tenant's ServiceAccount may do nothing
	e.bind("billing", "system", "hosts")
	e.deliverOnce(t)
	theirs := fmt.Sprint(e.cluster.Object("secrets", "globex", "billing-image-pull"))
	e.rotate()
	s := e.deliverOnce(t)
	if s.Deliveries != (report.DeliveryCount{Total: 3, Failed: 1, Unresolved: 2}) {
		t.Errorf("%+v", s.Deliveries)
	}
	if now := fmt.Sprint(e.cluster.Object("secrets", "globex", "billing-image-pull")); now != theirs {
		t.Error("the other tenant's Secret changed")
	}
	for _, c := range e.cluster.Calls() {
		if c.User == berthUser && c.Namespace == "kube-system" && c.Resource == "secrets" {
			t.Errorf("Berth itself looks into kube-system: %+v", c)
		}
	}
	for _, told := range []string{
		"Environment hosts (hosts) has not got the pull Secret: ", "Environment system cannot be reached: namespace kube-system is the platform's.",
	} {
		if got := e.annotation("tenant", "billing", component.AnnotationImage); !strings.Contains(got, told) {
			t.Errorf("told: %s", got)
		}
	}

	e.cluster.Delete("serviceaccounts", "tenant", "deployer")
	if s = e.run(t); s.Deliveries.Unresolved != 3 {
		t.Errorf("without a ServiceAccount to act as: %+v", s.Deliveries)
	}
}

// What the operator says of a target changes from attempt to attempt: a time, a port, the
// number of a request. It goes to the output, and no word of it to the Component, where
// each would be a write.
func TestForeignWordsStayOffTheComponent(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ why, text, told string }{
		{
			"an expired certificate", `Get "https://10.1.2.3:6443/api": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-27T1%d:00:00Z is after 2026-11-01T00:00:00Z`,
			"the certificate there is not accepted",
		},
		{"a broken connection", "read tcp 10.128.0.9:4123%d->10.1.2.3:6443: read: connection reset by peer", "its cluster cannot be reached"},
		{"a right that is missing", `secrets "billing-image-pull" is forbidden: User "x" cannot patch resource (request %d)`, "the rights there do not suffice"},
		{"what nobody knows", "trouble no. %d", "the RemoteSecret operator reports an error"},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newDelivery("dev", "stage")
			e.deliverOnce(t)
			for run := range 4 {
				text := fmt.Sprintf(row.text, run)
				e.operator.Trouble(remotesecret.Trouble{Fail: map[string]string{"tenant-stage": text}})
				e.clock = e.clock.Add(15 * time.Minute)
				e.sync()
				e.resetCalls()
				r := e.do(e.newRun())
				if told := e.annotation("tenant", "billing", component.AnnotationImage); !strings.Contains(told, "Environment stage (tenant-stage) has not got the pull Secret: "+row.told) {
					t.Fatalf("run %d: told %s", run, told)
				}
				if !strings.Contains(r.text, text) || !strings.Contains(r.json, fmt.Sprintf("%q", text)[1:len(text)+1]) {
					t.Errorf("run %d: the output does not say %s:\n%s", run, text, r.text)
				}
				if n := e.mutations(); run > 0 && n > 0 {
					t.Errorf("run %d writes %d times: nothing but the words changed", run, n)
				}
			}
		})
	}
}

// Components of one namespace that link to one ServiceAccount are linked at once, so that they
// are not in each other's way.
func TestPullLinksDoNotCollide(t *testing.T) {
	t.Parallel()
	e := newDelivery()
	const components = 40
	for i := 1; i < components; i++ { // the first, billing, is there: nothing is bound to it
		name := fmt.Sprintf("c%d", i)
		e.component("tenant", name, "uid-"+name)
		e.bind(name, "dev")
	}
	e.resetCalls()
	e.run(t)
	links, _ := e.cluster.Object("serviceaccounts", "tenant", "default")["imagePullSecrets"].([]any)
	if len(links) != components {
		t.Errorf("%d links", len(links))
	}
	if got := e.cluster.Count("get", "serviceaccounts"); got != 0 {
		t.Errorf("the ServiceAccount was read %d times, and was listed", got)
	}
}

// What failed to be uploaded is not taken for uploaded: the next run makes it good.
func TestAFailedUploadIsNotRecorded(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		before func(*testing.T, *env)
		skip   int // creations before that of the upload: both Secrets; the trial before a rotation
	}{
		{"of a RemoteSecret that is made for it", func(*testing.T, *env) {}, 2},
		{"of one that stands", func(t *testing.T, e *env) { e.run(t); e.sync(); e.rotate() }, 1},
	} {
		for _, status := range []int{http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusInternalServerError} {
			e := newDelivery("stage")
			row.before(t, e)
			fault := e.cluster.Inject(kubetest.Fault{Verb: "create", Resource: "secrets", Skip: row.skip, Status: status})
			if s := e.newRun().Do(context.Background()); s.Components.Failed != 1 || fault.Hits() != 1 {
				t.Errorf("%s, %d: %+v, %d hits", row.why, status, s.Components, fault.Hits())
			}
			e.sync()
			if s := e.run(t); s.Changes != (report.ChangeCount{Create: 1}) {
				t.Errorf("%s, %d: the next run changes %+v", row.why, status, s.Changes)
			}
			e.sync()
			for _, m := range e.undelivered("tenant-stage") {
				t.Errorf("%s, %d: %s", row.why, status, m)
			}
		}
	}
}

// An upload Secret of our name that is somebody else's is neither read as an upload nor
// deleted, and one with another content of ours makes way.
func TestTheUploadsNameIsTaken(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why, metadata string
		kept          bool
	}{
		{"somebody else's", `{name: %s, namespace: tenant}`, true},
		{"ours, but with another content", `{name: %s, namespace: tenant, labels: {app.kubernetes.io/managed-by: berth, appstudio.redhat.com/upload-secret: remotesecret},
 annotations: {appstudio.redhat.com/remotesecret-name: billing-image-pull}, ownerReferences: [{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, name: billing, uid: uid-1}]}`, false},
	} {
		e := newDelivery("stage")
		e.run(t) // nobody takes the upload
		name := ""
		for _, s := range e.listing(secretsPath) {
			if n, _ := s["metadata"].(map[string]any)["name"].(string); strings.Contains(n, "-upload-") {
				name = n
			}
		}
		e.cluster.Delete("secrets", "tenant", name)
		e.cluster.Delete("remotesecrets", "tenant", "billing-image-pull")
		e.apply(`{apiVersion: v1, kind: Secret, metadata: `+row.metadata+`, type: kubernetes.io/dockerconfigjson, stringData: {.dockerconfigjson: "{}"}}`, name)
		before := fmt.Sprint(e.cluster.Object("secrets", "tenant", name))
		for run := range 3 {
			e.resetCalls()
			if s := e.newRun().Do(context.Background()); s.ExitCode() != 0 || (s.Components.Blocked == 1) != row.kept {
				t.Errorf("%s: run %d: exit code %d, %+v", row.why, run, s.ExitCode(), s.Failures)
			}
			if told := e.annotation("tenant", "billing", component.AnnotationImage); strings.Contains(told, name+" is in the way") != row.kept {
				t.Errorf("%s: run %d: told %s", row.why, run, told)
			}
			if n := e.mutations(); run > 0 && n > 1 { // the attempt
				t.Errorf("%s: run %d writes %d times", row.why, run, n)
			}
		}
		if kept := fmt.Sprint(e.cluster.Object("secrets", "tenant", name)) == before; kept != row.kept {
			t.Errorf("%s: it is as it was: %t", row.why, kept)
		}
	}
}

// A RemoteSecret that somebody has emptied of its form is no reason to put a rotation
// off: the look at whether it could be written asks for what is to be written.
func TestARotationMeetsARemoteSecretOfAnotherForm(t *testing.T) {
	t.Parallel()
	e := newDelivery("stage")
	e.deliverOnce(t)
	e.apply(`{apiVersion: appstudio.redhat.com/v1beta1, kind: RemoteSecret, metadata: {name: billing-image-pull, namespace: tenant}, spec: {secret: {linkedTo: []}}}`)
	e.rotate()
	e.deliverOnce(t)
	e.settled(t)
	for _, m := range append(e.undelivered("tenant-stage"), e.deadTokens("billing-image-push", "billing-image-pull")...) {
		t.Error(m)
	}
	if n := e.made(); len(n["push"]) != 1 || len(n["pull"]) != 1 {
		t.Errorf("made: %v", n)
	}
}
