package remotesecret

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
)

const (
	authAccount      = "appstudio.redhat.com/remotesecret-auth-sa"
	linkedBy         = "appstudio.redhat.com/linked-by-remote-secret" // a label, "true"
	linkedSecrets    = "appstudio.redhat.com/linked-remote-secrets"   // an annotation, NAMESPACE/NAME,…
	managingSecret   = "appstudio.redhat.com/managing-remote-secret"  // an annotation, NAMESPACE/NAME
	linkedBySelector = linkedBy + "=true"
)

func (ts targetStatus) target() target {
	return target{Namespace: ts.Namespace, APIURL: ts.APIURL, ClusterCredentialsSecret: ts.ClusterCredentialsSecret}
}

// connect gives the client that may write to a target.
func (o *Operator) connect(ctx context.Context, r *remoteSecret, t target) (*client, error) {
	here := t.APIURL == "" || t.APIURL == o.host
	var config *rest.Config
	var err error
	switch {
	case here && t.Namespace == r.Metadata.Namespace:
		return o.own, nil
	case t.ClusterCredentialsSecret != "":
		config, err = o.byKubeconfig(ctx, r, t)
	case here:
		config, err = o.byAccount(ctx, r)
	default:
		err = errors.New("a secret with kubeconfig with credentials for connecting to a remote cluster is required")
	}
	if err != nil {
		return nil, fmt.Errorf("failed to construct a client to use for deploying to target: %w", err)
	}
	return newClient(config)
}

func (o *Operator) byKubeconfig(ctx context.Context, r *remoteSecret, t target) (*rest.Config, error) {
	name := t.ClusterCredentialsSecret
	credentials, err := o.own.get(ctx, secrets, r.Metadata.Namespace, name)
	if err != nil {
		return nil, fmt.Errorf("failed to get the secret with the kubeconfig: %w", err)
	}
	if data, _ := content(credentials); len(data["kubeconfig"]) == 0 {
		return nil, fmt.Errorf("failed to process kubeconfig in secret '%s': invalid configuration: no configuration has been provided", name)
	}
	var config *rest.Config
	if o.options.Remote != nil {
		config = o.options.Remote(t.APIURL)
	}
	if config == nil {
		return nil, fmt.Errorf("cannot connect to %s", t.APIURL)
	}
	return config, nil
}

func (o *Operator) byAccount(ctx context.Context, r *remoteSecret) (*rest.Config, error) {
	accounts, err := o.own.list(ctx, serviceAccounts, r.Metadata.Namespace, authAccount)
	switch {
	case err != nil:
		return nil, fmt.Errorf("failed to list the potential SAs to use for remote secret deployment: %w", err)
	case len(accounts) == 0:
		return nil, fmt.Errorf("No service account labeled with '%s' was found that could be used to authenticate deployments to targets in the local cluster", authAccount) //nolint:staticcheck // the operator's words
	case len(accounts) > 1:
		return nil, fmt.Errorf("there can be only one service account labeled with '%s' in a namespace", authAccount)
	case o.options.As == nil:
		return o.options.Config, nil
	}
	return o.options.As(accounts[0].GetNamespace(), accounts[0].GetName()), nil
}

// deployTo writes to one target and says in its status how that went. The error is one
// of writing; one of connecting stands in the status alone.
func (o *Operator) deployTo(ctx context.Context, r *remoteSecret, t target, ts *targetStatus, data map[string][]byte) error {
	before := ""
	var managed deployedSecret
	if ts.DeployedSecret != nil {
		managed = *ts.DeployedSecret
		before = managed.Name
	}
	desired := r.desired(t)
	*ts = targetStatus{Namespace: t.Namespace, APIURL: t.APIURL, ClusterCredentialsSecret: t.ClusterCredentialsSecret}
	c, err := o.connect(ctx, r, t)
	if err != nil {
		ts.fail(desired, err)
		return nil
	}
	var name string
	var accounts []string
	if err = o.failure(t.Namespace); err == nil {
		name, accounts, err = c.deploy(ctx, r, t.Namespace, desired, managed, data)
	}
	if err != nil {
		ts.fail(desired, err)
		// The real operator goes back to the Secret that the status spoke of. After one
		// failure it speaks of none.
		_ = c.release(ctx, r, t.Namespace, before)
		return err
	}
	ts.SecretName, ts.ServiceAccountNames = name, accounts
	ts.DeployedSecret = &deployedSecret{Name: name, Labels: desired.Labels, Annotations: desired.Annotations}
	return nil
}

func (ts *targetStatus) fail(desired secretSpec, err error) {
	ts.Error = err.Error()
	ts.ExpectedSecret = &expectedSecret{Name: desired.Name, GenerateName: desired.GenerateName}
}

// named reports whether a Secret may be the one desired.
func (s secretSpec) named(name string) bool {
	return s.Name == name || s.Name == "" && strings.HasPrefix(name, s.GenerateName)
}

// deploy brings a namespace the Secret and its links and returns the Secret's name and
// the ServiceAccounts'.
func (c *client) deploy(ctx context.Context, r *remoteSecret, namespace string, desired secretSpec, managed deployedSecret, data map[string][]byte) (string, []string, error) {
	secret, err := c.existing(ctx, r, namespace, desired, managed.Name)
	if err != nil {
		return "", nil, err
	}
	accounts, err := c.accounts(ctx, r, namespace, desired)
	if err != nil {
		return "", nil, err
	}
	if err := c.writeSecret(ctx, r, secret, desired, managed, data); err != nil {
		return "", nil, fmt.Errorf("failed to sync the secret with the token data: %w", err)
	}
	var names []string
	for i, account := range accounts {
		names = append(names, account.GetName())
		if err := c.link(ctx, account, secret.GetName(), desired.LinkedTo[i].ServiceAccount.As); err != nil {
			return "", nil, fmt.Errorf("failed to link the secret %s to the service account %s: %w", secret.GetName(), account.GetName(), err)
		}
	}
	return secret.GetName(), names, nil
}

// existing returns the Secret as it is, or a new one without a resourceVersion.
func (c *client) existing(ctx context.Context, r *remoteSecret, namespace string, desired secretSpec, before string) (*unstructured.Unstructured, error) {
	name := desired.Name
	if name == "" {
		name = before
	}
	if name != "" {
		found, err := c.get(ctx, secrets, namespace, name)
		if err == nil {
			if by := found.GetAnnotations()[managingSecret]; by != "" && by != r.key().String() {
				return nil, fmt.Errorf("collision between two targets of different managing Objects: target Secret is managed by other Object: %s", by)
			}
			return found, nil
		}
		if !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("failed to get target Secret: %w", err)
		}
	}
	secret := &unstructured.Unstructured{Object: map[string]any{}}
	secret.SetAPIVersion(secrets.apiVersion)
	secret.SetKind(secrets.kind)
	secret.SetNamespace(namespace)
	secret.SetName(name)
	if name == "" {
		prefix := desired.GenerateName
		if prefix == "" {
			prefix = r.Metadata.Name + "-secret-"
		}
		secret.SetGenerateName(prefix)
	}
	return secret, nil
}

// writeSecret takes over whatever Secret is there. Labels and annotations of others
// stay.
func (c *client) writeSecret(ctx context.Context, r *remoteSecret, secret *unstructured.Unstructured, desired secretSpec, managed deployedSecret, data map[string][]byte) error {
	secret.SetLabels(merged(secret.GetLabels(), managed.Labels, desired.Labels))
	secret.SetAnnotations(merged(secret.GetAnnotations(), managed.Annotations, desired.Annotations))
	mark(secret, r)
	annotations := secret.GetAnnotations()
	annotations[managingSecret] = r.key().String()
	secret.SetAnnotations(annotations)
	if desired.Type != "" {
		secret.Object["type"] = desired.Type
	}
	encoded := map[string]any{}
	for name, value := range data {
		encoded[name] = base64.StdEncoding.EncodeToString(value)
	}
	secret.Object["data"] = encoded
	if secret.GetResourceVersion() == "" {
		return c.create(ctx, secrets, secret)
	}
	return c.update(ctx, secrets, secret, "")
}

// merged drops what was set before and sets what is desired.
func merged(current, before, desired map[string]string) map[string]string {
	all := maps.Clone(current)
	if all == nil {
		all = map[string]string{}
	}
	maps.DeleteFunc(all, func(name, _ string) bool { _, ours := before[name]; return ours })
	maps.Copy(all, desired)
	return all
}

// mark says that a RemoteSecret has to do with an object, and reports whether that was
// not said before.
func mark(object *unstructured.Unstructured, r *remoteSecret) bool {
	labels, annotations := merged(object.GetLabels(), nil, nil), merged(object.GetAnnotations(), nil, nil)
	linked := strings.FieldsFunc(annotations[linkedSecrets], func(c rune) bool { return c == ',' })
	if labels[linkedBy] == "true" && slices.Contains(linked, r.key().String()) {
		return false
	}
	labels[linkedBy] = "true"
	annotations[linkedSecrets] = strings.Join(append(linked, r.key().String()), ",")
	object.SetLabels(labels)
	object.SetAnnotations(annotations)
	return true
}

func marked(object *unstructured.Unstructured, r *remoteSecret) bool {
	return slices.Contains(strings.Split(object.GetAnnotations()[linkedSecrets], ","), r.key().String())
}
