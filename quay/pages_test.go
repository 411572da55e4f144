package quay

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"berth/quay/quaytest"
)

// pagesEnv is an organization of many pages.
type pagesEnv struct {
	server *quaytest.Server
	marks  []string
	mu     sync.Mutex
	change func(token string) string // of the token in a request; nil: none
}

func (e *pagesEnv) RoundTrip(r *http.Request) (*http.Response, error) {
	e.mu.Lock()
	if token := r.URL.Query().Get("next_page"); e.change != nil && token != "" {
		query := r.URL.Query()
		query.Set("next_page", e.change(token))
		r = r.Clone(r.Context())
		r.URL.RawQuery = query.Encode()
	}
	e.mu.Unlock()
	return quaytest.Wire(e.server).RoundTrip(r)
}

func newPagesEnv(repositories int) *pagesEnv {
	e := &pagesEnv{server: quaytest.New(quaytest.Options{PageSize: 10})}
	e.server.AddUser("platform")
	e.server.AddOrganization("acme", "platform")
	e.server.AddToken("oauth-token", "platform", "org:admin repo:admin")
	for i := range repositories {
		e.server.AddRepository(quaytest.Repository{Name: fmt.Sprintf("acme/team/r%03d", i)})
	}
	return e
}

func (e *pagesEnv) list(t *testing.T) ([]string, error) {
	t.Helper()
	c, err := New(Options{
		URL: "https://quay.test", Organization: "acme", QPS: 1e6, Burst: 1e6, Transport: e,
		Token:     func() (Token, error) { return NewToken("oauth-token"), nil },
		Bookmarks: func() []string { return e.marks },
	})
	if err != nil {
		t.Fatal(err)
	}
	e.server.ResetCalls()
	all, err := c.ListRepositories(t.Context())
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range all {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	e.marks = c.Bookmarks()
	return names, nil
}

func (e *pagesEnv) there() (names []string) {
	for _, r := range e.server.Snapshot().Repositories {
		names = append(names, strings.TrimPrefix(r.Name, "acme/"))
	}
	slices.Sort(names)
	return names
}

// Whatever has become of the bookmarks since, a list is whole, and costs little more than
// its pages.
func TestListsBeginAtBookmarks(t *testing.T) {
	t.Parallel()
	remove := func(from, to int) func(*pagesEnv) {
		return func(e *pagesEnv) {
			for i := from; i < to; i++ {
				e.server.DeleteRepository(fmt.Sprintf("acme/team/r%03d", i))
			}
		}
	}
	for _, row := range []struct {
		why    string
		change func(*pagesEnv)
		more   int // calls beyond the pages
	}{
		{"nothing changed", func(*pagesEnv) {}, maxBookmarks},
		{"there are more", func(e *pagesEnv) {
			for i := range 25 {
				e.server.AddRepository(quaytest.Repository{Name: fmt.Sprintf("acme/team/new%d", i)})
			}
		}, maxBookmarks},
		{"the first are gone", remove(0, 95), maxBookmarks},
		{"the last are gone", remove(150, 200), maxBookmarks},
		{"some in the middle are gone", remove(33, 71), maxBookmarks},
		{"the beginnings of all sections are gone", func(e *pagesEnv) {
			for i := 10; i < 200; i += 10 {
				remove(i, i+1)(e)
			}
		}, maxBookmarks},
		{"nearly all are gone", remove(3, 199), maxBookmarks},
		{"every bookmark is too old", func(e *pagesEnv) {
			for i := range e.marks {
				e.marks[i] = "gAAAA" + strings.Repeat("x", 20)
			}
		}, maxBookmarks},
		{"one is", func(e *pagesEnv) { e.marks[1] = "" }, maxBookmarks},
		{"they are in another order", func(e *pagesEnv) { slices.Reverse(e.marks) }, maxBookmarks},
		{"one is there twice", func(e *pagesEnv) { e.marks[0] = e.marks[1] }, maxBookmarks},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newPagesEnv(200)
			if _, err := e.list(t); err != nil || len(e.marks) < 5 {
				t.Fatalf("%d bookmarks, %v", len(e.marks), err)
			}
			row.change(e)
			got, err := e.list(t)
			if want := e.there(); err != nil || !slices.Equal(got, want) {
				t.Fatalf("%d of %d repositories, %v", len(got), len(want), err)
			}
			if calls, pages := e.server.Total(), (len(got)+9)/10; calls > pages+row.more {
				t.Errorf("%d calls for %d pages", calls, pages)
			}
		})
	}
}

// A token that dies while a list is read leads to page one, which must not end a section.
func TestPageOneEndsNoSection(t *testing.T) {
	t.Parallel()
	e := newPagesEnv(200)
	if _, err := e.list(t); err != nil {
		t.Fatal(err)
	}
	known := slices.Clone(e.marks)
	e.change = func(token string) string {
		if slices.Contains(known, token) {
			return token
		}
		return "dead"
	}
	if got, err := e.list(t); err == nil {
		t.Errorf("%d repositories and no error", len(got))
	}
}
