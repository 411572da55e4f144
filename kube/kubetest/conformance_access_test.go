package kubetest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/google/go-cmp/cmp"

	"k8s.io/client-go/rest"

	"berth/kube"
)

func testServiceAccounts(f *fixture) {
	f.given(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: NS, labels: {appstudio.redhat.com/remotesecret-auth-sa: "true"}}, secrets: [{name: s1}, {name: s2}], imagePullSecrets: [{name: p}]}`)
	f.given(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: b, namespace: NS}}`)
	f.given(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: c, namespace: NS}}`)
	a := kube.ServiceAccount{Namespace: f.ns, Name: "a", Secrets: []string{"s1", "s2"}, PullSecrets: []string{"p"}, Authorizes: true}
	b := kube.ServiceAccount{Namespace: f.ns, Name: "b"}
	c := kube.ServiceAccount{Namespace: f.ns, Name: "c"}

	all, err := f.ServiceAccounts(f.Context(), f.ns, nil)
	f.no(err)
	if diff := cmp.Diff([]kube.ServiceAccount{a, b, c}, all, versionless); diff != "" {
		f.Error(diff)
	}
	some, err := f.ServiceAccounts(f.Context(), f.ns, func(a kube.ServiceAccount) bool { return a.Name != "b" })
	f.no(err)
	if diff := cmp.Diff([]kube.ServiceAccount{a, c}, some, versionless); diff != "" {
		f.Error(diff)
	}
}

func testLinks(f *fixture) {
	f.given(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: NS}, imagePullSecrets: [{name: pull}]}`)
	for _, step := range []struct {
		reason, secrets string
		want            string // in order
		nothing         bool
	}{
		{"the first", "one", "one", false},
		{"the same again", "one", "one", true},
		{"a second", "two", "two one", false},
		{"a third", "three", "three two one", false},
		{"one in the middle that is there already", "two", "three two one", true},
		{"several, one of them there already", "four two five", "four three two five one", false},
		{"several that are all there already", "five one", "four three two five one", true},
		{"the same in another order", "one five", "four three two one five", false},
	} {
		before := f.account()
		f.no(link(f.Client, f, "a", strings.Fields(step.secrets)...))
		after := f.account()
		if after.secrets != step.want || after.pull != "pull" {
			f.Errorf("%s: %+v", step.reason, after)
		}
		if (before.version == after.version) != step.nothing {
			f.Errorf("%s: resourceVersion was %s and is %s", step.reason, before.version, after.version)
		}
	}
	f.is(link(f.Client, f, "missing", "s"), kube.ErrNotFound)
	_, err := f.LinkSecrets(f.Context(), f.ns+"-missing", "a", "s")
	f.is(err, kube.ErrNotFound)
}

// testStrategicMerge has the two lists of a ServiceAccount: only one of them merges.
func testStrategicMerge(f *fixture) {
	f.given(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: NS}, secrets: [{name: one}], imagePullSecrets: [{name: one}]}`)
	config := rest.CopyConfig(f.config(f.T, "admin"))
	client, err := rest.HTTPClientFor(config)
	f.no(err)
	for _, row := range []struct{ reason, body, secrets, pull string }{
		{"an entry of each", `{"secrets":[{"name":"two"}],"imagePullSecrets":[{"name":"two"}]}`, "two one", "two"},
		{"several", `{"imagePullSecrets":[{"name":"two"},{"name":"three"}]}`, "two one", "two three"},
		{"none", `{"secrets":[],"imagePullSecrets":[]}`, "two one", ""},
		{"null", `{"secrets":null}`, "", ""},
	} {
		send(f.T, client, config.Host, f.ns, rawRow{row.reason, "PATCH", core + "serviceaccounts/a", strategic, row.body, 200, ""})
		if got := f.account(); got.secrets != row.secrets || got.pull != row.pull {
			f.Errorf("%s: %+v", row.reason, got)
		}
	}
}

// account is the ServiceAccount a, with the names in its lists in order.
type account struct{ version, secrets, pull string }

func (f *fixture) account() account {
	f.Helper()
	raw, err := json.Marshal(f.object(f.T, "serviceaccounts", f.ns, "a"))
	f.no(err)
	type names []struct{ Name string }
	var a struct {
		Metadata                  struct{ ResourceVersion string }
		Secrets, ImagePullSecrets names
	}
	f.no(json.Unmarshal(raw, &a))
	join := func(list names) string {
		var all []string
		for _, entry := range list {
			all = append(all, entry.Name)
		}
		return strings.Join(all, " ")
	}
	return account{a.Metadata.ResourceVersion, join(a.Secrets), join(a.ImagePullSecrets)}
}

// link links Secrets to a ServiceAccount of the test's namespace.
func link(c *kube.Client, f *fixture, account string, secrets ...string) error {
	_, err := c.LinkSecrets(f.Context(), f.ns, account, secrets...)
	return err
}

// linkPull does so for its pods; nobody has seen it before.
func linkPull(c *kube.Client, f *fixture, account string, secrets ...string) error {
	_, err := c.LinkPullSecrets(f.Context(), kube.ServiceAccount{Namespace: f.ns, Name: account}, secrets...)
	return err
}

// testManyLinks lets many writers into the list at once.
func testManyLinks(f *fixture) {
	f.given(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: NS}}`)
	var writers sync.WaitGroup
	for i := range 12 {
		writers.Go(func() {
			if err := link(f.Client, f, "a", fmt.Sprintf("s%d", i)); err != nil {
				f.Error(err)
			}
		})
	}
	writers.Wait()
	accounts, err := f.ServiceAccounts(f.Context(), f.ns, nil)
	f.no(err)
	if len(accounts) != 1 || len(accounts[0].Secrets) != 12 {
		f.Errorf("of 12 links there are %+v", accounts)
	}
}

func testForbidden(f *fixture) {
	f.given(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: nobody, namespace: NS}}`)
	c, secret := f.component("c"), f.secret("push")
	nobody := "system:serviceaccount:" + f.ns + ":nobody"
	n := f.client(kube.Options{Config: f.config(f.T, nobody)})
	cannot := func(what, verb, resource, group, where string) string {
		return what + ` is forbidden: User "` + nobody + `" cannot ` + verb + ` resource "` + resource + `" in API group "` + group + `" ` + where
	}
	here, everywhere := `in the namespace "`+f.ns+`"`, "at the cluster scope"
	_, namespaces := n.Namespaces(f.Context())
	_, namespace := n.Namespace(f.Context(), f.ns)
	_, components := n.Components(f.Context(), kube.AppStudio, kube.AllNamespaces, "")
	_, component := n.Component(f.Context(), kube.AppStudio, f.ns, "c")
	_, annotate := n.Annotate(f.Context(), c, kube.AnnotationChange{Set: map[string]string{"image.redhat.com/x": "x"}})
	_, secrets := secrets(f.Context(), n, f.ns, "")
	_, get := n.Secret(f.Context(), f.ns, "push")
	_, missing := n.Secret(f.Context(), f.ns, "missing")
	_, metadata := n.SecretMetadata(f.Context(), f.ns, "push")
	_, accounts := n.ServiceAccounts(f.Context(), f.ns, nil)
	const appstudio = "appstudio.redhat.com"
	for _, row := range []struct {
		err  error
		want string
	}{
		{namespaces, cannot("namespaces", "list", "namespaces", "", everywhere)},
		{namespace, cannot(`namespaces "`+f.ns+`"`, "get", "namespaces", "", here)},
		{components, cannot("components."+appstudio, "list", "components", appstudio, everywhere)},
		{component, cannot("components."+appstudio+` "c"`, "get", "components", appstudio, here)},
		{annotate, cannot("components."+appstudio+` "c"`, "patch", "components", appstudio, here)},
		{secrets, cannot("secrets", "list", "secrets", "", here)},
		{get, cannot(`secrets "push"`, "get", "secrets", "", here)},
		{missing, cannot(`secrets "missing"`, "get", "secrets", "", here)},
		{metadata, cannot(`secrets "push"`, "get", "secrets", "", here)},
		{n.CreateSecret(f.Context(), f.write("new")), cannot("secrets", "create", "secrets", "", here)},
		{n.UpdateSecret(f.Context(), f.write("push"), secret.ResourceVersion, true), cannot(`secrets "push"`, "patch", "secrets", "", here)},
		{accounts, cannot("serviceaccounts", "list", "serviceaccounts", "", here)},
		{link(n, f, "nobody", "s"), cannot(`serviceaccounts "nobody"`, "patch", "serviceaccounts", "", here)},
	} {
		f.is(row.err, kube.ErrForbidden)
		if message(row.err) != row.want {
			f.Errorf("the message is\n%s, want\n%s", message(row.err), row.want)
		}
	}
}

// testRights has every way of granting a right in one namespace.
func testRights(f *fixture) {
	f.given(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: reader, namespace: NS}}`)
	f.given(`{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: "one:secret", namespace: NS},
		rules: [{apiGroups: [""], resources: [secrets], resourceNames: [open], verbs: [get]}]}`)
	f.given(`{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: "one:secret", namespace: NS},
		roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: "one:secret"},
		subjects: [{kind: ServiceAccount, name: reader, namespace: NS}]}`)
	f.given(`{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: by-group, namespace: NS},
		roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: NS},
		subjects: [{kind: Group, apiGroup: rbac.authorization.k8s.io, name: "system:serviceaccounts:NS"}]}`)
	f.given(`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: NS},
		rules: [{apiGroups: ["*"], resources: [components, secrets/status], verbs: ["*"]}]}`)
	f.secret("open")
	f.secret("shut")
	f.component("c")
	r := f.client(kube.Options{Config: f.config(f.T, "system:serviceaccount:"+f.ns+":reader")})
	_, err := r.Secret(f.Context(), f.ns, "open")
	f.no(err)
	_, err = r.SecretMetadata(f.Context(), f.ns, "open")
	f.no(err)
	_, err = r.Components(f.Context(), kube.AppStudio, f.ns, "")
	f.no(err)
	for _, row := range []struct {
		reason string
		call   func() error
	}{
		{"another name", func() error { _, err := r.Secret(f.Context(), f.ns, "shut"); return err }},
		{"a list, of a right by name", func() error { _, err := secrets(f.Context(), r, f.ns, ""); return err }},
		{"another namespace", func() error { _, err := r.Secret(f.Context(), "default", "open"); return err }},
		{"all namespaces", func() error { _, err := r.Components(f.Context(), kube.AppStudio, kube.AllNamespaces, ""); return err }},
		{"another verb", func() error { return r.UpdateSecret(f.Context(), f.write("open"), "1", true) }},
	} {
		f.Log(row.reason)
		f.is(row.call(), kube.ErrForbidden)
	}
}

func testUnauthorized(f *fixture) {
	config := rest.CopyConfig(f.config(f.T, berth))
	config.BearerToken = "unknown"
	_, err := f.client(kube.Options{Config: config}).Namespaces(f.Context())
	f.is(err, kube.ErrUnauthorized)
}

func testReadOnly(f *fixture) {
	c, secret := f.component("c"), f.secret("push")
	reader := f.client(kube.Options{Config: f.config(f.T, berth), ReadOnly: true})
	_, err := reader.Annotate(f.Context(), c, kube.AnnotationChange{Set: map[string]string{"image.redhat.com/x": "x"}})
	f.is(err, kube.ErrReadOnly)
	f.is(reader.CreateSecret(f.Context(), f.write("new")), kube.ErrReadOnly)
	f.is(reader.UpdateSecret(f.Context(), f.write("push"), secret.ResourceVersion, true), kube.ErrReadOnly)
	f.is(link(reader, f, "a", "s"), kube.ErrReadOnly)
	if n := reader.Requests(); n != 0 {
		f.Errorf("%d requests were sent", n)
	}
	if _, err := reader.Secret(f.Context(), f.ns, "push"); err != nil || reader.Requests() != 1 {
		f.Errorf("a read gave %v after %d requests", err, reader.Requests())
	}
}
