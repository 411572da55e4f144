package kube

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"berth/kube/api"

	"k8s.io/apimachinery/pkg/types"
)

// authLabel marks the ServiceAccount as which the RemoteSecret operator writes to other
// namespaces.
const authLabel = "appstudio.redhat.com/remotesecret-auth-sa"

// ServiceAccount is what is kept of a ServiceAccount: the names of the Secrets that
// its pods and builds may use.
type ServiceAccount struct {
	Namespace, Name string
	Secrets         []string
	PullSecrets     []string // imagePullSecrets
	Authorizes      bool     // the RemoteSecret operator writes to other namespaces as this one
}

type serviceAccountWire struct {
	api.Object
	Secrets     []link `json:"secrets"`
	PullSecrets []link `json:"imagePullSecrets"`
}

type link struct {
	Name string `json:"name"`
}

func (w serviceAccountWire) slim() ServiceAccount {
	m := w.Metadata
	_, authorizes := m.Labels[authLabel]
	return ServiceAccount{
		Namespace: m.Namespace, Name: m.Name,
		Secrets: linked(w.Secrets), PullSecrets: linked(w.PullSecrets), Authorizes: authorizes,
	}
}

func linked(links []link) []string {
	var names []string
	for _, l := range links {
		names = append(names, cut(l.Name, maxName))
	}
	return names
}

// ServiceAccounts lists the ServiceAccounts of a namespace, of [AllNamespaces],
// that keep wants; nil wants all.
func (c *Client) ServiceAccounts(ctx context.Context, namespace string, keep func(ServiceAccount) bool) ([]ServiceAccount, error) {
	return api.List(ctx, c.Client, serviceAccounts, namespace, "", func(w serviceAccountWire) (ServiceAccount, bool) {
		a := w.slim()
		return a, keep == nil || keep(a)
	})
}

// LinkSecrets lets a ServiceAccount use Secrets of its namespace; one that it may use
// already stays as it is. The list of them merges by name at the server (k8s.io/api
// core/v1/types.go), so one patch does, without reading and without conflicts, and
// never touches others' entries. The answer is the whole ServiceAccount: many Secrets are
// to be linked at once.
func (c *Client) LinkSecrets(ctx context.Context, namespace, serviceAccount string, secrets ...string) error {
	body := map[string][]link{"secrets": linksTo(secrets)}
	_, err := api.Patch[api.Object](ctx, c.Client, serviceAccounts, namespace, serviceAccount, types.StrategicMergePatchType, body, false)
	return err
}

func linksTo(secrets []string) []link {
	links := make([]link, len(secrets))
	for i, name := range secrets {
		links[i].Name = name
	}
	return links
}

// UnlinkSecret takes a Secret's name off those that a ServiceAccount may use. Entries of
// other names stay as they are, whatever they hold.
func (c *Client) UnlinkSecret(ctx context.Context, namespace, serviceAccount, secret string) error {
	return c.unlink(ctx, namespace, serviceAccount, "/secrets/", func(w serviceAccountWire) []link { return w.Secrets }, link{secret})
}

// UnlinkPullSecret takes a Secret's name off those that the pods of a ServiceAccount pull
// images with.
func (c *Client) UnlinkPullSecret(ctx context.Context, namespace, serviceAccount, secret string) error {
	return c.unlink(ctx, namespace, serviceAccount, "/imagePullSecrets/", func(w serviceAccountWire) []link { return w.PullSecrets }, link{secret})
}

func (c *Client) unlink(ctx context.Context, namespace, serviceAccount, path string, list func(serviceAccountWire) []link, secret link) error {
	var err error
	for range linkAttempts {
		var w serviceAccountWire
		if w, err = api.Get[serviceAccountWire](ctx, c.Client, serviceAccounts, namespace, serviceAccount); err != nil {
			return err
		}
		ops := []operation{{"replace", "/metadata/resourceVersion", w.Metadata.ResourceVersion}}
		for i, l := range slices.Backward(list(w)) { // what is behind it moves up
			if l == secret {
				ops = append(ops, operation{Op: "remove", Path: path + strconv.Itoa(i)})
			}
		}
		if len(ops) == 1 {
			return nil
		}
		_, err = api.Patch[api.Object](ctx, c.Client, serviceAccounts, namespace, serviceAccount, types.JSONPatchType, ops, false)
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return err
}

// linkAttempts bounds how often a link is tried again after somebody else wrote first.
const linkAttempts = 5

// LinkPullSecrets lets the pods of a ServiceAccount pull images with Secrets of its
// namespace. Unlike the list of Secrets, that of imagePullSecrets is atomic at the
// server: it is read and written whole, provided nobody wrote in between.
func (c *Client) LinkPullSecrets(ctx context.Context, namespace, serviceAccount string, secrets ...string) error {
	var err error
	for range linkAttempts {
		var w serviceAccountWire
		if w, err = api.Get[serviceAccountWire](ctx, c.Client, serviceAccounts, namespace, serviceAccount); err != nil {
			return err
		}
		missing := slices.DeleteFunc(linksTo(secrets), func(l link) bool { return slices.Contains(w.PullSecrets, l) })
		if len(missing) == 0 {
			return nil
		}
		body := struct {
			Metadata    metaBody `json:"metadata"`
			PullSecrets []link   `json:"imagePullSecrets"`
		}{metaBody{ResourceVersion: w.Metadata.ResourceVersion}, append(w.PullSecrets, missing...)}
		_, err = api.Patch[api.Object](ctx, c.Client, serviceAccounts, namespace, serviceAccount, types.MergePatchType, body, false)
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return err
}
