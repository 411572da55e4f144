package world

import (
	"errors"
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
	Lacks     bool   // it is owned by one of two Components that are one berth
	Fixed     bool   // immutable
	Slim      bool   // its labels were as Berth writes them, and are not kept
	Foreign   string // why it is not ours, for the reader
	Type      string
	Labels    map[string]string // those Berth writes
	Content   component.Content
	RotatedAt time.Time // when it was moved to its generation; zero: it never was, or that is not told
	Former    []string  // the uids, as marks have them, of the Components that it was handed over from
	By        string    // the RemoteSecret, NAMESPACE/NAME, that takes it for its own
	Inherits  string    // of one that is to be taken over: the uid of the object that owns it
}

// At is what a map holds, empty where it holds nothing.
func At[K comparable, V any](all map[K]*V, key K) V {
	if v := all[key]; v != nil {
		return *v
	}
	return *new(V)
}

// ErrNoTakeOver stops a run that is to take over from image-controller without the rights
// that takes, before it writes anything.
var ErrNoTakeOver = errors.New("--adopt needs rights on ImageRepositories, and nothing was written")

// ImageRepository is what a run knows of an ImageRepository of image-controller's that is for
// a Component.
type ImageRepository struct {
	kube.ImageRepository
	Repository string // at Quay, in our organization; "": none

	// Image-controller's Secrets that are there under other names than ours, where a robot
	// is to go; "" for none.
	PushSecret, PullSecret string
}

// Labelled reports whether its labels are as Berth writes them for a Component.
func (s Secret) Labelled(c *kube.Component) bool { return s.Slim || component.Labelled(s.Labels, c) }

// RemoteSecrets says whether pull Secrets are delivered.
type RemoteSecrets string

// The choices; the zero value is off.
const (
	RemoteSecretsAuto    RemoteSecrets = "auto" // where the cluster has RemoteSecrets
	RemoteSecretsRequire RemoteSecrets = "require"
)

// NamespaceSecret says where a namespace has a pull Secret for all its Components.
type NamespaceSecret string

// The choices; the zero value is off.
const (
	NamespaceSecretAuto NamespaceSecret = "auto" // where one stands that is empty, or ours
	NamespaceSecretOn   NamespaceSecret = "on"
)

// NamespaceSecrets reports whether any namespace has one.
func (p Policy) NamespaceSecrets() bool { return p.NamespaceSecret != "" }

// NamespaceAccounts are the ServiceAccounts whose pods pull with it: those that pull whatever
// the Component is called, and that of integration tests.
func (p Policy) NamespaceAccounts() []string {
	named := slices.DeleteFunc(slices.Clone(p.PullServiceAccounts), func(a string) bool { return strings.Contains(a, componentVariable) })
	if !slices.Contains(named, component.IntegrationAccount) {
		named = append(named, component.IntegrationAccount)
	}
	return named
}

// Mode is how far a run delivers.
type Mode struct {
	Wanted        bool // by the setting
	Environments  bool // the cluster has Environments and bindings, and they were read
	RemoteSecrets bool // the cluster has RemoteSecrets, and they were read
}

// RemoteSecret is what a run knows of a RemoteSecret of a Component's name.
type RemoteSecret struct {
	*kube.RemoteSecret      // several may share one: it is never changed
	Slim               bool // its form was as Berth writes it, and is not kept
	Owned              component.Ownership
	Foreign            string                 // why it is not ours, for the reader
	Lacks              bool                   // it is owned by one of two Components that are one berth
	Record             component.UploadRecord // what was last uploaded to it
	Due                bool                   // it may be uploaded again
	Late               bool                   // it should have arrived by now
}

// Formed reports whether it is as Berth writes it for a Component, but for its targets.
func (r RemoteSecret) Formed(c *kube.Component, secret string, pullAccounts []string) bool {
	return r.Slim || component.Labelled(r.Labels, c) && r.Secret == secret && r.Type == component.SecretType && component.Labelled(r.SecretLabels, c) &&
		slices.Equal(r.PullAccounts, pullAccounts) && !r.Customized
}

// Slimmed drops the form of what is as Berth writes it: of a platform nearly everything is.
func (r RemoteSecret) Slimmed(c *kube.Component, secret string, pullAccounts []string) RemoteSecret {
	if r.Formed(c, secret, pullAccounts) {
		r.RemoteSecret = &kube.RemoteSecret{
			Deleting: r.Deleting, Targets: r.Targets, Further: r.Further, HasData: r.HasData, TargetStatuses: r.TargetStatuses, Odd: r.Odd,
		}
		r.Slim = true
	}
	return r
}

// Arrived is a Secret that a RemoteSecret brought to a namespace of this cluster.
type Arrived struct {
	Content    component.Content
	By         string // the RemoteSecret, NAMESPACE/NAME
	Owned      bool   // a Component owns it: it was that one's own before it was taken over
	Unreadable bool   // nobody could tell
}

// Brought reports whether a RemoteSecret brought it to where nothing was before.
func (a Arrived) Brought(remoteSecret component.Key) bool {
	return a.By == remoteSecret.String() && !a.Owned
}

// Claim is a Component's, by its pull Secret, on a namespace of this cluster as a target.
type Claim struct {
	PullSecret component.Key
	Namespace  string
}

// There is the Secret that would be brought.
func (c Claim) There() component.Key {
	return component.Key{Namespace: c.Namespace, Name: c.PullSecret.Name}
}

// Holder says whose the name of a Secret is in a namespace that is to be a target. Who
// came first keeps it: the RemoteSecret that brought it there, or the Component there.
type Holder int

// The holders.
const (
	Nobody  Holder = iota // or this Component's RemoteSecret
	Another               // a Component of that namespace
	Unclear               // nobody could tell
)

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
	Labels                             map[string]string
	Owners                             []kube.OwnerReference
}

// Of reports whether it is one that was made for a Component, by all that makes it one:
// whose it is, and the name that its content gives it. A tenant can put the label of
// uploads on its own push Secret; that does not make it one, to be deleted.
func (u Upload) Of(c *kube.Component) bool {
	whose, _ := component.Whose(u.Labels, u.Owners, c)
	return whose == component.Mine && u.Fingerprint != "" && u.Name == component.UploadName(c, u.Fingerprint)
}
