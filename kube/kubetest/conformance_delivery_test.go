package kubetest_test

import (
	"strings"

	"github.com/google/go-cmp/cmp"

	"k8s.io/client-go/rest"
)

const (
	appstudio        = "appstudio.redhat.com"
	alpha            = "/apis/appstudio.redhat.com/v1alpha1/namespaces/NS/"
	remoteSecretPath = "/apis/appstudio.redhat.com/v1beta1/namespaces/NS/remotesecrets"
)

// rows sends requests of a user, in order.
func (f *fixture) rows(user string, rows ...rawRow) {
	f.Helper()
	config := rest.CopyConfig(f.config(f.T, user))
	client, err := rest.HTTPClientFor(config)
	f.no(err)
	for _, row := range rows {
		f.Log(row.reason)
		send(f.T, client, config.Host, f.ns, row)
	}
}

// field reads a field of an object of the test's namespace.
func (f *fixture) field(resource, name string, path ...string) any {
	f.Helper()
	var value any = f.object(f.T, resource, f.ns, name)
	for _, step := range path {
		inner, _ := value.(map[string]any)
		value = inner[step]
	}
	return value
}

func testRemoteSecrets(f *fixture) {
	const body = `{"apiVersion":"appstudio.redhat.com/v1beta1","kind":"RemoteSecret","metadata":{"name":"r","labels":{"a":"b"}},"unknown":{},` +
		`"spec":{"secret":{"name":"pull","type":"kubernetes.io/dockerconfigjson","unknown":1,"keys":[{"name":"k","unknown":1}],` +
		`"linkedTo":[{"serviceAccount":{"reference":{"name":"default"}}},{"serviceAccount":{"as":"imagePullSecret","reference":{"name":"default"}}}]},` +
		`"target":[{"namespace":"a"}],"targets":[{"namespace":"a","secret":{"labels":{"any":"thing"}}},{"namespace":"b","unknown":1}]},` +
		`"status":{"conditions":[]}}`
	named := func(name, spec string) string {
		return `{"apiVersion":"appstudio.redhat.com/v1beta1","kind":"RemoteSecret","metadata":{"name":"` + name + `"},"spec":` + spec + `}`
	}
	const invalid = `RemoteSecret.appstudio.redhat.com "x" is invalid: `
	f.rows(
		"admin",
		rawRow{"a RemoteSecret", "POST", remoteSecretPath, form, body, 201, ""},
		rawRow{"again", "POST", remoteSecretPath, form, body, 409, `remotesecrets.appstudio.redhat.com "r" already exists`},
		rawRow{"in the other version", "GET", alpha + "remotesecrets", "", "", 404, ""},
		rawRow{"without a Secret", "POST", remoteSecretPath, form, named("x", `{}`), 422, invalid + "spec.secret: Required value"},
		rawRow{"without a target's namespace", "POST", remoteSecretPath, form, named("x", `{"secret":{},"targets":[{"apiUrl":"a"}]}`), 422, invalid + "spec.targets[0].namespace: Required value"},
		rawRow{"targets that are no list", "POST", remoteSecretPath, form, named("x", `{"secret":{},"targets":{}}`), 422, anyText},
		rawRow{"a name that is no string", "POST", remoteSecretPath, form, named("x", `{"secret":{"name":1}}`), 422, anyText},
		rawRow{"a Secret that is null", "POST", remoteSecretPath, form, named("x", `{"secret":null}`), 422, anyText},
		rawRow{"no spec at all", "POST", remoteSecretPath, form, strings.Replace(named("y", `{}`), `,"spec":{}`, "", 1), 201, ""},
	)
	want := map[string]any{
		"secret": map[string]any{
			"name": "pull", "type": "kubernetes.io/dockerconfigjson", "keys": []any{map[string]any{"name": "k"}},
			"linkedTo": []any{
				map[string]any{"serviceAccount": map[string]any{"as": "secret", "reference": map[string]any{"name": "default"}}},
				map[string]any{"serviceAccount": map[string]any{"as": "imagePullSecret", "reference": map[string]any{"name": "default"}}},
			},
		},
		"targets": []any{
			map[string]any{"namespace": "a", "secret": map[string]any{"labels": map[string]any{"any": "thing"}}},
			map[string]any{"namespace": "b"},
		},
	}
	if diff := cmp.Diff(want, f.field("remotesecrets", "r", "spec")); diff != "" {
		f.Error(diff)
	}
	for _, name := range []string{"unknown", "status"} {
		if got := f.field("remotesecrets", "r", name); got != nil {
			f.Errorf("%s is %v", name, got)
		}
	}
	if got := f.field("remotesecrets", "r", "metadata", "labels"); !cmp.Equal(got, map[string]any{"a": "b"}) {
		f.Errorf("the labels are %v", got)
	}
	f.rows("admin", rawRow{"an unknown field alone", "PATCH", remoteSecretPath + "/r", mergeForm, `{"spec":{"target":[{"namespace":"a"}]}}`, 200, ""})
	if got := f.field("remotesecrets", "r", "metadata", "generation"); got != int64(1) {
		f.Errorf("the generation is %v after what was pruned", got)
	}
}

// testStatus has a status that only its subresource writes, and that writes nothing else.
func testStatus(f *fixture) {
	f.given(`{apiVersion: appstudio.redhat.com/v1beta1, kind: RemoteSecret, metadata: {name: r, namespace: NS}, spec: {secret: {name: pull}}}`)
	f.component("c")
	const path, status = remoteSecretPath + "/r", remoteSecretPath + "/r/status"
	const targets = `"status":{"secret":{"keys":["k"]},"targets":[{"namespace":"a","error":"e"}]}`
	version := func() string {
		v, _ := f.field("remotesecrets", "r", "metadata", "resourceVersion").(string)
		return v
	}
	whole := func(version string) string {
		return `{"apiVersion":"appstudio.redhat.com/v1beta1","kind":"RemoteSecret","metadata":{"name":"r","resourceVersion":"` + version +
			`","labels":{"no":"no"}},"spec":{"secret":{"name":"no"}},` + targets + `}`
	}
	check := func(reason string, generation int64, name string, has bool) {
		f.Helper()
		got := []any{f.field("remotesecrets", "r", "metadata", "generation"), f.field("remotesecrets", "r", "spec", "secret", "name"), f.field("remotesecrets", "r", "status") != nil}
		if diff := cmp.Diff([]any{generation, name, has}, got); diff != "" {
			f.Errorf("%s: %s", reason, diff)
		}
	}
	first := version()
	f.rows("admin", rawRow{"the status in the object", "PATCH", path, mergeForm, `{` + targets + `}`, 200, ""})
	check("the status in the object", 1, "pull", false)
	f.same(first, version())

	f.rows("admin", rawRow{"the object in the status", "PATCH", status, mergeForm, `{"metadata":{"labels":{"no":"no"}},"spec":{"secret":{"name":"no"}},` + targets + `}`, 200, ""})
	check("the object in the status", 1, "pull", true)
	if f.field("remotesecrets", "r", "metadata", "labels") != nil {
		f.Error("a label came by way of the status")
	}
	second := version()
	f.rows(
		"admin",
		rawRow{"the same again", "PUT", status, form, whole(second), 200, ""},
		rawRow{"a stale status", "PUT", status, form, whole(first), 409, `Operation cannot be fulfilled on remotesecrets.appstudio.redhat.com "r": ` + moved},
		rawRow{"a status of no version", "PUT", status, form, whole(""), 422, anyText},
		rawRow{"a status of the wrong type", "PATCH", status, mergeForm, `{"status":{"targets":{}}}`, 422, anyText},
		rawRow{"a target without a namespace", "PATCH", status, mergeForm, `{"status":{"targets":[{}]}}`, 422, `RemoteSecret.appstudio.redhat.com "r" is invalid: status.targets[0].namespace: Required value`},
		rawRow{"no such object", "PATCH", strings.Replace(status, "/r/", "/none/", 1), mergeForm, `{}`, 404, `remotesecrets.appstudio.redhat.com "none" not found`},
		rawRow{"read", "GET", status, "", "", 200, ""},
		rawRow{"created", "POST", status, form, whole(second), 405, anyText},
		rawRow{"deleted", "DELETE", status, "", "", 405, anyText},
		rawRow{"another subresource", "GET", path + "/scale", "", "", 404, ""},
	)
	f.same(second, version())
	f.rows("admin", rawRow{"an unknown field", "PATCH", status, mergeForm, `{"status":{"unknown":1}}`, 200, ""})
	f.same(second, version())

	f.rows("admin", rawRow{"the spec", "PATCH", path, jsonForm, `[{"op":"replace","path":"/spec/secret/name","value":"other"},{"op":"remove","path":"/status"}]`, 200, ""})
	check("the spec", 2, "other", true)
	f.rows("admin", rawRow{"no status", "PATCH", status, mergeForm, `{"status":null}`, 200, ""})
	check("no status", 2, "other", false)
	f.rows("admin", rawRow{"a finalizer", "PATCH", path, mergeForm, `{"metadata":{"finalizers":["example.com/wait"]}}`, 200, ""})
	check("a finalizer", 2, "other", false)
	f.rows("admin", rawRow{"deleted", "DELETE", path, "", "", 200, ""}, rawRow{"deleted again", "DELETE", path, "", "", 200, ""})
	check("deleted", 3, "other", false)
	f.rows("admin", rawRow{"a status while it goes", "PATCH", status, mergeForm, `{"status":{"secret":{"keys":[]}}}`, 200, ""})
	check("a status while it goes", 3, "other", true)
	f.rows("admin", rawRow{"gone", "PATCH", path, mergeForm, `{"metadata":{"finalizers":null}}`, 200, ""})

	f.rows(
		"admin",
		rawRow{"a Component's", "PATCH", custom + "/c", mergeForm, `{"status":{"devfile":"no"}}`, 200, ""},
		rawRow{"a Component's, rightly", "PATCH", custom + "/c/status", mergeForm, `{"status":{"containerImage":"yes"}}`, 200, ""},
	)
	if got := f.field("components", "c", "status"); !cmp.Equal(got, map[string]any{"containerImage": "yes"}) {
		f.Errorf("the Component's status is %v", got)
	}
}

func testStatusRights(f *fixture) {
	f.given(`{apiVersion: appstudio.redhat.com/v1beta1, kind: RemoteSecret, metadata: {name: r, namespace: NS}, spec: {secret: {name: pull}}}`)
	for _, row := range []struct{ account, resource string }{{"writer", "remotesecrets"}, {"teller", "remotesecrets/status"}} {
		manifest := strings.NewReplacer("ACCOUNT", row.account, "RESOURCE", row.resource).Replace(`
apiVersion: v1
kind: ServiceAccount
metadata: {name: ACCOUNT, namespace: NS}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: ACCOUNT, namespace: NS}
rules: [{apiGroups: [appstudio.redhat.com], resources: [RESOURCE], verbs: [patch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: ACCOUNT, namespace: NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: ACCOUNT}
subjects: [{kind: ServiceAccount, name: ACCOUNT, namespace: NS}]`)
		f.given(manifest)
	}
	user := func(account string) string { return "system:serviceaccount:" + f.ns + ":" + account }
	refused := func(account, resource string) string {
		return `remotesecrets.appstudio.redhat.com "r" is forbidden: User "` + user(account) + `" cannot patch resource "` + resource +
			`" in API group "appstudio.redhat.com" in the namespace "` + f.ns + `"`
	}
	f.rows(
		user("writer"),
		rawRow{"the object", "PATCH", remoteSecretPath + "/r", mergeForm, `{}`, 200, ""},
		rawRow{"the status, without a right", "PATCH", remoteSecretPath + "/r/status", mergeForm, `{}`, 403, refused("writer", "remotesecrets/status")},
	)
	f.rows(
		user("teller"),
		rawRow{"the status", "PATCH", remoteSecretPath + "/r/status", mergeForm, `{}`, 200, ""},
		rawRow{"the object, without a right", "PATCH", remoteSecretPath + "/r", mergeForm, `{}`, 403, refused("teller", "remotesecrets")},
	)
}

// testEnvironments has every field that tells where an application is deployed.
func testEnvironments(f *fixture) {
	const credentials = `{"defaultNamespace":"n","apiURL":"https://api.example.com","clusterCredentialsSecret":"c","allowInsecureSkipTLSVerify":false}`
	object := func(kind, spec string) string {
		return `{"apiVersion":"appstudio.redhat.com/v1alpha1","kind":"` + kind + `","metadata":{"name":"o"},"spec":` + spec + `}`
	}
	strict := func(resource string) string { return alpha + resource + "?fieldValidation=Strict" }
	f.rows(
		"admin",
		rawRow{"an Environment", "POST", strict("environments"), form, object("Environment", `{"displayName":"d","deploymentStrategy":"Manual","parentEnvironment":"p","tags":["t"],`+
			`"configuration":{"target":{"deploymentTargetClaim":{"claimName":"c"}}},"unstableConfigurationFields":{"kubernetesCredentials":`+
			strings.Replace(credentials, "defaultNamespace", "targetNamespace", 1)+`}}`), 201, ""},
		rawRow{"a SnapshotEnvironmentBinding", "POST", strict("snapshotenvironmentbindings"), form, object("SnapshotEnvironmentBinding",
			`{"application":"a","environment":"e","snapshot":"s","components":[{"name":"c"}]}`), 201, ""},
		rawRow{"a DeploymentTargetClaim", "POST", strict("deploymenttargetclaims"), form, object("DeploymentTargetClaim", `{"deploymentTargetClassName":"n","targetName":"t"}`), 201, ""},
		rawRow{"a DeploymentTarget", "POST", strict("deploymenttargets"), form, object("DeploymentTarget", `{"deploymentTargetClassName":"n","claimRef":"c","kubernetesCredentials":`+credentials+`}`), 201, ""},
		rawRow{"a claim is bound", "PATCH", alpha + "deploymenttargetclaims/o/status", mergeForm, `{"status":{"phase":"Bound"}}`, 200, ""},
		rawRow{"a target is bound", "PATCH", alpha + "deploymenttargets/o/status", mergeForm, `{"status":{"phase":"Bound"}}`, 200, ""},
		rawRow{"an Environment's status", "PATCH", alpha + "environments/o/status", mergeForm, `{"status":{}}`, 200, ""},
		rawRow{"a binding's status", "PATCH", alpha + "snapshotenvironmentbindings/o/status", mergeForm, `{"status":{}}`, 200, ""},
		rawRow{"a list", "GET", alpha + "environments?limit=1", "", "", 200, ""},
		rawRow{"a list of the other version", "GET", strings.Replace(alpha, "v1alpha1", "v1beta1", 1) + "environments", "", "", 404, ""},
	)
	if got := f.field("deploymenttargetclaims", "o", "status", "phase"); got != "Bound" {
		f.Errorf("the claim is %v", got)
	}
	if got := f.field("environments", "o", "spec", "configuration", "target", "deploymentTargetClaim", "claimName"); got != "c" {
		f.Errorf("the Environment's claim is %v", got)
	}
}

func testConditionalDelete(f *fixture) {
	f.secret("s")
	id, _ := f.field("secrets", "s", "metadata", "uid").(string)
	version, _ := f.field("secrets", "s", "metadata", "resourceVersion").(string)
	on := func(conditions string) string {
		return `{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{` + conditions + `}}`
	}
	conflict := func(field, want, is, guess string) string {
		return `Operation cannot be fulfilled on Secret "s": the ` + field + " in the precondition (" + want + ") does not match the " + field + " in record (" + is + "). The object might have been " + guess
	}
	uidConflict, versionConflict := conflict("UID", "u", id, "deleted and then recreated"), conflict("ResourceVersion", "1", version, "modified")
	const path = core + "secrets/s"
	f.rows(
		"admin",
		rawRow{"another uid", "DELETE", path, form, on(`"uid":"u"`), 409, uidConflict},
		rawRow{"another version", "DELETE", path, form, on(`"resourceVersion":"1"`), 409, versionConflict},
		rawRow{"the uid, another version", "DELETE", path, form, on(`"uid":"` + id + `","resourceVersion":"1"`), 409, versionConflict},
		rawRow{"a dry run, another uid", "DELETE", path, form, `{"kind":"DeleteOptions","apiVersion":"v1","dryRun":["All"],"preconditions":{"uid":"u"}}`, 409, uidConflict},
		rawRow{"a dry run", "DELETE", path, form, `{"kind":"DeleteOptions","apiVersion":"v1","dryRun":["All"],"preconditions":{"uid":"` + id + `"}}`, 200, ""},
		rawRow{"a dry run by the query, without a body", "DELETE", path + "?dryRun=All", "", "", 200, ""},
		rawRow{"they were", "GET", path, "", "", 200, ""},
		rawRow{"both right; beside a body the query says nothing", "DELETE", path + "?dryRun=All", form, on(`"uid":"` + id + `","resourceVersion":"` + version + `"`), 200, ""},
		rawRow{"gone", "DELETE", path, form, on(`"uid":"` + id + `"`), 404, `secrets "s" not found`},
	)
}
