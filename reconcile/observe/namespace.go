package observe

import (
	"context"
	"time"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/observe/territory"
	"berth/reconcile/world"
)

// observeNamespaceSecrets reads the pull Secrets of whole namespaces: by their one name, since
// those that are to be filled carry no label yet. Of a foreign one nothing is kept.
func (o *observer) observeNamespaceSecrets(ctx context.Context) error {
	if !o.Policy.NamespaceSecrets() {
		return nil
	}
	served := o.namespaces()
	if len(served) == 0 {
		return nil
	}
	found, err := territory.Each(ctx, o.territory, func(ctx context.Context, namespace string) ([]kube.Secret, error) {
		return o.Cluster.SecretsNamed(ctx, namespace, component.NamespaceSecret)
	})
	for _, s := range found {
		if !served[s.Namespace] {
			continue
		}
		secret := &world.Secret{Type: s.Type, Fixed: s.Immutable, By: s.Managing, Labels: s.Labels}
		if secret.Owned, secret.Foreign = component.WhoseNamespace(s); secret.Owned == component.Mine {
			secret.Content = component.ContentOf(s.DockerConfigJSON())
			secret.RotatedAt, _ = time.Parse(time.RFC3339, s.RotatedAt)
		}
		o.Secrets[component.Key{Namespace: s.Namespace, Name: s.Name}] = secret
	}
	return err
}
