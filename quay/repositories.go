package quay

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
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

// maxPages is far above what one organization can hold: Quay's paging costs
// it quadratically.
const maxPages = 10_000

// ListRepositories returns every repository of the organization, 100 to a request.
//
// An invalid page token is no error at Quay: page one comes again. A list in
// which a repository or a page token appears twice is therefore [ErrUnexpected].
// Nor is a dead token: the page is empty. After others such a page is
// [ErrUnexpected]; a list without repositories is [ErrUnauthorized] unless the
// token is an administrator's, which takes one more request. One repository of an
// odd form is only that, as long as another is not.
func (c *Client) ListRepositories(ctx context.Context) ([]Repository, error) {
	op := "list repositories of " + c.organization
	var all []Repository
	seen, whole := map[string]bool{}, false
	next := ""
	for range maxPages {
		query := url.Values{"namespace": {c.organization}}
		if next != "" {
			query.Set("next_page", next)
		}
		var page struct { // declared here: an absent next_page must not keep the last one's value
			Repositories []repositoryEntry `json:"repositories"`
			Next         string            `json:"next_page"`
		}
		if err := c.do(ctx, &call{op: op}, http.MethodGet, "/repository?"+query.Encode(), nil, &page); err != nil {
			return nil, err
		}
		if page.Repositories == nil {
			return nil, &Error{Op: op, kind: ErrUnexpected, Message: "no list of repositories"}
		}
		for _, r := range page.Repositories {
			repository, ok := r.repository()
			if r.odd || !ok {
				repository, ok = Repository{Name: r.Name}, false
			}
			whole = whole || ok
			if r.Namespace != c.organization || r.Name == "" || seen[r.Name] {
				if r.odd {
					continue // nobody can tell what it is
				}
				return nil, &Error{Op: op, kind: ErrUnexpected, Message: fmt.Sprintf("the list names %q wrongly or twice", clean(r.Name))}
			}
			if r.Starred == nil && !r.odd {
				// The key is there only for a token that Quay knows; with a dead
				// one it lists what is public and calls that everything.
				return nil, &Error{Op: op, kind: ErrUnauthorized, Message: "the list is the one for anonymous readers"}
			}
			seen[r.Name] = true
			all = append(all, repository)
		}
		if len(page.Repositories) == 0 && next+page.Next == "" {
			return nil, c.confirmEmpty(ctx, op)
		}
		if len(page.Repositories) == 0 || page.Next != "" && page.Next == next {
			return nil, &Error{Op: op, kind: ErrUnexpected, Message: "a page is empty or comes twice"}
		}
		if page.Next == "" && !whole {
			return nil, &Error{Op: op, kind: ErrUnexpected, Message: "no repository of the list can be read"}
		}
		if page.Next == "" {
			return all, nil
		}
		next = page.Next
	}
	return nil, &Error{Op: op, kind: ErrUnexpected, Message: "the pages do not end"}
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
