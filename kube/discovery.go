package kube

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// Served tells which of the optional kinds a cluster serves.
type Served struct {
	Environments           bool
	EnvironmentBindings    bool
	DeploymentTargetClaims bool
	DeploymentTargets      bool
	RemoteSecrets          bool
}

// group is asked for, version by version, by its place among the API's paths.
var group = resource{kind: "APIResourceList", root: "/apis", plural: "appstudio.redhat.com"}

// Served asks the cluster's discovery for the optional kinds. A version that is not
// served has none of them.
func (c *Client) Served(ctx context.Context) (Served, error) {
	alpha, err := c.plurals(ctx, "v1alpha1")
	if err != nil {
		return Served{}, err
	}
	beta, err := c.plurals(ctx, "v1beta1")
	if err != nil {
		return Served{}, err
	}
	return Served{
		Environments:           alpha[environments.plural],
		EnvironmentBindings:    alpha[environmentBindings.plural],
		DeploymentTargetClaims: alpha[deploymentTargetClaims.plural],
		DeploymentTargets:      alpha[deploymentTargets.plural],
		RemoteSecrets:          beta[remoteSecrets.plural],
	}, nil
}

// plurals lists the resources of a version of the group.
func (c *Client) plurals(ctx context.Context, version string) (map[string]bool, error) {
	k := call{op: "get", resource: group, name: version}
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
	if json.Unmarshal(raw, &list) != nil || list.Kind != group.kind || list.GroupVersion != group.plural+"/"+version || list.Resources == nil {
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
