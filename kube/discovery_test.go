package kube_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/kube"
)

// kinds is what discovery answers about a version of the older group.
func kinds(version string, plurals ...string) *http.Response {
	return kindsIn("appstudio.redhat.com/"+version, plurals...)
}

func kindsIn(groupVersion string, plurals ...string) *http.Response {
	return answer(200, "application/json", `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"`+groupVersion+
		`","resources":[`+strings.Join(objects(plurals), ",")+`]}`)
}

func objects(names []string) []string {
	var all []string
	for _, name := range names {
		all = append(all, `{"name":"`+name+`","singularName":"","namespaced":true,"kind":"K","verbs":["list"]}`)
	}
	return all
}

func nowhere() *http.Response {
	return answer(404, "text/plain; charset=utf-8", "404 page not found\n")
}

func TestServed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		reason      string
		alpha, beta func() *http.Response
		konflux     []string // of konflux-ci.dev/v1alpha1; nil: it is not served
		want        kube.Served
	}{
		{
			"all", func() *http.Response {
				return kinds("v1alpha1", "components", "environments", "snapshotenvironmentbindings", "deploymenttargetclaims", "deploymenttargets")
			},
			func() *http.Response { return kinds("v1beta1", "remotesecrets", "remotesecrets/status") }, nil,
			kube.Served{Components: kube.Groups{AppStudio: true}, Environments: true, EnvironmentBindings: true, DeploymentTargetClaims: true, DeploymentTargets: true, RemoteSecrets: true},
		},
		{"neither version", nowhere, nowhere, nil, kube.Served{}},
		{"one version", nowhere, func() *http.Response { return kinds("v1beta1", "remotesecrets") }, nil, kube.Served{RemoteSecrets: true}},
		{"some kinds", func() *http.Response { return kinds("v1alpha1", "environments") }, nowhere, nil, kube.Served{Environments: true}},
		{"a version without kinds", func() *http.Response { return kinds("v1alpha1") }, nowhere, nil, kube.Served{}},
		{"the younger group alone", nowhere, nowhere, []string{"components", "imagerepositories"}, kube.Served{Components: kube.Groups{Konflux: true}, ImageRepositories: kube.Groups{Konflux: true}}},
		{
			"both groups", func() *http.Response { return kinds("v1alpha1", "components", "imagerepositories") }, nowhere,
			[]string{"components"},
			kube.Served{Components: kube.Groups{AppStudio: true, Konflux: true}, ImageRepositories: kube.Groups{AppStudio: true}},
		},
		{"kinds that have not moved, in the younger group", nowhere, nowhere, []string{"environments", "remotesecrets", "components/status"}, kube.Served{}},
		{
			"each kind in the other version", func() *http.Response { return kinds("v1alpha1", "remotesecrets") },
			func() *http.Response { return kinds("v1beta1", "environments", "deploymenttargets") }, nil,
			kube.Served{},
		},
		{
			"subresources and look-alikes", func() *http.Response { return kinds("v1alpha1", "environments/status", "environment", "xenvironments") },
			func() *http.Response { return kinds("v1beta1", "remotesecrets/status") }, nil,
			kube.Served{},
		},
	} {
		c := client(t, func(req *http.Request) *http.Response {
			switch req.URL.Path {
			case "/apis/appstudio.redhat.com/v1alpha1":
				return row.alpha()
			case "/apis/appstudio.redhat.com/v1beta1":
				return row.beta()
			case "/apis/konflux-ci.dev/v1alpha1":
				if row.konflux == nil {
					return nowhere()
				}
				return kindsIn("konflux-ci.dev/v1alpha1", row.konflux...)
			}
			t.Errorf("%s was asked for", req.URL)
			return nil
		})
		got, err := c.Served(t.Context())
		if diff := cmp.Diff(row.want, got); err != nil || diff != "" || c.Requests() != 3 {
			t.Errorf("%s: %v after %d requests: %s", row.reason, err, c.Requests(), diff)
		}
	}
}

// TestUnknownIsServed has answers that do not tell whether a kind is served: none of
// them may read as one that is not.
func TestUnknownIsServed(t *testing.T) {
	t.Parallel()
	const text, object = "text/plain; charset=utf-8", "application/json"
	const whole = `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"appstudio.redhat.com/VERSION","resources":[]}`
	for _, row := range []struct {
		reason            string
		code              int
		contentType, body string // in which VERSION is the one asked for
		want              error
	}{
		{"a page as success", 200, "text/html", "<html>canary</html>", kube.ErrUnavailable},
		{"nothing in a success", 200, object, "", kube.ErrUnavailable},
		{"null", 200, object, "null", kube.ErrUnavailable},
		{"an empty object", 200, object, "{}", kube.ErrUnavailable},
		{"another version", 200, object, strings.Replace(whole, "VERSION", "v1", 1), kube.ErrUnavailable},
		{"another group", 200, object, strings.Replace(whole, "appstudio.", "canary.", 1), kube.ErrUnavailable},
		{"another kind", 200, object, strings.Replace(whole, "APIResourceList", "APIGroup", 1), kube.ErrUnavailable},
		{"no resources", 200, object, strings.Replace(whole, `,"resources":[]`, "", 1), kube.ErrUnavailable},
		{"null resources", 200, object, strings.Replace(whole, "[]", "null", 1), kube.ErrUnavailable},
		{"resources without names", 200, object, strings.Replace(whole, "[]", `[{"kind":"Environment"}]`, 1), kube.ErrUnavailable},
		{"resources that are no list", 200, object, strings.Replace(whole, "[]", `{"canary":1}`, 1), kube.ErrUnavailable},
		{"half a list", 200, object, whole[:len(whole)/2], kube.ErrUnavailable},
		{"two lists", 200, object, whole + whole, kube.ErrUnavailable},
		{"a Status as success", 200, object, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":404,"reason":"NotFound"}`, kube.ErrUnavailable},
		{"a Status of 404", 404, object, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":404,"reason":"NotFound"}`, kube.ErrNotFound},
		{"a proxy's 404 page", 404, "text/html", "<html>404 page not found canary</html>", kube.ErrUnavailable},
		{"a proxy's 404 in text", 404, text, "404 page not found: canary", kube.ErrUnavailable},
		{"a proxy's 404 in JSON", 404, object, `{"error":"canary"}`, kube.ErrUnavailable},
		{"an empty 404", 404, text, "", kube.ErrUnavailable},
		{"the words of a 404 with another status", 410, text, "404 page not found\n", kube.ErrUnavailable},
		{"a redirect", 302, text, "404 page not found\n", kube.ErrUnavailable},
		{"401", 401, text, "Unauthorized", kube.ErrUnauthorized},
		{"403", 403, object, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":403,"reason":"Forbidden"}`, kube.ErrForbidden},
		{"503", 503, object, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":503,"reason":"ServiceUnavailable"}`, kube.ErrUnavailable},
		{"503 in text", 503, text, "service unavailable", kube.ErrUnavailable},
	} {
		for _, asked := range []string{"appstudio.redhat.com/v1alpha1", "appstudio.redhat.com/v1beta1", "konflux-ci.dev/v1alpha1"} {
			group, version, _ := strings.Cut(asked, "/")
			c := client(t, func(req *http.Request) *http.Response {
				if req.URL.Path != "/apis/"+asked {
					return nowhere()
				}
				return answer(row.code, row.contentType, strings.NewReplacer("VERSION", version, "appstudio.redhat.com", group).Replace(row.body))
			})
			served, err := c.Served(t.Context())
			if !errors.Is(err, row.want) || errors.Is(err, kube.ErrNotInstalled) || served != (kube.Served{}) {
				t.Errorf("%s, of %s: %+v, %v, want %v", row.reason, asked, served, err, row.want)
			}
			if err != nil && (strings.Contains(err.Error(), "canary") || !strings.HasPrefix(err.Error(), "get APIResourceList "+version+": ")) {
				t.Errorf("%s: the error is %v", row.reason, err)
			}
		}
	}
	for _, version := range []string{"appstudio.redhat.com/v1alpha1", "appstudio.redhat.com/v1beta1", "konflux-ci.dev/v1alpha1"} {
		c := client(t, func(req *http.Request) *http.Response {
			asked, _ := strings.CutPrefix(req.URL.Path, "/apis/")
			if asked == version {
				return nil
			}
			return kindsIn(asked, "environments", "remotesecrets", "components")
		})
		if served, err := c.Served(t.Context()); !errors.Is(err, kube.ErrUnavailable) || served != (kube.Served{}) {
			t.Errorf("without an answer about %s: %+v, %v", version, served, err)
		}
	}
}
