package kube

import (
	"context"
	"slices"
	"strings"

	"berth/kube/api"

	"k8s.io/apimachinery/pkg/types"
)

const (
	uploadAnnotation = "image.redhat.com/upload"
	// These three are the RemoteSecret operator's (redhat-appstudio/remote-secret).
	uploadLabel        = "appstudio.redhat.com/upload-secret"
	uploadFor          = "appstudio.redhat.com/remotesecret-name"
	managingAnnotation = "appstudio.redhat.com/managing-remote-secret"
)

// RemoteTarget is a namespace, of this cluster or of another, that a RemoteSecret
// brings its Secret to.
type RemoteTarget struct {
	Namespace   string `json:"namespace"`
	APIURL      string `json:"apiUrl,omitempty"`                   // "": this cluster
	Credentials string `json:"clusterCredentialsSecret,omitempty"` // the Secret with the other cluster's kubeconfig
}

// TargetStatus is what the operator says of a target.
type TargetStatus struct {
	Namespace, APIURL string
	Error             string // cleaned; "": none
}

// RemoteSecret is what is kept of a RemoteSecret (appstudio.redhat.com/v1beta1).
type RemoteSecret struct {
	Namespace, Name, ResourceVersion string

	Deleting bool
	Labels   map[string]string // those that Berth writes
	Owners   []OwnerReference  // of kind Component
	Upload   string            // annotation image.redhat.com/upload

	Secret         string            // the name of the Secret it brings
	Type           string            // of that Secret
	SecretLabels   map[string]string // that Secret's, those that Berth writes
	PullAccounts   []string          // the ServiceAccounts that pull images with it, few; none: it is linked otherwise, too
	Targets        []RemoteTarget    // MaxTargets at most
	Further        int               // targets beyond these
	Customized     bool              // a target has a Secret of another form
	HasData        bool              // the operator has been given data once
	TargetStatuses []TargetStatus    // of those Targets that the operator has dealt with
	Odd            bool              // of a list: not of a RemoteSecret's form, so that nothing else of it is known
}

type remoteSecretWire struct {
	api.Object
	Spec struct {
		Secret  remoteSecretForm `json:"secret"`
		Targets []struct {
			RemoteTarget
			Secret *struct{} `json:"secret"`
		} `json:"targets"`
	} `json:"spec"`
	Status struct {
		Conditions []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
		} `json:"conditions"`
		Targets []struct {
			Namespace string `json:"namespace"`
			APIURL    string `json:"apiUrl"`
			Error     string `json:"error"`
		} `json:"targets"`
	} `json:"status"`
}

// remoteSecretForm is the Secret that a RemoteSecret brings, without its data.
type remoteSecretForm struct {
	Name     string            `json:"name"`
	Type     string            `json:"type"`
	Labels   map[string]string `json:"labels,omitempty"`
	LinkedTo []linkedTo        `json:"linkedTo"`
}

type linkedTo struct {
	ServiceAccount struct {
		As        string `json:"as"`
		Reference link   `json:"reference"`
	} `json:"serviceAccount"`
}

const asPullSecret = "imagePullSecret"

func (w remoteSecretWire) slim() RemoteSecret {
	m, form := w.Metadata, w.Spec.Secret
	r := RemoteSecret{
		Namespace: m.Namespace, Name: m.Name, ResourceVersion: m.ResourceVersion,
		Deleting: m.DeletionTimestamp != "", Labels: kept(m.Labels, labels, maxName), Owners: keptOwners(m.OwnerReferences),
		Upload: cut(m.Annotations[uploadAnnotation], maxAnnotation),
		Secret: cut(form.Name, maxName), Type: cut(form.Type, maxName), SecretLabels: kept(form.Labels, labels, maxName),
		Odd: w.Odd,
	}
	for _, l := range form.LinkedTo[:min(len(form.LinkedTo), maxLinks)] {
		if l.ServiceAccount.As != asPullSecret {
			r.PullAccounts = nil
			break
		}
		r.PullAccounts = append(r.PullAccounts, cut(l.ServiceAccount.Reference.Name, maxName))
	}
	known := map[RemoteTarget]bool{} // by place: a status says nothing of the credentials
	for _, t := range w.Spec.Targets[:min(len(w.Spec.Targets), MaxTargets)] {
		target := RemoteTarget{cut(t.Namespace, maxName), cut(t.APIURL, maxAddress), cut(t.Credentials, maxName)}
		r.Targets = append(r.Targets, target)
		r.Customized = r.Customized || t.Secret != nil
		known[place(target.Namespace, target.APIURL)] = true
	}
	r.Further = len(w.Spec.Targets) - len(r.Targets)
	for _, c := range w.Status.Conditions {
		r.HasData = r.HasData || c.Type == "DataObtained" && c.Status == "True"
	}
	for _, t := range w.Status.Targets {
		if p := place(t.Namespace, t.APIURL); known[p] {
			delete(known, p) // the first one counts
			r.TargetStatuses = append(r.TargetStatuses, TargetStatus{cut(t.Namespace, maxName), cut(t.APIURL, maxAddress), api.CleanForeign(t.Error)})
		}
	}
	return r
}

// place is what the operator tells targets apart by.
func place(namespace, apiURL string) RemoteTarget {
	return RemoteTarget{Namespace: namespace, APIURL: strings.TrimRight(apiURL, "/")}
}

// EachRemoteSecret reads the list of the RemoteSecrets of a namespace, of [AllNamespaces],
// that keep wants, and keeps none; see [Client.EachSecret].
func (c *Client) EachRemoteSecret(ctx context.Context, namespace string, keep func(namespace, name string) bool, begin func() func(RemoteSecret)) error {
	return api.Each(ctx, c.Client, remoteSecrets, namespace, "", func(w remoteSecretWire) (RemoteSecret, bool) {
		if !keep(w.Metadata.Namespace, w.Metadata.Name) {
			return RemoteSecret{}, false
		}
		return w.slim(), true
	}, begin)
}

// RemoteSecret reads one RemoteSecret.
func (c *Client) RemoteSecret(ctx context.Context, namespace, name string) (RemoteSecret, error) {
	return slimRemoteSecret(api.Get[remoteSecretWire](ctx, c.Client, remoteSecrets, namespace, name))
}

func slimRemoteSecret(w remoteSecretWire, err error) (RemoteSecret, error) {
	if err != nil {
		return RemoteSecret{}, err
	}
	return w.slim(), nil
}

// RemoteSecretWrite is a RemoteSecret as it should be. It carries no data: a dry run
// of one that does is stored by the operator's webhook all the same.
type RemoteSecretWrite struct {
	Namespace, Name string
	Labels          map[string]string // of the RemoteSecret and of the Secrets it brings
	Owners          []OwnerReference
	PullAccounts    []string // the ServiceAccounts, in each target, that pull images with the Secret
	Targets         []RemoteTarget
	Upload          string // annotation image.redhat.com/upload; "": leave it alone
}

type remoteSecretBody struct {
	APIVersion string   `json:"apiVersion,omitempty"`
	Kind       string   `json:"kind,omitempty"`
	Metadata   metaBody `json:"metadata"`
	Spec       struct {
		Secret  remoteSecretForm `json:"secret"`
		Targets []RemoteTarget   `json:"targets"`
	} `json:"spec"`
}

func (w RemoteSecretWrite) body() remoteSecretBody {
	b := remoteSecretBody{Metadata: metaBody{Labels: w.Labels, OwnerReferences: w.Owners}}
	if w.Upload != "" {
		b.Metadata.Annotations = map[string]any{uploadAnnotation: w.Upload}
	}
	links := make([]linkedTo, len(w.PullAccounts))
	for i, account := range w.PullAccounts {
		links[i].ServiceAccount.As, links[i].ServiceAccount.Reference.Name = asPullSecret, account
	}
	b.Spec.Secret = remoteSecretForm{Name: w.Name, Type: dockerConfigType, Labels: w.Labels, LinkedTo: links}
	b.Spec.Targets = append([]RemoteTarget{}, w.Targets...) // null would keep those that are there
	return b
}

// CreateRemoteSecret makes a RemoteSecret for a Secret of its own name: ErrExists when
// there is one of that name.
func (c *Client) CreateRemoteSecret(ctx context.Context, w RemoteSecretWrite) (RemoteSecret, error) {
	body := w.body()
	body.APIVersion, body.Kind = "appstudio.redhat.com/v1beta1", "RemoteSecret"
	body.Metadata.Name = w.Name
	return slimRemoteSecret(api.Create[remoteSecretWire](ctx, c.Client, remoteSecrets, w.Namespace, w.Name, body, false))
}

// UpdateRemoteSecret changes labels, form and targets of a RemoteSecret that is still at
// the resourceVersion: otherwise ErrConflict. Its owners stay: where owner references are
// guarded, as on OpenShift, to change them takes the right to delete it. A dry run is
// judged by the API server and the operator's webhook, but nothing is kept; what an
// admission rule would make something else of is ErrInvalid there.
func (c *Client) UpdateRemoteSecret(ctx context.Context, w RemoteSecretWrite, resourceVersion string, dryRun bool) (RemoteSecret, error) {
	body := w.body()
	body.Metadata.ResourceVersion, body.Metadata.OwnerReferences = resourceVersion, nil
	r, err := c.patchRemoteSecret(ctx, w.Namespace, w.Name, body, body.Metadata, dryRun)
	if err == nil && dryRun && !r.holds(w) {
		err = api.Refusal("patch", remoteSecrets, w.Namespace, w.Name, altered)
	}
	return r, err
}

// holds reports whether a RemoteSecret is as a write makes it.
func (r RemoteSecret) holds(w RemoteSecretWrite) bool {
	return covers(r.Labels, w.Labels) && covers(r.SecretLabels, w.Labels) && r.Secret == w.Name && r.Type == dockerConfigType &&
		slices.Equal(r.PullAccounts, w.PullAccounts) && slices.Equal(r.Targets, w.Targets) && r.Further == 0 && !r.Customized &&
		(w.Upload == "" || r.Upload == w.Upload)
}

// RecordUpload sets the annotation image.redhat.com/upload of a RemoteSecret that is
// still as it was read: otherwise ErrConflict.
func (c *Client) RecordUpload(ctx context.Context, r RemoteSecret, value string) (RemoteSecret, error) {
	metadata := metaBody{ResourceVersion: r.ResourceVersion, Annotations: map[string]any{uploadAnnotation: value}}
	return c.patchRemoteSecret(ctx, r.Namespace, r.Name, map[string]metaBody{"metadata": metadata}, metadata, false)
}

func (c *Client) patchRemoteSecret(ctx context.Context, namespace, name string, body any, metadata metaBody, dryRun bool) (RemoteSecret, error) {
	if metadata.ResourceVersion == "" {
		return RemoteSecret{}, api.Refusal("patch", remoteSecrets, namespace, name, noVersion)
	}
	return slimRemoteSecret(api.Patch[remoteSecretWire](ctx, c.Client, remoteSecrets, namespace, name, types.MergePatchType, body, dryRun))
}
