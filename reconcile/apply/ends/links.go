package ends

import (
	"context"
	"maps"
	"slices"
	"sync"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/world"
)

// linker is what applying a plan needs of the cluster to link Secrets to ServiceAccounts.
type linker interface {
	LinkSecrets(ctx context.Context, namespace, serviceAccount string, secrets ...string) (kube.ServiceAccount, error)
	LinkPullSecrets(ctx context.Context, seen kube.ServiceAccount, secrets ...string) (kube.ServiceAccount, error)
	UnlinkSecret(ctx context.Context, namespace, serviceAccount, secret string) error
	UnlinkPullSecret(ctx context.Context, namespace, serviceAccount, secret string) error
}

// Links links Secrets to ServiceAccounts, in one patch each as long as nobody else writes: it
// knows them as the run has listed them, or as the answer to its own last patch showed them.
// One at a time is let through for each namespace: Components of one namespace that link to
// its one ServiceAccount would only be in each other's way.
type Links struct {
	cluster linker
	listed  map[component.Key]world.Links
	turns   sync.Map // by namespace
	last    sync.Map // by ServiceAccount, those that this run has written
}

// LinksOf begins with the ServiceAccounts as they were listed.
func LinksOf(c Cluster, listed map[component.Key]world.Links) *Links {
	return &Links{cluster: c, listed: listed}
}

// Link makes links of a namespace's ServiceAccount, all at once.
func (l *Links) Link(ctx context.Context, namespace, serviceAccount string, pull bool, secrets ...string) (err error) {
	defer l.enter(namespace)()
	seen := l.seen(namespace, serviceAccount)
	if pull {
		seen, err = l.cluster.LinkPullSecrets(ctx, seen, secrets...)
	} else {
		seen, err = l.cluster.LinkSecrets(ctx, namespace, serviceAccount, secrets...)
	}
	l.wrote(namespace, serviceAccount, seen)
	return err
}

// Unlink takes one off.
func (l *Links) Unlink(ctx context.Context, namespace, serviceAccount string, pull bool, secret string) error {
	defer l.enter(namespace)()
	l.wrote(namespace, serviceAccount, kube.ServiceAccount{})
	if pull {
		return l.cluster.UnlinkPullSecret(ctx, namespace, serviceAccount, secret)
	}
	return l.cluster.UnlinkSecret(ctx, namespace, serviceAccount, secret)
}

func (l *Links) enter(namespace string) (leave func()) {
	entry, _ := l.turns.LoadOrStore(namespace, new(sync.Mutex))
	mutex := entry.(*sync.Mutex)
	mutex.Lock()
	return mutex.Unlock
}

func (l *Links) seen(namespace, serviceAccount string) kube.ServiceAccount {
	key := component.Key{Namespace: namespace, Name: serviceAccount}
	if a, written := l.last.Load(key); written {
		return a.(kube.ServiceAccount)
	}
	listed := l.listed[key]
	return kube.ServiceAccount{
		Namespace: namespace, Name: serviceAccount,
		ResourceVersion: listed.Version, PullSecrets: slices.Collect(maps.Keys(listed.Pull)),
	}
}

// wrote notes what a write was answered with; of one that failed, or tells nothing, nothing is known.
func (l *Links) wrote(namespace, serviceAccount string, a kube.ServiceAccount) {
	l.last.Store(component.Key{Namespace: namespace, Name: serviceAccount}, kube.ServiceAccount{
		Namespace: namespace, Name: serviceAccount, ResourceVersion: a.ResourceVersion, PullSecrets: a.PullSecrets,
	})
}
