package kube

import (
	"context"

	"berth/kube/api"
)

// Served tells which of the optional kinds a cluster serves, and in which groups those
// that move from one to the other.
type Served struct {
	Components             Groups
	ImageRepositories      Groups
	Environments           bool
	EnvironmentBindings    bool
	DeploymentTargetClaims bool
	DeploymentTargets      bool
	RemoteSecrets          bool
}

// Served asks the cluster's discovery for the optional kinds. A version that is not
// served has none of them.
func (c *Client) Served(ctx context.Context) (Served, error) {
	old, err := api.Plurals(ctx, c.Client, AppStudio.String(), alpha)
	if err != nil {
		return Served{}, err
	}
	delivery, err := api.Plurals(ctx, c.Client, AppStudio.String(), beta)
	if err != nil {
		return Served{}, err
	}
	late, err := api.Plurals(ctx, c.Client, Konflux.String(), alpha)
	if err != nil {
		return Served{}, err
	}
	in := func(plural string) Groups { return Groups{AppStudio: old[plural], Konflux: late[plural]} }
	return Served{
		Components:             in(components.Plural),
		ImageRepositories:      in(imageRepositories.Plural),
		Environments:           old[environments.Plural],
		EnvironmentBindings:    old[environmentBindings.Plural],
		DeploymentTargetClaims: old[deploymentTargetClaims.Plural],
		DeploymentTargets:      old[deploymentTargets.Plural],
		RemoteSecrets:          delivery[remoteSecrets.Plural],
	}, nil
}
