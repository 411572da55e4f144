// Package kube is a small client of the cluster: exactly the reads and writes
// that giving Components their Secrets needs.
//
// It promises: lists are complete, of one moment, or an error; only the API
// server's own word that a thing is missing is reported as missing; a change of
// an existing object holds only if nobody else wrote since it was read, but for
// the one list that merges at the server; no write that may have taken
// effect is sent twice; the content of a Secret appears in no error, log or
// string. What it reads is decoded straight into slim structs, so memory grows by
// what a Component needs, not by what the API server sends.
//
// It leaves to others which objects are theirs to change, what annotations mean,
// and what to do about an error.
package kube

import (
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
	config.QPS, config.Burst = or(o.QPS, 200), or(o.Burst, 400)
	config.Timeout = or(config.Timeout, callTimeout)
	config.UserAgent = or(o.UserAgent, rest.DefaultKubernetesUserAgent())
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
	all := &Client{rest: client, transport: t, pageSize: or(o.PageSize, 500), backoff: o.Backoff}
	if all.backoff == nil {
		all.backoff = backoff
	}
	return all, nil
}

// Requests is how many HTTP requests were sent so far, retries included.
func (c *Client) Requests() int { return int(c.transport.requests.Load()) }

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// statusOnly decodes the one type that client-go itself reads: the error answer.
func statusOnly() runtime.NegotiatedSerializer {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	return serializer.NewCodecFactory(scheme).WithoutConversion()
}

// resource is a kind of object and where it is served.
type resource struct {
	kind   string
	root   string
	plural string
	scoped bool // lives in a namespace

	partial bool   // only its metadata is asked for: the server sends no more
	named   string // of a list: only those of this name; "": all
}

const partialList = "PartialObjectMetadataList"

// list is the kind of a list of them.
func (r resource) list() string {
	if r.partial {
		return partialList
	}
	return r.kind + "List"
}

var (
	namespaces      = resource{kind: "Namespace", root: "/api/v1", plural: "namespaces"}
	secrets         = resource{kind: "Secret", root: "/api/v1", plural: "secrets", scoped: true}
	secretMetadata  = resource{kind: "Secret", root: "/api/v1", plural: "secrets", scoped: true, partial: true}
	serviceAccounts = resource{kind: "ServiceAccount", root: "/api/v1", plural: "serviceaccounts", scoped: true}
	leases          = resource{kind: "Lease", root: "/apis/coordination.k8s.io/v1", plural: "leases", scoped: true}

	components             = resource{kind: "Component", root: appstudio + alpha, plural: "components", scoped: true}
	environments           = resource{kind: "Environment", root: appstudio + alpha, plural: "environments", scoped: true}
	environmentBindings    = resource{kind: "SnapshotEnvironmentBinding", root: appstudio + alpha, plural: "snapshotenvironmentbindings", scoped: true}
	deploymentTargetClaims = resource{kind: "DeploymentTargetClaim", root: appstudio + alpha, plural: "deploymenttargetclaims", scoped: true}
	deploymentTargets      = resource{kind: "DeploymentTarget", root: appstudio + alpha, plural: "deploymenttargets", scoped: true}
	imageRepositories      = resource{kind: "ImageRepository", root: appstudio + alpha, plural: "imagerepositories", scoped: true}
	remoteSecrets          = resource{kind: "RemoteSecret", root: appstudio + beta, plural: "remotesecrets", scoped: true}
)

const (
	appstudio = "/apis/appstudio.redhat.com/"
	alpha     = "v1alpha1"
	beta      = "v1beta1"
)

// call is one operation on one object, or on a list of them.
type call struct {
	op        string // get, list, create, patch, delete
	resource  resource
	namespace string // empty: not in one, or in all
	name      string // empty: a list
	unkept    bool   // a dry run
}

// prepare returns the request and the context to send it with.
func (c *Client) prepare(ctx context.Context, k call, method string) (context.Context, *rest.Request) {
	template := k.resource.root
	req := c.rest.Verb(method).AbsPath(k.resource.root).Resource(k.resource.plural).MaxRetries(maxRetries)
	if k.resource.scoped && (k.namespace != "" || k.op != "list") {
		req.Namespace(k.namespace)
		template += "/namespaces/{namespace}"
	}
	template += "/" + k.resource.plural
	if k.op != "list" && k.op != "create" {
		req.Name(k.name)
		template += "/{name}"
	}
	if form := "PartialObjectMetadata"; k.resource.partial {
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
