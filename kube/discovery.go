package kube

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
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

// kindsOf is asked for, version by version, by the group's place among the API's paths.
func kindsOf(g Group) resource {
	return resource{kind: "APIResourceList", root: "/apis", plural: g.String()}
}

// Served asks the cluster's discovery for the optional kinds. A version that is not
// served has none of them.
func (c *Client) Served(ctx context.Context) (Served, error) {
	old, err := c.plurals(ctx, AppStudio, alpha)
	if err != nil {
		return Served{}, err
	}
	delivery, err := c.plurals(ctx, AppStudio, beta)
	if err != nil {
		return Served{}, err
	}
	late, err := c.plurals(ctx, Konflux, alpha)
	if err != nil {
		return Served{}, err
	}
	in := func(plural string) Groups { return Groups{AppStudio: old[plural], Konflux: late[plural]} }
	return Served{
		Components:             in(components.plural),
		ImageRepositories:      in(imageRepositories.plural),
		Environments:           old[environments.plural],
		EnvironmentBindings:    old[environmentBindings.plural],
		DeploymentTargetClaims: old[deploymentTargetClaims.plural],
		DeploymentTargets:      old[deploymentTargets.plural],
		RemoteSecrets:          delivery[remoteSecrets.plural],
	}, nil
}

// plurals lists the resources of a version of a group.
func (c *Client) plurals(ctx context.Context, g Group, version string) (map[string]bool, error) {
	k := call{op: "get", resource: kindsOf(g), name: version}
	ctx, req := c.prepare(ctx, k, http.MethodGet)
	raw, status, err := k.send(ctx, req)
	if errors.Is(err, ErrNotInstalled) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list struct {
		Kind         string `json:"kind"`
		GroupVersion string `json:"groupVersion"`
		Resources    []struct {
			Name string `json:"name"`
		} `json:"resources"`
	}
	if json.Unmarshal(raw, &list) != nil || list.Kind != k.resource.kind || list.GroupVersion != g.String()+"/"+version || list.Resources == nil {
		return nil, k.unusable(status, "the answer is no list of resources")
	}
	plurals := make(map[string]bool, len(list.Resources))
	for _, r := range list.Resources {
		plurals[r.Name] = true
	}
	if plurals[""] {
		return nil, k.unusable(status, "the answer lists resources without names")
	}
	return plurals, nil
}
