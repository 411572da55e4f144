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
	ResourceVersion string // "": what is kept of it is no base for a write
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
	a := ServiceAccount{
		Namespace: m.Namespace, Name: m.Name, ResourceVersion: m.ResourceVersion,
		Secrets: linked(w.Secrets), PullSecrets: linked(w.PullSecrets), Authorizes: authorizes,
	}
	if w.Odd {
		a.ResourceVersion = ""
	}
	return a
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
func (c *Client) LinkSecrets(ctx context.Context, namespace, serviceAccount string, secrets ...string) (ServiceAccount, error) {
	body := map[string][]link{"secrets": linksTo(secrets)}
	return c.patchAccount(ctx, namespace, serviceAccount, types.StrategicMergePatchType, body)
}

func (c *Client) patchAccount(ctx context.Context, namespace, name string, form types.PatchType, body any) (ServiceAccount, error) {
	w, err := api.Patch[serviceAccountWire](ctx, c.Client, serviceAccounts, namespace, name, form, body, false)
	if err != nil {
		return ServiceAccount{}, err
	}
	return w.slim(), nil
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
// namespace. Unlike the list of Secrets, that of imagePullSecrets is atomic at the server: what
// is missing is added behind what is there, provided nobody wrote since the ServiceAccount was
// seen as it is given. Where somebody did, or it was not seen, it is read.
func (c *Client) LinkPullSecrets(ctx context.Context, seen ServiceAccount, secrets ...string) (after ServiceAccount, err error) {
	for len(secrets) > 0 && err == nil {
		some := secrets[:min(len(secrets), maxAdded)]
		seen, err = c.linkPullSecrets(ctx, seen, some)
		secrets = secrets[len(some):]
	}
	return seen, err
}

// maxAdded bounds the links of one patch: the server takes no more than 10,000 operations
// (maxJSONPatchOperations in apiserver/pkg/endpoints/handlers/patch.go).
const maxAdded = 9000

func (c *Client) linkPullSecrets(ctx context.Context, seen ServiceAccount, secrets []string) (after ServiceAccount, err error) {
	for range linkAttempts {
		read := seen.ResourceVersion == ""
		if read {
			w, err := api.Get[serviceAccountWire](ctx, c.Client, serviceAccounts, seen.Namespace, seen.Name)
			if err != nil {
				return ServiceAccount{}, err
			}
			seen = w.slim()
		}
		ops := []operation{{"replace", "/metadata/resourceVersion", seen.ResourceVersion}}
		if len(seen.PullSecrets) == 0 {
			ops = append(ops, operation{"add", "/imagePullSecrets", []link{}})
		}
		bare := len(ops)
		for _, l := range linksTo(secrets) {
			if !slices.Contains(seen.PullSecrets, l.Name) {
				ops = append(ops, operation{"add", "/imagePullSecrets/-", l})
			}
		}
		if len(ops) == bare {
			return seen, nil
		}
		after, err = c.patchAccount(ctx, seen.Namespace, seen.Name, types.JSONPatchType, ops)
		gone := errors.Is(err, ErrInvalid) && !read // the list itself
		if !gone && !errors.Is(err, ErrConflict) {
			return after, err
		}
		seen.ResourceVersion = ""
	}
	return after, err
}
