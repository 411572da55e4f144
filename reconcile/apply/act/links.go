package act

import (
	"context"
	"errors"
	"fmt"

	"berth/kube"
	"berth/reconcile/apply/ends"
	"berth/reconcile/plan"
)

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
			return fmt.Errorf("the Component %s was made again: %w", a.Component, ends.ErrMoved)
		case !errors.Is(err, kube.ErrNotFound):
			return err
		}
	}
	return w.Unlink(ctx, a.Component.Namespace, a.ServiceAccount, a.Pull, a.Secret)
}
