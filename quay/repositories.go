package quay

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Visibility of a repository.
type Visibility string

// The two there are.
const (
	Private Visibility = "private"
	Public  Visibility = "public"
)

// Repository is an image repository.
type Repository struct {
	Name        string // without the organization; may hold slashes
	Description string
	Visibility  Visibility // "" in a list: what Quay says of this one cannot be read
	State       State
}

// State says whether a repository takes pushes.
type State string

// The states there are. One that takes pushes is the usual one, and a Quay that
// knows no states has no other.
const (
	Normal    State = ""
	ReadOnly  State = "READ_ONLY"
	Mirror    State = "MIRROR"
	OrgMirror State = "ORG_MIRROR" // of the organization as a whole
)

type repositoryJSON struct {
	Namespace   string  `json:"namespace"`
	Name        string  `json:"name"`
	Description *string `json:"description"`
	Public      *bool   `json:"is_public"`
	Starred     *bool   `json:"is_starred"`
	State       State   `json:"state"`
}

func (r repositoryJSON) repository() (Repository, bool) {
	out := Repository{Name: r.Name, Visibility: Private}
	if r.Description != nil {
		out.Description = *r.Description
	}
	if r.State != "NORMAL" {
		out.State = r.State
	}
	if r.Public == nil {
		return out, false
	}
	if *r.Public {
		out.Visibility = Public
	}
	return out, true
}

// repositoryEntry is one of a list, which says nothing against the others.
type repositoryEntry struct {
	repositoryJSON
	odd bool
}

func (e *repositoryEntry) UnmarshalJSON(raw []byte) error {
	e.odd = json.Unmarshal(raw, &e.repositoryJSON) != nil
	return nil
}

// confirmEmpty tells an empty organization from one that the token cannot see.
func (c *Client) confirmEmpty(ctx context.Context, op string) error {
	o, err := c.GetOrganization(ctx)
	if err == nil && !o.Admin {
		err = &Error{Op: op, kind: ErrUnauthorized, Message: "the list is empty, and the token is not an administrator's"}
	}
	return err
}

// GetRepository reads one repository. [ErrNotFound]: it does not exist.
func (c *Client) GetRepository(ctx context.Context, name string) (Repository, error) {
	var r repositoryJSON
	k := &call{op: "get repository " + c.full(name)}
	err := c.do(ctx, k, http.MethodGet, path("repository", c.organization, name)+"?includeTags=false", nil, &r)
	if err != nil {
		return Repository{}, err
	}
	repository, ok := r.repository()
	if !ok || r.Namespace != c.organization || r.Name != name {
		return Repository{}, &Error{Op: k.op, kind: ErrUnexpected, Message: "another repository was answered"}
	}
	return repository, nil
}

// CreateRepository makes a repository. [ErrInvalid] and [ErrUncertain] leave
// open whether there is one now; [ErrPaymentRequired] is about private ones.
func (c *Client) CreateRepository(ctx context.Context, r Repository) error {
	k := &call{op: "create repository " + c.full(r.Name)}
	var answer repositoryJSON
	err := c.do(ctx, k, http.MethodPost, "/repository", map[string]string{
		"namespace": c.organization, "repository": r.Name,
		"visibility": string(r.Visibility), "description": r.Description, "repo_kind": "image",
	}, &answer)
	if err == nil && (answer.Namespace != c.organization || answer.Name != r.Name) {
		return &Error{Op: k.op, kind: ErrUnexpected, Message: "another repository was answered"}
	}
	return err
}

// DescribeRepository sets the description.
func (c *Client) DescribeRepository(ctx context.Context, name, description string) error {
	k := &call{op: "describe repository " + c.full(name), repeatable: true}
	var answer successJSON
	err := c.do(ctx, k, http.MethodPut, path("repository", c.organization, name), map[string]string{"description": description}, &answer)
	if err == nil && !answer.Success {
		return &Error{Op: k.op, kind: ErrUnexpected, Message: "the answer does not say that it was done"}
	}
	return err
}

// successJSON is how Quay answers a change of a repository.
type successJSON struct {
	Success bool `json:"success"`
}

// ChangeVisibility makes a repository private or public. Call it only when it
// changes something: Quay answers 402 for a private repository that is to be
// private when the plan is used up (endpoints/api/repository.py:569).
func (c *Client) ChangeVisibility(ctx context.Context, name string, v Visibility) error {
	k := &call{op: fmt.Sprintf("make repository %s %s", c.full(name), v), repeatable: true}
	var answer *successJSON
	err := c.do(ctx, k, http.MethodPost, path("repository", c.organization, name, "changevisibility"),
		map[string]string{"visibility": string(v)}, &answer)
	switch {
	case err != nil:
		return err
	case answer == nil: // Quay's 200 for a repository that is not there
		return &Error{Op: k.op, Status: http.StatusOK, kind: ErrNotFound}
	case !answer.Success:
		return &Error{Op: k.op, kind: ErrUnexpected, Message: "the answer does not say that it was done"}
	}
	return nil
}

func (c *Client) full(repository string) string { return c.organization + "/" + repository }
