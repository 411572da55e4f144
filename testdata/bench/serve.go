package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/time/rate"

	"berth/deploy"
	"berth/kube/kubetest"
	"berth/quay/quaytest"
	"berth/testdata/platform"
)

const (
	oauthToken = "bench-oauth-token" // opens nothing but the simulator
	kubeToken  = "bench-kube-token"
	kubeUser   = "system:serviceaccount:berth:berth"
)

// place is where the simulators are, as the process that serves them tells.
type place struct {
	Quay, Cluster, Control, Certificate, Git string

	slow time.Duration // what a git host takes for an answer
}

// report is what they were asked since the last report.
type report struct {
	Quay, Cluster map[string]int
	Met           time.Time // when the first connection was made,
	First         time.Time // and when the first call came over it
}

func (r report) sum() (quay, cluster int) {
	for _, n := range r.Quay {
		quay += n
	}
	for _, n := range r.Cluster {
		cluster += n
	}
	return quay, cluster
}

// serve holds a platform in memory and serves its two ends until it is ended, over TLS and
// HTTP/2 as the real ones are.
func serve(ctx context.Context, args []string, out io.Writer) error {
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	components := flags.Int("components", 100, "how many")
	grouped := flags.Int("per-namespace", 50, "Components of a namespace")
	settled := flags.Bool("settled", true, "Berth has served them")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var knobs knobs
	registry := quaytest.New(quaytest.Options{OnRequest: func(string, string, string) {
		knobs.asked()
		knobs.wait()
	}})
	cluster := kubetest.New(kubetest.Options{Manifests: deploy.Roles(), OnRequest: func(kubetest.Call) { knobs.asked() }})
	registry.AddUser("platform")
	registry.AddOrganization(platform.Organization, "platform")
	registry.AddToken(oauthToken, "platform", "org:admin repo:admin")
	cluster.AddUser(kubeToken, kubeUser, true) // the roles of shards are not among those it is given
	platform.Platform{Registry: registry, Cluster: cluster, Grouped: *grouped, Settled: *settled}.Fill(*components)

	proxy := &quaytest.Proxy{Server: registry, API: knobs.allow}
	quay, kube := knobs.secure(proxy), knobs.secure(cluster)
	git := secure(&knobs.git)
	sources := httptest.NewServer(leadsTo(git.Listener.Addr().String()))
	defer git.Close()
	defer sources.Close()
	defer quay.Close()
	defer kube.Close()
	control := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		knobs.set(r.FormValue("latency"), r.FormValue("limit"))
		knobs.git.latency, _ = time.ParseDuration(r.FormValue("git"))
		told := report{map[string]int{}, map[string]int{}, time.Unix(0, knobs.met.Swap(0)), time.Unix(0, knobs.first.Swap(0))}
		for _, c := range registry.Calls() {
			told.Quay[c.Method+" "+c.Route]++
		}
		for _, c := range cluster.Calls() {
			told.Cluster[c.Verb+" "+c.Resource]++
		}
		registry.ResetCalls()
		cluster.ResetCalls()
		_ = json.NewEncoder(w).Encode(told)
	}))
	defer control.Close()
	certificate, err := os.CreateTemp("", "bench-*.pem")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(certificate.Name()) }()
	for _, s := range []*httptest.Server{quay, kube} {
		if err := pem.Encode(certificate, &pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}); err != nil {
			return err
		}
	}
	if err := certificate.Close(); err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(place{Quay: quay.URL, Cluster: kube.URL, Control: control.URL, Certificate: certificate.Name(), Git: sources.URL}); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func secure(h http.Handler) *httptest.Server {
	s := httptest.NewUnstartedServer(h)
	s.StartTLS()
	return s
}

func (k *knobs) secure(h http.Handler) *httptest.Server {
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		k.met.CompareAndSwap(0, time.Now().UnixNano())
		return ctx
	}
	s.StartTLS()
	return s
}

// knobs are turned between two runs, while nobody asks.
type knobs struct {
	latency time.Duration
	limiter *rate.Limiter
	git     gitHost
	met     atomic.Int64 // when the first connection was made, in nanoseconds; zero: none yet
	first   atomic.Int64 // when the first call came
}

func (k *knobs) asked() { k.first.CompareAndSwap(0, time.Now().UnixNano()) }

func (k *knobs) wait() {
	if k.latency > 0 {
		<-time.After(k.latency)
	}
}

func (k *knobs) allow() bool { return k.limiter == nil || k.limiter.Allow() }

func (k *knobs) set(latency, limit string) {
	k.latency, _ = time.ParseDuration(latency)
	k.limiter = nil
	var perSecond int
	if _, err := fmt.Sscan(limit, &perSecond); err == nil && perSecond > 0 {
		k.limiter = rate.NewLimiter(rate.Limit(perSecond), 2*perSecond)
	}
}

// kubeconfig leads to the cluster.
func (p place) kubeconfig(file string) error {
	return os.WriteFile(file, []byte(strings.NewReplacer("SERVER", p.Cluster, "FILE", p.Certificate, "TOKEN", kubeToken).Replace(`apiVersion: v1
kind: Config
current-context: bench
contexts: [{name: bench, context: {cluster: bench, user: bench}}]
clusters: [{name: bench, cluster: {server: SERVER, certificate-authority: FILE}}]
users: [{name: bench, user: {token: TOKEN}}]
`)), 0o600)
}
