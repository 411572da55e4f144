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

	"github.com/sethvargo/go-envconfig"
	"k8s.io/client-go/rest"

	"berth/kube/kubetest"
	"berth/quay"
	"berth/quay/quaytest"
	"berth/reconcile"
)

//go:embed testdata/demo/*.yaml deploy/base/rbac.yaml
var demoFiles embed.FS

const (
	demoOrg   = "acme-workloads"
	demoToken = "demo-oauth-token" // opens nothing but the simulator
)

// stage holds both simulated ends of a demo.
type stage struct {
	quay    *quaytest.Server
	cluster *kubetest.Server
	dial    dial
}

// demo tells a story on simulators: a platform that Berth has served, what
// went wrong since, the run that mends it, and a second one that finds nothing
// left to do. It exits 0 when the story went so.
func demo(ctx context.Context, s settings, environment envconfig.Lookuper, std streams) int {
	s.QuayURL, s.QuayOrg = "https://quay.example.com", demoOrg
	s.QuayQPS, s.QuayBurst = 1000, 1000
	s.ClusterID = "demo" // the same names every time
	s.LockNamespace = "" // nobody else is there
	s.token = func() (quay.Token, error) { return quay.NewToken(demoToken), nil }
	if s.LogLevel == "auto" {
		s.LogLevel = "warn"
	}
	st := newStage()
	if err := st.history(ctx, s, environment); err != nil {
		_, _ = fmt.Fprintf(std.err, "Error: the demo could not be set up: %v\n", err)
		return reconcile.ExitBug
	}
	first, err := pass(ctx, s, st.dial, environment, std)
	if err != nil {
		return refuse(std.err, err)
	}
	if s.DryRun || first.Result() != reconcile.ResultOK {
		return first.ExitCode()
	}
	tell := std.out
	if s.Output == "json" {
		tell = io.Discard
	}
	_, _ = fmt.Fprintf(tell, "\n── Again, to see that nothing is left to do ──\n\n")
	second, err := pass(ctx, s, st.dial, environment, std)
	if err != nil {
		return refuse(std.err, err)
	}
	st.show(tell)
	if second.Changes != (reconcile.ChangeCount{}) {
		return reconcile.ExitFailed
	}
	return second.ExitCode()
}

func newStage() stage {
	st := stage{
		quay:    quaytest.New(quaytest.Options{}),
		cluster: kubetest.New(kubetest.Options{Manifests: demoFile("deploy/base/rbac.yaml")}),
	}
	st.quay.AddUser("platform")
	st.quay.AddOrganization(demoOrg, "platform")
	st.quay.AddToken(demoToken, "platform", "org:admin repo:admin")
	st.cluster.AddUser("demo", "system:serviceaccount:berth:berth", false)
	st.cluster.Apply(demoFile("testdata/demo/cluster.yaml"))
	st.dial = dial{
		config:    &rest.Config{Host: "https://api.example.com:6443", BearerToken: "demo", Transport: quaytest.Wire(st.cluster)},
		cluster:   "demo",
		transport: quaytest.Wire(st.quay),
		git:       quaytest.Wire(http.HandlerFunc(gitHost)),
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

// history lets Berth serve the platform once, unseen, and then plays everybody
// else: people at Quay's web pages and in the cluster.
func (st stage) history(ctx context.Context, s settings, environment envconfig.Lookuper) error {
	s.DryRun, s.NoProgress, s.Output = false, true, "text"
	nobody := streams{strings.NewReader(""), io.Discard, io.Discard}
	summary, err := pass(ctx, s, st.dial, environment, nobody)
	if err != nil {
		return err
	}
	if summary.Result() != reconcile.ResultOK {
		return fmt.Errorf("the first run was %s: %w", summary.Result(), summary.Err)
	}
	st.quay.SetVisibility(demoOrg+"/acme-tenant/ledger", true)
	st.quay.SetPermission(demoOrg+"/acme-tenant/ledger", st.robot("acme-tenant", "ledger-image-pull"), "admin")
	st.quay.RegenerateToken(st.robot("acme-tenant", "gateway-image-push"))
	st.cluster.Delete("secrets", "acme-tenant", "ledger-image-push")
	st.cluster.Delete("components", "globex-tenant", "api")
	st.cluster.CollectGarbage()
	st.cluster.Delete("components", "initech-tenant", "tps") // its finalizer keeps it
	st.cluster.Apply(demoFile("testdata/demo/later.yaml"))
	return nil
}

// robot is the account that a Secret logs in as.
func (st stage) robot(namespace, secret string) string {
	for _, auth := range st.auths(namespace, secret) {
		raw, _ := base64.StdEncoding.DecodeString(auth.Auth)
		login, _, _ := strings.Cut(string(raw), ":")
		return login
	}
	return ""
}

func (st stage) auths(namespace, secret string) map[string]struct{ Auth string } {
	data, _ := st.cluster.Object("secrets", namespace, secret)["data"].(map[string]any)
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
	for _, c := range []reconcile.Key{{Namespace: "acme-tenant", Name: "billing"}, {Namespace: "initech-tenant", Name: "mail"}} {
		metadata, _ := st.cluster.Object("components", c.Namespace, c.Name)["metadata"].(map[string]any)
		annotations, _ := metadata["annotations"].(map[string]any)
		_, _ = fmt.Fprintf(w, "\n── What the owner of %s sees ──\n\n", c)
		for _, name := range slices.Sorted(maps.Keys(annotations)) {
			_, _ = fmt.Fprintf(w, "%s: %v\n", name, annotations[name])
		}
		for _, secret := range []string{c.Name + "-image-push", c.Name + "-image-pull"} {
			auths := st.auths(c.Namespace, secret)
			_, _ = fmt.Fprintf(w, "Secret %s: a login for %s\n", secret, strings.Join(slices.Sorted(maps.Keys(auths)), ", "))
		}
	}
}
