package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

const (
	dockerConfigType    = "kubernetes.io/dockerconfigjson"
	managedByLabel      = "app.kubernetes.io/managed-by"
	rotatedAtAnnotation = "image.redhat.com/rotated-at"
	formerAnnotation    = "image.redhat.com/former"
)

// OwnerReference names the object whose deletion takes its dependents with it.
type OwnerReference struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	UID        string `json:"uid"`
}

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
	object
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
		Odd:       w.odd,
	}
	if _, uploads := m.Labels[uploadLabel]; uploads {
		s.Uploads = cut(m.Annotations[uploadFor], maxName)
	}
	if content := w.Data.DockerConfigJSON; content != nil && len(content) <= maxContent {
		s = s.WithContent(content)
	}
	return s
}

// Secrets lists the Secrets of a namespace, of [AllNamespaces], that the label
// selector matches.
func (c *Client) Secrets(ctx context.Context, namespace, labelSelector string) ([]Secret, error) {
	return collect(func(begin func() func(Secret)) error { return c.EachSecret(ctx, namespace, labelSelector, begin) })
}

// EachSecret reads the list of Secrets, and keeps none. begin is called when it begins,
// once more where it has to begin anew, and what it returns is told of each.
func (c *Client) EachSecret(ctx context.Context, namespace, labelSelector string, begin func() func(Secret)) error {
	return each(ctx, c, secrets, namespace, labelSelector, func(w secretWire) (Secret, bool) { return w.slim(), true }, begin)
}

// SecretsNamed lists the Secrets of a name: at most one of a namespace, those of all
// namespaces where it is [AllNamespaces].
func (c *Client) SecretsNamed(ctx context.Context, namespace, name string) ([]Secret, error) {
	r := secrets
	r.named = name
	return list(ctx, c, r, namespace, "", func(w secretWire) (Secret, bool) { return w.slim(), w.Metadata.Name == name })
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

func (c *Client) secret(ctx context.Context, r resource, namespace, name string) (Secret, error) {
	w, err := get[secretWire](ctx, c, r, namespace, name)
	if err != nil {
		return Secret{}, err
	}
	return w.slim(), nil
}

// SecretsMetadata lists the Secrets of a namespace, of [AllNamespaces], that keep
// wants, whoever they belong to, as SecretMetadata reads them.
func (c *Client) SecretsMetadata(ctx context.Context, namespace string, keep func(namespace, name string) bool) ([]Secret, error) {
	return list(ctx, c, secretMetadata, namespace, "", func(w secretWire) (Secret, bool) {
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
	_, err := create[object](ctx, c, secrets, w.Namespace, w.Name, w.newBody(), false)
	return err
}

// TryCreateSecret asks whether CreateSecret would do: the API server judges in full,
// quotas and all, and keeps nothing. Its errors are those, and the ones that a dry run of
// UpdateSecret has.
func (c *Client) TryCreateSecret(ctx context.Context, w SecretWrite) error {
	body := w.newBody()
	answer, err := create[secretWire](ctx, c, secrets, w.Namespace, w.Name, body, true)
	if err != nil {
		return err
	}
	return answer.unaltered(call{op: "create", resource: secrets, namespace: w.Namespace, name: w.Name}, body)
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
		return call{op: "patch", resource: secrets, namespace: w.Namespace, name: w.Name}.error(ErrInvalid, noVersion)
	}
	body := w.body()
	body.Metadata.ResourceVersion = resourceVersion
	body.Metadata.Annotations[managingAnnotation] = nil
	answer, err := patch[secretWire](ctx, c, secrets, w.Namespace, w.Name, types.MergePatchType, body, dryRun)
	if err != nil || !dryRun {
		return err
	}
	return answer.unaltered(call{op: "patch", resource: secrets, namespace: w.Namespace, name: w.Name}, body)
}

const altered = "an admission rule would make something else of it"

// unaltered demands of the answer to a dry run that it is what was sent.
func (w secretWire) unaltered(k call, body secretBody) error {
	lost := slices.ContainsFunc(body.Metadata.OwnerReferences, func(o OwnerReference) bool { return !slices.Contains(w.Metadata.OwnerReferences, o) })
	if lost || !bytes.Equal(w.Data.DockerConfigJSON, body.Data.DockerConfigJSON) || !covers(w.Metadata.Labels, body.Metadata.Labels) ||
		!patched(w.Metadata.Annotations, body.Metadata.Annotations) {
		return k.error(ErrInvalid, altered)
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
	k := call{op: "delete", resource: secrets, namespace: s.Namespace, name: s.Name}
	if s.ResourceVersion == "" {
		return k.error(ErrInvalid, noVersion)
	}
	ctx, req := c.prepare(ctx, k, http.MethodDelete)
	encoded, err := json.Marshal(metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: &s.ResourceVersion}})
	if err != nil {
		return k.failure(ctx, err)
	}
	raw, status, err := k.send(ctx, req.SetHeader("Content-Type", runtime.ContentTypeJSON).Body(encoded))
	if err != nil {
		return err
	}
	return k.deleted(raw, status)
}

// deleted reads the answer to the delete of a Secret: a Status that says success or,
// while a finalizer keeps the Secret, the Secret.
func (k call) deleted(raw []byte, status int) error {
	var answer struct {
		Kind     string `json:"kind"`
		Status   string `json:"status"`
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
		Details struct {
			Name string `json:"name"`
		} `json:"details"`
	}
	switch err := json.Unmarshal(raw, &answer); {
	case err == nil && answer.Kind == "Status" && answer.Status == metav1.StatusSuccess && answer.Details.Name == k.name:
		return nil
	case err == nil && answer.Kind == k.resource.kind && answer.Metadata.Name == k.name:
		return nil
	}
	return k.unusable(status, "the answer does not say that it is deleted")
}
