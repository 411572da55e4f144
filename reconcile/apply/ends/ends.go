// Package ends is what applying a plan has in its hands: Quay and the cluster as it needs them,
// what acts go by, what may stand in their way, and the few acts that need no more than that.
package ends

import (
	"context"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// Registry is Quay as applying a plan needs it.
type Registry interface {
	repositories
	robots
}

type repositories interface {
	GetRepository(ctx context.Context, name string) (quay.Repository, error)
	CreateRepository(ctx context.Context, r quay.Repository) error
	DescribeRepository(ctx context.Context, name, description string) error
	ChangeVisibility(ctx context.Context, name string, v quay.Visibility) error
	SetPermission(ctx context.Context, repository, robot string, role quay.Role) error
	DeletePermission(ctx context.Context, repository, robot string) error
	ListRobotPermissions(ctx context.Context, repository string) (map[string]quay.Role, error)
}

type robots interface {
	GetRobot(ctx context.Context, name string) (quay.Robot, error)
	CreateRobot(ctx context.Context, name, description string) (quay.Robot, error)
	DeleteRobot(ctx context.Context, name string) error
	RemoveFromTeam(ctx context.Context, team, robot string) error
	DeleteFederation(ctx context.Context, robot string) error
	Granted(ctx context.Context, robot string, token quay.Token, repository string) (quay.Grant, error)
}

// Cluster is Kubernetes as applying a plan needs it.
type Cluster interface {
	Namespace(ctx context.Context, name string) (kube.Namespace, error)
	Component(ctx context.Context, g kube.Group, namespace, name string) (kube.Component, error)
	Annotate(ctx context.Context, c kube.Component, change kube.AnnotationChange) (kube.Component, error)
	AnnotateNamespace(ctx context.Context, n kube.Namespace, change kube.AnnotationChange) (kube.Namespace, error)
	Secret(ctx context.Context, namespace, name string) (kube.Secret, error)
	CreateSecret(ctx context.Context, w kube.SecretWrite) error
	TryCreateSecret(ctx context.Context, w kube.SecretWrite) error
	UpdateSecret(ctx context.Context, w kube.SecretWrite, resourceVersion string, dryRun bool) error
	OwnSecret(ctx context.Context, s kube.Secret, owners []kube.OwnerReference) error
	SecretMetadata(ctx context.Context, namespace, name string) (kube.Secret, error)
	linker
	deliverer
	heir
}

// Pair are the two, which are written to and looked at once more before.
type Pair struct {
	Registry Registry
	Cluster  Cluster
}

// Means are what acts go by.
type Means struct {
	Naming   component.Naming
	Now      func() time.Time
	Ahead    time.Duration                              // how far Quay's clock is ahead of that
	Pause    func(context.Context, time.Duration) error // waits; the error is the context's
	Groups   []kube.Group                               // in which the cluster serves Components
	Delivers bool                                       // it has RemoteSecrets
	Policy   world.Policy                               // names the ServiceAccounts that pull, in each environment
	Accounts map[component.Key]world.Links              // the ServiceAccounts as they were listed
	Told     func(plan.Component, string)               // is told what is worth knowing and stops nothing
}

// Clock is the time by Quay's clock.
func (m Means) Clock() time.Time { return m.Now().Add(m.Ahead) }

// deliverer is what applying a plan needs of the cluster to deliver.
type deliverer interface {
	RemoteSecret(ctx context.Context, namespace, name string) (kube.RemoteSecret, error)
	CreateRemoteSecret(ctx context.Context, w kube.RemoteSecretWrite) (kube.RemoteSecret, error)
	UpdateRemoteSecret(ctx context.Context, w kube.RemoteSecretWrite, resourceVersion string, dryRun bool) (kube.RemoteSecret, error)
	OwnRemoteSecret(ctx context.Context, r kube.RemoteSecret, owners []kube.OwnerReference) error
	RecordUpload(ctx context.Context, r kube.RemoteSecret, value string) (kube.RemoteSecret, error)
	DeleteSecret(ctx context.Context, s kube.Secret) error
}

// heir is what applying a plan needs of the cluster to take over from image-controller.
type heir interface {
	AnnotateImageRepository(ctx context.Context, r kube.ImageRepository, change kube.AnnotationChange, dryRun bool) (kube.ImageRepository, error)
	UnfinalizeImageRepository(ctx context.Context, r kube.ImageRepository) error
	UnfinalizeComponent(ctx context.Context, c kube.Component) (kube.Component, error)
	ReturnSecret(ctx context.Context, s kube.Secret, to *kube.OwnerReference) error
	DeleteSecret(ctx context.Context, s kube.Secret) error
}
