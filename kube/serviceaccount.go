package kube

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
)

// ServiceAccount is what is kept of a ServiceAccount: the names of the Secrets
// linked to it.
type ServiceAccount struct {
	Namespace, Name           string
	Secrets, ImagePullSecrets []string
}

type serviceAccountWire struct {
	object
	Secrets          []link `json:"secrets"`
	ImagePullSecrets []link `json:"imagePullSecrets"`
}

// link is an entry of a [LinkField]. Patch is a directive of the strategic merge.
type link struct {
	Patch string `json:"$patch,omitempty"`
	Name  string `json:"name"`
}

// ServiceAccounts lists the ServiceAccounts of a namespace, of all when it is "",
// whose name keep wants; nil wants all.
func (c *Client) ServiceAccounts(ctx context.Context, namespace string, keep func(name string) bool) ([]ServiceAccount, error) {
	return list(ctx, c, serviceAccounts, namespace, "", func(w serviceAccountWire) (ServiceAccount, bool) {
		if keep != nil && !keep(w.Metadata.Name) {
			return ServiceAccount{}, false
		}
		return ServiceAccount{
			Namespace: w.Metadata.Namespace, Name: w.Metadata.Name,
			Secrets: names(w.Secrets), ImagePullSecrets: names(w.ImagePullSecrets),
		}, true
	})
}

func names(links []link) []string {
	var all []string
	for _, l := range links {
		all = append(all, l.Name)
	}
	return all
}

// LinkField is where a ServiceAccount names Secrets.
type LinkField string

// The fields of a ServiceAccount that name Secrets.
const (
	LinkSecrets          LinkField = "secrets"          // what its pods and builds may use
	LinkImagePullSecrets LinkField = "imagePullSecrets" // what the kubelet pulls its images with
)

// LinkSecret adds a Secret's name to a field of a ServiceAccount, once. The lists
// merge by name at the server, so nothing is read before and nobody's write is
// in the way.
func (c *Client) LinkSecret(ctx context.Context, namespace, serviceAccount, secret string, field LinkField) error {
	return c.link(ctx, namespace, serviceAccount, field, link{Name: secret})
}

// UnlinkSecret takes a Secret's name out of a field of a ServiceAccount; one that is
// not there is no error.
func (c *Client) UnlinkSecret(ctx context.Context, namespace, serviceAccount, secret string, field LinkField) error {
	return c.link(ctx, namespace, serviceAccount, field, link{Patch: "delete", Name: secret})
}

func (c *Client) link(ctx context.Context, namespace, serviceAccount string, field LinkField, l link) error {
	if field != LinkSecrets && field != LinkImagePullSecrets {
		return call{op: "patch", resource: serviceAccounts, namespace: namespace, name: serviceAccount}.error(ErrInvalid, "it names no Secrets in such a field")
	}
	body := map[LinkField][]link{field: {l}}
	_, err := patch[object](ctx, c, serviceAccounts, namespace, serviceAccount, types.StrategicMergePatchType, body, false)
	return err
}
