package quay

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"golang.org/x/sync/errgroup"
)

const (
	// maxPages is far above what one organization can hold: Quay's paging costs
	// it quadratically.
	maxPages = 10_000
	// maxBookmarks is how many places more a list is begun at, side by side. Each costs a
	// call: what a section ends with is seen on the page after it.
	maxBookmarks = 8
	// fewPages are read one after the other: with that many, nobody waits for long.
	fewPages = 4
)

// page is one of a list of repositories.
type page struct {
	Repositories []repositoryEntry `json:"repositories"`
	Next         string            `json:"next_page"`
}

// section is what is read of a list from one place on, as far as the next begins.
type section struct {
	first page
	found []Repository
	next  []string // the tokens that were told on the way
	whole bool     // one of them could be read
}

// ListRepositories returns every repository of the organization, 100 to a request.
//
// An invalid page token is no error at Quay: page one comes again. A list in
// which a repository or a page token appears twice is therefore [ErrUnexpected].
// Nor is a dead token: the page is empty. After others such a page is
// [ErrUnexpected]; a list without repositories is [ErrUnauthorized] unless the
// token is an administrator's, which takes one more request. One repository of an
// odd form is only that, as long as another is not.
//
// Pages follow each other, but a page token holds nothing but where to go on, for two
// days and for anybody (data/model/_basequery.py:111), and the order is that of creation.
// So a list begins at the bookmarks of an earlier one, too, side by side, and each section is read up to where
// another begins. Whatever has become of a bookmark, every repository is in one section:
// the first begins at the beginning, and the last ends at the end.
func (c *Client) ListRepositories(ctx context.Context) ([]Repository, error) {
	op := "list repositories of " + c.organization
	sections, err := c.sections(ctx, op)
	if err != nil {
		return nil, err
	}
	if first := sections[0].first; len(first.Repositories) == 0 && first.Next == "" {
		return nil, c.confirmEmpty(ctx, op)
	}
	starts := make(map[string]bool, len(sections))
	for _, s := range sections {
		starts[s.begins()] = true
	}
	g, gctx := errgroup.WithContext(ctx)
	for i := range sections {
		g.Go(func() error { return c.read(gctx, op, sections[i], starts, sections[0].begins()) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	all, several := sections[0].found, len(sections) > 1
	var tokens []string
	seen, whole := map[string]bool{}, false
	for i, s := range sections {
		whole, tokens = whole || s.whole, append(tokens, s.next...)
		for _, r := range s.found {
			if several && !seen[r.Name] { // where another section began, nothing may be by now
				seen[r.Name] = true
				if i > 0 {
					all = append(all, r)
				}
			}
		}
		s.found = nil
	}
	if !whole {
		return nil, &Error{Op: op, kind: ErrUnexpected, Message: "no repository of the list can be read"}
	}
	c.pages.Store(new(bookmarks(tokens)))
	return all, nil
}

// Bookmarks are places of the last list from which the next one can be read side by side, or
// of an earlier one where there was none since.
func (c *Client) Bookmarks() []string {
	switch tokens := c.pages.Load(); {
	case tokens != nil:
		return *tokens
	case c.bookmarks != nil:
		return c.bookmarks()
	}
	return nil
}

// bookmarks chooses some, as far apart as may be.
func bookmarks(tokens []string) []string {
	if len(tokens) < fewPages {
		return nil
	}
	n := min(maxBookmarks, len(tokens)/2)
	chosen := make([]string, n)
	for i := range chosen {
		chosen[i] = tokens[(i+1)*len(tokens)/(n+1)]
	}
	return slices.Compact(chosen)
}

// begins is the first name of a section, "" when there is none that can be read.
func (s *section) begins() string {
	for _, r := range s.first.Repositories {
		if !r.odd && r.Name != "" {
			return r.Name
		}
	}
	return ""
}

// sections reads the first page of each. A bookmark that leads to page one, to nothing,
// or where another leads, is none.
func (c *Client) sections(ctx context.Context, op string) ([]*section, error) {
	tokens := []string{""}
	if c.bookmarks != nil {
		marks := c.bookmarks()
		tokens = append(tokens, marks[:min(len(marks), maxBookmarks)]...)
	}
	firsts := make([]page, len(tokens))
	g, gctx := errgroup.WithContext(ctx)
	for i, token := range tokens {
		g.Go(func() (err error) {
			firsts[i], err = c.page(gctx, op, token)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var all []*section
	for i, first := range firsts {
		s := &section{first: first}
		known := slices.ContainsFunc(all, func(o *section) bool { return o.begins() == s.begins() })
		if i == 0 || s.begins() != "" && !known {
			all = append(all, s)
		}
	}
	if all[0].begins() == "" {
		return all[:1], nil // nobody could tell where page one comes again
	}
	return all, nil
}

// read goes on from the first page of a section until another begins. That page one comes again is
// Quay's way to say that a token is not valid.
func (c *Client) read(ctx context.Context, op string, s *section, starts map[string]bool, one string) error {
	seen, at := map[string]bool{}, s.first
	for range maxPages {
		for _, r := range at.Repositories {
			repository, ok := r.repository()
			if r.odd || !ok {
				repository, ok = Repository{Name: r.Name}, false
			}
			if r.Namespace != c.organization || r.Name == "" || seen[r.Name] || r.Name == one && s.begins() != one {
				if r.odd {
					continue // nobody can tell what it is
				}
				return &Error{Op: op, kind: ErrUnexpected, Message: fmt.Sprintf("the list names %q wrongly or twice", clean(r.Name))}
			}
			if r.Starred == nil && !r.odd {
				// The key is there only for a token that Quay knows; with a dead
				// one it lists what is public and calls that everything.
				return &Error{Op: op, kind: ErrUnauthorized, Message: "the list is the one for anonymous readers"}
			}
			if starts[r.Name] && r.Name != s.begins() {
				return nil
			}
			s.whole, seen[r.Name] = s.whole || ok, true
			s.found = append(s.found, repository)
		}
		switch {
		case len(at.Repositories) == 0, at.Next != "" && slices.Contains(s.next[max(0, len(s.next)-1):], at.Next):
			return &Error{Op: op, kind: ErrUnexpected, Message: "a page is empty or comes twice"}
		case at.Next == "":
			return nil
		}
		s.next = append(s.next, at.Next)
		var err error
		if at, err = c.page(ctx, op, at.Next); err != nil {
			return err
		}
	}
	return &Error{Op: op, kind: ErrUnexpected, Message: "the pages do not end"}
}

func (c *Client) page(ctx context.Context, op, token string) (page, error) {
	query := url.Values{"namespace": {c.organization}}
	if token != "" {
		query.Set("next_page", token)
	}
	var p page
	if err := c.do(ctx, &call{op: op}, http.MethodGet, "/repository?"+query.Encode(), nil, &p); err != nil {
		return p, err
	}
	if p.Repositories == nil {
		return p, &Error{Op: op, kind: ErrUnexpected, Message: "no list of repositories"}
	}
	return p, nil
}
