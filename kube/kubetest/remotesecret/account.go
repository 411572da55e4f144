package remotesecret

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// accounts returns the ServiceAccounts that the Secret is to be linked to, marked, in
// the order of the spec.
func (c *client) accounts(ctx context.Context, r *remoteSecret, namespace string, desired secretSpec) ([]*unstructured.Unstructured, error) {
	var all []*unstructured.Unstructured
	for _, link := range desired.LinkedTo {
		name := link.ServiceAccount.Reference.Name
		if name == "" {
			return nil, errors.New("a managed service account is not played")
		}
		account, err := c.get(ctx, serviceAccounts, namespace, name)
		if err != nil {
			return nil, fmt.Errorf("failed to get the referenced service account (%s/%s): %w", namespace, name, err)
		}
		if mark(account, r) {
			if err := c.update(ctx, serviceAccounts, account, ""); err != nil {
				return nil, fmt.Errorf("failed to update the annotations in the referenced service account %s/%s: %w", namespace, name, err)
			}
		}
		all = append(all, account)
	}
	return all, nil
}

// listOf is the list of a ServiceAccount that a kind of link goes to.
func listOf(as string) string {
	if as == "imagePullSecret" {
		return "imagePullSecrets"
	}
	return "secrets"
}

func (c *client) link(ctx context.Context, account *unstructured.Unstructured, secret, as string) error {
	list, _, err := unstructured.NestedSlice(account.Object, listOf(as))
	if err != nil || slices.ContainsFunc(list, names(secret)) {
		return err
	}
	if err := unstructured.SetNestedSlice(account.Object, append(list, map[string]any{"name": secret}), listOf(as)); err != nil {
		return err
	}
	return c.update(ctx, serviceAccounts, account, "")
}

// names reports whether an entry of such a list names a Secret.
func names(secret string) func(any) bool {
	return func(entry any) bool {
		reference, ok := entry.(map[string]any)
		return ok && reference["name"] == secret
	}
}

// release deletes every Secret of a namespace that a RemoteSecret manages, but for one
// that is kept, and takes them off the ServiceAccounts.
func (c *client) release(ctx context.Context, r *remoteSecret, namespace, kept string) error {
	deployed, err := c.list(ctx, secrets, namespace, linkedBySelector)
	if err != nil {
		return err
	}
	deployed = slices.DeleteFunc(deployed, func(s *unstructured.Unstructured) bool {
		return !marked(s, r) || s.GetAnnotations()[managingSecret] != r.key().String() || s.GetName() == kept
	})
	if len(deployed) == 0 {
		return nil
	}
	accounts, err := c.list(ctx, serviceAccounts, namespace, linkedBySelector)
	if err != nil {
		return err
	}
	for _, account := range accounts {
		if marked(account, r) && unlink(account, deployed) {
			if err := c.update(ctx, serviceAccounts, account, ""); err != nil {
				return err
			}
		}
	}
	for _, s := range deployed {
		if err := c.delete(ctx, secrets, namespace, s.GetName()); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// unlink takes Secrets off both lists of a ServiceAccount and reports whether any was
// there.
func unlink(account *unstructured.Unstructured, deployed []*unstructured.Unstructured) bool {
	changed := false
	for _, field := range []string{"secrets", "imagePullSecrets"} {
		list, ok := account.Object[field].([]any)
		if !ok {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(list), func(entry any) bool {
			return slices.ContainsFunc(deployed, func(s *unstructured.Unstructured) bool { return names(s.GetName())(entry) })
		})
		if len(rest) < len(list) {
			changed = true
			account.Object[field] = rest
		}
	}
	return changed
}
