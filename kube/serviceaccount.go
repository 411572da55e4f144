package kube

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
)

// ServiceAccount is what is kept of a ServiceAccount: the names of the Secrets that
// its pods and builds may use.
type ServiceAccount struct {
	Namespace, Name string
	Secrets         []string
}

type serviceAccountWire struct {
	object
	Secrets []link `json:"secrets"`
}

type link struct {
	Name string `json:"name"`
}

// ServiceAccounts lists the ServiceAccounts of a namespace, of all when it is "",
// whose name keep wants; nil wants all.
func (c *Client) ServiceAccounts(ctx context.Context, namespace string, keep func(name string) bool) ([]ServiceAccount, error) {
	return list(ctx, c, serviceAccounts, namespace, "", func(w serviceAccountWire) (ServiceAccount, bool) {
		if keep != nil && !keep(w.Metadata.Name) {
			return ServiceAccount{}, false
		}
		a := ServiceAccount{Namespace: w.Metadata.Namespace, Name: w.Metadata.Name}
		for _, l := range w.Secrets {
			a.Secrets = append(a.Secrets, l.Name)
		}
		return a, true
	})
}

// LinkSecret lets a ServiceAccount use a Secret of its namespace; one that it may use
// already stays as it is. The list of them merges by name at the server (k8s.io/api
// core/v1/types.go), so one patch does, without reading and without conflicts, and
// never touches others' entries.
func (c *Client) LinkSecret(ctx context.Context, namespace, serviceAccount, secret string) error {
	body := map[string][]link{"secrets": {{secret}}}
	_, err := patch[object](ctx, c, serviceAccounts, namespace, serviceAccount, types.StrategicMergePatchType, body, false)
	return err
}
