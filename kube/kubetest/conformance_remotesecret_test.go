package kubetest_test

import (
	"context"
	"strings"

	"github.com/google/go-cmp/cmp"

	"berth/kube"
)

func everyName(string, string) bool { return true }

// remote is a RemoteSecret that is brought to this cluster and to another.
func (f *fixture) remote(name string) kube.RemoteSecretWrite {
	return kube.RemoteSecretWrite{
		Namespace: f.ns, Name: name,
		Labels:       map[string]string{"app.kubernetes.io/managed-by": "berth", "appstudio.redhat.com/component": "c"},
		Owners:       []kube.OwnerReference{{APIVersion: "appstudio.redhat.com/v1alpha1", Kind: "Component", Name: "c", UID: "uid-of-c"}},
		PullAccounts: []string{"default"},
		Targets:      []kube.RemoteTarget{{Namespace: "here"}, {Namespace: "there", APIURL: "https://api.example.com", Credentials: "kubeconfig"}},
	}
}

// brought makes one by the client.
func (f *fixture) brought(name string) kube.RemoteSecret {
	f.Helper()
	r, err := f.CreateRemoteSecret(f.Context(), f.remote(name))
	f.no(err)
	return r
}

func (f *fixture) readRemote(name string) kube.RemoteSecret {
	f.Helper()
	r, err := f.RemoteSecret(f.Context(), f.ns, name)
	f.no(err)
	return r
}

// asked is what is read of a RemoteSecret that is as it was asked for, and new.
func asked(w kube.RemoteSecretWrite, resourceVersion string) kube.RemoteSecret {
	return kube.RemoteSecret{
		Namespace: w.Namespace, Name: w.Name, ResourceVersion: resourceVersion,
		Labels: w.Labels, Owners: w.Owners, Upload: w.Upload,
		Secret: w.Name, Type: "kubernetes.io/dockerconfigjson", SecretLabels: w.Labels, PullAccounts: w.PullAccounts, Targets: w.Targets,
	}
}

func testCreateRemoteSecret(f *fixture) {
	w := f.remote("r")
	w.Upload = `{"u":1}`
	created, err := f.CreateRemoteSecret(f.Context(), w)
	f.no(err)
	got := f.readRemote("r")
	if diff := cmp.Diff(created, got); diff != "" {
		f.Errorf("the answer is not what is there: %s", diff)
	}
	if diff := cmp.Diff(asked(w, got.ResourceVersion), got); diff != "" || got.ResourceVersion == "" {
		f.Error(diff)
	}
	labels := map[string]any{"app.kubernetes.io/managed-by": "berth", "appstudio.redhat.com/component": "c"}
	want := map[string]any{
		"secret": map[string]any{
			"name": "r", "type": "kubernetes.io/dockerconfigjson", "labels": labels,
			"linkedTo": []any{map[string]any{"serviceAccount": map[string]any{"as": "imagePullSecret", "reference": map[string]any{"name": "default"}}}},
		},
		"targets": []any{
			map[string]any{"namespace": "here"},
			map[string]any{"namespace": "there", "apiUrl": "https://api.example.com", "clusterCredentialsSecret": "kubeconfig"},
		},
	}
	if diff := cmp.Diff(want, f.field("remotesecrets", "r", "spec")); diff != "" {
		f.Error(diff)
	}
	if diff := cmp.Diff(labels, f.field("remotesecrets", "r", "metadata", "labels")); diff != "" {
		f.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{"image.redhat.com/upload": `{"u":1}`}, f.field("remotesecrets", "r", "metadata", "annotations")); diff != "" {
		f.Error(diff)
	}
	owner := map[string]any{"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Component", "name": "c", "uid": "uid-of-c"}
	if diff := cmp.Diff([]any{owner}, f.field("remotesecrets", "r", "metadata", "ownerReferences")); diff != "" {
		f.Error(diff)
	}

	_, err = f.CreateRemoteSecret(f.Context(), w)
	f.is(err, kube.ErrExists)
	f.same(got.ResourceVersion, f.readRemote("r").ResourceVersion)
	bare := kube.RemoteSecretWrite{Namespace: f.ns, Name: "bare", Owners: w.Owners}
	_, err = f.CreateRemoteSecret(f.Context(), bare)
	f.no(err)
	if r := f.readRemote("bare"); len(r.Labels)+len(r.SecretLabels)+len(r.Targets) != 0 || len(r.PullAccounts) != 0 {
		f.Errorf("without labels, account and targets it is %+v", r)
	}
	for _, row := range []struct {
		reason string
		edit   func(*kube.RemoteSecretWrite)
		want   error
	}{
		{"no such namespace", func(w *kube.RemoteSecretWrite) { w.Namespace += "-missing" }, kube.ErrNotFound},
		{"not a name", func(w *kube.RemoteSecretWrite) { w.Name = "Not_A_Name" }, kube.ErrInvalid},
		{"too long a label", func(w *kube.RemoteSecretWrite) { w.Labels["a"] = strings.Repeat("l", 64) }, kube.ErrInvalid},
		{"no owner", func(w *kube.RemoteSecretWrite) { w.Owners = []kube.OwnerReference{{}} }, kube.ErrInvalid},
	} {
		w := f.remote("refused")
		row.edit(&w)
		_, err := f.CreateRemoteSecret(f.Context(), w)
		f.Log(row.reason)
		f.is(err, row.want)
	}
	_, err = f.RemoteSecret(f.Context(), f.ns, "refused")
	f.is(err, kube.ErrNotFound)
}

func testRemoteSecretLists(f *fixture) {
	f.given("{apiVersion: v1, kind: Namespace, metadata: {name: NS-other}}")
	other := f.remote("a-pull")
	other.Namespace += "-other"
	elsewhere, err := f.CreateRemoteSecret(f.Context(), other)
	f.no(err)
	all := []kube.RemoteSecret{elsewhere}
	for _, name := range []string{"a-pull", "b", "c-pull", "d", "e-pull"} {
		all = append(all, f.brought(name))
	}
	placed(f, func(ctx context.Context, namespace string) ([]kube.RemoteSecret, error) {
		return remoteSecrets(ctx, f.Client, namespace, everyName)
	}, func(r kube.RemoteSecret) string { return r.Namespace }, all)

	before := f.Requests()
	got, err := remoteSecrets(f.Context(), f.Client, f.ns, func(_, name string) bool { return strings.HasSuffix(name, "-pull") })
	f.no(err)
	if diff := cmp.Diff([]kube.RemoteSecret{all[1], all[3], all[5]}, got); diff != "" || f.Requests()-before != 3 {
		f.Errorf("by name, after %d requests: %s", f.Requests()-before, diff)
	}
}

func testUpdateRemoteSecret(f *fixture) {
	first := f.brought("r")
	f.rows("admin", rawRow{"what others want of it", "PATCH", remoteSecretPath + "/r", mergeForm, `{"metadata":{"labels":{"mine":"too"},"annotations":{"mine":"too"}},` +
		`"spec":{"secret":{"name":"x","type":"Opaque","labels":{"mine":"too"},"linkedTo":[{"serviceAccount":{"reference":{"name":"x"}}},{"serviceAccount":{"as":"imagePullSecret","reference":{"name":"y"}}}]},` +
		`"targets":[{"namespace":"here","secret":{"name":"z"}},{"namespace":"x"}]}}`, 200, ""})
	changed := f.readRemote("r")
	want := first
	want.ResourceVersion, want.Secret, want.Type, want.PullAccounts, want.Customized = changed.ResourceVersion, "x", "Opaque", nil, true
	want.SecretLabels = map[string]string{"app.kubernetes.io/managed-by": "berth", "appstudio.redhat.com/component": "c"}
	want.Targets = []kube.RemoteTarget{{Namespace: "here"}, {Namespace: "x"}}
	if diff := cmp.Diff(want, changed); diff != "" {
		f.Errorf("changed by others: %s", diff)
	}
	f.rows("admin", rawRow{"an account that does not pull images", "PATCH", remoteSecretPath + "/r", mergeForm, `{"spec":{"secret":{"linkedTo":[{"serviceAccount":{"reference":{"name":"x"}}}]}}}`, 200, ""})
	changed = f.readRemote("r")
	if len(changed.PullAccounts) != 0 {
		f.Errorf("the account %s does not pull images with it", changed.PullAccounts)
	}

	w := f.remote("r")
	w.PullAccounts, w.Upload = []string{"deployer", "runner"}, "u"
	w.Labels = map[string]string{"app.kubernetes.io/managed-by": "berth", "appstudio.redhat.com/component": "d"}
	w.Targets = w.Targets[:1]
	want = asked(w, "")
	want.SecretLabels = w.Labels
	dry, err := f.UpdateRemoteSecret(f.Context(), w, changed.ResourceVersion, true)
	f.no(err)
	want.ResourceVersion = dry.ResourceVersion
	if diff := cmp.Diff(want, dry); diff != "" {
		f.Errorf("a dry run: %s", diff)
	}
	f.same(changed.ResourceVersion, f.readRemote("r").ResourceVersion)

	written, err := f.UpdateRemoteSecret(f.Context(), w, changed.ResourceVersion, false)
	f.no(err)
	want.ResourceVersion = written.ResourceVersion
	if got := f.field("remotesecrets", "r", "spec", "secret", "labels", "mine"); got != "too" {
		f.Errorf("a label of others is %v now", got)
	}
	for from, got := range map[string]kube.RemoteSecret{"the answer": written, "what is there": f.readRemote("r")} {
		if diff := cmp.Diff(want, got); diff != "" {
			f.Errorf("%s: %s", from, diff)
		}
	}
	if got := f.field("remotesecrets", "r", "spec", "targets"); !cmp.Equal(got, []any{map[string]any{"namespace": "here"}}) {
		f.Errorf("the targets are %v", got)
	}
	if got := f.field("remotesecrets", "r", "metadata", "annotations"); !cmp.Equal(got, map[string]any{"mine": "too", "image.redhat.com/upload": "u"}) {
		f.Errorf("the annotations are %v", got)
	}

	w.Upload = ""
	again, err := f.UpdateRemoteSecret(f.Context(), w, written.ResourceVersion, false)
	f.no(err)
	f.same(written.ResourceVersion, again.ResourceVersion) // nothing differed, and the annotation is left alone

	w.Targets = nil
	emptied, err := f.UpdateRemoteSecret(f.Context(), w, written.ResourceVersion, false)
	f.no(err)
	if got := f.readRemote("r"); len(emptied.Targets) != 0 || len(got.Targets) != 0 || got.ResourceVersion == written.ResourceVersion {
		f.Errorf("without targets it is %+v", got)
	}

	// Its owners stay.
	owners := f.readRemote("r").Owners
	w.Owners, w.Targets = []kube.OwnerReference{{APIVersion: "appstudio.redhat.com/v1alpha1", Kind: "Component", Name: "c", UID: "uid-of-d"}}, []kube.RemoteTarget{{Namespace: "here"}}
	owned, err := f.UpdateRemoteSecret(f.Context(), w, emptied.ResourceVersion, false)
	f.no(err)
	if diff := cmp.Diff(owners, owned.Owners); diff != "" {
		f.Error(diff)
	}
	_, err = f.UpdateRemoteSecret(f.Context(), w, written.ResourceVersion, false)
	f.is(err, kube.ErrConflict)
	f.same(owned.ResourceVersion, f.readRemote("r").ResourceVersion)

	// Who may not delete it may not give it another owner, either.
	f.given("{apiVersion: v1, kind: ServiceAccount, metadata: {name: patcher, namespace: NS}}")
	f.given(`{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: patcher, namespace: NS}, rules: [{apiGroups: [appstudio.redhat.com], resources: [remotesecrets], verbs: [patch]}]}`)
	f.given(`{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: patcher, namespace: NS}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: patcher},
		subjects: [{kind: ServiceAccount, name: patcher, namespace: NS}]}`)
	f.rows("system:serviceaccount:"+f.ns+":patcher", rawRow{
		"another owner", "PATCH", remoteSecretPath + "/r", mergeForm,
		`{"metadata":{"ownerReferences":[{"apiVersion":"appstudio.redhat.com/v1alpha1","kind":"Component","name":"c","uid":"uid-of-d"}]}}`,
		403, `remotesecrets.appstudio.redhat.com "r" is forbidden: cannot set an ownerRef on a resource you can't delete: , <nil>`,
	})
	f.same(owned.ResourceVersion, f.readRemote("r").ResourceVersion)
}

func testUpdateRemoteSecretRefused(f *fixture) {
	first := f.brought("r")
	w := f.remote("r")
	w.PullAccounts = []string{"deployer"}
	current, err := f.UpdateRemoteSecret(f.Context(), w, first.ResourceVersion, false)
	f.no(err)
	for _, row := range []struct {
		reason  string
		edit    func(*kube.RemoteSecretWrite)
		version string
		want    error
	}{
		{"it changed meanwhile", func(w *kube.RemoteSecretWrite) { w.Targets = nil }, first.ResourceVersion, kube.ErrConflict},
		{"it changed to the very same meanwhile", func(*kube.RemoteSecretWrite) {}, first.ResourceVersion, kube.ErrConflict},
		{"no version", func(w *kube.RemoteSecretWrite) { w.Targets = nil }, "", kube.ErrInvalid},
		{"too long a label", func(w *kube.RemoteSecretWrite) { w.Labels["a"] = strings.Repeat("l", 64) }, current.ResourceVersion, kube.ErrInvalid},
		{"it is not there", func(w *kube.RemoteSecretWrite) { w.Name = "missing" }, current.ResourceVersion, kube.ErrNotFound},
		{"its namespace is not there", func(w *kube.RemoteSecretWrite) { w.Namespace += "-missing" }, current.ResourceVersion, kube.ErrNotFound},
	} {
		for _, dryRun := range []bool{true, false} {
			w := f.remote("r")
			w.PullAccounts = []string{"deployer"}
			row.edit(&w)
			before := f.Requests()
			_, err := f.UpdateRemoteSecret(f.Context(), w, row.version, dryRun)
			f.Log(row.reason)
			f.is(err, row.want)
			if sent := f.Requests() - before; (sent == 0) != (row.version == "") {
				f.Errorf("%s: %d requests", row.reason, sent)
			}
		}
	}
	f.same(current.ResourceVersion, f.readRemote("r").ResourceVersion)
}
