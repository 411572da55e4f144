package kubetest_test

import (
	"github.com/google/go-cmp/cmp"

	"berth/kube"
)

func testRecordUpload(f *fixture) {
	first := f.brought("r")
	f.rows("admin", rawRow{"an annotation of others", "PATCH", remoteSecretPath + "/r", mergeForm, `{"metadata":{"annotations":{"mine":"too"}}}`, 200, ""})
	_, err := f.RecordUpload(f.Context(), first, "u")
	f.is(err, kube.ErrConflict)
	current := f.readRemote("r")
	recorded, err := f.RecordUpload(f.Context(), current, "u")
	f.no(err)
	want := current
	want.Upload, want.ResourceVersion = "u", recorded.ResourceVersion
	for from, got := range map[string]kube.RemoteSecret{"the answer": recorded, "what is there": f.readRemote("r")} {
		if diff := cmp.Diff(want, got); diff != "" || got.ResourceVersion == current.ResourceVersion {
			f.Errorf("%s: %s", from, diff)
		}
	}
	if got := f.field("remotesecrets", "r", "metadata", "annotations"); !cmp.Equal(got, map[string]any{"mine": "too", "image.redhat.com/upload": "u"}) {
		f.Errorf("the annotations are %v", got)
	}
	again, err := f.RecordUpload(f.Context(), recorded, "u")
	f.no(err)
	f.same(recorded.ResourceVersion, again.ResourceVersion)

	missing, unversioned := recorded, recorded
	missing.Name, unversioned.ResourceVersion = "missing", ""
	_, err = f.RecordUpload(f.Context(), missing, "v")
	f.is(err, kube.ErrNotFound)
	before := f.Requests()
	_, err = f.RecordUpload(f.Context(), unversioned, "v")
	f.is(err, kube.ErrInvalid)
	if f.Requests() != before || f.readRemote("r").Upload != "u" {
		f.Error("a record without a resourceVersion was sent")
	}
}

// testRemoteSecretStatus has what the operator tells, written as it writes it.
func testRemoteSecretStatus(f *fixture) {
	created := f.brought("r")
	condition := func(kind, status, reason string) string {
		return `{"type":"` + kind + `","status":"` + status + `","reason":"` + reason + `","message":"","lastTransitionTime":"2026-01-02T03:04:05Z"}`
	}
	for _, row := range []struct {
		reason, status string
		data           bool
		targets        []kube.TargetStatus
	}{
		{"no data yet", `{"conditions":[` + condition("DataObtained", "False", "AwaitingData") + `]}`, false, nil},
		{"deployed, whatever that is without data", `{"conditions":[` + condition("DataObtained", "Unknown", "Error") + `,` + condition("Deployed", "True", "Injected") + `]}`, false, nil},
		{
			"data, and targets", `{"conditions":[` + condition("Deployed", "False", "PartiallyInjected") + `,` + condition("DataObtained", "True", "DataFound") + `],"secret":{"keys":[".dockerconfigjson"]},` +
				`"targets":[{"namespace":"here","secretName":"r","expectedSecret":{"name":"r"},"serviceAccountNames":["default"],"deployedSecret":{"name":"r"}},` +
				`{"namespace":"there","apiUrl":"https://api.example.com","clusterCredentialsSecret":"kubeconfig","error":"Get \"https://me:pa@api.example.com/\":\n no token=abc"}]}`, true,
			[]kube.TargetStatus{
				{Namespace: "here"},
				{Namespace: "there", APIURL: "https://api.example.com", Error: `Get "https:[redacted]api.example.com/": no [redacted]`},
			},
		},
	} {
		f.rows("admin", rawRow{row.reason, "PATCH", remoteSecretPath + "/r/status", mergeForm, `{"status":null}`, 200, ""}, rawRow{row.reason, "PATCH", remoteSecretPath + "/r/status", mergeForm, `{"status":` + row.status + `}`, 200, ""})
		want := created
		got := f.readRemote("r")
		want.ResourceVersion, want.HasData, want.TargetStatuses = got.ResourceVersion, row.data, row.targets
		if diff := cmp.Diff(want, got); diff != "" {
			f.Errorf("%s: %s", row.reason, diff)
		}
	}
	f.rows(
		"admin",
		rawRow{"a finalizer", "PATCH", remoteSecretPath + "/r", mergeForm, `{"metadata":{"finalizers":["example.com/wait"]}}`, 200, ""},
		rawRow{"deleted", "DELETE", remoteSecretPath + "/r", "", "", 200, ""},
	)
	if got := f.readRemote("r"); !got.Deleting || created.Deleting {
		f.Errorf("while it goes, it is %+v", got)
	}
	f.rows("admin", rawRow{"gone", "PATCH", remoteSecretPath + "/r", mergeForm, `{"metadata":{"finalizers":null}}`, 200, ""})
	_, err := f.RemoteSecret(f.Context(), f.ns, "r")
	f.is(err, kube.ErrNotFound)
}

func testUploadSecret(f *fixture) {
	w := f.write("upload")
	w.Uploads, w.RotatedAt = "r", "2026-01-02T03:04:05Z"
	f.no(f.CreateSecret(f.Context(), w))
	if got := f.field("secrets", "upload", "type"); got != "kubernetes.io/dockerconfigjson" {
		f.Errorf("the type is %v", got)
	}
	labels := map[string]any{"appstudio.redhat.com/upload-secret": "remotesecret", "app.kubernetes.io/managed-by": "berth", "appstudio.redhat.com/component": "c"}
	if diff := cmp.Diff(labels, f.field("secrets", "upload", "metadata", "labels")); diff != "" {
		f.Error(diff)
	}
	annotations := map[string]any{"appstudio.redhat.com/remotesecret-name": "r", "image.redhat.com/rotated-at": w.RotatedAt}
	if diff := cmp.Diff(annotations, f.field("secrets", "upload", "metadata", "annotations")); diff != "" {
		f.Error(diff)
	}
	f.secret("plain")
	f.given(`{apiVersion: v1, kind: Secret, metadata: {name: half, namespace: NS, annotations: {appstudio.redhat.com/remotesecret-name: r}}}`)
	f.given(`{apiVersion: v1, kind: Secret, metadata: {name: brought, namespace: NS, labels: {appstudio.redhat.com/linked-by-remote-secret: "true"},
		annotations: {appstudio.redhat.com/managing-remote-secret: tenant/r}}}`)
	for _, row := range []struct{ name, uploads, managing string }{{"upload", "r", ""}, {"plain", "", ""}, {"half", "", ""}, {"brought", "", "tenant/r"}} {
		metadata, err := f.SecretMetadata(f.Context(), f.ns, row.name)
		f.no(err)
		for _, s := range []kube.Secret{f.read(row.name), metadata} {
			if s.Uploads != row.uploads || s.Managing != row.managing {
				f.Errorf("%s brings data to %q and was brought by %q", row.name, s.Uploads, s.Managing)
			}
		}
	}
	listed, err := secrets(f.Context(), f.Client, f.ns, "appstudio.redhat.com/upload-secret=remotesecret")
	f.no(err)
	if len(listed) != 1 || listed[0].Name != "upload" || listed[0].Uploads != "r" || string(listed[0].DockerConfigJSON()) != dockerConfig {
		f.Errorf("the uploads are %+v", listed)
	}
}

func testDeleteSecret(f *fixture) {
	first := f.secret("s")
	f.given(`{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: NS, labels: {mine: too}}, type: kubernetes.io/dockerconfigjson}`)
	f.is(f.DeleteSecret(f.Context(), first), kube.ErrConflict)
	current := f.read("s")
	unversioned := current
	unversioned.ResourceVersion = ""
	before := f.Requests()
	f.is(f.DeleteSecret(f.Context(), unversioned), kube.ErrInvalid)
	if f.Requests() != before {
		f.Error("a delete without a resourceVersion was sent")
	}
	f.same(current.ResourceVersion, f.read("s").ResourceVersion)

	f.no(f.DeleteSecret(f.Context(), current))
	_, err := f.Secret(f.Context(), f.ns, "s")
	f.is(err, kube.ErrNotFound)
	f.is(f.DeleteSecret(f.Context(), current), kube.ErrNotFound)
	f.secret("s") // another one of its name
	f.is(f.DeleteSecret(f.Context(), current), kube.ErrConflict)
	f.read("s")

	f.given(`{apiVersion: v1, kind: Secret, metadata: {name: kept, namespace: NS, finalizers: [example.com/wait]}}`)
	f.no(f.DeleteSecret(f.Context(), f.read("kept")))
	if f.field("secrets", "kept", "metadata", "deletionTimestamp") == nil {
		f.Error("one with a finalizer does not go")
	}
}
