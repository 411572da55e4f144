package plan

import (
	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/world"
)

// What changes in the cluster.

// StateVisibility writes on the Component which visibility its owner asks for, and takes
// the request off.
type StateVisibility struct {
	Component string
	Of        Group
	To        quay.Visibility
}

// KeepRepository marks an ImageRepository: the repository at Quay outlives it, and what was
// made for it is taken over.
type KeepRepository struct{ world.ImageRepository }

// KeepVisibility writes on the Component the visibility that its repository is found with,
// as if its owner had stated it, and takes an older request for another off.
type KeepVisibility struct {
	Component string
	Of        Group
	To        quay.Visibility
}

// Unfinalize takes image-controller's finalizer off: off an ImageRepository that is marked so
// that its repository outlives it, or, when it is nil, off the Component.
type Unfinalize struct {
	Kind, Name      string
	ImageRepository *world.ImageRepository
}

// Group tells which of two Components that are one berth is meant; "": it is one alone.
type Group string

// ShareObject makes both of two Components the owners of what is one's, so that the
// garbage collector of the one does not take it from the other.
type ShareObject struct {
	Kind Shared
	Name string
}

// Shared is a kind of object that two Components share.
type Shared string

// The kinds.
const (
	SharedSecret       Shared = "Secret"
	SharedRemoteSecret Shared = "RemoteSecret"
)

// WriteSecret makes a Secret equal to what Quay says of its robot.
type WriteSecret struct {
	component.Account
	Image   string
	Exists  bool
	Reason  string
	Rotated bool // to a newer generation
	Revokes bool // and the older ones are deleted in the same run

	Inherits string   // it is taken over from the object of this uid; "": it is ours, or new
	Former   []string // the uids, as marks have them, of the Components whose robots it follows
}

// LinkSecret lets a ServiceAccount use the push Secret.
type LinkSecret struct{ ServiceAccount, Secret string }

// LinkPullSecret lets the pods of a ServiceAccount pull with the pull Secret.
type LinkPullSecret struct{ ServiceAccount, Secret string }

// UnlinkSecret takes a Secret that is gone with its Component off a ServiceAccount.
type UnlinkSecret struct{ world.DeadLink }

// WriteRemoteSecret makes a RemoteSecret bring the Secret of its name to the targets.
type WriteRemoteSecret struct {
	Name           string
	Exists         bool
	PullAccounts   []string
	Targets        []kube.RemoteTarget // all it is to have
	Added, Removed []kube.RemoteTarget
	Reason         string
}

// UploadToken hands the token of the pull robot to a RemoteSecret.
type UploadToken struct {
	RemoteSecret string
	Targets      int
	Reason       string
}

// DeleteUpload removes an upload Secret whose token is not the robot's any more.
type DeleteUpload struct{ world.Upload }

// Acknowledge takes the marker of a rotation off the Component when both Secrets carry
// what came after the request.
type Acknowledge struct {
	Component    string
	Of           Group
	New          bool // a request: the robots are of this run, so that nothing was to be replaced
	Former       bool // a marker of a form that is not written any more, and too old to count
	How          component.How
	Announcement component.Announcement // to be made with it, but for when
}

// TakeRequest takes the request on a namespace for new credentials of its Secret on: it comes
// off, and a marker says which robot answers it.
type TakeRequest struct {
	component.Account // that robot
	Namespace         string
	Request           string // as it was read
	How               component.How
	To                string // the robot's stamp
}

// AnswerRequest says on the namespace that its request is done, when it is.
type AnswerRequest struct {
	component.Account
	Namespace    string
	Request      string // as it was read, where this run has made the first robot, so that nothing was to be replaced; "": there is a marker
	How          component.How
	To           string
	Announcement component.Announcement // to be made with it, but for when
}

// Announce writes the annotation that tells the tenant.
type Announce struct {
	Component string
	Of        Group
	Value     string
	Problem   bool // it tells of one
	Rewords   bool // nothing else than what it says is wrong
}

// SetImage names the Component's repository in its spec.containerImage, which is empty.
type SetImage struct {
	Component string
	Of        Group
	Image     string
}
