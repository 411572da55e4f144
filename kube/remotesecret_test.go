package kube_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"berth/kube"
)

// remote is a RemoteSecret whose status has errors of targets.
func remote(t *testing.T, targets ...string) string {
	t.Helper()
	status := []map[string]string{}
	for _, text := range targets {
		status = append(status, map[string]string{"namespace": "there", "error": text})
	}
	raw, err := json.Marshal(map[string]any{
		"apiVersion": "appstudio.redhat.com/v1beta1", "kind": "RemoteSecret",
		"metadata": map[string]string{"namespace": "ns", "name": "r", "uid": "u", "resourceVersion": "7"},
		"spec":     map[string]any{"secret": map[string]any{}, "targets": []map[string]string{{"namespace": "there"}}},
		"status":   map[string]any{"targets": status},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestTargetError: what another cluster's API may have written is shown without what
// may be a credential, on one line, and short.
func TestTargetError(t *testing.T) {
	t.Parallel()
	const forbidden = `secrets is forbidden: User "system:serviceaccount:a:b" cannot create resource "secrets" in API group "" in the namespace "c"`
	for _, row := range []struct{ reason, text, want string }{
		{"none", "", ""},
		{"a sentence", forbidden, forbidden},
		{"a missing namespace", `namespaces "c" not found`, `namespaces "c" not found`},
		{"a missing Secret", `secrets "pull" not found`, `secrets "pull" not found`},
		{"no connection", `Post "https://api.example.com:6443/api/v1": dial tcp 10.0.0.1:6443: connect: connection refused`, `Post "https://api.example.com:6443/api/v1": dial tcp 10.0.0.1:6443: connect: connection refused`},
		{"a mail address is none", "ask root@example.com", "ask root@example.com"},
		{"a login in an address", `Post "https://me:pa@api.example.com/": EOF`, `Post "https:[redacted]api.example.com/": EOF`},
		{"a name in an address", "https://me@api.example.com/ refuses", "https:[redacted]api.example.com/ refuses"},
		{"a login with an @", "https://me:p@ss@api.example.com/ refuses", "https:[redacted]api.example.com/ refuses"},
		{"Bearer", "rejected Bearer x.y", "rejected [redacted]"},
		{"a header", "rejected Authorization: Bearer x.y for good", "rejected [redacted] for good"},
		{"headers as Go prints them", "map[Authorization:[Basic bWU6cGE=]]", "map[[redacted]"},
		{"another scheme of a header", "authorization: token abc, no", "[redacted] no"},
		{"token=", "token=abc is bad", "[redacted] is bad"},
		{"token:", "TOKEN: abc is bad", "[redacted] is bad"},
		{"a parameter", "https://api.example.com/?access_token=abc&x=y refuses", "https://api.example.com/?[redacted] refuses"},
		{"a field of a form", "client_secret=abc passwd:abc", "[redacted] [redacted]"},
		{"JSON", `{"password":"abc"} is bad`, `{"[redacted] is bad`},
		{"JSON in JSON", `"{\"token\": \"abc\"}" is bad`, `"{\"[redacted] is bad`},
		{"broken by control characters", "tok\x00en=abc Bea\u200brer abc", "[redacted] [redacted]"},
		{"over two lines", "Authorization:\n\tBearer\r\nabc", "[redacted]"},
		{"a long word", "key " + strings.Repeat("k", 32) + " is bad", "key [redacted] is bad"},
		{"a long word, broken by control characters", "key " + strings.Repeat("kkkkkkkk\x1b", 4) + " is bad", "key [redacted] is bad"},
		{"control characters", "one\n\ttwo\x1b[31m\x00 three", "one two[31m three"},
		{"long", strings.Repeat("word ", 2<<10), strings.Repeat("word ", 50) + "wor…"},
		{"a credential at the cut", strings.Repeat("word ", 48) + "token=abcdefghijkl", strings.Repeat("word ", 48) + "[redacted]"},
	} {
		c := client(t, func(*http.Request) *http.Response { return answer(200, "application/json", remote(t, row.text)) })
		got, err := c.RemoteSecret(t.Context(), "ns", "r")
		if err != nil || len(got.TargetStatuses) != 1 || got.TargetStatuses[0].Error != row.want {
			t.Errorf("%s: %+v, want %q: %v", row.reason, got.TargetStatuses, row.want, err)
		}
	}
}

// TestRemoteSecretAnswers: an answer about something else is none.
func TestRemoteSecretAnswers(t *testing.T) {
	t.Parallel()
	whole := remote(t)
	for _, row := range []struct{ reason, body string }{
		{"a page", "<html>canary</html>"},
		{"another object", strings.Replace(whole, `"name":"r"`, `"name":"canary"`, 1)},
		{"another namespace", strings.Replace(whole, `"namespace":"ns"`, `"namespace":"canary"`, 1)},
		{"no version", strings.Replace(whole, `"7"`, `""`, 1)},
		{"half of it", whole[:len(whole)/2]},
		{"targets that are no list", strings.Replace(whole, `"targets":[]`, `"targets":"canary"`, 1)},
	} {
		c := client(t, func(*http.Request) *http.Response { return answer(200, "application/json", row.body) })
		_, get := c.RemoteSecret(t.Context(), "ns", "r")
		_, create := c.CreateRemoteSecret(t.Context(), kube.RemoteSecretWrite{Namespace: "ns", Name: "r"})
		_, update := c.UpdateRemoteSecret(t.Context(), kube.RemoteSecretWrite{Namespace: "ns", Name: "r"}, "7", false)
		_, record := c.RecordUpload(t.Context(), kube.RemoteSecret{Namespace: "ns", Name: "r", ResourceVersion: "7"}, "u")
		for op, err := range map[string]error{"get": get, "create": create, "update": update, "record": record} {
			if !errors.Is(err, kube.ErrUnavailable) || strings.Contains(err.Error(), "canary") {
				t.Errorf("%s, %s: %v", row.reason, op, err)
			}
		}
	}
}

// TestRemoteSecretSent: no targets are sent as none, for null would leave those that
// are there, and nothing is sent that another version could be overwritten with.
func TestRemoteSecretSent(t *testing.T) {
	t.Parallel()
	var body, query string
	c := client(t, func(req *http.Request) *http.Response {
		raw, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		body, query = string(raw), req.URL.Query().Get("dryRun")
		return answer(200, "application/json", remote(t))
	})
	w := kube.RemoteSecretWrite{Namespace: "ns", Name: "r", Owners: []kube.OwnerReference{{Name: "c"}}, PullAccounts: []string{"default"}}
	const owner = `"ownerReferences":[{"apiVersion":"","kind":"","name":"c","uid":""}]`
	const spec = `"spec":{"secret":{"name":"r","type":"kubernetes.io/dockerconfigjson",` +
		`"linkedTo":[{"serviceAccount":{"as":"imagePullSecret","reference":{"name":"default"}}}]},"targets":[]}`
	if _, err := c.UpdateRemoteSecret(t.Context(), w, "7", true); !errors.Is(err, kube.ErrInvalid) { // it is answered with another
		t.Error(err)
	}
	if want := `{"metadata":{"resourceVersion":"7"},` + spec + `}`; body != want || query != "All" {
		t.Errorf("an update in a dry run sends %q %s, want %s", query, body, want)
	}
	if _, err := c.CreateRemoteSecret(t.Context(), w); err != nil {
		t.Error(err)
	}
	if want := `{"apiVersion":"appstudio.redhat.com/v1beta1","kind":"RemoteSecret","metadata":{"name":"r",` + owner + `},` + spec + `}`; body != want || query != "" {
		t.Errorf("a create sends %q %s, want %s", query, body, want)
	}
	if _, err := c.RecordUpload(t.Context(), kube.RemoteSecret{Namespace: "ns", Name: "r", ResourceVersion: "7"}, "u"); err != nil {
		t.Error(err)
	}
	if want := `{"metadata":{"resourceVersion":"7","annotations":{"image.redhat.com/upload":"u"}}}`; body != want || query != "" {
		t.Errorf("a record sends %q %s, want %s", query, body, want)
	}
	before := c.Requests()
	_, update := c.UpdateRemoteSecret(t.Context(), w, "", false)
	_, dry := c.UpdateRemoteSecret(t.Context(), w, "", true)
	_, record := c.RecordUpload(t.Context(), kube.RemoteSecret{Namespace: "ns", Name: "r"}, "u")
	for _, err := range []error{update, dry, record} {
		if !errors.Is(err, kube.ErrInvalid) || c.Requests() != before {
			t.Errorf("without a resourceVersion: %v after %d requests", err, c.Requests()-before)
		}
	}
}

// TestRemoteSecretAltered: the answer to a dry run is what was sent, or an admission rule
// is in the way; whoever it really wrote for hears nothing of that.
func TestRemoteSecretAltered(t *testing.T) {
	t.Parallel()
	w := kube.RemoteSecretWrite{
		Namespace: "ns", Name: "r", Labels: map[string]string{"app.kubernetes.io/managed-by": "berth"}, PullAccounts: []string{"default"},
		Targets: []kube.RemoteTarget{{Namespace: "there", APIURL: "https://stage.test", Credentials: "stage"}}, Upload: "u",
	}
	const as = `{"apiVersion":"appstudio.redhat.com/v1beta1","kind":"RemoteSecret",` +
		`"metadata":{"name":"r","namespace":"ns","uid":"u","resourceVersion":"7","labels":{"app.kubernetes.io/managed-by":"berth","x":"y"},"annotations":{"image.redhat.com/upload":"u"}},` +
		`"spec":{"secret":{"name":"r","type":"kubernetes.io/dockerconfigjson","labels":{"app.kubernetes.io/managed-by":"berth"},` +
		`"linkedTo":[{"serviceAccount":{"as":"imagePullSecret","reference":{"name":"default"}}}]},` +
		`"targets":[{"namespace":"there","apiUrl":"https://stage.test","clusterCredentialsSecret":"stage"}]}}`
	for _, row := range []struct{ why, from, to string }{
		{"nothing", "", ""},
		{"a label", `"berth","x"`, `"me","x"`},
		{"a label of what it brings", `"labels":{"app.kubernetes.io/managed-by":"berth"}`, `"labels":{}`},
		{"the name of what it brings", `{"name":"r","type"`, `{"name":"other","type"`},
		{"its type", "dockerconfigjson", "dockercfg"},
		{"who pulls with it", `{"name":"default"}`, `{"name":"other"}`},
		{"how", "imagePullSecret", "secret"},
		{"a target", `"there"`, `"elsewhere"`},
		{"a target more", `"targets":[`, `"targets":[{"namespace":"more"},`},
		{"a target's Secret", `"stage"}`, `"stage","secret":{}}`},
		{"the record", `upload":"u"`, `upload":"v"`},
	} {
		c := client(t, func(*http.Request) *http.Response {
			return answer(200, "application/json", strings.Replace(as, row.from, row.to, 1))
		})
		if _, err := c.UpdateRemoteSecret(t.Context(), w, "7", true); errors.Is(err, kube.ErrInvalid) != (row.from != "") || err == nil != (row.from == "") {
			t.Errorf("%s: %v", row.why, err)
		}
		if _, err := c.UpdateRemoteSecret(t.Context(), w, "7", false); err != nil {
			t.Errorf("%s, written: %v", row.why, err)
		}
	}
}
