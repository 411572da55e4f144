package kubetest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
)

// rawRow is one request of an administrator, in order, and what becomes of it. NS
// stands for the test's namespace.
type rawRow struct {
	reason, method, path, form, body string
	code                             int
	message                          string // of a Status
}

const (
	anyText    = "*" // some message
	core       = "/api/v1/namespaces/NS/"
	custom     = "/apis/appstudio.redhat.com/v1alpha1/namespaces/NS/components"
	form       = "application/json"
	mergeForm  = "application/merge-patch+json"
	jsonForm   = "application/json-patch+json"
	strategic  = "application/strategic-merge-patch+json"
	rejected   = "the server rejected our request due to an error in our request"
	moved      = "the object has been modified; please apply your changes to the latest version and try again"
	opaque     = `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"o"},"data":{"k":"dg=="}}`
	component  = `{"apiVersion":"appstudio.redhat.com/v1alpha1","kind":"Component","metadata":{"name":"c"},"spec":{"componentName":"c","application":"a"}}`
	dockerJSON = `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"d"},"type":"kubernetes.io/dockerconfigjson","data":{".dockerconfigjson":"e30="}}`
)

// rawRows holds what other clients do, and what Berth's own mistakes would meet.
func rawRows() []rawRow {
	return []rawRow{
		{"an opaque Secret", "POST", core + "secrets", form, opaque, 201, ""},
		{"again", "POST", core + "secrets", form, opaque, 409, `secrets "o" already exists`},
		{"dry run", "POST", core + "secrets?dryRun=All", form, strings.Replace(opaque, `"o"`, `"dry"`, 1), 201, ""},
		{"it was one", "GET", core + "secrets/dry", "", "", 404, `secrets "dry" not found`},
		{"the wrong kind", "POST", core + "serviceaccounts", form, opaque, 400, anyText},
		{"another namespace", "POST", core + "secrets", form, strings.Replace(opaque, `"name":"o"`, `"name":"p","namespace":"default"`, 1), 400, "the namespace of the provided object does not match the namespace sent on the request"},
		{"a version in a new object", "POST", core + "secrets", form, strings.Replace(opaque, `"name":"o"`, `"name":"p","resourceVersion":"1"`, 1), 500, "resourceVersion should not be set on objects to be created"},
		{"no name", "POST", core + "secrets", form, strings.Replace(opaque, `"name":"o"`, `"labels":{}`, 1), 422, `Secret "" is invalid: metadata.name: Required value: name or generateName is required`},
		{"no JSON", "POST", core + "secrets", form, `{`, 400, anyText},
		{"a docker Secret", "POST", core + "secrets", form, dockerJSON, 201, ""},
		{"a docker Secret without its key", "POST", core + "secrets", form, strings.Replace(strings.Replace(dockerJSON, `"d"`, `"e"`, 1), `.dockerconfigjson"`, `other"`, 1), 422, `Secret "e" is invalid: data[.dockerconfigjson]: Required value`},
		{"the type changes", "PATCH", core + "secrets/o", mergeForm, `{"type":"other"}`, 422, `Secret "o" is invalid: type: Invalid value: "other": field is immutable`},
		{"the name changes", "PATCH", core + "secrets/o", mergeForm, `{"metadata":{"name":"p"}}`, 400, "the name of the object (p) does not match the name on the URL (o)"},
		{"the uid changes", "PATCH", core + "secrets/o", mergeForm, `{"metadata":{"uid":"u"}}`, 422, `Secret "o" is invalid: metadata.uid: Invalid value: "u": field is immutable`},
		{"a stale merge patch", "PATCH", core + "secrets/o", mergeForm, `{"metadata":{"resourceVersion":"1"}}`, 409, `Operation cannot be fulfilled on secrets "o": ` + moved},
		{"a stale JSON patch", "PATCH", core + "secrets/o", jsonForm, `[{"op":"replace","path":"/metadata/resourceVersion","value":"1"}]`, 409, `Operation cannot be fulfilled on secrets "o": ` + moved},
		{"an unconditional merge patch", "PATCH", core + "secrets/o", mergeForm, `{"data":{"l":"dg=="}}`, 200, ""},
		{"null takes a key out", "PATCH", core + "secrets/o", mergeForm, `{"data":{"l":null,"none":null}}`, 200, ""},
		{"stringData", "PATCH", core + "secrets/o", mergeForm, `{"stringData":{"m":"plain"}}`, 200, ""},
		{"data that is no base64", "POST", core + "secrets", form, strings.Replace(opaque, "dg==", "!", 1), 400, anyText},
		{"data patched to no base64", "PATCH", core + "secrets/o", mergeForm, `{"data":{"k":"!"}}`, 422, anyText},
		{"a patch that is no object", "PATCH", core + "secrets/o", mergeForm, `[]`, 400, anyText},
		{"a JSON patch that is no list", "PATCH", core + "secrets/o", jsonForm, `{}`, 400, anyText},
		{"remove what is not there", "PATCH", core + "secrets/o", jsonForm, `[{"op":"remove","path":"/data/none"}]`, 422, rejected},
		{"replace what is not there adds it", "PATCH", core + "secrets/o", jsonForm, `[{"op":"replace","path":"/data/none","value":"dg=="},{"op":"remove","path":"/data/none"}]`, 200, ""},
		{"add below what is not there", "PATCH", core + "secrets/o", jsonForm, `[{"op":"add","path":"/metadata/annotations/a","value":"b"}]`, 422, rejected},
		{"test fails", "PATCH", core + "secrets/o", jsonForm, `[{"op":"test","path":"/data/k","value":"other"}]`, 422, rejected},
		{"test of what is not there", "PATCH", core + "secrets/o", jsonForm, `[{"op":"test","path":"/data/none","value":"other"}]`, 422, rejected},
		{"an unknown op", "PATCH", core + "secrets/o", jsonForm, `[{"op":"turn","path":"/data/k","value":"other"}]`, 422, rejected},
		{"a failing op undoes the ones before", "PATCH", core + "secrets/o", jsonForm, `[{"op":"remove","path":"/data/k"},{"op":"test","path":"/type","value":"x"}]`, 422, rejected},
		{
			"as many ops as a patch may have, and one", "PATCH", core + "secrets/o", jsonForm, `[` + strings.Repeat(`{"op":"test","path":"/type","value":"Opaque"},`, 10_000) + `{"op":"remove","path":"/none"}]`, 413,
			"Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001",
		},
		{"so that this holds", "PATCH", core + "secrets/o", jsonForm, `[{"op":"test","path":"/data/k","value":"dg=="},{"op":"test","path":"/data/m","value":"cGxhaW4="}]`, 200, ""},
		{"an unknown form", "PATCH", core + "secrets/o", "text/plain", `{}`, 415, anyText},
		{"replaced", "PUT", core + "secrets/o", form, strings.Replace(opaque, "dg==", "ZQ==", 1), 200, ""},
		{"replaced, stale", "PUT", core + "secrets/o", form, strings.Replace(opaque, `"name":"o"`, `"name":"o","resourceVersion":"1"`, 1), 409, `Operation cannot be fulfilled on secrets "o": ` + moved},
		{"replaced, missing", "PUT", core + "secrets/none", form, strings.Replace(opaque, `"o"`, `"none"`, 1), 404, `secrets "none" not found`},
		{"a Component", "POST", custom, form, component, 201, ""},
		{"strategic, of a custom resource", "PATCH", custom + "/c", strategic, `{"spec":{"application":"b"}}`, 415, anyText},
		{"a Component replaced without a version", "PUT", custom + "/c", form, component, 422, `components.appstudio.redhat.com "c" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update`},
		{"a Component replaced, stale", "PUT", custom + "/c", form, strings.Replace(component, `"name":"c"`, `"name":"c","resourceVersion":"1"`, 1), 409, `Operation cannot be fulfilled on components.appstudio.redhat.com "c": ` + moved},
		{"a finalizer", "PATCH", custom + "/c", mergeForm, `{"metadata":{"finalizers":["example.com/wait"]}}`, 200, ""},
		{"deleted with another uid", "DELETE", custom + "/c", form, `{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"uid":"u"}}`, 409, anyText},
		{"deleted", "DELETE", custom + "/c", "", "", 200, ""},
		{"it stays for its finalizer", "GET", custom + "/c", "", "", 200, ""},
		{"it is not called back", "PATCH", custom + "/c", mergeForm, `{"metadata":{"deletionTimestamp":null,"labels":{"a":"b"}}}`, 200, ""},
		{"not at all", "PATCH", custom + "/c", jsonForm, `[{"op":"test","path":"/metadata/deletionGracePeriodSeconds","value":0},{"op":"add","path":"/metadata/deletionTimestamp","value":null}]`, 200, ""},
		{"it takes no new finalizer", "PATCH", custom + "/c", mergeForm, `{"metadata":{"finalizers":["example.com/wait","example.com/more"]}}`, 422, anyText},
		{"the last finalizer goes", "PATCH", custom + "/c", mergeForm, `{"metadata":{"finalizers":null}}`, 200, ""},
		{"and with it the Component", "GET", custom + "/c", "", "", 404, `components.appstudio.redhat.com "c" not found`},
		{"a Secret deleted", "DELETE", core + "secrets/o", "", "", 200, ""},
		{"a missing one deleted", "DELETE", core + "secrets/o", "", "", 404, `secrets "o" not found`},
		{"a bad selector", "GET", core + "secrets?labelSelector=a!b", "", "", 400, anyText},
		{"a bad token", "GET", core + "secrets?limit=1&continue=x", "", "", 400, anyText},
		{"an unknown resource", "GET", core + "things", "", "", 404, ""},
		{"an unknown version", "GET", strings.Replace(custom, "v1alpha1", "v9", 1), "", "", 404, ""},
		{"an unknown group", "GET", "/apis/none.example.com/v1/things", "", "", 404, ""},
	}
}

func testRaw(f *fixture) {
	config := rest.CopyConfig(f.config(f.T, "admin"))
	client, err := rest.HTTPClientFor(config)
	f.no(err)
	for _, row := range rawRows() {
		f.Run(row.reason, func(t *testing.T) {
			send(t, client, config.Host, f.ns, row)
		})
	}
}

func send(t *testing.T, client *http.Client, host, namespace string, row rawRow) {
	t.Helper()
	url := host + strings.ReplaceAll(row.path, "NS", namespace)
	req, err := http.NewRequestWithContext(t.Context(), row.method, url, strings.NewReader(row.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", row.form)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var status struct{ Kind, Message string }
	if resp.StatusCode != row.code || row.message != "" && (json.Unmarshal(raw, &status) != nil || status.Kind != "Status") {
		t.Fatalf("%d %.300s, want %d %s", resp.StatusCode, raw, row.code, row.message)
	}
	if row.message != "" && row.message != anyText && status.Message != row.message {
		t.Errorf("the message is\n%s, want\n%s", status.Message, row.message)
	}
}
