// Package api makes one call of a Kubernetes API at a time: an object is read, made, changed
// or deleted, or a list is read to its end.
//
// It promises: lists are complete, of one moment, or an error; only the API server's own word
// that a thing is missing is reported as missing; an answer about something else is none; no
// write that may have taken effect is sent twice; no error shows a body or an address. What is
// read is decoded object by object, so that no page ever stands in memory.
//
// It knows no kind: which there are, what is kept of them, and under which condition they are
// written is left to others.
package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

// Options are the settings of a Client.
type Options struct {
	Config    *rest.Config // address and credentials; copied, never changed
	QPS       float32      // requests per second; zero: 200, negative: no limit
	Burst     int          // zero: 400
	PageSize  int64        // objects per page of a list; zero: 500
	ReadOnly  bool         // refuse every mutating request, a dry run too, before it is sent
	UserAgent string
	Logger    *slog.Logger     // debug records only, without names; nil: none
	Answered  func(status int) // is told, by several at once, of each request, 0 where no answer came; may be nil

	// Backoff is how long to wait before a page of a list is tried again for the n-th time,
	// from 0; nil: a while that grows.
	Backoff func(n int) time.Duration
}

// Client speaks to one API server. It is safe for concurrent use.
type Client struct {
	rest      *rest.RESTClient
	transport *transport
	pageSize  int64
	backoff   func(n int) time.Duration
}

const (
	// callTimeout bounds one call with its retries, and one page of a list.
	callTimeout = time.Minute
	// maxRetries is how often client-go repeats what the transport lets it.
	maxRetries = 4
)

// New returns a Client. It sends nothing.
func New(o Options) (*Client, error) {
	if o.Config == nil {
		return nil, errors.New("no configuration of the cluster given")
	}
	t := &transport{readOnly: o.ReadOnly, log: o.Logger, answered: o.Answered}
	if t.answered == nil {
		t.answered = func(int) {}
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	config := rest.CopyConfig(o.Config)
	config.Wrap(t.wrap)
	config.QPS, config.Burst = cmp.Or(o.QPS, 200), cmp.Or(o.Burst, 400)
	config.Timeout = cmp.Or(config.Timeout, callTimeout)
	config.UserAgent = cmp.Or(o.UserAgent, rest.DefaultKubernetesUserAgent())
	config.WarningHandler = rest.NoWarnings{}
	config.WarningHandlerWithContext = nil
	config.ContentConfig = rest.ContentConfig{
		ContentType:          runtime.ContentTypeJSON,
		NegotiatedSerializer: statusOnly(),
	}
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	// Followed, a redirect would carry the credentials to wherever it points.
	httpClient.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client, err := rest.UnversionedRESTClientForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	all := &Client{rest: client, transport: t, pageSize: cmp.Or(o.PageSize, 500), backoff: o.Backoff}
	if all.backoff == nil {
		all.backoff = backoff
	}
	return all, nil
}

// Requests is how many HTTP requests were sent so far, retries included.
func (c *Client) Requests() int { return int(c.transport.requests.Load()) }

// statusOnly decodes the one type that client-go itself reads: the error answer.
func statusOnly() runtime.NegotiatedSerializer {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	return serializer.NewCodecFactory(scheme).WithoutConversion()
}

// Resource is a kind of object and where it is served.
type Resource struct {
	Kind   string
	Root   string // the path of its group and version
	Plural string
	Scoped bool // lives in a namespace

	Partial bool   // only its metadata is asked for: the server sends no more
	Named   string // of a list: only those of this name; "": all
}

const partialList = "PartialObjectMetadataList"

// list is the kind of a list of them.
func (r Resource) list() string {
	if r.Partial {
		return partialList
	}
	return r.Kind + "List"
}

// call is one operation on one object, or on a list of them.
type call struct {
	op        string // get, list, create, patch, delete
	resource  Resource
	namespace string // empty: not in one, or in all
	name      string // empty: a list
	unkept    bool   // a dry run
}

// prepare returns the request and the context to send it with.
func (c *Client) prepare(ctx context.Context, k call, method string) (context.Context, *rest.Request) {
	template := k.resource.Root
	req := c.rest.Verb(method).AbsPath(k.resource.Root).Resource(k.resource.Plural).MaxRetries(maxRetries)
	if k.resource.Scoped && (k.namespace != "" || k.op != "list") {
		req.Namespace(k.namespace)
		template += "/namespaces/{namespace}"
	}
	template += "/" + k.resource.Plural
	if k.op != "list" && k.op != "create" {
		req.Name(k.name)
		template += "/{name}"
	}
	if form := "PartialObjectMetadata"; k.resource.Partial {
		if k.op == "list" {
			form = k.resource.list()
		}
		req.SetHeader("Accept", "application/json;as="+form+";g=meta.k8s.io;v=v1")
	}
	ctx = context.WithValue(ctx, templateKey{}, template)
	// client-go logs bodies and broken answers, Secrets among them, where the
	// context names no logger.
	return klog.NewContext(ctx, klog.Logger{}), req
}
