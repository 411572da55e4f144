package api

import (
	"context"
	"encoding/base64"
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

// List is [Each], with all that it hands over.
func List[W Wire, T any, P odd[W]](ctx context.Context, c *Client, r Resource, namespace, selector string, slim func(W) (T, bool)) ([]T, error) {
	var all []T
	err := Each[W, T, P](ctx, c, r, namespace, selector, slim, func() func(T) {
		all = nil
		return func(t T) { all = append(all, t) }
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Each reads all objects of a kind that the label selector matches, all when it is
// "", page by page and all of one moment: it asks for no older state than the newest (without a
// resourceVersion the API server answers with what was there when it was asked, or later:
// kubernetes.io/docs/reference/using-api/api-concepts, semantics for get and list), and never
// goes on from an expired page in a newer state. slim keeps what matters of
// an object, or drops it; what begin returns is told of each, and begin is called again
// where the list begins anew. An object whose form is another than its kind's, as one can
// be that was stored under an earlier definition, is an odd one: its names alone are
// kept, so that it is neither missing nor in the way of the others.
func Each[W Wire, T any, P odd[W]](ctx context.Context, c *Client, r Resource, namespace, selector string, slim func(W) (T, bool), begin func() func(T)) error {
	k := call{op: "list", resource: r, namespace: namespace}
	switch {
	case namespace == AllNamespaces:
		k.namespace, namespace = "", ""
	case namespace == "" && r.Scoped:
		return k.error(ErrInvalid, "no namespace is given")
	}
	for range maxRestarts {
		tell := begin()
		var read []T // of the page that is being read: one that breaks off may come again
		page := func(whole bool) {
			for _, t := range read {
				if whole {
					tell(t)
				}
			}
			read = read[:0]
		}
		err := c.pages(ctx, k, selector, page, func(d *json.Decoder) error {
			var w W
			err := d.Decode(&w)
			if err != nil && !readOn(err) {
				return err
			}
			m := w.meta()
			if !m.complete(r) || namespace != "" && m.Namespace != namespace {
				return errForm
			}
			if err != nil {
				w = *new(W)
				P(&w).spoil(m)
			}
			if t, ok := slim(w); ok {
				read = append(read, t)
			}
			return nil
		})
		if errors.Is(err, errExpired) {
			continue
		}
		page(err == nil)
		return err
	}
	return k.unusable(http.StatusGone, "the list expired before its end, "+strconv.Itoa(maxRestarts)+" times")
}

// readOn reports whether a decoder that failed has read the object to its end: it was
// JSON, but not of the form that was to be filled.
func readOn(err error) bool {
	var form *json.UnmarshalTypeError
	var encoding base64.CorruptInputError
	return errors.As(err, &form) || errors.As(err, &encoding)
}

// pages follows the continue tokens to the end of a list. A page that failed may come
// again; page is told before each attempt, and whether the last one was whole.
func (c *Client) pages(ctx context.Context, k call, selector string, page func(whole bool), item func(*json.Decoder) error) error {
	seen := map[string]bool{}
	for token := ""; ; {
		page(true)
		next, err := c.page(ctx, k, selector, token, item)
		for n := 0; err != nil && c.again(ctx, err, n); n++ {
			page(false)
			next, err = c.page(ctx, k, selector, token, item)
		}
		if err != nil {
			return err
		}
		if token = next; token == "" {
			return nil
		}
		if seen[token] {
			return k.unusable(http.StatusOK, "the list does not end: a continue token came twice")
		}
		seen[token] = true
	}
}

// page reads one page, and returns the token of the next.
func (c *Client) page(ctx context.Context, k call, selector, token string, item func(*json.Decoder) error) (next string, err error) {
	ctx, req := c.prepare(ctx, k, http.MethodGet)
	req.Param("limit", strconv.FormatInt(c.pageSize, 10))
	if selector != "" {
		req.Param("labelSelector", selector)
	}
	if k.resource.Named != "" {
		req.Param("fieldSelector", "metadata.name="+k.resource.Named)
	}
	if token != "" {
		req.Param("continue", token)
	}
	body, err := req.Stream(ctx)
	switch {
	case apierrors.IsResourceExpired(err) || apierrors.IsGone(err):
		return "", errExpired
	case err != nil:
		return "", k.failure(ctx, err)
	}
	if next, err = decodePage(body, k.resource.list(), item); err != nil {
		return "", k.broken(ctx, err)
	}
	return next, nil
}

// broken is a list whose page could not be read to its end. The decoder's own words
// are dropped where they may quote the page.
func (k call) broken(ctx context.Context, err error) *Error {
	var syntax *json.SyntaxError
	var form *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &form) || errors.Is(err, errForm) {
		return k.unusable(http.StatusOK, "the answer is not a list of "+k.resource.Kind+"s")
	}
	e := k.failure(ctx, err)
	e.Status = http.StatusOK
	return e
}

// decodePage hands over the items of a page one by one, so that it never stands in
// memory as a whole, and returns the token of the next page, "" at the end of the
// list.
func decodePage(body io.ReadCloser, kind string, item func(*json.Decoder) error) (token string, err error) {
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
			return elements(d, item, kind == partialList)
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

// elements calls f before each element of a JSON array; f reads it. A list of metadata
// without elements is null, as the API server writes it; one of anything else never is.
func elements(d *json.Decoder, f func(*json.Decoder) error, null bool) error {
	token, err := next(d)
	if err != nil || null && token == nil {
		return err
	}
	if token != json.Delim('[') {
		return errForm
	}
	for d.More() {
		if err := f(d); err != nil {
			return err
		}
	}
	return expect(d, ']')
}

func expect(d *json.Decoder, delim json.Delim) error {
	token, err := next(d)
	if err == nil && token != delim {
		err = errForm
	}
	return err
}

// next is a token of a JSON text that has not come to its end.
func next(d *json.Decoder) (json.Token, error) {
	token, err := d.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return token, err
}
