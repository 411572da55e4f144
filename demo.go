package main

import (
	"context"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"

	"berth/deploy"
	"berth/kube/kubetest"
	"berth/kube/kubetest/remotesecret"
	"berth/quay"
	"berth/quay/quaytest"
	"berth/reconcile/component"
	"berth/reconcile/report"
)

//go:embed testdata/demo/*.yaml
var demoFiles embed.FS

const (
	demoOrg   = "acme-workloads"
	demoToken = "demo-oauth-token" // opens nothing but the simulator
)

// stage holds both simulated ends of a demo, and where its applications run besides.
type stage struct {
	quay     *quaytest.Server
	cluster  *kubetest.Server
	prod     *kubetest.Server // another cluster
	operator *remotesecret.Operator
	dial     dial
	ago      *atomic.Int64    // how long before the story Quay's clock is, in nanoseconds
	old      map[string]login // of those that ask for a rotation, before it, by Secret
}

// login is what a Secret holds.
type login struct{ account, token string }

// rotated are the Secrets whose logins the demo asks the registry about.
var rotated = []struct{ namespace, secret, how string }{
	{"initech-tenant", "mail-image-push", "revoked"}, {"initech-tenant", "print-image-push", "graceful"},
}

// demoTime is when the story is told at Quay, whose clock stamps what is rotated.
func demoTime() time.Time { return time.Date(2026, 11, 27, 14, 23, 5, 0, time.UTC) }

// demo tells a story on simulators: a platform that Berth has served, what
// went wrong since, the run that mends it, and a second one that finds nothing
// left to do. It exits 0 when the story went so.
func demo(ctx context.Context, s settings, environment environ, std streams) int {
	s = onStage(s)
	st := newStage()
	if err := st.history(ctx); err != nil {
		return broken(std.err, err)
	}
	first, err := pass(ctx, s, st.dial, environment, std, nil)
	if err != nil {
		return refuse(std.err, err)
	}
	if s.DryRun || first.Result() != report.ResultOK {
		return first.ExitCode()
	}
	if err := st.operator.Sync(ctx); err != nil {
		return broken(std.err, err)
	}
	tell := std.out
	if s.Output == "json" {
		tell = io.Discard
	}
	_, _ = fmt.Fprintf(tell, "\n── Again, to see that nothing is left to do ──\n\n")
	s.rotate, s.Report = nil, "" // it was for once; the page is of the run that mended
	second, err := pass(ctx, s, st.dial, environment, std, nil)
	if err != nil {
		return refuse(std.err, err)
	}
	if err := st.askRegistry(ctx, s, tell); err != nil {
		return broken(std.err, err)
	}
	st.show(tell)
	if second.Changes != (report.ChangeCount{}) {
		return report.ExitFailed
	}
	return second.ExitCode()
}

// onStage is what settings come to between the simulators.
func onStage(s settings) settings {
	s.QuayURL, s.QuayOrg = "https://quay.example.com", demoOrg
	s.QuayQPS, s.QuayBurst = 1000, 1000
	s.ClusterID = "demo" // the same names every time
	s.LockNamespace = "" // nobody else is there
	s.ShardCount, s.ShardIndex = 1, 0
	s.token = func() (quay.Token, error) { return quay.NewToken(demoToken), nil }
	if s.LogLevel == "auto" {
		s.LogLevel = "warn"
	}
	return s
}

// notOnStage are the settings that lead to something real, or need somebody else.
var notOnStage = []string{
	"QUAY_URL", "QUAY_ORG", "QUAY_TOKEN_FILE", "QUAY_CREDENTIALS_DIR", "QUAY_CA_FILE", "QUAY_QPS", "QUAY_BURST",
	"KUBECONFIG", "CONTEXT", "SHARD_COUNT", "SHARD_INDEX", "SOURCE_HOSTS", "SOURCE_CA_FILE", "SOURCE_PROXY",
	"CLUSTER_ID", "PULL_SERVICE_ACCOUNT", "LOCK_NAMESPACE", "LOCK_TIMEOUT", "METRICS_FILE", "METRICS_PUSH_URL",
}

func newStage() stage {
	st := stage{
		ago:     new(atomic.Int64),
		old:     map[string]login{},
		cluster: kubetest.New(kubetest.Options{Manifests: deploy.Roles()}),
		prod:    kubetest.New(kubetest.Options{Manifests: demoFile("testdata/demo/prod.yaml")}),
	}
	st.quay = quaytest.New(quaytest.Options{Now: func() time.Time { return demoTime().Add(-time.Duration(st.ago.Load())) }})
	st.quay.AddUser("platform")
	st.quay.AddOrganization(demoOrg, "platform")
	st.quay.AddToken(demoToken, "platform", "org:admin repo:admin")
	st.cluster.Apply(demoFile("testdata/demo/cluster.yaml"))
	st.dial = dial{
		config:    demoConfig(st.cluster, "system:serviceaccount:berth:berth", false),
		cluster:   "demo",
		transport: quaytest.Wire(st.quay),
		git:       quaytest.Wire(http.HandlerFunc(gitHost)),
	}
	var err error
	st.operator, err = remotesecret.New(remotesecret.Options{
		Config: demoConfig(st.cluster, "operator", true),
		As: func(namespace, name string) *rest.Config {
			return demoConfig(st.cluster, "system:serviceaccount:"+namespace+":"+name, false)
		},
		Remote: func(string) *rest.Config { return demoConfig(st.prod, "operator", true) },
	})
	if err != nil {
		panic(err) // nothing of it comes from outside
	}
	return st
}

// gitHost serves a public repository for every path below /open, and asks for a
// login elsewhere.
func gitHost(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/open/") {
		w.Header().Set("WWW-Authenticate", "Basic")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
	_, _ = io.WriteString(w, "001e# service=git-upload-pack\n0000000eversion 2\n000afetch\n0000")
}

func demoFile(name string) []byte {
	raw, err := demoFiles.ReadFile(name)
	if err != nil {
		panic(err) // embedded
	}
	return raw
}

// history lets Berth serve the platform once, unseen, and then plays everybody else: people
// at Quay's web pages and in the cluster. It is the same whatever the demo is to show of it.
func (st stage) history(ctx context.Context) error {
	_, flags := newFlags()
	_ = flags["DEMO"].Set("true")
	past, wrong := loadSettings(flags, nil, nil) //nolint:contextcheck // decoding waits for nothing
	if len(wrong) > 0 {
		return wrong
	}
	st.ago.Store(int64(40 * 24 * time.Hour))
	summary, err := pass(ctx, onStage(past), st.dial, nil, streams{out: io.Discard, err: io.Discard}, nil)
	if err != nil {
		return err
	}
	if summary.Result() != report.ResultOK {
		return fmt.Errorf("the first run was %s: %w", summary.Result(), summary.Err)
	}
	st.ago.Store(0)
	if err := st.operator.Sync(ctx); err != nil {
		return err
	}
	for _, r := range rotated {
		st.old[r.secret] = loginIn(st.cluster, r.namespace, r.secret)
	}
	st.quay.SetVisibility(demoOrg+"/acme-tenant/ledger", true)
	st.quay.SetPermission(demoOrg+"/acme-tenant/ledger", st.robot("acme-tenant", "ledger-image-pull"), "admin")
	st.quay.AddToTeam(demoOrg, "owners", st.robot("acme-tenant", "ledger-image-push"))
	st.quay.RegenerateToken(st.robot("acme-tenant", "gateway-image-push"))
	st.cluster.Delete("secrets", "acme-tenant", "ledger-image-push")
	st.cluster.Delete("components", "globex-tenant", "api")
	st.cluster.CollectGarbage()
	st.cluster.Delete("components", "initech-tenant", "tps") // its finalizer keeps it
	st.cluster.Apply(demoFile("testdata/demo/later.yaml"))
	return st.operator.Sync(ctx) // what was collected is let go
}

// robot is the account that a Secret logs in as.
func (st stage) robot(namespace, secret string) string {
	return loginIn(st.cluster, namespace, secret).account
}

func loginIn(cluster *kubetest.Server, namespace, secret string) login {
	for _, auth := range auths(cluster, namespace, secret) {
		raw, _ := base64.StdEncoding.DecodeString(auth.Auth)
		account, token, _ := strings.Cut(string(raw), ":")
		return login{account, token}
	}
	return login{}
}

// askRegistry lets the registry itself say what the logins are worth that were rotated.
func (st stage) askRegistry(ctx context.Context, s settings, w io.Writer) error {
	client, err := quay.New(quay.Options{URL: s.QuayURL, Organization: s.QuayOrg, Token: s.token, Transport: st.dial.transport})
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(w, "\n── What the registry says of the logins ──\n\n")
	for _, r := range rotated {
		name, _, _ := strings.Cut(r.secret, "-image-")
		for _, l := range []struct {
			which string
			login
		}{{"before", st.old[r.secret]}, {"now", loginIn(st.cluster, r.namespace, r.secret)}} {
			robot := strings.TrimPrefix(l.account, demoOrg+"+")
			grant, err := client.Granted(ctx, robot, quay.NewToken(l.token), r.namespace+"/"+name)
			if err != nil {
				return err
			}
			answer := "refused"
			if grant.Accepted {
				answer = "accepted: " + strings.Join(grant.Actions, ", ")
			}
			_, _ = fmt.Fprintf(w, "%s/%s, %s, %s\n  %s: %s\n", r.namespace, name, r.how, l.which, robot, answer)
		}
	}
	return nil
}

func auths(cluster *kubetest.Server, namespace, secret string) map[string]struct{ Auth string } {
	data, _ := cluster.Object("secrets", namespace, secret)["data"].(map[string]any)
	encoded, _ := data[".dockerconfigjson"].(string)
	raw, _ := base64.StdEncoding.DecodeString(encoded)
	var config struct {
		Auths map[string]struct{ Auth string }
	}
	_ = json.Unmarshal(raw, &config)
	return config.Auths
}

// show prints what a tenant's developer finds after the run.
func (st stage) show(w io.Writer) {
	for _, c := range []component.Key{{Namespace: "acme-tenant", Name: "billing"}, {Namespace: "initech-tenant", Name: "mail"}} {
		metadata, _ := st.cluster.Object("components", c.Namespace, c.Name)["metadata"].(map[string]any)
		annotations, _ := metadata["annotations"].(map[string]any)
		_, _ = fmt.Fprintf(w, "\n── What the owner of %s sees ──\n\n", c)
		for _, name := range slices.Sorted(maps.Keys(annotations)) {
			_, _ = fmt.Fprintf(w, "%s: %v\n", name, annotations[name])
		}
		for _, secret := range []string{c.Name + "-image-push", c.Name + "-image-pull"} {
			_, _ = fmt.Fprintf(w, "Secret %s: %s\n", secret, opens(st.cluster, c.Namespace, secret))
		}
	}
	_, _ = fmt.Fprintf(w, "\n── Where acme-tenant/billing can be pulled ──\n\n")
	for _, place := range []struct {
		environment, name, namespace string
		cluster                      *kubetest.Server
	}{
		{"dev", "acme-tenant", "acme-tenant", st.cluster},
		{"staging", "acme-staging", "acme-staging", st.cluster},
		{"prod", "acme-prod on api.prod.example.com:6443", "acme-prod", st.prod},
	} {
		_, _ = fmt.Fprintf(w, "%s, %s\n  Secret billing-image-pull: %s\n  ServiceAccount default pulls with %s\n", place.environment, place.name,
			opens(place.cluster, place.namespace, "billing-image-pull"), pullSecrets(place.cluster, place.namespace))
	}
}

// opens tells what a Secret is good for.
func opens(cluster *kubetest.Server, namespace, secret string) string {
	return "a login for " + strings.Join(slices.Sorted(maps.Keys(auths(cluster, namespace, secret))), ", ")
}

func pullSecrets(cluster *kubetest.Server, namespace string) string {
	var names []string
	links, _ := cluster.Object("serviceaccounts", namespace, "default")["imagePullSecrets"].([]any)
	for _, l := range links {
		link, _ := l.(map[string]any)
		names = append(names, fmt.Sprint(link["name"]))
	}
	slices.Sort(names) // Components are served at once
	return strings.Join(names, ", ")
}
