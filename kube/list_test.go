package kube_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"berth/kube"
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
		{"the second page fails", []func() *http.Response{first, func() *http.Response { return status(500, "InternalError", "no") }}, "", kube.ErrUnavailable, 2},
		{"the second page is forbidden", []func() *http.Response{first, func() *http.Response { return status(403, "Forbidden", "no") }}, "", kube.ErrForbidden, 2},
		{"no items", []func() *http.Response{raw(`{"kind":"SecretList","metadata":{}}`)}, "", kube.ErrUnavailable, 1},
		{"null items, which only a list of metadata has", []func() *http.Response{raw(`{"kind":"SecretList","metadata":{},"items":null}`)}, "", kube.ErrUnavailable, 1},
		{"no kind", []func() *http.Response{raw(`{"metadata":{},"items":[]}`)}, "", kube.ErrUnavailable, 1},
		{"another kind", []func() *http.Response{raw(`{"kind":"ConfigMapList","metadata":{},"items":[]}`)}, "", kube.ErrUnavailable, 1},
		{"no object", []func() *http.Response{raw(`[]`)}, "", kube.ErrUnavailable, 1},
		{"an item without a name", []func() *http.Response{raw(strings.Replace(whole, `"name":"a"`, `"name":""`, 1))}, "", kube.ErrUnavailable, 1},
		{"an item of another namespace", []func() *http.Response{raw(strings.Replace(whole, `"ns"`, `"other"`, 1))}, "", kube.ErrUnavailable, 1},
		{"more after the end", []func() *http.Response{raw(whole + whole)}, "", kube.ErrUnavailable, 1},
		{"it ends in an item", []func() *http.Response{raw(whole[:len(whole)/2])}, "", kube.ErrUnavailable, 1},
		{"it ends after an item", []func() *http.Response{raw(whole[:len(whole)-2])}, "", kube.ErrUnavailable, 1},
		{"it ends after its items", []func() *http.Response{raw(whole[:len(whole)-1])}, "", kube.ErrUnavailable, 1},
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
			got, err := c.Secrets(t.Context(), "ns", "")
			if !errors.Is(err, row.err) || (err == nil) != (row.err == nil) {
				t.Errorf("the error is %v, want %v", err, row.err)
			}
			var names []string
			for _, s := range got {
				names = append(names, s.Name)
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
