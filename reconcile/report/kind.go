package report

// Op is what a change does to its target.
type Op string

// The operations.
const (
	OpCreate Op = "create"
	OpUpdate Op = "update"
	OpRotate Op = "rotate"
	OpDelete Op = "delete"
)

// Action is the word that the platform's audit records have for an operation.
func (o Op) Action() string {
	switch o {
	case OpCreate:
		return "ADD"
	case OpDelete:
		return "DELETE"
	}
	return "UPDATE"
}

// Kind is what a change is made to.
type Kind string

// The kinds of target.
const (
	KindRepository     Kind = "repository"
	KindRequest        Kind = "image_repository"
	KindRobot          Kind = "robot"
	KindPermission     Kind = "permission"
	KindSecret         Kind = "secret"
	KindServiceAccount Kind = "service_account"
	KindRemoteSecret   Kind = "remote_secret"
	KindUploadSecret   Kind = "upload_secret"
	KindComponent      Kind = "component"
	KindNamespace      Kind = "namespace"
)

var words = map[Kind]string{
	KindRequest: "ImageRepository", KindRepository: "repository", KindRobot: "robot", KindPermission: "permission",
	KindSecret: "Secret", KindServiceAccount: "ServiceAccount", KindComponent: "Component",
	KindRemoteSecret: "RemoteSecret", KindUploadSecret: "upload Secret", KindNamespace: "Namespace",
}

// Word is what people call it.
func (k Kind) Word() string { return words[k] }
