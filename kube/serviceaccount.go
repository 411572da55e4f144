package kube

import (
	"context"
	"errors"
	"slices"

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
	return list(ctx, c, serviceAccounts, namespace, query{}, func(w serviceAccountWire) (ServiceAccount, bool) {
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

// LinkSecret adds a Secret's name to a field of a ServiceAccount; one that is there
// already stays. Others' entries are never touched.
func (c *Client) LinkSecret(ctx context.Context, namespace, serviceAccount, secret string, field LinkField) error {
	return c.link(ctx, namespace, serviceAccount, field, link{Name: secret})
}

// UnlinkSecret takes a Secret's name out of a field of a ServiceAccount; one that is
// not there is no error.
func (c *Client) UnlinkSecret(ctx context.Context, namespace, serviceAccount, secret string, field LinkField) error {
	return c.link(ctx, namespace, serviceAccount, field, link{Patch: "delete", Name: secret})
}

// link changes a field. secrets merge by name at the server (k8s.io/api
// core/v1/types.go), so one patch does, without reading and without conflicts;
// imagePullSecrets are replaced as a whole.
func (c *Client) link(ctx context.Context, namespace, serviceAccount string, field LinkField, l link) error {
	switch field {
	case LinkSecrets:
		body := map[LinkField][]link{field: {l}}
		_, err := patch[object](ctx, c, serviceAccounts, namespace, serviceAccount, types.StrategicMergePatchType, body, false)
		return err
	case LinkImagePullSecrets:
		return c.linkWhole(ctx, namespace, serviceAccount, l)
	default:
		return call{op: "patch", resource: serviceAccounts, namespace: namespace, name: serviceAccount}.error(ErrInvalid, "it names no Secrets in such a field")
	}
}

// maxConflicts bounds how often others may get in between.
const maxConflicts = 5

// linkWhole reads the list and writes it anew, provided nobody wrote in between.
// All of a namespace's Components may want to be in one list, so a Client's own
// writes wait for each other.
func (c *Client) linkWhole(ctx context.Context, namespace, serviceAccount string, l link) error {
	turn, _ := c.turns.LoadOrStore(namespace+"/"+serviceAccount, make(chan struct{}, 1))
	select {
	case turn.(chan struct{}) <- struct{}{}:
		defer func() { <-turn.(chan struct{}) }()
	case <-ctx.Done():
		return call{op: "patch", resource: serviceAccounts, namespace: namespace, name: serviceAccount}.failure(ctx, ctx.Err())
	}
	var err error
	for range maxConflicts {
		if err = c.linkOnce(ctx, namespace, serviceAccount, l); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return err
}

func (c *Client) linkOnce(ctx context.Context, namespace, serviceAccount string, l link) error {
	// A list of one, because the right to list is there anyway.
	found, err := list(ctx, c, serviceAccounts, namespace, query{fields: "metadata.name=" + serviceAccount},
		func(w serviceAccountWire) (serviceAccountWire, bool) { return w, w.Metadata.Name == serviceAccount })
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return call{op: "get", resource: serviceAccounts, namespace: namespace, name: serviceAccount}.error(ErrNotFound, "")
	}
	links := found[0].ImagePullSecrets
	there := slices.Contains(links, link{Name: l.Name})
	switch {
	case there == (l.Patch == ""):
		return nil
	case there:
		links = slices.DeleteFunc(links, func(have link) bool { return have.Name == l.Name })
	default:
		links = append(links, l)
	}
	body := map[string]any{
		"metadata":                   map[string]string{"resourceVersion": found[0].Metadata.ResourceVersion},
		string(LinkImagePullSecrets): links,
	}
	_, err = patch[object](ctx, c, serviceAccounts, namespace, serviceAccount, types.MergePatchType, body, false)
	return err
}
