package kubetest_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"berth/kube"
	"berth/kube/kubetest"
)

// sender sends requests as an administrator and demands the code of the answer, which
// it returns.
func sender(t *testing.T, s *kubetest.Server) func(code int, method, path, form, body string) string {
	t.Helper()
	s.AddUser("token", "root", true)
	return func(code int, method, path, form, body string) string {
		t.Helper()
		req := httptest.NewRequest(method, path, strings.NewReader(body))
		req.Header.Set("Authorization", "Bearer token")
		req.Header.Set("Content-Type", form)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, req)
		if w.Code != code {
			t.Errorf("%s %s %s: %d %s, want %d", method, path, body, w.Code, w.Body, code)
		}
		return w.Body.String()
	}
}

const remoteSecretsURL = "/apis/appstudio.redhat.com/v1beta1/namespaces/default/remotesecrets"

func remoteSecretBody(name, spec string) string {
	return `{"apiVersion":"appstudio.redhat.com/v1beta1","kind":"RemoteSecret","metadata":{"name":"` + name + `"},"spec":` + spec + `}`
}

func TestWebhookIsDown(t *testing.T) {
	t.Parallel()
	s := kubetest.New(kubetest.Options{})
	send := sender(t, s)
	const patch, one = `{"metadata":{"labels":{"a":"b"}}}`, remoteSecretsURL + "/r"
	send(http.StatusCreated, "POST", remoteSecretsURL, form, remoteSecretBody("r", `{"secret":{}}`))
	send(http.StatusOK, "PATCH", one, mergeForm, `{"metadata":{"finalizers":["example.com/wait"]}}`)

	s.SetWebhook(false)
	for _, row := range []struct{ method, path, form, body string }{
		{"POST", remoteSecretsURL, form, remoteSecretBody("s", `{"secret":{}}`)},
		{"PATCH", one, mergeForm, patch},
		{"PATCH", one + "?dryRun=All", mergeForm, patch},
		{"PATCH", one, mergeForm, `{"metadata":{"resourceVersion":"1"}}`}, // it is asked before anything is compared
		{"PUT", one, form, remoteSecretBody("r", `{"secret":{}}`)},
	} {
		answer := send(http.StatusInternalServerError, row.method, row.path, row.form, row.body)
		if !strings.Contains(answer, `"message":"Internal error occurred: failed calling webhook \"mremotesecret.kb.io\": failed to call webhook: Post `) ||
			!strings.Contains(answer, `"reason":"InternalError"`) {
			t.Errorf("the answer is %s", answer)
		}
	}
	send(http.StatusOK, "PATCH", one+"/status", mergeForm, `{"status":{"secret":{}}}`)
	send(http.StatusOK, "GET", one, "", "")
	send(http.StatusOK, "DELETE", one, "", "")
	send(http.StatusInternalServerError, "PATCH", one, mergeForm, `{"metadata":{"finalizers":null}}`)
	if s.Object("remotesecrets", "default", "r") == nil {
		t.Error("the RemoteSecret went without the update of its finalizers")
	}
	s.SetWebhook(true)
	send(http.StatusOK, "PATCH", one, mergeForm, `{"metadata":{"finalizers":null}}`)
	if s.Object("remotesecrets", "default", "r") != nil {
		t.Error("the RemoteSecret is there without finalizers")
	}
}

func TestWebhookWantsUniqueTargets(t *testing.T) {
	t.Parallel()
	s := kubetest.New(kubetest.Options{})
	send := sender(t, s)
	for _, row := range []struct {
		reason, spec string
		code         int
	}{
		{"the same twice", `{"secret":{"name":"p"},"targets":[{"namespace":"a"},{"namespace":"a"}]}`, http.StatusForbidden},
		{"the same by an override", `{"secret":{"name":"p"},"targets":[{"namespace":"a"},{"namespace":"a","secret":{"name":"p"}}]}`, http.StatusForbidden},
		{"other credentials are no difference", `{"secret":{"name":"p"},"targets":[{"namespace":"a","apiUrl":"u"},{"namespace":"a","apiUrl":"u","clusterCredentialsSecret":"c"}]}`, http.StatusForbidden},
		{"another cluster", `{"secret":{"name":"p"},"targets":[{"namespace":"a"},{"namespace":"a","apiUrl":"u"}]}`, http.StatusCreated},
		{"another name", `{"secret":{"name":"p"},"targets":[{"namespace":"a"},{"namespace":"a","secret":{"name":"q"}}]}`, http.StatusCreated},
		{"another prefix", `{"secret":{"generateName":"p"},"targets":[{"namespace":"a"},{"namespace":"a","secret":{"generateName":"q"}}]}`, http.StatusCreated},
	} {
		t.Log(row.reason)
		answer := send(row.code, "POST", remoteSecretsURL+"?dryRun=All", form, remoteSecretBody("r", row.spec))
		if row.code == http.StatusForbidden && !strings.Contains(answer, `"message":"admission webhook \"mremotesecret.kb.io\" denied the request: targets are not unique in the remote secret r`) {
			t.Errorf("the answer is %s", answer)
		}
	}
}

func TestWebhookTakesData(t *testing.T) {
	t.Parallel()
	s := kubetest.New(kubetest.Options{})
	send := sender(t, s)
	const one = remoteSecretsURL + "/r"
	send(http.StatusCreated, "POST", remoteSecretsURL, form, remoteSecretBody("r", `{"secret":{}}`))
	send(http.StatusOK, "PATCH", one, mergeForm, `{"data":{},"stringData":{}}`)
	if n := s.RemoteSecretData(); n != 0 {
		t.Errorf("%d requests are said to carry data", n)
	}
	for _, row := range []struct{ path, body string }{
		{one, `{"stringData":{"k":"v"}}`},
		{one, `{"data":{"k":"dg=="}}`},
		{one + "?dryRun=All", `{"data":{"k":"dg=="},"stringData":{"k":"v"}}`},
		{one, `{"metadata":{"labels":{"a":"b"}},"stringData":{"k":"v"}}`},
	} {
		if answer := send(http.StatusOK, "PATCH", row.path, mergeForm, row.body); strings.Contains(answer, `"k"`) {
			t.Errorf("the answer has the data: %s", answer)
		}
	}
	if n := s.RemoteSecretData(); n != 4 {
		t.Errorf("%d requests are said to carry data", n)
	}
	object := s.Object("remotesecrets", "default", "r")
	if object["data"] != nil || object["stringData"] != nil || object["metadata"].(map[string]any)["generation"] != int64(1) {
		t.Errorf("the RemoteSecret is %v", object)
	}
	send(http.StatusNotImplemented, "PATCH", one, mergeForm, `{"dataFrom":{"name":"other"}}`)
}

// TestWebhookJudgesTheClient: what the client writes passes the webhook, a dry run, too,
// carries no data, and changes nothing where the webhook refuses or is down.
func TestWebhookJudgesTheClient(t *testing.T) {
	t.Parallel()
	s, c := world(t, kubetest.Options{})
	w := kube.RemoteSecretWrite{
		Namespace: "ns", Name: "r", PullAccounts: []string{"default"}, Targets: []kube.RemoteTarget{{Namespace: "here"}},
		Owners: []kube.OwnerReference{{APIVersion: "appstudio.redhat.com/v1alpha1", Kind: "Component", Name: "a", UID: "uid-of-a"}},
	}
	made, err := c.CreateRemoteSecret(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	w.Targets = append(w.Targets, kube.RemoteTarget{Namespace: "here", Credentials: "other"})
	for _, dryRun := range []bool{true, false} {
		if _, err := c.UpdateRemoteSecret(t.Context(), w, made.ResourceVersion, dryRun); !errors.Is(err, kube.ErrForbidden) || !strings.Contains(err.Error(), "targets are not unique") {
			t.Errorf("the same target twice, dry run %t: %v", dryRun, err)
		}
	}
	s.SetWebhook(false)
	w.Targets = nil
	_, dry := c.UpdateRemoteSecret(t.Context(), w, made.ResourceVersion, true)
	_, update := c.UpdateRemoteSecret(t.Context(), w, made.ResourceVersion, false)
	_, record := c.RecordUpload(t.Context(), made, "u")
	w.Name = "new"
	_, create := c.CreateRemoteSecret(t.Context(), w)
	for _, err := range []error{dry, update, record, create} {
		if !errors.Is(err, kube.ErrUnavailable) {
			t.Errorf("while the webhook is down: %v", err)
		}
	}
	if now, err := c.RemoteSecret(t.Context(), "ns", "r"); err != nil || now.ResourceVersion != made.ResourceVersion {
		t.Errorf("it was changed: %+v, %v", now, err)
	}
	if n := s.RemoteSecretData(); n != 0 || s.Object("remotesecrets", "ns", "new") != nil {
		t.Errorf("%d requests carried data, or one took effect", n)
	}
}

// TestServedInPart: an answer of discovery that breaks off, or none, tells nothing.
func TestServedInPart(t *testing.T) {
	t.Parallel()
	s, c := world(t, kubetest.Options{})
	for _, version := range []string{"v1alpha1", "v1beta1"} {
		for _, fault := range []kubetest.Fault{
			{Outcome: kubetest.Truncate},
			{Status: http.StatusNotFound},
			{Status: http.StatusForbidden},
			{Status: http.StatusServiceUnavailable},
			{Status: http.StatusNotFound, Page: "<html>404 page not found</html>"},
		} {
			fault.Resource = "/apis/appstudio.redhat.com/" + version
			injected := s.Inject(fault)
			if served, err := c.Served(t.Context()); err == nil || errors.Is(err, kube.ErrNotInstalled) || served != (kube.Served{}) || injected.Hits() == 0 {
				t.Errorf("%+v gives %+v, %v", fault, served, err)
			}
			injected.Remove()
		}
	}
	if served, err := c.Served(t.Context()); err != nil || !served.RemoteSecrets || !served.Environments {
		t.Errorf("without a fault: %+v, %v", served, err)
	}
}

func TestStatusOfAnAdministrator(t *testing.T) {
	t.Parallel()
	s := kubetest.New(kubetest.Options{})
	const claim = "{apiVersion: appstudio.redhat.com/v1alpha1, kind: DeploymentTargetClaim, metadata: {name: c, namespace: default}, "
	phase := func() any {
		status, _ := s.Object("deploymenttargetclaims", "default", "c")["status"].(map[string]any)
		return status["phase"]
	}
	s.Apply([]byte(claim + "status: {phase: Pending}}"))
	if phase() != "Pending" {
		t.Errorf("a new claim is %v", phase())
	}
	s.Apply([]byte(claim + "status: {phase: Bound}}"))
	if phase() != "Bound" {
		t.Errorf("a changed claim is %v", phase())
	}
}

func TestDiscoveryIsCounted(t *testing.T) {
	t.Parallel()
	s := kubetest.New(kubetest.Options{})
	send := sender(t, s)
	const path = "/apis/appstudio.redhat.com/v1beta1"
	fault := s.Inject(kubetest.Fault{Resource: path, Status: http.StatusServiceUnavailable})
	send(http.StatusServiceUnavailable, "GET", path, "", "")
	send(http.StatusOK, "GET", path, "", "")
	send(http.StatusNotImplemented, "GET", "/apis", "", "")
	send(http.StatusNotFound, "GET", "/nowhere", "", "")
	send(http.StatusNotFound, "PATCH", remoteSecretsURL+"/none/status", mergeForm, "{}")
	if fault.Hits() != 1 || s.Count("get", path) != 2 || s.Count("", "remotesecrets") != 0 {
		t.Errorf("the calls are %+v", s.Calls())
	}
	want := kubetest.Access{Verb: "patch", Group: "appstudio.redhat.com", Resource: "remotesecrets/status"}
	if used := s.Used("root"); len(used) != 1 || used[0] != want {
		t.Errorf("the rights used are %+v", used)
	}
}
