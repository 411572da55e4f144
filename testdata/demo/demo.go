// Package demo is a platform on simulators: a Quay, a cluster and another, a RemoteSecret
// operator and a git host. It plays what everybody but Berth does in a story, and tells what
// they see of the run that mends it.
package demo

import (
	"context"
	"embed"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"

	"berth/deploy"
	"berth/kube/kubetest"
	"berth/kube/kubetest/remotesecret"
	"berth/quay/quaytest"
)

//go:embed *.yaml
var manifests embed.FS

// How a run connects to its Quay.
const (
	URL          = "https://quay.example.com"
	Organization = "acme-workloads"
	Token        = "demo-oauth-token" // opens nothing but the simulator
)

// Stage holds both simulated ends of a run, and where the platform's applications run besides.
type Stage struct {
	Quay     *quaytest.Server
	Cluster  *kubetest.Server
	prod     *kubetest.Server // another cluster
	operator *remotesecret.Operator
	ago      *atomic.Int64    // how long before the story Quay's clock is, in nanoseconds
	old      map[string]login // of those that ask for a rotation, before it, by Secret
}

// rotated are the Secrets whose logins the story asks the registry about.
var rotated = []struct{ namespace, secret, how string }{
	{"initech-tenant", "mail-image-push", "revoked"}, {"initech-tenant", "print-image-push", "graceful"},
}

// Time is when the story is told at Quay, whose clock stamps what is rotated.
func Time() time.Time { return time.Date(2026, 11, 27, 14, 23, 5, 0, time.UTC) }

// New is a platform that Berth has never seen.
func New() *Stage {
	s := &Stage{
		ago:     new(atomic.Int64),
		old:     map[string]login{},
		Cluster: kubetest.New(kubetest.Options{Manifests: deploy.Roles()}),
		prod:    kubetest.New(kubetest.Options{Manifests: manifest("prod.yaml")}),
	}
	s.Quay = quaytest.New(quaytest.Options{Now: func() time.Time { return Time().Add(-time.Duration(s.ago.Load())) }})
	s.Quay.AddUser("platform")
	s.Quay.AddOrganization(Organization, "platform")
	s.Quay.AddToken(Token, "platform", "org:admin repo:admin")
	s.Cluster.Apply(manifest("cluster.yaml"))
	var err error
	s.operator, err = remotesecret.New(remotesecret.Options{
		Config: connect(s.Cluster, "operator", true),
		As: func(namespace, name string) *rest.Config {
			return connect(s.Cluster, "system:serviceaccount:"+namespace+":"+name, false)
		},
		Remote: func(string) *rest.Config { return connect(s.prod, "operator", true) },
	})
	if err != nil {
		panic(err) // nothing of it comes from outside
	}
	return s
}

// Config is how Berth connects to the cluster.
func (s *Stage) Config() *rest.Config {
	return connect(s.Cluster, "system:serviceaccount:berth:berth", false)
}

// connect is how a user does whose token is the user's name.
func connect(cluster *kubetest.Server, user string, admin bool) *rest.Config {
	cluster.AddUser(user, user, admin)
	return &rest.Config{Host: "https://api.example.com:6443", BearerToken: user, Transport: quaytest.Wire(cluster), QPS: -1}
}

// Git answers as the hosts of the platform's sources do.
func Git() http.RoundTripper { return quaytest.Wire(http.HandlerFunc(gitHost)) }

// gitHost serves a public repository for every path below /open.
func gitHost(w http.ResponseWriter, r *http.Request) {
	AnswerGit(w, strings.HasPrefix(r.URL.Path, "/open/"))
}

// AnswerGit is how a git host shows a repository that is open to anybody, or asks for a login.
func AnswerGit(w http.ResponseWriter, open bool) {
	if !open {
		w.Header().Set("WWW-Authenticate", "Basic")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
	_, _ = io.WriteString(w, "001e# service=git-upload-pack\n0000000eversion 2\n000afetch\n0000")
}

func manifest(name string) []byte {
	raw, err := manifests.ReadFile(name)
	if err != nil {
		panic(err) // embedded
	}
	return raw
}

// Sync lets the RemoteSecret operator do what there is to do.
func (s *Stage) Sync(ctx context.Context) error { return s.operator.Sync(ctx) }

// History lets Berth serve the platform once, long ago, and then plays everybody else: people
// at Quay's web pages and in the cluster.
func (s *Stage) History(ctx context.Context, serve func(context.Context) error) error {
	s.ago.Store(int64(40 * 24 * time.Hour))
	if err := serve(ctx); err != nil {
		return err
	}
	s.ago.Store(0)
	if err := s.Sync(ctx); err != nil {
		return err
	}
	for _, r := range rotated {
		s.old[r.secret] = loginIn(s.Cluster, r.namespace, r.secret)
	}
	s.Quay.SetVisibility(Organization+"/acme-tenant/ledger", true)
	s.Quay.SetPermission(Organization+"/acme-tenant/ledger", s.robot("acme-tenant", "ledger-image-pull"), "admin")
	s.Quay.AddToTeam(Organization, "owners", s.robot("acme-tenant", "ledger-image-push"))
	s.Quay.RegenerateToken(s.robot("acme-tenant", "gateway-image-push"))
	s.Cluster.Delete("secrets", "acme-tenant", "ledger-image-push")
	s.Cluster.Delete("components", "globex-tenant", "api")
	s.Cluster.CollectGarbage()
	s.Cluster.Delete("components", "initech-tenant", "tps") // its finalizer keeps it
	s.Cluster.Apply(manifest("later.yaml"))
	return s.Sync(ctx) // what was collected is let go
}
