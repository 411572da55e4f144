package plan

import (
	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/world"
)

// Action is one change, as plain data. The set is closed: apply knows how to make
// each, and report how to show it. No Action holds a credential.
type Action interface{ action() }

// CreateRepository makes the image repository.
type CreateRepository struct {
	quay.Repository
	Reason string // for its visibility
}

// DescribeRepository writes our mark on a repository that is to be ours.
type DescribeRepository struct{ Name, Mark string }

// ChangeVisibility makes a repository private or public.
type ChangeVisibility struct {
	Repository string
	From, To   quay.Visibility
	Reason     string
	Asked      bool // by a statement on the Component
}

// CreateRobot makes a robot account.
type CreateRobot struct{ component.Account }

// SetPermission gives a robot its role; From is "" when it had none.
type SetPermission struct {
	Repository, Robot string
	From, To          quay.Role
}

// RemovePermission takes a robot off a repository that is not its own.
type RemovePermission struct{ Repository, Robot string }

// WriteSecret makes a Secret equal to what Quay says of its robot.
type WriteSecret struct {
	component.Account
	Image   string
	Exists  bool
	Reason  string
	Rotated bool // to a newer generation
	Revokes bool // and the older ones are deleted in the same run
}

// LinkSecret lets a ServiceAccount use the push Secret.
type LinkSecret struct{ ServiceAccount, Secret string }

// LinkPullSecret lets the pods of a ServiceAccount pull with the pull Secret.
type LinkPullSecret struct{ ServiceAccount, Secret string }

// WriteRemoteSecret makes a RemoteSecret bring the Secret of its name to the targets.
type WriteRemoteSecret struct {
	Name           string
	Exists         bool
	PullAccount    string
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

// DeleteRobot removes a robot: one of an earlier Component of the same name, or a
// generation that is older than its Secret's.
type DeleteRobot struct {
	component.Account      // of an earlier Component only the robot's name
	Drain             bool // a generation of this Component's
	Revokes           bool // asked for
	Reason            string
}

// Acknowledge takes the marker of a rotation off the Component when both Secrets carry
// what came after the request.
type Acknowledge struct {
	Component    string
	New          bool // a request: the robots are of this run, so that nothing was to be replaced
	Former       bool // a marker of a form that is not written any more, and too old to count
	How          component.How
	Announcement component.Announcement // to be made with it, but for when
}

// Announce writes the annotation that tells the tenant.
type Announce struct {
	Component string
	Value     string
	Problem   bool // it tells of one
}

func (CreateRepository) action()   {}
func (DescribeRepository) action() {}
func (ChangeVisibility) action()   {}
func (CreateRobot) action()        {}
func (SetPermission) action()      {}
func (RemovePermission) action()   {}
func (WriteSecret) action()        {}
func (LinkSecret) action()         {}
func (LinkPullSecret) action()     {}
func (WriteRemoteSecret) action()  {}
func (UploadToken) action()        {}
func (DeleteUpload) action()       {}
func (DeleteRobot) action()        {}
func (Acknowledge) action()        {}
func (Announce) action()           {}
