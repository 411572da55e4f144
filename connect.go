package main

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"berth/kube"
	"berth/quay"
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
}

// connect makes the clients. It sends nothing yet.
func connect(s settings, d dial, log *slog.Logger) (ends, error) {
	agent := "berth/" + version()
	registry, err := quay.New(quay.Options{
		URL: s.QuayURL, Organization: s.QuayOrg, Token: s.token, RootCAs: s.roots,
		QPS: s.QuayQPS, Burst: s.QuayBurst, ReadOnly: s.DryRun, UserAgent: agent, Transport: d.transport, Logger: log,
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
			return dial{config: config, cluster: "in-cluster"}, nil
		} else if !errors.Is(err, rest.ErrNotInCluster) {
			return dial{}, problems{{"ServiceAccount", "the pod's credentials cannot be read. Is automountServiceAccountToken off?"}}
		}
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = s.Kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: s.Context})
	raw, err := loader.RawConfig()
	if err != nil {
		return dial{}, problems{{s.called("KUBECONFIG"), "cannot be read as a kubeconfig."}}
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
