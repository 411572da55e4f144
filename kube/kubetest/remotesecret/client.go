package remotesecret

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

// resource is a kind of object and where it is served.
type resource struct{ root, plural, apiVersion, kind string }

var (
	secrets         = resource{"/api/v1", "secrets", "v1", "Secret"}
	serviceAccounts = resource{"/api/v1", "serviceaccounts", "v1", "ServiceAccount"}
	remoteSecrets   = resource{"/apis/appstudio.redhat.com/v1beta1", "remotesecrets", "appstudio.redhat.com/v1beta1", "RemoteSecret"}
)

// client reads and writes whole objects as JSON. A typed or a dynamic client would link
// every kind there is, and the demo is part of the program.
type client struct{ rest *rest.RESTClient }

func newClient(config *rest.Config) (*client, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1
	config.WarningHandler = rest.NoWarnings{}
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	config.ContentConfig = rest.ContentConfig{
		ContentType:          runtime.ContentTypeJSON,
		NegotiatedSerializer: serializer.NewCodecFactory(scheme).WithoutConversion(),
	}
	c, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	return &client{c}, nil
}

func (r resource) path(namespace, name string) string {
	path := r.root
	if namespace != "" {
		path += "/namespaces/" + url.PathEscape(namespace)
	}
	path += "/" + r.plural
	if name != "" {
		path += "/" + url.PathEscape(name)
	}
	return path
}

// do sends a request; the body and the answer may be nil. Errors are the API server's.
func (c *client) do(ctx context.Context, verb, path string, query url.Values, body, answer any) error {
	req := c.rest.Verb(verb).AbsPath(path)
	for name, values := range query {
		req.Param(name, values[0])
	}
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		req.SetHeader("Content-Type", runtime.ContentTypeJSON).Body(raw)
	}
	result := req.Do(klog.NewContext(ctx, klog.Logger{})) // client-go would log bodies
	if err := result.Error(); err != nil || answer == nil {
		return err
	}
	raw, err := result.Raw()
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, answer)
}

func (c *client) get(ctx context.Context, r resource, namespace, name string) (*unstructured.Unstructured, error) {
	o := &unstructured.Unstructured{}
	return o, c.do(ctx, http.MethodGet, r.path(namespace, name), nil, nil, &o.Object)
}

// list gives what is in a namespace, in all of them where it is "".
func (c *client) list(ctx context.Context, r resource, namespace, labelSelector string) ([]*unstructured.Unstructured, error) {
	query := url.Values{}
	if labelSelector != "" {
		query.Set("labelSelector", labelSelector)
	}
	var list struct {
		Items []map[string]any `json:"items"`
	}
	if err := c.do(ctx, http.MethodGet, r.path(namespace, ""), query, nil, &list); err != nil {
		return nil, err
	}
	objects := make([]*unstructured.Unstructured, 0, len(list.Items))
	for _, item := range list.Items {
		o := &unstructured.Unstructured{Object: item}
		o.SetAPIVersion(r.apiVersion) // in a list, a built-in kind does not say
		o.SetKind(r.kind)
		objects = append(objects, o)
	}
	return objects, nil
}

// create makes an object, which becomes what the API server answers.
func (c *client) create(ctx context.Context, r resource, o *unstructured.Unstructured) error {
	var answer map[string]any
	err := c.do(ctx, http.MethodPost, r.path(o.GetNamespace(), ""), nil, o.Object, &answer)
	if err == nil {
		o.Object = answer
	}
	return err
}

// update replaces an object, or with a subresource a part of it; the object becomes what
// the API server answers.
func (c *client) update(ctx context.Context, r resource, o *unstructured.Unstructured, subresource string) error {
	var answer map[string]any
	err := c.do(ctx, http.MethodPut, r.path(o.GetNamespace(), o.GetName())+subresource, nil, o.Object, &answer)
	if err == nil {
		o.Object = answer
	}
	return err
}

func (c *client) delete(ctx context.Context, r resource, namespace, name string) error {
	return c.do(ctx, http.MethodDelete, r.path(namespace, name), nil, nil, nil)
}
