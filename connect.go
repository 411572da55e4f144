package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	_ "k8s.io/client-go/plugin/pkg/client/auth" // the login by oidc, which is no command as others are
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"berth/kube"
	"berth/quay"
	"berth/reconcile"
	"berth/reconcile/gitsource"
	"berth/reconcile/report"
	"berth/reconcile/report/progress"
)

// ends are the two that a run connects, and what to call them.
type ends struct {
	quay     *quay.Client
	kube     *kube.Client
	git      *gitsource.Prober
	cluster  string // as a person calls it
	server   string
	registry string // host, with its port when it has one
	images   string // the same of images' names
	sent     *report.Tally
	pages    *[]string // where lists of repositories may begin, besides at the beginning
}

// atQuay is who answers there: its API, or the registry when a robot logs in.
var atQuay = map[bool]string{false: "quay", true: "registry"}

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
	agent, sent := "berth/"+version(), new(report.Tally)
	pages := new([]string)
	registry, err := quay.New(quay.Options{
		Bookmarks: func() []string { return *pages },
		URL:       s.QuayURL, Organization: s.QuayOrg, Token: s.token, RootCAs: s.roots,
		QPS: float64(s.QuayQPS), Clients: s.ShardCount, Burst: s.share(s.QuayBurst), ReadOnly: s.DryRun, UserAgent: agent, Transport: d.transport, Logger: log, Answered: func(login bool, status int) { sent.Count(atQuay[login], status) },
	})
	if err != nil {
		return ends{}, problems{{s.called("QUAY_URL"), err.Error() + "."}}
	}
	cluster, err := kube.New(kube.Options{
		Config: d.config, QPS: float32(s.KubeQPS), Burst: s.KubeBurst, ReadOnly: s.DryRun, UserAgent: agent, Logger: log,
		Answered: func(status int) { sent.Count("cluster", status) },
	})
	if err != nil {
		return ends{}, problems{{s.called("KUBECONFIG"), err.Error() + "."}}
	}
	address, err := quay.ParseAddress(s.QuayURL)
	if err != nil {
		return ends{}, problems{{s.called("QUAY_URL"), err.Error() + "."}}
	}
	s.git.Transport = d.git
	return ends{
		quay: registry, kube: cluster, git: gitsource.New(s.git), cluster: d.cluster, server: d.config.Host,
		registry: address.Host, images: cmp.Or(s.ImageHost, address.Host), sent: sent, pages: pages,
	}, nil
}

// clusterConfig follows kubectl's rules: what a kubeconfig says counts, and only where
// there is none the ServiceAccount of the pod. A kubeconfig or context that was named and
// leads nowhere is refused, in a pod too: another cluster than the one meant would be
// served.
func clusterConfig(s settings, pod func() (*rest.Config, error)) (dial, problems) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = s.Kubeconfig
	named := s.Kubeconfig != "" || os.Getenv(clientcmd.RecommendedConfigPathEnvVar) != ""
	if !named && !readable(clientcmd.RecommendedHomeFile) { // a pod may have somebody else's home
		rules.Precedence, rules.MigrationRules = nil, nil
	}
	raw, err := rules.Load()
	nowhere := problems{{s.called("KUBECONFIG"), "names no cluster to talk to. Give --kubeconfig or --context, or run in a pod."}}
	switch {
	case errors.Is(err, os.ErrNotExist): // only of one that was named
		return dial{}, problems{{s.called("KUBECONFIG"), told(s.Kubeconfig) + "no such file."}}
	case err != nil:
		return dial{}, problems{{s.called("KUBECONFIG"), "cannot be read as a kubeconfig."}}
	case s.Context != "" && raw.Contexts[s.Context] == nil && len(raw.Contexts) > 0:
		return dial{}, problems{{s.called("CONTEXT"), "is not in the kubeconfig, which has " + strings.Join(slices.Sorted(maps.Keys(raw.Contexts)), ", ") + "."}}
	case s.Context != "":
		nowhere[0].name = s.called("CONTEXT")
	case api.IsConfigEmpty(raw) && s.Kubeconfig == "" && named:
		nowhere = problems{{clientcmd.RecommendedConfigPathEnvVar, "names no file with a cluster. Give --kubeconfig, or unset it for the pod's own cluster."}}
	case api.IsConfigEmpty(raw) && !named:
		config, err := pod()
		if err == nil {
			return dial{config: config, cluster: "in-cluster", pod: true, namespace: podNamespace()}, nil
		} else if !errors.Is(err, rest.ErrNotInCluster) {
			return dial{}, problems{{"ServiceAccount", "the pod's credentials cannot be read. Is automountServiceAccountToken off?"}}
		}
	}
	// The client config that defers loading would take the pod's account in the end.
	config, err := clientcmd.NewNonInteractiveClientConfig(*raw, s.Context, &clientcmd.ConfigOverrides{}, rules).ClientConfig()
	if err != nil {
		return dial{}, nowhere
	}
	return dial{config: config, cluster: cmp.Or(s.Context, raw.CurrentContext)}, nil
}

func readable(file string) bool {
	f, err := os.Open(file)
	return err == nil && f.Close() == nil
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

// addLock lets a run hold a Lease, where it is known which. What stands on the Lease costs no
// call: up to which moment the repositories were audited, and the places from which the next run may list them
// side by side.
func addLock(r *reconcile.Run, s settings, d dial, e ends, line *progress.Line) {
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
		line.Say("waiting for the lock " + r.Header.Lock)
		defer line.Say("reading Quay and the cluster")
		lock, err := e.kube.Lock(ctx, kube.LockOptions{
			Namespace: namespace, Name: s.lockName(), Holder: host + ":" + r.Header.Run, Wait: s.LockTimeout, Duration: leaseDuration,
			Note: func() string { return noteFor(r.Audited, e.quay.Bookmarks()) },
		})
		if err == nil {
			r.Audited, *e.pages = noted(lock.Note())
		}
		return lock, err
	}
}

// noteFor tells the next run up to which moment this one has audited, and from where it may
// list the repositories.
func noteFor(audited time.Time, pages []string) string {
	if !audited.IsZero() {
		pages = slices.Concat([]string{audited.UTC().Format(time.RFC3339Nano)}, pages)
	}
	return strings.Join(pages, " ")
}

// noted reads what an earlier run told: the moment is first, and zero where there is none.
func noted(note string) (audited time.Time, pages []string) {
	pages = strings.Fields(note)
	if len(pages) > 0 {
		if t, err := time.Parse(time.RFC3339Nano, pages[0]); err == nil {
			return t, pages[1:]
		}
	}
	return time.Time{}, pages
}

// soon is after the first calls are sent: until then there is nothing worth collecting.
const soon = 100 * time.Millisecond

// collectEarly lets memory grow by less than Go does before it is collected, unless GOGC
// says something: a run lives for seconds, and its pod is given what it takes at its most.
// The closer it comes to what its cgroup may hold, the more is collected, unless GOMEMLIMIT
// says when: the last tenth is the kernel's, for what it keeps for the process.
func collectEarly() {
	if os.Getenv("GOGC") == "" {
		time.AfterFunc(soon, func() { debug.SetGCPercent(20) })
	}
	if limit := memoryLimit(os.ReadFile); limit > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit / 10 * 9)
	}
}

// memoryLimit is how much memory, in bytes, the process's cgroup may hold, by either
// version of the kernel's interface (cgroups(7)); zero when there is no limit. A container
// finds its own where the host has the root's, or under the name that the host has for it.
func memoryLimit(read func(string) ([]byte, error)) (least int64) {
	groups, _ := read("/proc/self/cgroup")
	for line := range strings.Lines(string(groups)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) < 3 {
			continue
		}
		for _, in := range []string{fields[2], "/"} {
			file := path.Join("/sys/fs/cgroup", in, "memory.max")
			if fields[1] == "memory" {
				file = path.Join("/sys/fs/cgroup/memory", in, "memory.limit_in_bytes")
			}
			raw, _ := read(file)
			if n, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64); err == nil && n > 0 && (least == 0 || n < least) {
				least = n
			}
		}
	}
	return least
}
