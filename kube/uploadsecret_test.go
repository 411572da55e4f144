package kube_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/kube"
)

// TestDeleteAnswers: a Secret is gone when the API server says so, and nothing else
// reads as that.
func TestDeleteAnswers(t *testing.T) {
	t.Parallel()
	const object = "application/json"
	const success = `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","details":{"name":"s","kind":"secrets","uid":"u"}}`
	s := kube.Secret{Namespace: "ns", Name: "s", ResourceVersion: "7"}
	for _, row := range []struct {
		reason string
		answer func() *http.Response
		want   error
	}{
		{"gone", func() *http.Response { return answer(200, object, success) }, nil},
		{"going: it has a finalizer", func() *http.Response { return answer(200, object, secret) }, nil},
		{"a page as success", func() *http.Response { return answer(200, "text/html", "<html>canary</html>") }, kube.ErrUnavailable},
		{"nothing in a success", func() *http.Response { return answer(200, object, "") }, kube.ErrUnavailable},
		{"an empty object", func() *http.Response { return answer(200, object, "{}") }, kube.ErrUnavailable},
		{"half a Status", func() *http.Response { return answer(200, object, success[:len(success)/2]) }, kube.ErrUnavailable},
		{"a failure as success", func() *http.Response { return answer(200, object, strings.Replace(success, "Success", "Failure", 1)) }, kube.ErrUnavailable},
		{"about another Secret", func() *http.Response { return answer(200, object, strings.Replace(success, `"s"`, `"canary"`, 1)) }, kube.ErrUnavailable},
		{"another Secret", func() *http.Response { return answer(200, object, strings.Replace(secret, `"s"`, `"t"`, 1)) }, kube.ErrUnavailable},
		{"a redirect", func() *http.Response { return answer(302, "text/html", "canary", "Location", "http://elsewhere.test/") }, kube.ErrUnavailable},
		{"nothing at all", func() *http.Response { return nil }, kube.ErrUnavailable},
		{"a proxy's 404", func() *http.Response { return answer(404, "text/html", "canary") }, kube.ErrUnavailable},
		{"absence", func() *http.Response { return status(404, "NotFound", "not found") }, kube.ErrNotFound},
		{"changed", func() *http.Response { return status(409, "Conflict", "changed") }, kube.ErrConflict},
		{"500 that says when: it may have taken effect", func() *http.Response { return status(500, "InternalError", "no", "Retry-After", "1") }, kube.ErrUnavailable},
	} {
		var body string
		c := client(t, func(req *http.Request) *http.Response {
			raw, err := io.ReadAll(req.Body)
			if err != nil || req.Method != http.MethodDelete || req.URL.Path != "/api/v1/namespaces/ns/secrets/s" {
				t.Errorf("%s %s: %v", req.Method, req.URL, err)
			}
			body = string(raw)
			return row.answer()
		})
		err := c.DeleteSecret(t.Context(), s)
		if !errors.Is(err, row.want) || (err == nil) != (row.want == nil) || c.Requests() != 1 {
			t.Errorf("%s: %v, want %v; %d requests", row.reason, err, row.want, c.Requests())
		}
		if !strings.Contains(body, `"preconditions":{"resourceVersion":"7"}`) {
			t.Errorf("%s: sent is %s", row.reason, body)
		}
		if err != nil && (strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "eyJh")) {
			t.Errorf("%s: the error quotes the answer: %v", row.reason, err)
		}
	}
}

// TestDeleteWithoutVersion would delete whatever others wrote.
func TestDeleteWithoutVersion(t *testing.T) {
	t.Parallel()
	c := client(t, func(*http.Request) *http.Response { return nil })
	for _, s := range []kube.Secret{
		{Namespace: "ns", Name: "s"},
		{Namespace: "ns", Name: "a/b", ResourceVersion: "7"},
		{Namespace: "ns", Name: "", ResourceVersion: "7"}, // all of them
		{Namespace: "", Name: "s", ResourceVersion: "7"},
	} {
		if err := c.DeleteSecret(t.Context(), s); !errors.Is(err, kube.ErrInvalid) || c.Requests() != 0 {
			t.Errorf("%+v: %v after %d requests", s, err, c.Requests())
		}
	}
}

// TestUploadSent: what marks an upload comes beside what else is asked for.
func TestUploadSent(t *testing.T) {
	t.Parallel()
	var sent struct {
		Metadata struct{ Labels, Annotations map[string]string }
	}
	c := client(t, func(req *http.Request) *http.Response {
		if err := json.NewDecoder(req.Body).Decode(&sent); err != nil {
			t.Error(err)
		}
		return answer(201, "application/json", secret)
	})
	w := write()
	w.Uploads, w.RotatedAt = "r", "2026-01-02T03:04:05Z"
	if err := c.CreateSecret(t.Context(), w); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(map[string]string{"appstudio.redhat.com/upload-secret": "remotesecret"}, sent.Metadata.Labels); diff != "" {
		t.Errorf("without labels of its own: %s", diff)
	}
	want := map[string]string{"appstudio.redhat.com/remotesecret-name": "r", "image.redhat.com/rotated-at": w.RotatedAt}
	if diff := cmp.Diff(want, sent.Metadata.Annotations); diff != "" {
		t.Error(diff)
	}
	w.Labels = map[string]string{"a": "b"}
	if err := c.CreateSecret(t.Context(), w); err != nil || len(w.Labels) != 1 {
		t.Errorf("the labels given are changed to %v: %v", w.Labels, err)
	}
}

// TestLongMarks: what others may have written on a Secret costs little memory.
func TestLongMarks(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("l", 256<<10)
	c := client(t, func(*http.Request) *http.Response {
		return answer(200, "application/json", strings.Replace(secret, `"uid"`, `"labels":{"appstudio.redhat.com/upload-secret":"remotesecret"},"annotations":{`+
			`"appstudio.redhat.com/remotesecret-name":"`+long+`","appstudio.redhat.com/managing-remote-secret":"`+long+`"},"uid"`, 1))
	})
	s, err := c.Secret(t.Context(), "ns", "s")
	if err != nil || len(s.Uploads) != 254 || len(s.Managing) != 508 {
		t.Errorf("of long marks %d and %d bytes are kept: %v", len(s.Uploads), len(s.Managing), err)
	}
}
