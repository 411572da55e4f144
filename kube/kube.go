// Package kube is a small client of the cluster: exactly the reads and writes
// that giving Components their Secrets needs.
//
// It promises what [berth/kube/api] does, and: a change of
// an existing object holds only if nobody else wrote since it was read, but for
// the one list that merges at the server; the content of a Secret appears in no error, log or
// string. What it reads is decoded straight into slim structs, so memory grows by
// what a Component needs, not by what the API server sends.
//
// It leaves to others which objects are theirs to change, what annotations mean,
// and what to do about an error.
package kube

import "berth/kube/api"

// Client speaks to one API server. It is safe for concurrent use.
type Client struct{ *api.Client }

// Options are the settings of a Client.
type Options = api.Options

// New returns a Client. It sends nothing.
func New(o Options) (*Client, error) {
	c, err := api.New(o)
	if err != nil {
		return nil, err
	}
	return &Client{c}, nil
}

// AllNamespaces stands for the name of a namespace where those of all are to be listed.
const AllNamespaces = api.AllNamespaces

// OwnerReference names the object whose deletion takes its dependents with it.
type OwnerReference = api.OwnerReference

// Error is a failed call.
type Error = api.Error

// The kinds of failure a caller tells apart with [errors.Is]; package api says of each what
// it means.
var (
	ErrNotFound     = api.ErrNotFound
	ErrExists       = api.ErrExists
	ErrConflict     = api.ErrConflict
	ErrForbidden    = api.ErrForbidden
	ErrQuota        = api.ErrQuota
	ErrFull         = api.ErrFull
	ErrUnauthorized = api.ErrUnauthorized
	ErrInvalid      = api.ErrInvalid
	ErrNoDryRun     = api.ErrNoDryRun
	ErrTerminating  = api.ErrTerminating
	ErrUnavailable  = api.ErrUnavailable
	ErrNotInstalled = api.ErrNotInstalled
	ErrReadOnly     = api.ErrReadOnly
)

var (
	namespaces      = api.Resource{Kind: "Namespace", Root: "/api/v1", Plural: "namespaces"}
	secrets         = api.Resource{Kind: "Secret", Root: "/api/v1", Plural: "secrets", Scoped: true}
	secretMetadata  = api.Resource{Kind: "Secret", Root: "/api/v1", Plural: "secrets", Scoped: true, Partial: true}
	serviceAccounts = api.Resource{Kind: "ServiceAccount", Root: "/api/v1", Plural: "serviceaccounts", Scoped: true}
	leases          = api.Resource{Kind: "Lease", Root: "/apis/coordination.k8s.io/v1", Plural: "leases", Scoped: true}

	components             = api.Resource{Kind: "Component", Root: appstudio + alpha, Plural: "components", Scoped: true}
	environments           = api.Resource{Kind: "Environment", Root: appstudio + alpha, Plural: "environments", Scoped: true}
	environmentBindings    = api.Resource{Kind: "SnapshotEnvironmentBinding", Root: appstudio + alpha, Plural: "snapshotenvironmentbindings", Scoped: true}
	deploymentTargetClaims = api.Resource{Kind: "DeploymentTargetClaim", Root: appstudio + alpha, Plural: "deploymenttargetclaims", Scoped: true}
	deploymentTargets      = api.Resource{Kind: "DeploymentTarget", Root: appstudio + alpha, Plural: "deploymenttargets", Scoped: true}
	imageRepositories      = api.Resource{Kind: "ImageRepository", Root: appstudio + alpha, Plural: "imagerepositories", Scoped: true}
	remoteSecrets          = api.Resource{Kind: "RemoteSecret", Root: appstudio + beta, Plural: "remotesecrets", Scoped: true}
)

const (
	appstudio = "/apis/appstudio.redhat.com/"
	alpha     = "v1alpha1"
	beta      = "v1beta1"
)
