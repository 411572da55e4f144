package plan

// Action is one change, as plain data. The set is closed: apply knows how to make
// each, and report how to show it. No Action holds a credential.
type Action interface{ action() }

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
