package plan

import (
	"berth/kube"
	"berth/reconcile/world"
)

// TakeOver is how a Component is taken over.
type TakeOver string

// The ways.
const (
	InPlace TakeOver = "in place"       // a Secret of image-controller's becomes Berth's
	Beside  TakeOver = "new beside old" // new Secrets, and image-controller's go on working
	Refused TakeOver = "refused"
)

// Retire removes a robot of image-controller's that nobody has used for the grace, after the
// Secrets that log in as it and their links.
type Retire struct {
	Robot, Repository string
	Mark              string // its description
	Secrets           []FormerSecret
}

// FormerSecret is one of image-controller's, of another name than ours.
type FormerSecret struct {
	Name, Owner            string // the ImageRepository's uid
	Accounts, PullAccounts []string
}

// ReturnSecret gives a Secret back: to an ImageRepository; when that is nil, only the label
// comes off, and the Component still owns it.
type ReturnSecret struct {
	Secret string
	To     *kube.OwnerReference
}

// UnmarkRepository takes our mark off a repository.
type UnmarkRepository struct{ Name, Mark string }

// ReturnRepository takes off an ImageRepository what a take-over has written there.
type ReturnRepository struct{ world.ImageRepository }

func (Retire) action()           {}
func (ReturnSecret) action()     {}
func (UnmarkRepository) action() {}
func (ReturnRepository) action() {}
