package plan

import (
	"time"

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

// DescribeRepository writes our mark on a repository that is to be ours, above what people
// wrote there.
type DescribeRepository struct {
	Name, Mark string
	Moved      bool // from another cluster, whose mark it has
}

// ChangeVisibility makes a repository private or public.
type ChangeVisibility struct {
	Repository string
	From, To   quay.Visibility
	Reason     string
	Asked      bool // by a statement on the Component
	Source     bool // because of its source, which is remembered
	Told       component.Memory
}

// RememberSource writes down what a look at a repository's source has shown.
type RememberSource struct {
	Repository string
	Told       component.Memory // what it is said of it now
	Refusal    string           // "": there is nothing to be remembered any more
	Reason     string
}

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

// CreateRobot makes a robot account.
type CreateRobot struct{ component.Account }

// SetPermission gives a robot its role; From is "" when it had none.
type SetPermission struct {
	Repository, Robot string
	From, To          quay.Role
	Settled           bool // the robot has its role on others of its repositories already
	Again             bool // the robot is from another time: who was federated with it is put out first
}

// RemovePermission takes a robot off a repository that is not its own.
type RemovePermission struct{ Repository, Robot string }

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

// LeaveTeam takes a robot out of a team, whose rights it has besides its own.
type LeaveTeam struct{ Robot, Team string }

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

// DeleteRobot removes a robot: one of an earlier Component of the same name, or a
// generation that is older than its Secret's.
type DeleteRobot struct {
	component.Account      // of an earlier Component only the robot's name and mark
	Drain             bool // a generation of this Component's
	Revokes           bool // asked for
	Moved             bool // of the cluster that is taken over, which is asked for, too
	Reason            string
}

// NoteRepository writes what a later run must know below the mark of a repository, or
// takes it off.
type NoteRepository struct {
	Name, Mark  string
	Add, Remove []component.Note
	Day         time.Time // of those added
}

// QuarantineRobot takes the permission away from a robot that nobody seems to use and
// whose Component is gone.
type QuarantineRobot struct {
	component.Account // without its Secret
	Repository        string
	Used              time.Time // its last login when it was listed
}

// ReleaseRobot gives it back: somebody tried to use it.
type ReleaseRobot struct {
	component.Account
	Repository string
	Used       time.Time
}

// PruneRobot deletes a robot that nobody used in quarantine.
type PruneRobot struct {
	component.Account
	Repository string
	Since      time.Time // the day that its repository tells
}

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

func (CreateRepository) action()   {}
func (DescribeRepository) action() {}
func (ChangeVisibility) action()   {}
func (RememberSource) action()     {}
func (StateVisibility) action()    {}
func (KeepRepository) action()     {}
func (KeepVisibility) action()     {}
func (Unfinalize) action()         {}
func (CreateRobot) action()        {}
func (SetPermission) action()      {}
func (RemovePermission) action()   {}
func (LeaveTeam) action()          {}
func (WriteSecret) action()        {}
func (ShareObject) action()        {}
func (LinkSecret) action()         {}
func (LinkPullSecret) action()     {}
func (UnlinkSecret) action()       {}
func (WriteRemoteSecret) action()  {}
func (UploadToken) action()        {}
func (DeleteUpload) action()       {}
func (DeleteRobot) action()        {}
func (NoteRepository) action()     {}
func (QuarantineRobot) action()    {}
func (ReleaseRobot) action()       {}
func (PruneRobot) action()         {}
func (Acknowledge) action()        {}
func (TakeRequest) action()        {}
func (AnswerRequest) action()      {}
func (Announce) action()           {}
func (SetImage) action()           {}

// Makes tells which repository becomes the Component's by an action, new or taken over.
func Makes(a Action) (repository string, ok bool) {
	switch a := a.(type) {
	case CreateRepository:
		return a.Name, true
	case DescribeRepository:
		return a.Name, true
	}
	return "", false
}

// GivesAccess reports whether an action is one of those after which the Component's owner
// can push and pull: where one fails, nothing is left that others could stand on.
func GivesAccess(a Action) bool {
	switch a := a.(type) {
	case KeepRepository, KeepVisibility, CreateRepository, DescribeRepository, ChangeVisibility, CreateRobot, SetPermission:
		return true
	case WriteSecret:
		return !a.Rotated
	}
	return false
}

// FailsAlone reports whether nothing rests on an action, so that its failure holds
// nothing else back: the side steps, most of them last, and what is looked at again in
// every run anyway.
func FailsAlone(a Action) bool {
	switch a := a.(type) {
	case DeleteRobot:
		return !a.Revokes // a request is answered only when that is done
	case LinkSecret, LinkPullSecret, UnlinkSecret, RememberSource, StateVisibility, DeleteUpload, Unfinalize, NoteRepository, ShareObject, Retire, TakeRequest, AnswerRequest:
		return true
	}
	return Revokes(a)
}

// Delivers reports whether an action is one by which environments get the pull Secret: what
// is done here waits for none of them.
func Delivers(a Action) bool {
	switch a.(type) {
	case WriteRemoteSecret, UploadToken:
		return true
	}
	return false
}

// Revokes reports whether an action takes a right away from a robot. That it fails is
// never passed over.
func Revokes(a Action) bool {
	switch a.(type) {
	case RemovePermission, LeaveTeam, DeleteRobot:
		return true
	}
	return false
}
