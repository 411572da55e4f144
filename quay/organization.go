package quay

import (
	"context"
	"net/http"
	"regexp"
)

// Organization is what a token may do in the organization.
type Organization struct {
	// Admin needs both a user in a team with role admin and the scope
	// org:admin (endpoints/api/organization.py:125). Quay answers 200 for an
	// invalid token too, with Admin false.
	Admin bool `json:"is_admin"`
}

// GetOrganization asks what the token may do. [ErrNotFound]: no such organization.
func (c *Client) GetOrganization(ctx context.Context) (Organization, error) {
	var o Organization
	err := c.do(ctx, call{op: "get organization " + c.organization}, http.MethodGet, path("organization", c.organization), nil, &o)
	return o, err
}

var organizationName = regexp.MustCompile(`^[a-z0-9]+(?:[._-][a-z0-9]+)*$`)

// maxOrganization leaves a robot's full name, ORGANIZATION+ROBOT, room within
// Quay's 255 characters.
const maxOrganization = 100

// ValidOrganization reports whether a name can be an organization's (util/validation.py:13).
func ValidOrganization(name string) bool {
	return len(name) >= 2 && len(name) <= maxOrganization && organizationName.MatchString(name)
}
