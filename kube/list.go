package kube

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// AllNamespaces stands for the name of a namespace where those of all are to be listed. It
// is no name that a namespace can have, and nothing, which a slip leaves, does not mean all.
const AllNamespaces = "*"

// maxRestarts bounds how often a list is begun again because the API server forgot
// the moment it was of (410, after five minutes by default).
const maxRestarts = 3

var (
	errExpired = errors.New("the list expired")
	errForm    = errors.New("not a list of this kind")
)

// list reads all objects of a kind that the label selector matches, all when it is
// "", page by page and all of one moment: it asks for no older state than the newest,
// and never goes on from an expired page in a newer state. slim keeps what matters of an object, or drops it.
func list[W wire, T any](ctx context.Context, c *Client, r resource, namespace, selector string, slim func(W) (T, bool)) ([]T, error) {
	k := call{op: "list", resource: r, namespace: namespace}
	switch {
	case namespace == AllNamespaces:
		k.namespace, namespace = "", ""
	case namespace == "" && r.scoped:
		return nil, k.error(ErrInvalid, "no namespace is given")
	}
	for range maxRestarts {
		var all []T
		err := c.pages(ctx, k, selector, func(d *json.Decoder) error {
			var w W
			if err := d.Decode(&w); err != nil {
				return err
			}
			if m := w.meta(); !m.complete(r) || namespace != "" && m.Namespace != namespace {
				return errForm
			}
			if t, ok := slim(w); ok {
				all = append(all, t)
			}
			return nil
		})
		if errors.Is(err, errExpired) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return all, nil
	}
	return nil, k.unusable(http.StatusGone, "the list expired before its end, "+strconv.Itoa(maxRestarts)+" times")
}

// pages follows the continue tokens to the end of a list.
func (c *Client) pages(ctx context.Context, k call, selector string, item func(*json.Decoder) error) error {
	seen := map[string]bool{}
	for next := ""; ; {
		ctx, req := c.prepare(ctx, k, http.MethodGet)
		req.Param("limit", strconv.FormatInt(c.pageSize, 10))
		if selector != "" {
			req.Param("labelSelector", selector)
		}
		if next != "" {
			req.Param("continue", next)
		}
		body, err := req.Stream(ctx)
		if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
			return errExpired
		}
		if err != nil {
			return k.failure(ctx, err)
		}
		next, err = decodePage(body, k.resource.list(), item)
		if err != nil {
			return k.broken(ctx, err)
		}
		if next == "" {
			return nil
		}
		if seen[next] {
			return k.unusable(http.StatusOK, "the list does not end: a continue token came twice")
		}
		seen[next] = true
	}
}

// broken is a list whose page could not be read to its end. The decoder's own words
// are dropped where they may quote the page.
func (k call) broken(ctx context.Context, err error) *Error {
	var syntax *json.SyntaxError
	var form *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &form) || errors.Is(err, errForm) {
		return k.unusable(http.StatusOK, "the answer is not a list of "+k.resource.kind+"s")
	}
	e := k.failure(ctx, err)
	e.Status = http.StatusOK
	return e
}

// decodePage hands over the items of a page one by one, so that it never stands in
// memory as a whole, and returns the token of the next page, "" at the end of the
// list.
func decodePage(body io.ReadCloser, kind string, item func(*json.Decoder) error) (next string, err error) {
	defer func() { err = errors.Join(err, body.Close()) }()
	d := json.NewDecoder(body)
	var page struct {
		kind  string
		items bool
		meta  struct {
			Continue string `json:"continue"`
		}
	}
	err = members(d, func(name string) error {
		switch name {
		case "kind":
			return d.Decode(&page.kind)
		case "metadata":
			return d.Decode(&page.meta)
		case "items":
			page.items = true
			return elements(d, item)
		default:
			var ignored json.RawMessage
			return d.Decode(&ignored)
		}
	})
	if err != nil {
		return "", err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) || page.kind != kind || !page.items {
		return "", errForm
	}
	return page.meta.Continue, nil
}

// members calls f with the name of each member of a JSON object; f reads the value.
func members(d *json.Decoder, f func(name string) error) error {
	if err := expect(d, '{'); err != nil {
		return err
	}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		if err := f(name); err != nil {
			return err
		}
	}
	return expect(d, '}')
}

// elements calls f before each element of a JSON array; f reads it.
func elements(d *json.Decoder, f func(*json.Decoder) error) error {
	if err := expect(d, '['); err != nil {
		return err
	}
	for d.More() {
		if err := f(d); err != nil {
			return err
		}
	}
	return expect(d, ']')
}

func expect(d *json.Decoder, delim json.Delim) error {
	token, err := d.Token()
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	if token != delim {
		return errForm
	}
	return nil
}
