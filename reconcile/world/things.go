package world

import (
	"slices"
	"strings"
	"time"

	"berth/kube"
	"berth/reconcile/component"
)

// Secret is what a run knows of a Secret that bears one of our names. It
// holds no credential: a fingerprint is enough to compare.
type Secret struct {
	Owned     component.Ownership
	Foreign   string // why it is not ours, for the reader
	Type      string
	Fixed     bool              // immutable
	Labels    map[string]string // those Berth writes
	Content   component.Content
	RotatedAt time.Time // when it was moved to its generation; zero: it never was, or that is not told
}

// RemoteSecrets says whether pull Secrets are delivered.
type RemoteSecrets string

// The choices; the zero value is off.
const (
	RemoteSecretsAuto    RemoteSecrets = "auto" // where the cluster has RemoteSecrets
	RemoteSecretsRequire RemoteSecrets = "require"
)

// Mode is how far a run delivers.
type Mode struct {
	Wanted        bool // by the setting
	Environments  bool // the cluster has Environments and bindings, and they were read
	RemoteSecrets bool // the cluster has RemoteSecrets, and they were read
}

// RemoteSecret is what a run knows of a RemoteSecret of a Component's name.
type RemoteSecret struct {
	kube.RemoteSecret
	Owned   component.Ownership
	Foreign string                 // why it is not ours, for the reader
	Record  component.UploadRecord // what was last uploaded to it
	Due     bool                   // it may be uploaded again
	Late    bool                   // it should have arrived by now
}

// Arrived is a Secret that a RemoteSecret brought to a namespace of this cluster.
type Arrived struct {
	Content    component.Content
	By         string // the RemoteSecret, NAMESPACE/NAME
	Unreadable bool   // nobody could tell
}

// Status is what the operator says of a target, nil: nothing yet.
func (r RemoteSecret) Status(t kube.RemoteTarget) *kube.TargetStatus {
	for i, s := range r.TargetStatuses {
		if s.Namespace == t.Namespace && strings.TrimRight(s.APIURL, "/") == t.APIURL {
			return &r.TargetStatuses[i]
		}
	}
	return nil
}

// Upload is an upload Secret of ours that the operator has not taken yet.
type Upload struct {
	Name, ResourceVersion, Fingerprint string
	Owners                             []kube.OwnerReference
}

// Of reports whether it was made for a Component.
func (u Upload) Of(c kube.Component) bool {
	return slices.ContainsFunc(u.Owners, func(o kube.OwnerReference) bool { return o.UID == c.UID })
}
