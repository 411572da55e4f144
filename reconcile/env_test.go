package reconcile_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"berth/kube"
	"berth/kube/kubetest"
	"berth/quay"
	"berth/quay/quaytest"
	"berth/reconcile"
	acts "berth/reconcile/apply/ends"
	"berth/reconcile/component"
	"berth/reconcile/observe"
	"berth/reconcile/plan"
	"berth/reconcile/report"
	"berth/reconcile/report/text"
	"berth/reconcile/world"
)

// env is a simulated Quay and a simulated cluster with the real clients between
// them and a run.
type env struct {
	quay    *quaytest.Server
	cluster *kubetest.Server
	clock   time.Time
	tokens  *atomic.Int64
	uids    *atomic.Int64
	*witness

	git       observe.Sources // visibility follows the source, nil: it is set
	*delivery                 // nil: none is wanted
}

const (
	org        = "acme"
	host       = "quay.test"
	overlap    = time.Hour // --rotation-overlap
	oauth      = "OAUTHCANARYOAUTHCANARYOAUTHCANARYOAUTHCA"
	berthUser  = "system:serviceaccount:berth:berth"
	berthToken = "KUBECANARYKUBECANARYKUBECANARYKUBECANARY"
)

var rbac = func() (all []byte) {
	for _, name := range []string{"base/rbac.yaml", "components/take-over/rbac.yaml"} {
		raw, err := os.ReadFile("../deploy/" + name)
		if err != nil {
			panic(err)
		}
		all = append(append(all, raw...), "\n---\n"...)
	}
	return all
}()

// newEnv has a tenant namespace called tenant, with the builds' ServiceAccount.
func newEnv() *env {
	e := &env{clock: time.Date(2026, 3, 16, 12, 7, 0, 0, time.UTC), tokens: new(atomic.Int64), uids: new(atomic.Int64)}
	e.quay = quaytest.New(quaytest.Options{NewToken: e.token, Now: e.now})
	e.cluster = kubetest.New(kubetest.Options{Manifests: rbac, Now: e.now, NewUID: e.uid})
	e.quay.AddUser("platform")
	e.quay.AddOrganization(org, "platform")
	e.quay.AddToken(oauth, "platform", "org:admin repo:admin")
	e.cluster.AddUser(berthToken, berthUser, false)
	e.namespace("tenant")
	e.witness = newWitness(e)
	return e
}

// id is the cluster's.
func (e *env) id() string {
	metadata, _ := e.cluster.Object("namespaces", "", "kube-system")["metadata"].(map[string]any)
	return metadata["uid"].(string)
}

func (e *env) now() time.Time { return e.clock }

// token makes robot tokens that a search can find again.
func (e *env) token(string) string {
	return fmt.Sprintf("CANARY%058d", e.tokens.Add(1))
}

// uid makes uids that are the same in every run of a test: what falls to a run of the audit
// depends on the cluster's.
func (e *env) uid() string {
	b := sha256.Sum256(fmt.Append(nil, e.uids.Add(1)))
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

func (e *env) namespace(name string) {
	e.apply(`{apiVersion: v1, kind: Namespace, metadata: {name: %[1]s, uid: uid-of-namespace-%[1]s}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: appstudio-pipeline, namespace: %[1]s}}`, name)
}

// component adds a Component; annotations are YAML, such as `image.redhat.com/generate: "true"`.
func (e *env) component(namespace, name, uid string, annotations ...string) {
	e.apply(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: %s, namespace: %s, uid: %s, annotations: {%s}}, spec: {componentName: %[1]s, application: shop}}`,
		name, namespace, uid, strings.Join(annotations, ", "))
}

func (e *env) apply(format string, args ...any) {
	e.cluster.Apply(fmt.Appendf(nil, format, args...))
}

// annotation reads one of a Component's.
func (e *env) annotation(namespace, name, annotation string) string {
	return e.cluster.Text("components", namespace, name, "metadata", "annotations", annotation)
}

// between may stand between a client and its end.
type between func(http.RoundTripper) http.RoundTripper

func direct(t http.RoundTripper) http.RoundTripper { return t }

// newRun is a run with the usual settings, silent.
func (e *env) newRun() *reconcile.Run { return e.newRunOver(direct) }

func (e *env) newRunOver(b between) *reconcile.Run {
	q, k := e.clients(b)
	r := newRun(q, k, e.now)
	if e.git != nil {
		r.Policy.Visibility, r.Read.Git = "", e.git
	}
	if e.delivery != nil {
		r.Policy.RemoteSecrets, r.Policy.PullServiceAccounts = world.RemoteSecretsAuto, []string{"default"}
	}
	return r
}

// clients returns the real clients, over wires to the simulators.
func (e *env) clients(b between) (*quay.Client, *kube.Client) {
	return connect("https://"+host, "https://kube.test", b(e.watch(quaytest.Wire(e.quay))), b(e.watch(quaytest.Wire(e.cluster))))
}

// connect returns the real clients, without their waits.
func connect(quayURL, kubeURL string, toQuay, toKube http.RoundTripper) (*quay.Client, *kube.Client) {
	q, err := quay.New(quay.Options{
		URL: quayURL, Organization: org, QPS: 1e6, Burst: 1e6, Transport: toQuay,
		Token:   func() (quay.Token, error) { return quay.NewToken(oauth), nil },
		Backoff: func(int) time.Duration { return 0 },
	})
	if err != nil {
		panic(err)
	}
	k, err := kube.New(kube.Options{Config: &rest.Config{Host: kubeURL, BearerToken: berthToken, Transport: toKube}, QPS: -1, Backoff: func(int) time.Duration { return 0 }})
	if err != nil {
		panic(err)
	}
	return q, k
}

// registry and cluster are the two ends, as reading and writing need them.
type registry interface {
	observe.Registry
	acts.Registry
}

type cluster interface {
	observe.Cluster
	acts.Cluster
}

// rewire puts a run between other ends.
func rewire(r *reconcile.Run, q registry, k cluster) {
	r.Read.Registry, r.Read.Cluster = q, k
	r.Write.Registry, r.Write.Cluster = q, k
}

// endsOf are the ends that a run is between.
func endsOf(r *reconcile.Run) (registry, cluster) {
	return r.Write.Registry.(registry), r.Write.Cluster.(cluster)
}

func newRun(q *quay.Client, k *kube.Client, now func() time.Time) *reconcile.Run {
	r := &reconcile.Run{
		Header:      report.Header{Version: "test", Run: "run", Cluster: "test", Quay: host, Org: org},
		Stats:       q.Stats,
		Naming:      component.Naming{Host: host, Organization: org, Layout: component.LayoutComponent},
		Policy:      world.Policy{Visibility: quay.Private, ReportOrphans: true, PushServiceAccounts: []string{"appstudio-pipeline"}, MaxRotations: 50, Overlap: overlap},
		Limits:      plan.Limits{MaxChangeRatio: 0.3},
		Concurrency: 4,
		Report:      text.New(io.Discard, false, report.Folded),
		Log:         slog.New(slog.DiscardHandler),
		Now:         now,
		Pause:       noPause,
	}
	rewire(r, q, k)
	return r
}

// wholeText reports in full, and breaks no line, so that a test finds every sentence.
func wholeText(w io.Writer) *text.Reporter {
	t := text.New(w, false, report.Full)
	t.Width = 0
	return t
}

// run makes a run and demands that it is well.
func (e *env) run(t testing.TB) report.Summary {
	t.Helper()
	var out bytes.Buffer
	r := e.newRun()
	r.Report = wholeText(&out)
	s := r.Do(context.Background())
	if s.Result() != report.ResultOK {
		t.Fatalf("the run was %s:\n%s", s.Result(), out.String())
	}
	return s
}

// settled demands that a further run finds nothing to do.
func (e *env) settled(t testing.TB) {
	t.Helper()
	if s := e.run(t); s.Changes != (report.ChangeCount{}) {
		t.Fatalf("not settled: %+v", s.Changes)
	}
}
