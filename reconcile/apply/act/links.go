package act

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"berth/kube"
	"berth/reconcile/plan"
)

// linker is what applying a plan needs of the cluster to link Secrets to ServiceAccounts.
type linker interface {
	LinkSecrets(ctx context.Context, namespace, serviceAccount string, secrets ...string) error
	LinkPullSecrets(ctx context.Context, namespace, serviceAccount string, secrets ...string) error
	UnlinkSecret(ctx context.Context, namespace, serviceAccount, secret string) error
	UnlinkPullSecret(ctx context.Context, namespace, serviceAccount, secret string) error
	SecretMetadata(ctx context.Context, namespace, name string) (kube.Secret, error)
}

// turnstile lets one at a time through for each namespace: Components of one namespace
// that link to its one ServiceAccount would only be in each other's way.
type turnstile struct{ namespaces sync.Map }

func (t *turnstile) enter(namespace string) (leave func()) {
	entry, _ := t.namespaces.LoadOrStore(namespace, new(sync.Mutex))
	mutex := entry.(*sync.Mutex)
	mutex.Lock()
	return mutex.Unlock
}

// Link makes links of a namespace's ServiceAccount, all in one patch.
func (r *Run) Link(ctx context.Context, namespace, serviceAccount string, pull bool, secrets ...string) error {
	if !pull {
		return r.Cluster.LinkSecrets(ctx, namespace, serviceAccount, secrets...)
	}
	defer r.links.enter(namespace)()
	return r.Cluster.LinkPullSecrets(ctx, namespace, serviceAccount, secrets...)
}

// unlinkSecret takes a dead link off, once a live look has shown that neither the
// Component nor the Secret is there: after a stale list it would be its successor's.
func (w *Work) unlinkSecret(ctx context.Context, a plan.UnlinkSecret) error {
	_, err := w.Cluster.SecretMetadata(ctx, a.Component.Namespace, a.Secret)
	looks := []error{err}
	for _, g := range w.Groups {
		_, err := w.Cluster.Component(ctx, g, a.Component.Namespace, a.Component.Name)
		looks = append(looks, err)
	}
	for _, err := range looks {
		switch {
		case err == nil:
			return fmt.Errorf("the Component %s was made again: %w", a.Component, ErrMoved)
		case !errors.Is(err, kube.ErrNotFound):
			return err
		}
	}
	defer w.links.enter(a.Component.Namespace)()
	if a.Pull {
		return w.Cluster.UnlinkPullSecret(ctx, a.Component.Namespace, a.ServiceAccount, a.Secret)
	}
	return w.Cluster.UnlinkSecret(ctx, a.Component.Namespace, a.ServiceAccount, a.Secret)
}
