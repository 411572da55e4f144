package kube

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"berth/kube/api"

	"k8s.io/apimachinery/pkg/types"
)

const (
	dockerConfigType    = "kubernetes.io/dockerconfigjson"
	managedByLabel      = "app.kubernetes.io/managed-by"
	rotatedAtAnnotation = "image.redhat.com/rotated-at"
	formerAnnotation    = "image.redhat.com/former"
)

// Secret is what is kept of a Secret.
type Secret struct {
	Namespace, Name, ResourceVersion string
	Type                             string
	Immutable                        bool
	Labels                           map[string]string // those that Berth writes
	Owners                           []OwnerReference  // of kind Component or ImageRepository
	RotatedAt                        string            // annotation image.redhat.com/rotated-at
	Former                           string            // annotation image.redhat.com/former
	Uploads                          string            // the RemoteSecret, in its namespace, that it brings data to
	Managing                         string            // the RemoteSecret, NAMESPACE/NAME, that brought it
	Odd                              bool              // of a list: not of a Secret's form, so that nothing else of it is known
	content                          func() []byte     // a closure: fmt, encoders and cmp reach fields, and call no function
}

// DockerConfigJSON is the content of its key, nil when there is none, or more than 16 KiB.
func (s Secret) DockerConfigJSON() []byte {
	if s.content == nil {
		return nil
	}
	return s.content()
}

// WithContent returns s with a content, for those that stand in for a cluster.
func (s Secret) WithContent(content []byte) Secret {
	s.content = func() []byte { return content }
	return s
}

type secretWire struct {
	api.Object
	Type      string `json:"type"`
	Immutable bool   `json:"immutable"`
	Data      struct {
		DockerConfigJSON []byte `json:".dockerconfigjson"`
	} `json:"data"`
}

func (w secretWire) slim() Secret {
	m := w.Metadata
	s := Secret{
		Namespace: m.Namespace, Name: m.Name, ResourceVersion: m.ResourceVersion,
		Type: cut(w.Type, maxName), Immutable: w.Immutable,
		Labels: kept(m.Labels, labels, maxName), Owners: keptOwners(m.OwnerReferences),
		RotatedAt: cut(m.Annotations[rotatedAtAnnotation], maxName),
		Former:    cut(m.Annotations[formerAnnotation], maxName),
		Managing:  cut(m.Annotations[managingAnnotation], 2*maxName),
		Odd:       w.Odd,
	}
	if _, uploads := m.Labels[uploadLabel]; uploads {
		s.Uploads = cut(m.Annotations[uploadFor], maxName)
	}
	if content := w.Data.DockerConfigJSON; content != nil && len(content) <= maxContent {
		s = s.WithContent(content)
	}
	return s
}

// EachSecret reads the list of the Secrets of a namespace, of [AllNamespaces], that the label
// selector matches, and keeps none. begin is called when it begins, once more where it has
// to begin anew, and what it returns is told of each.
func (c *Client) EachSecret(ctx context.Context, namespace, labelSelector string, begin func() func(Secret)) error {
	return api.Each(ctx, c.Client, secrets, namespace, labelSelector, func(w secretWire) (Secret, bool) { return w.slim(), true }, begin)
}

// SecretsNamed lists the Secrets of a name: at most one of a namespace, those of all
// namespaces where it is [AllNamespaces].
func (c *Client) SecretsNamed(ctx context.Context, namespace, name string) ([]Secret, error) {
	r := secrets
	r.Named = name
	return api.List(ctx, c.Client, r, namespace, "", func(w secretWire) (Secret, bool) { return w.slim(), w.Metadata.Name == name })
}

// Secret reads one Secret.
func (c *Client) Secret(ctx context.Context, namespace, name string) (Secret, error) {
	return c.secret(ctx, secrets, namespace, name)
}

// SecretMetadata reads all but the content, the type and whether it is immutable:
// the content of what may be somebody else's Secret is not even asked for.
func (c *Client) SecretMetadata(ctx context.Context, namespace, name string) (Secret, error) {
	return c.secret(ctx, secretMetadata, namespace, name)
}

func (c *Client) secret(ctx context.Context, r api.Resource, namespace, name string) (Secret, error) {
	w, err := api.Get[secretWire](ctx, c.Client, r, namespace, name)
	if err != nil {
		return Secret{}, err
	}
	return w.slim(), nil
}

// SecretsMetadata lists the Secrets of a namespace, of [AllNamespaces], that keep
// wants, whoever they belong to, as SecretMetadata reads them.
func (c *Client) SecretsMetadata(ctx context.Context, namespace string, keep func(namespace, name string) bool) ([]Secret, error) {
	return api.List(ctx, c.Client, secretMetadata, namespace, "", func(w secretWire) (Secret, bool) {
		return w.slim(), keep(w.Metadata.Namespace, w.Metadata.Name)
	})
}

// SecretWrite is a Secret of type kubernetes.io/dockerconfigjson as it should be.
type SecretWrite struct {
	Namespace, Name  string
	Labels           map[string]string
	Owners           []OwnerReference
	RotatedAt        string        // RFC 3339; "": leave it alone
	Former           string        // whose robots it has followed; "": leave it alone
	Uploads          string        // the RemoteSecret it is to bring its data to; "": none
	DockerConfigJSON func() []byte // a closure, because it cannot be printed
}

// secretBody is a new Secret, or a merge patch of one.
type secretBody struct {
	APIVersion string   `json:"apiVersion,omitempty"`
	Kind       string   `json:"kind,omitempty"`
	Type       string   `json:"type,omitempty"`
	Metadata   metaBody `json:"metadata"`
	Data       struct {
		DockerConfigJSON []byte `json:".dockerconfigjson"`
	} `json:"data"`
}

// metaBody is the metadata of a new object, or of a merge patch.
type metaBody struct {
	Name            string            `json:"name,omitempty"`
	ResourceVersion string            `json:"resourceVersion,omitempty"`
	Labels          map[string]string `json:"labels,omitempty"`
	Annotations     map[string]any    `json:"annotations,omitempty"` // null takes one off
	OwnerReferences []OwnerReference  `json:"ownerReferences,omitempty"`
}

func (w SecretWrite) body() secretBody {
	labels, annotations := map[string]string{}, map[string]any{}
	maps.Copy(labels, w.Labels)
	if w.RotatedAt != "" {
		annotations[rotatedAtAnnotation] = w.RotatedAt
	}
	if w.Former != "" {
		annotations[formerAnnotation] = w.Former
	}
	if w.Uploads != "" {
		labels[uploadLabel], annotations[uploadFor] = "remotesecret", w.Uploads
	}
	b := secretBody{Metadata: metaBody{Labels: labels, Annotations: annotations, OwnerReferences: w.Owners}}
	b.Data.DockerConfigJSON = w.DockerConfigJSON()
	return b
}

// CreateSecret makes a Secret: ErrExists when there is one of that name, ours or not,
// ErrTerminating and ErrNotFound when its namespace goes or is away.
func (c *Client) CreateSecret(ctx context.Context, w SecretWrite) error {
	_, err := api.Create[api.Object](ctx, c.Client, secrets, w.Namespace, w.Name, w.newBody(), false)
	return err
}

// TryCreateSecret asks whether CreateSecret would do: the API server judges in full,
// quotas and all, and keeps nothing. Its errors are those, and the ones that a dry run of
// UpdateSecret has.
func (c *Client) TryCreateSecret(ctx context.Context, w SecretWrite) error {
	body := w.newBody()
	answer, err := api.Create[secretWire](ctx, c.Client, secrets, w.Namespace, w.Name, body, true)
	if err != nil {
		return err
	}
	return answer.unaltered("create", body)
}

func (w SecretWrite) newBody() secretBody {
	body := w.body()
	body.APIVersion, body.Kind, body.Type = "v1", "Secret", dockerConfigType
	body.Metadata.Name = w.Name
	return body
}

// UpdateSecret changes the labels given, the content and the owners of a Secret that
// is still at the resourceVersion: otherwise ErrConflict. It does not look whose the
// Secret is. What a RemoteSecret brought is no longer its: it would take the Secret away
// when it has to do with its namespace no more. A dry run is judged in full by the API server, but nothing is kept; an
// immutable Secret is ErrInvalid there, too, and so is one that an admission rule would
// make something else of. ErrNoDryRun: there is a webhook that cannot be asked so.
func (c *Client) UpdateSecret(ctx context.Context, w SecretWrite, resourceVersion string, dryRun bool) error {
	if resourceVersion == "" {
		return api.Refusal("patch", secrets, w.Namespace, w.Name, noVersion)
	}
	body := w.body()
	body.Metadata.ResourceVersion = resourceVersion
	body.Metadata.Annotations[managingAnnotation] = nil
	answer, err := api.Patch[secretWire](ctx, c.Client, secrets, w.Namespace, w.Name, types.MergePatchType, body, dryRun)
	if err != nil || !dryRun {
		return err
	}
	return answer.unaltered("patch", body)
}

const altered = "an admission rule would make something else of it"

// unaltered demands of the answer to a dry run that it is what was sent.
func (w secretWire) unaltered(op string, body secretBody) error {
	lost := slices.ContainsFunc(body.Metadata.OwnerReferences, func(o OwnerReference) bool { return !slices.Contains(w.Metadata.OwnerReferences, o) })
	if lost || !bytes.Equal(w.Data.DockerConfigJSON, body.Data.DockerConfigJSON) || !covers(w.Metadata.Labels, body.Metadata.Labels) ||
		!patched(w.Metadata.Annotations, body.Metadata.Annotations) {
		return api.Refusal(op, secrets, w.Metadata.Namespace, w.Metadata.Name, altered)
	}
	return nil
}

// patched reports whether annotations are as a merge patch makes them.
func patched(have map[string]string, patch map[string]any) bool {
	for key, value := range patch {
		if got, there := have[key]; there != (value != nil) || there && got != value {
			return false
		}
	}
	return true
}

func covers(have, want map[string]string) bool {
	for key, value := range want {
		if have[key] != value {
			return false
		}
	}
	return true
}

// DeleteSecret deletes a Secret that is still as it was read: otherwise ErrConflict.
// One with finalizers only begins to go.
func (c *Client) DeleteSecret(ctx context.Context, s Secret) error {
	if s.ResourceVersion == "" {
		return api.Refusal("delete", secrets, s.Namespace, s.Name, noVersion)
	}
	return api.Delete(ctx, c.Client, secrets, s.Namespace, s.Name, s.ResourceVersion)
}
