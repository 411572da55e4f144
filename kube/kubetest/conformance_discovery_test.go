package kubetest_test

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"k8s.io/client-go/rest"
)

type resourceList struct {
	Kind, GroupVersion string
	Resources          []listed `json:"resources"`
}

type listed struct {
	Name, SingularName, Kind string
	Namespaced               bool
	Verbs                    []string
}

// discovered is what a path answers.
func discovered(t *testing.T, client *http.Client, url string) (status int, contentType, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(raw)
}

// lists reports whether discovery knows a custom resource.
func lists(t *testing.T, client *http.Client, host, resource string) bool {
	t.Helper()
	plural, group, _ := strings.Cut(resource, ".")
	for _, version := range []string{"v1alpha1", "v1beta1"} {
		if _, _, body := discovered(t, client, host+"/apis/"+cmp.Or(group, appstudio)+"/"+version); strings.Contains(body, `"`+plural+`"`) {
			return true
		}
	}
	return false
}

func testDiscovery(f *fixture) {
	f.given("{apiVersion: v1, kind: ServiceAccount, metadata: {name: nobody, namespace: NS}}")
	nobody := rest.CopyConfig(f.config(f.T, "system:serviceaccount:"+f.ns+":nobody"))
	client, err := rest.HTTPClientFor(nobody)
	f.no(err)
	builtin := []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
	custom := []string{"delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"}
	withStatus := func(plural, kind string) []listed {
		return []listed{{plural, strings.ToLower(kind), kind, true, custom}, {plural + "/status", "", kind, true, []string{"get", "patch", "update"}}}
	}
	for _, row := range []struct {
		path, groupVersion string
		want               []listed
	}{
		{"/api/v1", "v1", []listed{
			{"namespaces", "namespace", "Namespace", false, []string{"create", "delete", "get", "list", "patch", "update", "watch"}},
			{"secrets", "secret", "Secret", true, builtin},
			{"serviceaccounts", "serviceaccount", "ServiceAccount", true, builtin},
		}},
		{"/apis/coordination.k8s.io/v1", "coordination.k8s.io/v1", []listed{{"leases", "lease", "Lease", true, builtin}}},
		{"/apis/konflux-ci.dev/v1alpha1", "konflux-ci.dev/v1alpha1", withStatus("components", "Component")},
		{"/apis/appstudio.redhat.com/v1beta1", appstudio + "/v1beta1", withStatus("remotesecrets", "RemoteSecret")},
		{"/apis/appstudio.redhat.com/v1alpha1", appstudio + "/v1alpha1", slices.Concat(
			withStatus("components", "Component"), withStatus("deploymenttargetclaims", "DeploymentTargetClaim"),
			withStatus("deploymenttargets", "DeploymentTarget"), withStatus("environments", "Environment"),
			withStatus("snapshotenvironmentbindings", "SnapshotEnvironmentBinding"),
		)},
	} {
		code, contentType, body := discovered(f.T, client, nobody.Host+row.path)
		var got resourceList
		if err := json.Unmarshal([]byte(body), &got); err != nil || code != http.StatusOK || contentType != "application/json" {
			f.Errorf("%s: %d %s %.200s", row.path, code, contentType, body)
		}
		known := func(l listed) bool {
			return slices.ContainsFunc(row.want, func(w listed) bool { return w.Name == l.Name })
		}
		got.Resources = slices.DeleteFunc(got.Resources, func(l listed) bool { return !known(l) }) // the real one has more
		slices.SortFunc(got.Resources, func(a, b listed) int { return strings.Compare(a.Name, b.Name) })
		if diff := gocmp.Diff(resourceList{"APIResourceList", row.groupVersion, row.want}, got); diff != "" {
			f.Errorf("%s: %s", row.path, diff)
		}
	}
	for _, path := range []string{"/apis/none.example.com/v1", "/apis/appstudio.redhat.com/v9"} {
		code, contentType, body := discovered(f.T, client, nobody.Host+path)
		if code != http.StatusNotFound || contentType != "text/plain; charset=utf-8" || body != "404 page not found\n" {
			f.Errorf("%s: %d %s %q", path, code, contentType, body)
		}
	}
	if code, _, body := discovered(f.T, client, nobody.Host+"/api/v2"); code != http.StatusNotFound || !strings.Contains(body, `"the server could not find the requested resource"`) {
		f.Errorf("/api/v2: %d %s", code, body)
	}
	f.forbidden(client, nobody.Host, "system:serviceaccount:"+f.ns+":nobody", "/metrics")

	anonymous := rest.AnonymousClientConfig(nobody)
	client, err = rest.HTTPClientFor(anonymous)
	f.no(err)
	f.forbidden(client, nobody.Host, "system:anonymous", "/apis/appstudio.redhat.com/v1beta1")
	f.forbidden(client, nobody.Host, "system:anonymous", "/apis/none.example.com/v1")
}

func (f *fixture) forbidden(client *http.Client, host, user, path string) {
	f.Helper()
	code, _, body := discovered(f.T, client, host+path)
	var status struct{ Message, Reason string }
	want := `forbidden: User "` + user + `" cannot get path "` + path + `"`
	if err := json.Unmarshal([]byte(body), &status); err != nil || code != http.StatusForbidden || status.Message != want || status.Reason != "Forbidden" {
		f.Errorf("%d %.300s, want %s", code, body, want)
	}
}

// testNotDiscovered takes the one kind of a version away.
func testNotDiscovered(f *fixture) {
	f.uninstall(f.T, "remotesecrets")
	config := rest.CopyConfig(f.config(f.T, "admin"))
	client, err := rest.HTTPClientFor(config)
	f.no(err)
	if code, _, body := discovered(f.T, client, config.Host+"/apis/appstudio.redhat.com/v1beta1"); code != http.StatusNotFound || body != "404 page not found\n" {
		f.Errorf("%d %s", code, body)
	}
	if lists(f.T, client, config.Host, "remotesecrets") || !lists(f.T, client, config.Host, "components") {
		f.Error("discovery lists the wrong kinds")
	}
}
