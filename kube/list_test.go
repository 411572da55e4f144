package kube_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"berth/kube"
	"berth/kube/api"
)

func named(name string) string { return strings.Replace(secret, `"s"`, `"`+name+`"`, 1) }

// TestLists has lists that go wrong on their way: never is a part taken for the
// whole.
func TestLists(t *testing.T) {
	t.Parallel()
	expired := func() *http.Response { return status(410, "Expired", "too old") }
	first := func() *http.Response { return page(1, "next", named("a")) }
	last := func() *http.Response { return page(1, "", named("b")) }
	raw := func(body string) func() *http.Response {
		return func() *http.Response { return answer(200, "application/json", body) }
	}
	whole := `{"kind":"SecretList","metadata":{},"items":[` + named("a") + `]}`
	for _, row := range []struct {
		reason  string
		answers []func() *http.Response // in order, the last for ever
		want    string                  // names
		err     error
		sent    int
	}{
		{"two pages", []func() *http.Response{first, last}, "a b", nil, 2},
		{"nothing", []func() *http.Response{func() *http.Response { return page(1, "") }}, "", nil, 1},
		{"it expires once: what came before is dropped", []func() *http.Response{first, expired, func() *http.Response { return page(2, "next", named("c")) }, last}, "c b", nil, 4},
		{"it always expires", []func() *http.Response{first, expired, first, expired, first, expired}, "", kube.ErrUnavailable, 6},
		{"it does not even begin", []func() *http.Response{expired}, "", kube.ErrUnavailable, 3},
		{"the same page for ever", []func() *http.Response{first}, "", kube.ErrUnavailable, 2},
		{"two pages for ever", []func() *http.Response{first, func() *http.Response { return page(1, "other", named("b")) }, first}, "", kube.ErrUnavailable, 3},
		{"the second page fails", []func() *http.Response{first, func() *http.Response { return status(500, "InternalError", "no") }}, "", kube.ErrUnavailable, 6},
		{"the second page is forbidden", []func() *http.Response{first, func() *http.Response { return status(403, "Forbidden", "no") }}, "", kube.ErrForbidden, 2},
		{"no items", []func() *http.Response{raw(`{"kind":"SecretList","metadata":{}}`)}, "", kube.ErrUnavailable, 1},
		{"null items, which only a list of metadata has", []func() *http.Response{raw(`{"kind":"SecretList","metadata":{},"items":null}`)}, "", kube.ErrUnavailable, 1},
		{"no kind", []func() *http.Response{raw(`{"metadata":{},"items":[]}`)}, "", kube.ErrUnavailable, 1},
		{"another kind", []func() *http.Response{raw(`{"kind":"ConfigMapList","metadata":{},"items":[]}`)}, "", kube.ErrUnavailable, 1},
		{"no object", []func() *http.Response{raw(`[]`)}, "", kube.ErrUnavailable, 1},
		{"an item without a name", []func() *http.Response{raw(strings.Replace(whole, `"name":"a"`, `"name":""`, 1))}, "", kube.ErrUnavailable, 1},
		{"an item of another namespace", []func() *http.Response{raw(strings.Replace(whole, `"ns"`, `"other"`, 1))}, "", kube.ErrUnavailable, 1},
		{"more after the end", []func() *http.Response{raw(whole + whole)}, "", kube.ErrUnavailable, 1},
		{"it ends in an item", []func() *http.Response{raw(whole[:len(whole)/2])}, "", kube.ErrUnavailable, 10},
		{"it ends after an item", []func() *http.Response{raw(whole[:len(whole)-2])}, "", kube.ErrUnavailable, 10},
		{"it ends after its items", []func() *http.Response{raw(whole[:len(whole)-1])}, "", kube.ErrUnavailable, 10},
	} {
		t.Run(row.reason, func(t *testing.T) {
			t.Parallel()
			sent := 0
			c := client(t, func(req *http.Request) *http.Response {
				if v := req.URL.Query(); v.Has("resourceVersion") || v.Get("limit") != "500" || v.Get("continue") == "inconsistent" {
					t.Errorf("the query is %v", v)
				}
				sent++
				return row.answers[min(sent, len(row.answers))-1]()
			})
			secrets := api.Resource{Kind: "Secret", Root: "/api/v1", Plural: "secrets", Scoped: true}
			names, err := api.List(t.Context(), c.Client, secrets, "ns", "", func(o api.Object) (string, bool) { return o.Metadata.Name, true })
			if !errors.Is(err, row.err) || (err == nil) != (row.err == nil) {
				t.Errorf("the error is %v, want %v", err, row.err)
			}
			if strings.Join(names, " ") != row.want || sent != row.sent {
				t.Errorf("%q after %d requests, want %q after %d", names, sent, row.want, row.sent)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("the error quotes the list: %v", err)
			}
		})
	}
}

// A run rests on its lists: a page that failed for a moment comes again, whole and once.
func TestAPageComesAgain(t *testing.T) {
	t.Parallel()
	const (
		first  = `{"kind":"NamespaceList","metadata":{"continue":"c"},"items":[{"metadata":{"name":"a","uid":"1","resourceVersion":"1"}},{"metadata":{"name":"b","uid":"2","resourceVersion":"1"}}]}`
		second = `{"kind":"NamespaceList","metadata":{},"items":[{"metadata":{"name":"c","uid":"3","resourceVersion":"1"}}]}`
		json   = "application/json"
	)
	cut := func() *http.Response {
		r := answer(200, json, first)
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader(first[:len(first)-40]), brokenPipe{}))
		return r
	}
	for _, row := range []struct {
		why    string
		answer func() *http.Response // of every page, so many times before it is well
		times  int
		most   time.Duration
		want   error
	}{
		{"it was cut short", cut, 3, 10 * time.Second, nil},
		{"nobody answered", func() *http.Response { return nil }, 9, time.Minute, nil},
		{"too much to do, and nothing said of when", func() *http.Response { return status(429, "TooManyRequests", "wait") }, 9, time.Minute, nil},
		{"the API server is being started", func() *http.Response { return answer(503, "text/html", "<html>") }, 9, time.Minute, nil},
		{"its database took too long", func() *http.Response { return status(500, "InternalError", "etcdserver: request timed out") }, 4, 10 * time.Second, nil},
		{"its database is broken", func() *http.Response { return status(500, "InternalError", "no") }, 5, 10 * time.Second, kube.ErrUnavailable},
		{"it stays away", func() *http.Response { return nil }, 10, time.Minute, kube.ErrUnavailable},
		{"the credentials are bad, which no waiting mends", func() *http.Response { return status(401, "Unauthorized", "no") }, 1, 0, kube.ErrUnauthorized},
		{"a page of HTML is no list, however often", func() *http.Response { return answer(200, "text/html", "<html>") }, 1, 0, kube.ErrUnavailable},
	} {
		synctest.Test(t, func(t *testing.T) {
			left := row.times
			page := func(body string) *http.Response {
				if left > 0 {
					left--
					return row.answer()
				}
				left = row.times
				return answer(200, json, body)
			}
			c := waiting(t, func(req *http.Request) *http.Response {
				switch {
				case strings.HasSuffix(req.URL.Path, "/namespaces/met"): // the cluster has answered before
					return status(404, "NotFound", "no")
				case req.URL.Query().Get("continue") == "":
					return page(first)
				}
				return page(second)
			}, nil)
			_, _ = c.Namespace(t.Context(), "met")
			start := time.Now()
			found, err := c.Namespaces(t.Context())
			if !errors.Is(err, row.want) || row.want != nil && time.Since(start) > row.most || row.want == nil && time.Since(start) > 2*row.most {
				t.Errorf("%s: %v after %v", row.why, err, time.Since(start))
			}
			var names []string
			for _, n := range found {
				names = append(names, n.Name+" "+n.UID)
			}
			if row.want == nil && strings.Join(names, ", ") != "a 1, b 2, c 3" {
				t.Errorf("%s: the list is %v", row.why, found)
			}
		})
	}
}

// brokenPipe is a connection that ends within a page.
type brokenPipe struct{}

func (brokenPipe) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// No page is waited for longer than the run has time, nor long at an address at which
// nobody has ever answered.
func TestAPageIsNotWaitedForInVain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := waiting(t, func(*http.Request) *http.Response { return nil }, nil)
		start := time.Now()
		if _, err := c.Namespaces(t.Context()); err == nil || c.Requests() != 5 || time.Since(start) > 10*time.Second {
			t.Errorf("%d requests in %v", c.Requests(), time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start = time.Now()
		if _, err := c.Namespaces(ctx); !errors.Is(err, kube.ErrUnavailable) || time.Since(start) > 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}
