package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// Plurals asks a cluster's discovery for the resources of a version of a group. A version
// that is not served has none.
func Plurals(ctx context.Context, c *Client, group, version string) (map[string]bool, error) {
	k := call{op: "get", resource: Resource{Kind: "APIResourceList", Root: "/apis", Plural: group}, name: version}
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
	if json.Unmarshal(raw, &list) != nil || list.Kind != k.resource.Kind || list.GroupVersion != group+"/"+version || list.Resources == nil {
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
