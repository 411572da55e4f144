package reconcile

import (
	"strings"

	"berth/kube"
	"berth/quay"
)

// Action is one change. The set is closed: apply knows how to make each, and
// each knows how to show itself. No Action holds a credential.
type Action interface {
	change() Change
}

// Op is what a change does to its target.
type Op string

// The operations.
const (
	OpCreate Op = "create"
	OpUpdate Op = "update"
	OpRotate Op = "rotate"
	OpDelete Op = "delete"
)

// Kind is what a change is made to.
type Kind string

// The kinds of target.
const (
	KindRepository     Kind = "repository"
	KindRobot          Kind = "robot"
	KindRobotToken     Kind = "robot_token"
	KindPermission     Kind = "permission"
	KindSecret         Kind = "secret"
	KindServiceAccount Kind = "service_account"
	KindRemoteSecret   Kind = "remote_secret"
	KindUploadSecret   Kind = "upload_secret"
	KindComponent      Kind = "component"
)

// Change is how an Action shows itself to people and machines.
type Change struct {
	Op     Op
	Kind   Kind
	Target string
	Detail string   // what becomes of it, for the plan in text
	Lines  []string // more of that, each on a line of its own
	Reason string   // why, when it is not plain
	Before map[string]string
	After  map[string]string
	Audit  bool // it touches a credential, an access right or a visibility
}

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
type CreateRobot struct{ Account }

// SetPermission gives a robot its role; From is "" when it had none.
type SetPermission struct {
	Repository, Robot string
	From, To          quay.Role
}

// RemovePermission takes a robot off a repository that is not its own.
type RemovePermission struct{ Repository, Robot string }

// WriteSecret makes a Secret equal to what Quay says of its robot.
type WriteSecret struct {
	Account
	Image   string
	Exists  bool
	Reason  string
	Rotated bool // it brings the token of a rotation
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
type DeleteUpload struct{ Upload }

// DeleteRobot removes a robot of an earlier Component of the same name.
type DeleteRobot struct{ Robot string }

// RotateToken replaces a robot's token, which revokes the old one, once for a
// request. See rotation.go.
type RotateToken struct {
	Account
	Repository string
}

// Acknowledge takes a request for rotation off the Component, when both
// Secrets carry what came after it.
type Acknowledge struct {
	Component string
	New       bool // the robots are of this run, so that nothing was to be replaced
}

// Announce writes the annotation that tells the tenant.
type Announce struct {
	Component string
	Value     string
	Problem   bool // it tells of one
}

func (a CreateRepository) change() Change {
	return Change{
		Op: OpCreate, Kind: KindRepository, Target: a.Name, Detail: string(a.Visibility), Reason: a.Reason, Audit: true,
		After: map[string]string{"visibility": string(a.Visibility)},
	}
}

func (a DescribeRepository) change() Change {
	return Change{Op: OpUpdate, Kind: KindRepository, Target: a.Name, Detail: "adopted", Reason: "it carries no live mark", Audit: true}
}

func (a ChangeVisibility) change() Change {
	return Change{
		Op: OpUpdate, Kind: KindRepository, Target: a.Repository, Detail: string(a.From) + " -> " + string(a.To), Reason: a.Reason, Audit: true,
		Before: map[string]string{"visibility": string(a.From)}, After: map[string]string{"visibility": string(a.To)},
	}
}

func (a CreateRobot) change() Change {
	return Change{Op: OpCreate, Kind: KindRobot, Target: a.Robot, Audit: true}
}

func (a SetPermission) change() Change {
	c := Change{
		Op: OpCreate, Kind: KindPermission, Target: a.Robot, Detail: string(a.To), Audit: true,
		After: map[string]string{"repository": a.Repository, "role": string(a.To)},
	}
	if a.From != "" {
		c.Op, c.Detail = OpUpdate, string(a.From)+" -> "+string(a.To)
		c.Before = map[string]string{"repository": a.Repository, "role": string(a.From)}
	}
	return c
}

func (a RemovePermission) change() Change {
	return Change{
		Op: OpDelete, Kind: KindPermission, Target: a.Robot, Detail: "on " + a.Repository, Reason: "not its repository", Audit: true,
		Before: map[string]string{"repository": a.Repository},
	}
}

func (a WriteSecret) change() Change {
	c := Change{Op: OpCreate, Kind: KindSecret, Target: a.Secret, Reason: a.Reason, Audit: true, After: map[string]string{"robot": a.Robot}}
	if a.Exists {
		c.Op = OpUpdate
	}
	if a.Rotated {
		c.Detail = "new token"
	}
	return c
}

func (a LinkSecret) change() Change {
	return Change{
		Op: OpUpdate, Kind: KindServiceAccount, Target: a.ServiceAccount, Detail: "+ " + a.Secret, Audit: true,
		After: map[string]string{"secrets": a.Secret},
	}
}

func (a LinkPullSecret) change() Change {
	return Change{
		Op: OpUpdate, Kind: KindServiceAccount, Target: a.ServiceAccount, Detail: "+ " + a.Secret + " to pull images", Audit: true,
		After: map[string]string{"imagePullSecrets": a.Secret},
	}
}

func (a WriteRemoteSecret) change() Change {
	c := Change{
		Op: OpCreate, Kind: KindRemoteSecret, Target: a.Name, Detail: plural(len(a.Targets), "target", "targets"), Reason: a.Reason, Audit: true,
		After: map[string]string{"targets": strings.Join(places(a.Targets), ", ")},
	}
	if a.Exists {
		c.Op = OpUpdate
	}
	for _, place := range places(a.Added) {
		c.Lines = append(c.Lines, "+ "+place)
	}
	for _, place := range places(a.Removed) {
		c.Lines = append(c.Lines, "- "+place)
	}
	return c
}

func (a UploadToken) change() Change {
	detail := "token for targets to come"
	if a.Targets > 0 {
		detail = "token for " + plural(a.Targets, "target", "targets")
	}
	return Change{
		Op: OpCreate, Kind: KindUploadSecret, Target: a.RemoteSecret, Detail: detail, Reason: a.Reason, Audit: true,
		After: map[string]string{"remote_secret": a.RemoteSecret},
	}
}

func (a DeleteUpload) change() Change {
	return Change{Op: OpDelete, Kind: KindUploadSecret, Target: a.Name, Reason: "its token is an earlier one", Audit: true}
}

// places are targets in the words of a plan.
func places(targets []kube.RemoteTarget) []string {
	var names []string
	for _, t := range targets {
		names = append(names, placeName(t))
	}
	return names
}

func (a DeleteRobot) change() Change {
	return Change{Op: OpDelete, Kind: KindRobot, Target: a.Robot, Reason: "superseded: its Component was deleted and made again", Audit: true}
}

func (a RotateToken) change() Change {
	return Change{Op: OpRotate, Kind: KindRobotToken, Target: a.Robot, Audit: true}
}

func (a Acknowledge) change() Change {
	return Change{
		Op: OpUpdate, Kind: KindComponent, Target: a.Component, Detail: "request acknowledged",
		Before: map[string]string{AnnotationGenerate: rotateRequest},
	}
}

func (a Announce) change() Change {
	c := Change{
		Op: OpUpdate, Kind: KindComponent, Target: a.Component, Detail: AnnotationImage,
		After: map[string]string{AnnotationImage: a.Value},
	}
	if a.Problem {
		c.Reason = "tells the tenant"
	}
	return c
}

// unasked reports whether an action changes something that people rely on
// without anybody having asked: what the guard counts.
func unasked(a Action) bool {
	switch a := a.(type) {
	case WriteSecret:
		return a.Exists && !a.Rotated
	case ChangeVisibility:
		return !a.Asked
	}
	return false
}

func ownerOf(c kube.Component) kube.OwnerReference {
	return kube.OwnerReference{APIVersion: componentAPI, Kind: componentKind, Name: c.Name, UID: c.UID}
}
