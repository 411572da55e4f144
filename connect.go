package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"berth/kube"
	"berth/quay"
	"berth/reconcile"
	"berth/reconcile/gitsource"
)

// ends are the two that a run connects, and what to call them.
type ends struct {
	quay     *quay.Client
	kube     *kube.Client
	git      *gitsource.Prober
	cluster  string // as a person calls it
	server   string
	registry string // host, with its port when it has one
}

// dial says where the ends are: the demo puts simulators there.
type dial struct {
	config    *rest.Config
	cluster   string
	transport http.RoundTripper // to Quay; nil: the network
	git       http.RoundTripper // to git hosts; nil: the network
	pod       bool              // this is one, and it works with its own ServiceAccount
	namespace string            // of the pod, "": not known
}

// connect makes the clients. It sends nothing yet.
func connect(s settings, d dial, log *slog.Logger) (ends, error) {
	agent := "berth/" + version()
	registry, err := quay.New(quay.Options{
		URL: s.QuayURL, Organization: s.QuayOrg, Token: s.token, RootCAs: s.roots,
		QPS: s.QuayQPS / float64(s.ShardCount), Burst: s.share(s.QuayBurst), ReadOnly: s.DryRun, UserAgent: agent, Transport: d.transport, Logger: log,
	})
	if err != nil {
		return ends{}, problems{{s.called("QUAY_URL"), err.Error() + "."}}
	}
	cluster, err := kube.New(kube.Options{
		Config: d.config, QPS: float32(s.KubeQPS), Burst: s.KubeBurst, ReadOnly: s.DryRun, UserAgent: agent, Logger: log,
	})
	if err != nil {
		return ends{}, problems{{s.called("KUBECONFIG"), err.Error() + "."}}
	}
	address, err := url.Parse(s.QuayURL)
	if err != nil {
		return ends{}, problems{{s.called("QUAY_URL"), "is not a URL."}}
	}
	s.git.Transport = d.git
	return ends{quay: registry, kube: cluster, git: gitsource.New(s.git), cluster: d.cluster, server: d.config.Host, registry: address.Host}, nil
}

// clusterConfig follows kubectl's rules, and the ServiceAccount in a pod.
func clusterConfig(s settings) (dial, problems) {
	if s.Kubeconfig == "" && s.Context == "" {
		if config, err := rest.InClusterConfig(); err == nil {
			return dial{config: config, cluster: "in-cluster", pod: true, namespace: podNamespace()}, nil
		} else if !errors.Is(err, rest.ErrNotInCluster) {
			return dial{}, problems{{"ServiceAccount", "the pod's credentials cannot be read. Is automountServiceAccountToken off?"}}
		}
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = s.Kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: s.Context})
	raw, err := loader.RawConfig()
	switch {
	case errors.Is(err, os.ErrNotExist): // only of one that was named
		return dial{}, problems{{s.called("KUBECONFIG"), told(s.Kubeconfig) + "no such file."}}
	case err != nil:
		return dial{}, problems{{s.called("KUBECONFIG"), "cannot be read as a kubeconfig."}}
	case s.Context != "" && raw.Contexts[s.Context] == nil && len(raw.Contexts) > 0:
		return dial{}, problems{{s.called("CONTEXT"), "is not in the kubeconfig, which has " + strings.Join(slices.Sorted(maps.Keys(raw.Contexts)), ", ") + "."}}
	}
	name := s.Context
	if name == "" {
		name = raw.CurrentContext
	}
	config, err := loader.ClientConfig()
	if err != nil {
		key := "KUBECONFIG"
		if s.Context != "" {
			key = "CONTEXT"
		}
		return dial{}, problems{{s.called(key), "names no cluster to talk to. Give --kubeconfig or --context, or run in a pod."}}
	}
	return dial{config: config, cluster: name}, nil
}

// podNamespace is the namespace of the pod's ServiceAccount.
func podNamespace() string {
	raw, err := os.ReadFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
	if err != nil {
		return "" // a pod with a token of its own making: no lock
	}
	return strings.TrimSpace(string(raw))
}

// lockName names the run's Lease: each shard has its own.
func (s settings) lockName() string {
	if s.ShardCount > 1 {
		return fmt.Sprintf("berth-%d", s.ShardIndex)
	}
	return "berth"
}

// leaseDuration is how long a lock outlives a holder that died; tests shorten it.
var leaseDuration = time.Minute

// addLock lets a run hold a Lease, where it is known which.
func addLock(r *reconcile.Run, s settings, d dial, cluster *kube.Client, line *status) {
	namespace := cmp.Or(s.LockNamespace, d.namespace)
	if namespace == "" || s.DryRun {
		return
	}
	host, err := os.Hostname() // in a pod, its name
	if err != nil {
		host = "unknown"
	}
	r.Header.Lock = namespace + "/" + s.lockName()
	r.Lock = func(ctx context.Context) (*kube.Lock, error) {
		line.say("waiting for the lock " + r.Header.Lock)
		defer line.say("reading Quay and the cluster")
		return cluster.Lock(ctx, kube.LockOptions{
			Namespace: namespace, Name: s.lockName(), Holder: host + ":" + r.Header.Run, Wait: s.LockTimeout, Duration: leaseDuration,
		})
	}
}
