package kubetest_test

import (
	"fmt"
	"strings"
	"sync"

	"github.com/google/go-cmp/cmp"

	"k8s.io/client-go/rest"

	"berth/kube"
)

func testServiceAccounts(f *fixture) {
	f.given(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: NS}, secrets: [{name: s1}, {name: s2}], imagePullSecrets: [{name: p}]}`)
	f.given(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: b, namespace: NS}}`)
	f.given(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: c, namespace: NS}}`)
	a := kube.ServiceAccount{Namespace: f.ns, Name: "a", Secrets: []string{"s1", "s2"}, ImagePullSecrets: []string{"p"}}
	b := kube.ServiceAccount{Namespace: f.ns, Name: "b"}
	c := kube.ServiceAccount{Namespace: f.ns, Name: "c"}

	all, err := f.ServiceAccounts(f.Context(), f.ns, nil)
	f.no(err)
	if diff := cmp.Diff([]kube.ServiceAccount{a, b, c}, all); diff != "" {
		f.Error(diff)
	}
	some, err := f.ServiceAccounts(f.Context(), f.ns, func(name string) bool { return name != "b" })
	f.no(err)
	if diff := cmp.Diff([]kube.ServiceAccount{a, c}, some); diff != "" {
		f.Error(diff)
	}
}

func testLinks(f *fixture) {
	f.given(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: NS}, secrets: [{name: theirs}]}`)
	link := func(secret string, field kube.LinkField) func() error {
		return func() error { return f.LinkSecret(f.Context(), f.ns, "a", secret, field) }
	}
	unlink := func(secret string, field kube.LinkField) func() error {
		return func() error { return f.UnlinkSecret(f.Context(), f.ns, "a", secret, field) }
	}
	version := func() string {
		metadata, _ := f.object(f.T, "serviceaccounts", f.ns, "a")["metadata"].(map[string]any)
		v, _ := metadata["resourceVersion"].(string)
		return v
	}
	for _, step := range []struct {
		reason        string
		do            func() error
		secrets, pull string // in order
		nothing       bool
	}{
		{"the first of a field", link("one", kube.LinkImagePullSecrets), "theirs", "one", false},
		{"the same again", link("one", kube.LinkImagePullSecrets), "theirs", "one", true},
		{"beside another's", link("two", kube.LinkSecrets), "two theirs", "one", false},
		{"beside one's own", link("three", kube.LinkSecrets), "three two theirs", "one", false},
		{"one that is there already", link("theirs", kube.LinkSecrets), "three two theirs", "one", true},
		{"a second to pull with", link("two", kube.LinkImagePullSecrets), "three two theirs", "one two", false},
		{"out of the middle", unlink("two", kube.LinkSecrets), "three theirs", "one two", false},
		{"one that is not there", unlink("two", kube.LinkSecrets), "three theirs", "one two", true},
		{"the first to pull with", unlink("one", kube.LinkImagePullSecrets), "three theirs", "two", false},
		{"the last of a field", unlink("two", kube.LinkImagePullSecrets), "three theirs", "", false},
		{"out of an empty field", unlink("two", kube.LinkImagePullSecrets), "three theirs", "", true},
		{"one of two left", unlink("theirs", kube.LinkSecrets), "three", "", false},
		{"the last that merges", unlink("three", kube.LinkSecrets), "", "", false},
	} {
		before := version()
		f.no(step.do())
		accounts, err := f.ServiceAccounts(f.Context(), f.ns, nil)
		f.no(err)
		if len(accounts) != 1 {
			f.Fatalf("%s: %+v", step.reason, accounts)
		}
		if diff := cmp.Diff(step.secrets, strings.Join(accounts[0].Secrets, " ")); diff != "" {
			f.Errorf("%s: secrets: %s", step.reason, diff)
		}
		if diff := cmp.Diff(step.pull, strings.Join(accounts[0].ImagePullSecrets, " ")); diff != "" {
			f.Errorf("%s: imagePullSecrets: %s", step.reason, diff)
		}
		if after := version(); (before == after) != step.nothing {
			f.Errorf("%s: resourceVersion was %s and is %s", step.reason, before, after)
		}
	}

	f.is(f.LinkSecret(f.Context(), f.ns, "missing", "s", kube.LinkSecrets), kube.ErrNotFound)
	f.is(f.UnlinkSecret(f.Context(), f.ns, "missing", "s", kube.LinkSecrets), kube.ErrNotFound)
	f.is(f.LinkSecret(f.Context(), f.ns, "missing", "s", kube.LinkImagePullSecrets), kube.ErrNotFound)
	f.is(f.LinkSecret(f.Context(), f.ns+"-missing", "a", "s", kube.LinkSecrets), kube.ErrNotFound)
	f.is(f.LinkSecret(f.Context(), f.ns+"-missing", "a", "s", kube.LinkImagePullSecrets), kube.ErrNotFound)
	f.is(f.LinkSecret(f.Context(), f.ns, "a", "s", "metadata"), kube.ErrInvalid)
}

// testManyLinks lets many writers into each list at once.
func testManyLinks(f *fixture) {
	f.given(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: NS}}`)
	var writers sync.WaitGroup
	for i := range 12 {
		for _, field := range []kube.LinkField{kube.LinkSecrets, kube.LinkImagePullSecrets} {
			writers.Go(func() {
				if err := f.LinkSecret(f.Context(), f.ns, "a", fmt.Sprintf("s%d", i), field); err != nil {
					f.Error(err)
				}
			})
		}
	}
	writers.Wait()
	accounts, err := f.ServiceAccounts(f.Context(), f.ns, nil)
	f.no(err)
	if len(accounts) != 1 || len(accounts[0].Secrets) != 12 || len(accounts[0].ImagePullSecrets) != 12 {
		f.Errorf("of 12 links each there are %+v", accounts)
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
	_, components := n.Components(f.Context(), "", "")
	_, component := n.Component(f.Context(), f.ns, "c")
	_, annotate := n.Annotate(f.Context(), c, kube.AnnotationChange{Set: map[string]string{"image.redhat.com/x": "x"}})
	_, secrets := n.Secrets(f.Context(), f.ns, "")
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
		{n.LinkSecret(f.Context(), f.ns, "nobody", "s", kube.LinkSecrets), cannot(`serviceaccounts "nobody"`, "patch", "serviceaccounts", "", here)},
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
	_, err = r.Components(f.Context(), f.ns, "")
	f.no(err)
	for _, row := range []struct {
		reason string
		call   func() error
	}{
		{"another name", func() error { _, err := r.Secret(f.Context(), f.ns, "shut"); return err }},
		{"a list, of a right by name", func() error { _, err := r.Secrets(f.Context(), f.ns, ""); return err }},
		{"another namespace", func() error { _, err := r.Secret(f.Context(), "default", "open"); return err }},
		{"all namespaces", func() error { _, err := r.Components(f.Context(), "", ""); return err }},
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
	f.is(reader.LinkSecret(f.Context(), f.ns, "a", "s", kube.LinkSecrets), kube.ErrReadOnly)
	f.is(reader.UnlinkSecret(f.Context(), f.ns, "a", "s", kube.LinkSecrets), kube.ErrReadOnly)
	if n := reader.Requests(); n != 0 {
		f.Errorf("%d requests were sent", n)
	}
	if _, err := reader.Secret(f.Context(), f.ns, "push"); err != nil || reader.Requests() != 1 {
		f.Errorf("a read gave %v after %d requests", err, reader.Requests())
	}
}
