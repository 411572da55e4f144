package plan

import (
	"time"

	"berth/quay"
	"berth/reconcile/component"
)

// What changes at Quay.

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

// LeaveTeam takes a robot out of a team, whose rights it has besides its own.
type LeaveTeam struct{ Robot, Team string }

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
