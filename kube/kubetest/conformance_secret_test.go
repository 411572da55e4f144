package kubetest_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-cmp/cmp"

	"k8s.io/client-go/rest"

	"berth/kube"
)

func testCreateSecret(f *fixture) {
	w := f.write("push")
	w.RotatedAt = "2026-01-02T03:04:05Z"
	f.no(f.CreateSecret(f.Context(), w))
	s := f.read("push")
	if s.ResourceVersion == "" || s.Name != "push" || s.Namespace != f.ns {
		f.Errorf("the Secret is %+v", s)
	}
	if s.Type != "kubernetes.io/dockerconfigjson" || s.Immutable || s.RotatedAt != w.RotatedAt {
		f.Errorf("the Secret is %+v", s)
	}
	if diff := cmp.Diff(w.Labels, s.Labels); diff != "" {
		f.Error(diff)
	}
	if diff := cmp.Diff(w.Owners, s.Owners); diff != "" {
		f.Error(diff)
	}
	if string(s.DockerConfigJSON()) != dockerConfig {
		f.Error("the content is not what was written")
	}
	for name, want := range map[string]int{"push": 1, "pus": 0} {
		named, err := f.SecretsNamed(f.Context(), f.ns, name)
		f.no(err)
		if len(named) != want || want > 0 && string(named[0].DockerConfigJSON()) != dockerConfig {
			f.Errorf("%d Secrets are called %s", len(named), name)
		}
	}
	err := f.CreateSecret(f.Context(), w)
	f.is(err, kube.ErrExists)
	if want := `secrets "push" already exists`; message(err) != want {
		f.Errorf("the message is %q, want %q", message(err), want)
	}
	f.same(s.ResourceVersion, f.read("push").ResourceVersion)
}

func testCreateSecretRefused(f *fixture) {
	for _, row := range []struct {
		reason string
		edit   func(*kube.SecretWrite)
		want   error
	}{
		{"no such namespace", func(w *kube.SecretWrite) { w.Namespace += "-missing" }, kube.ErrNotFound},
		{"not a name", func(w *kube.SecretWrite) { w.Name = "Not_A_Name" }, kube.ErrInvalid},
		{"too long a name", func(w *kube.SecretWrite) { w.Name = strings.Repeat("n", 254) }, kube.ErrInvalid},
		{"too long a label", func(w *kube.SecretWrite) { w.Labels["a"] = strings.Repeat("l", 64) }, kube.ErrInvalid},
		{"no owner", func(w *kube.SecretWrite) { w.Owners = []kube.OwnerReference{{}} }, kube.ErrInvalid},
		{"not JSON", func(w *kube.SecretWrite) { w.DockerConfigJSON = content("secret-word") }, kube.ErrInvalid},
		{"no object", func(w *kube.SecretWrite) { w.DockerConfigJSON = content(`["secret-word"]`) }, kube.ErrInvalid},
		{"empty", func(w *kube.SecretWrite) { w.DockerConfigJSON = content("") }, kube.ErrInvalid},
		{"too big", func(w *kube.SecretWrite) {
			w.DockerConfigJSON = content(`{"a":"` + strings.Repeat("secret-word ", 100_000) + `"}`)
		}, kube.ErrInvalid},
	} {
		w := f.write("refused")
		row.edit(&w)
		err := f.CreateSecret(f.Context(), w)
		f.Log(row.reason)
		f.is(err, row.want)
		if err != nil && strings.Contains(err.Error(), "secret-word") {
			f.Errorf("%s: the error quotes the content", row.reason)
		}
		if row.reason == "not JSON" && !strings.Contains(message(err), "<secret contents redacted>") {
			f.Errorf("%s: %q does not say that the content is redacted", row.reason, message(err))
		}
	}
	_, err := f.Secret(f.Context(), f.ns, "refused")
	f.is(err, kube.ErrNotFound)
	if want := `secrets "refused" not found`; message(err) != want {
		f.Errorf("the message is %q, want %q", message(err), want)
	}
}

func testUpdateSecret(f *fixture) {
	w := f.write("push")
	first := f.secret("push")
	f.given(`{apiVersion: v1, kind: Secret, metadata: {name: push, namespace: NS, labels: {mine: too}}, type: kubernetes.io/dockerconfigjson}`)
	labelled := f.read("push")
	if labelled.ResourceVersion == first.ResourceVersion || string(labelled.DockerConfigJSON()) != dockerConfig {
		f.Fatalf("the label did not come, or the content went: %+v", labelled)
	}

	f.no(f.UpdateSecret(f.Context(), w, labelled.ResourceVersion, false))
	f.same(labelled.ResourceVersion, f.read("push").ResourceVersion) // nothing differed

	w.DockerConfigJSON, w.RotatedAt = content(`{"auths":{}}`), "2026-01-02T03:04:05Z"
	w.Labels = map[string]string{"appstudio.redhat.com/component": "d"}
	w.Owners[0].UID = "uid-of-d"
	f.no(f.UpdateSecret(f.Context(), w, labelled.ResourceVersion, true))
	f.same(labelled.ResourceVersion, f.read("push").ResourceVersion) // a dry run

	f.no(f.UpdateSecret(f.Context(), w, labelled.ResourceVersion, false))
	got := f.read("push")
	if string(got.DockerConfigJSON()) != `{"auths":{}}` || got.RotatedAt != w.RotatedAt {
		f.Errorf("the Secret is %+v", got)
	}
	if diff := cmp.Diff(w.Owners, got.Owners); diff != "" {
		f.Error(diff)
	}
	want := map[string]string{"app.kubernetes.io/managed-by": "berth", "appstudio.redhat.com/component": "d", "mine": "too"}
	metadata, _ := f.object(f.T, "secrets", f.ns, "push")["metadata"].(map[string]any)
	labels := map[string]string{}
	for key, value := range metadata["labels"].(map[string]any) {
		labels[key], _ = value.(string)
	}
	if diff := cmp.Diff(want, labels); diff != "" {
		f.Error(diff)
	}

	delete(want, "mine") // a label of others is not kept
	if diff := cmp.Diff(want, got.Labels); diff != "" {
		f.Error(diff)
	}

	w.RotatedAt = ""
	f.no(f.UpdateSecret(f.Context(), w, got.ResourceVersion, false))
	f.same(got.ResourceVersion, f.read("push").ResourceVersion) // the annotation is left alone

	f.given(`{apiVersion: v1, kind: Secret, metadata: {name: push, namespace: NS, annotations: {appstudio.redhat.com/managing-remote-secret: a/b}}, type: kubernetes.io/dockerconfigjson}`)
	managed := f.read("push")
	f.no(f.UpdateSecret(f.Context(), w, managed.ResourceVersion, false))
	if now := f.read("push"); managed.Managing != "a/b" || now.Managing != "" || now.RotatedAt != got.RotatedAt {
		f.Errorf("what managed %q now manages %q, rotated at %q", managed.Managing, now.Managing, now.RotatedAt)
	}
}

func testUpdateSecretRefused(f *fixture) {
	first := f.secret("push")
	w := f.write("push")
	w.DockerConfigJSON = content(`{"auths":{}}`)
	f.no(f.UpdateSecret(f.Context(), w, first.ResourceVersion, false))
	current := f.read("push")
	for _, row := range []struct {
		reason  string
		edit    func(*kube.SecretWrite)
		version string
		want    error
	}{
		{"it changed meanwhile", func(w *kube.SecretWrite) { w.DockerConfigJSON = content("{}") }, first.ResourceVersion, kube.ErrConflict},
		{"it changed to the very same meanwhile", func(*kube.SecretWrite) {}, first.ResourceVersion, kube.ErrConflict},
		{"no version", func(*kube.SecretWrite) {}, "", kube.ErrInvalid},
		{"not JSON", func(w *kube.SecretWrite) { w.DockerConfigJSON = content("secret-word") }, current.ResourceVersion, kube.ErrInvalid},
		{"no content", func(w *kube.SecretWrite) { w.DockerConfigJSON = func() []byte { return nil } }, current.ResourceVersion, kube.ErrInvalid},
		{"it is not there", func(w *kube.SecretWrite) { w.Name = "missing" }, current.ResourceVersion, kube.ErrNotFound},
		{"its namespace is not there", func(w *kube.SecretWrite) { w.Namespace += "-missing" }, current.ResourceVersion, kube.ErrNotFound},
	} {
		for _, dryRun := range []bool{true, false} {
			w := w
			row.edit(&w)
			err := f.UpdateSecret(f.Context(), w, row.version, dryRun)
			f.Log(row.reason)
			f.is(err, row.want)
			if err != nil && strings.Contains(err.Error(), "secret-word") {
				f.Errorf("%s: the error quotes the content", row.reason)
			}
		}
	}
	f.same(current.ResourceVersion, f.read("push").ResourceVersion)
}

func testImmutableSecret(f *fixture) {
	f.secret("push")
	f.given(`{apiVersion: v1, kind: Secret, metadata: {name: push, namespace: NS}, type: kubernetes.io/dockerconfigjson, immutable: true}`)
	s := f.read("push")
	if !s.Immutable {
		f.Fatalf("the Secret is %+v", s)
	}
	w := f.write("push")
	w.DockerConfigJSON = content(`{"auths":{}}`)
	for _, dryRun := range []bool{true, false} {
		err := f.UpdateSecret(f.Context(), w, s.ResourceVersion, dryRun)
		f.is(err, kube.ErrInvalid)
		if want := "Secret \"push\" is invalid: data: Forbidden: field is immutable when `immutable` is set"; message(err) != want {
			f.Errorf("the message is %q, want %q", message(err), want)
		}
	}
	f.same(s.ResourceVersion, f.read("push").ResourceVersion)
}

func testSecretMetadata(f *fixture) {
	w := f.write("push")
	w.RotatedAt = "2026-01-02T03:04:05Z"
	f.no(f.CreateSecret(f.Context(), w))
	heard := &ear{}
	config := rest.CopyConfig(f.config(f.T, berth))
	config.Wrap(heard.wrap)
	c := f.client(kube.Options{Config: config})
	s, err := c.SecretMetadata(f.Context(), f.ns, "push")
	f.no(err)
	whole := f.read("push")
	f.given(`{apiVersion: v1, kind: Secret, metadata: {name: theirs, namespace: NS}, stringData: {k: v}}`)
	listed, err := c.SecretsMetadata(f.Context(), f.ns, func(_, name string) bool { return name != "theirs" })
	f.no(err)
	if len(listed) != 1 || fmt.Sprintf("%+v", listed[0]) != fmt.Sprintf("%+v", s) {
		f.Errorf("listed, the metadata are %+v", listed)
	}
	if s.ResourceVersion != whole.ResourceVersion || !maps.Equal(s.Labels, w.Labels) ||
		!slices.Equal(s.Owners, w.Owners) || s.RotatedAt != w.RotatedAt {
		f.Errorf("the metadata are %+v", s)
	}
	if s.Type != "" || s.DockerConfigJSON() != nil {
		f.Error("more than metadata came back")
	}
	if body := heard.String(); !strings.Contains(body, `"PartialObjectMetadata"`) || strings.Contains(body, `"data":`) || strings.Contains(body, base64.StdEncoding.EncodeToString([]byte(dockerConfig))[:40]) {
		f.Error("the content was sent, or nothing was")
	}
	_, err = f.SecretMetadata(f.Context(), f.ns, "missing")
	f.is(err, kube.ErrNotFound)
}

// ear hears all answers that pass.
type ear struct {
	next http.RoundTripper
	mu   sync.Mutex
	strings.Builder
}

func (e *ear) wrap(next http.RoundTripper) http.RoundTripper {
	e.next = next
	return e
}

func (e *ear) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := e.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.TeeReader(resp.Body, e), resp.Body}
	return resp, nil
}

func testSecretLists(f *fixture) {
	for _, name := range []string{"a", "b", "c"} {
		f.secret(name)
	}
	f.given(`{apiVersion: v1, kind: Secret, metadata: {name: b, namespace: NS, labels: {app.kubernetes.io/managed-by: others}}, type: kubernetes.io/dockerconfigjson}`)
	f.given(`{apiVersion: v1, kind: Secret, metadata: {name: z, namespace: NS}, stringData: {password: p}}`)
	for _, row := range []struct{ namespace, selector, want string }{
		{f.ns, "", "a b c z"},
		{f.ns, "app.kubernetes.io/managed-by=berth", "a c"},
		{f.ns, "app.kubernetes.io/managed-by", "a b c"},
	} {
		got, err := secrets(f.Context(), f.Client, row.namespace, row.selector)
		f.no(err)
		var names []string
		for _, s := range got {
			names = append(names, s.Name)
			if s.Name != "z" && string(s.DockerConfigJSON()) != dockerConfig {
				f.Errorf("the content of %s is not what was written", s.Name)
			}
			if s.Name == "z" && (s.Type != "Opaque" || s.DockerConfigJSON() != nil || len(s.Labels) != 0 || s.Owners != nil) {
				f.Errorf("a Secret of others reads as %+v", s)
			}
		}
		if strings.Join(names, " ") != row.want {
			f.Errorf("selector %q gives %q, want %q", row.selector, names, row.want)
		}
	}
}

// testOwners adds an owner, who is guarded on the real server as on OpenShift, and leaves
// what others have written of theirs.
func testOwners(f *fixture) {
	f.given(`{apiVersion: v1, kind: Secret, metadata: {name: push, namespace: NS, labels: {app.kubernetes.io/managed-by: berth}, ownerReferences: [
		{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, name: c, uid: uid-of-c, blockOwnerDeletion: true}]}, type: Opaque}`)
	further := []kube.OwnerReference{{APIVersion: "konflux-ci.dev/v1alpha1", Kind: "Component", Name: "c", UID: "uid-of-k"}}
	s := f.read("push")
	f.no(f.OwnSecret(f.Context(), s, further))
	if got := f.read("push"); len(got.Owners) != 2 || got.Owners[0] != s.Owners[0] || got.Owners[1] != further[0] {
		f.Errorf("the owners are %+v", got.Owners)
	}
	metadata, _ := f.object(f.T, "secrets", f.ns, "push")["metadata"].(map[string]any)
	if first, _ := metadata["ownerReferences"].([]any)[0].(map[string]any); first["blockOwnerDeletion"] != true {
		f.Errorf("the first owner is %v", first)
	}
	f.is(f.OwnSecret(f.Context(), s, further), kube.ErrConflict)
	s.ResourceVersion = ""
	f.is(f.OwnSecret(f.Context(), s, further), kube.ErrInvalid)

	r, err := f.CreateRemoteSecret(f.Context(), f.remote("r"))
	f.no(err)
	f.no(f.OwnRemoteSecret(f.Context(), r, further))
	after, err := f.RemoteSecret(f.Context(), f.ns, "r")
	f.no(err)
	if len(after.Owners) != 2 || after.Owners[1] != further[0] {
		f.Errorf("the owners are %+v", after.Owners)
	}
	f.is(f.OwnRemoteSecret(f.Context(), r, further), kube.ErrConflict)
}
