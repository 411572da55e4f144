package kubetest_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"k8s.io/client-go/rest"

	"berth/kube"
)

// between calls on before each PATCH goes out.
type between struct {
	next http.RoundTripper
	on   func()
	n    atomic.Int64
}

func (b *between) wrap(next http.RoundTripper) http.RoundTripper {
	b.next = next
	return b
}

func (b *between) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodPatch {
		b.n.Add(1)
		b.on()
	}
	return b.next.RoundTrip(req)
}

func testPullLinks(f *fixture) {
	f.given(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: NS}, secrets: [{name: s1}, {name: one}], imagePullSecrets: [{name: p}, {name: o}]}`)
	for _, step := range []struct {
		reason, secrets string
		want            string // in order
		nothing         bool
	}{
		{"the first", "one", "p o one", false},
		{"the same again", "one", "p o one", true},
		{"a second", "b", "p o one b", false},
		{"another's, there already", "o", "p o one b", true},
		{"several, one of them there already", "c one d", "p o one b c d", false},
		{"several that are all there already", "d p", "p o one b c d", true},
	} {
		before := f.account()
		f.no(linkPull(f.Client, f, "a", strings.Fields(step.secrets)...))
		after := f.account()
		if after.pull != step.want || after.secrets != "s1 one" {
			f.Errorf("%s: %+v", step.reason, after)
		}
		if (before.version == after.version) != step.nothing {
			f.Errorf("%s: resourceVersion was %s and is %s", step.reason, before.version, after.version)
		}
	}
	f.is(linkPull(f.Client, f, "missing", "s"), kube.ErrNotFound)
	_, err := f.LinkPullSecrets(f.Context(), kube.ServiceAccount{Namespace: f.ns + "-missing", Name: "a"}, "s")
	f.is(err, kube.ErrNotFound)
	f.given(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: none, namespace: NS}}`)
	f.no(linkPull(f.Client, f, "none", "s"))
	accounts, err := f.ServiceAccounts(f.Context(), f.ns, func(a kube.ServiceAccount) bool { return a.Name != "a" })
	f.no(err)
	if diff := cmp.Diff([]kube.ServiceAccount{{Namespace: f.ns, Name: "none", PullSecrets: []string{"s"}}}, accounts, versionless); diff != "" {
		f.Error(diff)
	}
}

// versionless compares ServiceAccounts but for what each server numbers by itself.
var versionless = cmpopts.IgnoreFields(kube.ServiceAccount{}, "ResourceVersion")

// testPullLinksAsListed begins with ServiceAccounts as a list has shown them.
func testPullLinksAsListed(f *fixture) {
	listed := func(name string) kube.ServiceAccount {
		f.Helper()
		all, err := f.ServiceAccounts(f.Context(), f.ns, func(a kube.ServiceAccount) bool { return a.Name == name })
		f.no(err)
		if len(all) != 1 || all[0].ResourceVersion == "" {
			f.Fatalf("%+v", all)
		}
		return all[0]
	}
	remade := func() {
		f.delete(f.T, "serviceaccounts", f.ns, "a")
		f.given(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: NS}, imagePullSecrets: [{name: new}]}`)
	}
	replaced := func(list string) func() {
		return func() {
			f.rows("admin", rawRow{"somebody else writes", "PATCH", core + "serviceaccounts/a", mergeForm, `{"imagePullSecrets":` + list + `}`, 200, ""})
		}
	}
	for _, row := range []struct {
		reason    string
		before    string // the list
		meanwhile func() // after the list
		secrets   string
		want      string
		requests  int
	}{
		{"one more", `[{"name":"p"}]`, nil, "one", "p one", 1},
		{"several", `[{"name":"p"},{"name":"o"}]`, nil, "b a", "p o b a", 1},
		{"the first", `null`, nil, "one two", "one two", 1},
		{"behind an entry without a name", `[{"name":"p"},{}]`, nil, "one", "p  one", 1},
		{"they are there", `[{"name":"one"},{"name":"two"}]`, nil, "two one", "one two", 0},
		{"one of them is there", `[{"name":"one"}]`, nil, "one two", "one two", 1},
		{"somebody else added one", `[{"name":"p"}]`, replaced(`[{"name":"theirs"},{"name":"p"}]`), "one", "theirs p one", 3},
		{"somebody else added ours", `[{"name":"p"}]`, replaced(`[{"name":"one"},{"name":"p"}]`), "one", "one p", 2},
		{"somebody else added the first", `null`, replaced(`[{"name":"theirs"}]`), "one", "theirs one", 3},
		{"somebody else emptied the list", `[{"name":"p"}]`, replaced(`null`), "one two", "one two", 3},
		{"it was made again", `[{"name":"p"}]`, remade, "one", "new one", 3},
	} {
		f.given(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: NS}, secrets: [{name: s1}]}`)
		replaced(row.before)()
		seen := listed("a")
		if row.meanwhile != nil {
			row.meanwhile()
		}
		before := f.Requests()
		after, err := f.LinkPullSecrets(f.Context(), seen, strings.Fields(row.secrets)...)
		f.no(err)
		if got := f.Requests() - before; got != row.requests {
			f.Errorf("%s: %d requests, want %d", row.reason, got, row.requests)
		}
		if got := f.account(); got.pull != row.want {
			f.Errorf("%s: the list is %q, want %q", row.reason, got.pull, row.want)
		}
		if diff := cmp.Diff(listed("a"), after); diff != "" {
			f.Errorf("%s: it is not what the answer says (-is +said):\n%s", row.reason, diff)
		}

		// What an answer has shown is good for the next write, whichever list that was of.
		before = f.Requests()
		after, err = f.LinkPullSecrets(f.Context(), after, "next")
		f.no(err)
		_, err = f.LinkSecrets(f.Context(), f.ns, "a", "push")
		f.no(err)
		_, err = f.LinkPullSecrets(f.Context(), after, "late")
		f.no(err)
		after, err = f.LinkSecrets(f.Context(), f.ns, "a", "more")
		f.no(err)
		_, err = f.LinkPullSecrets(f.Context(), after, "last")
		f.no(err)
		if got := f.Requests() - before; got != 1+1+3+1+1 {
			f.Errorf("%s, and then: %d requests", row.reason, got)
		}
		if got := f.account(); got.pull != row.want+" next late last" {
			f.Errorf("%s, and then: the list is %q", row.reason, got.pull)
		}
		f.delete(f.T, "serviceaccounts", f.ns, "a")
	}

	seen := kube.ServiceAccount{Namespace: f.ns, Name: "a", ResourceVersion: "1", PullSecrets: []string{"p"}}
	_, err := f.LinkPullSecrets(f.Context(), seen, "one")
	f.is(err, kube.ErrNotFound)
}

// testManyPullLinks makes more than one JSON patch may have.
func testManyPullLinks(f *fixture) {
	const many = 10_001
	f.given(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: NS}, imagePullSecrets: [{name: p}]}`)
	secrets := make([]string, many)
	for i := range secrets {
		secrets[i] = fmt.Sprint("s", i)
	}
	f.no(linkPull(f.Client, f, "a", secrets...))
	f.no(linkPull(f.Client, f, "a", secrets...))
	if got, want := f.account().pull, "p "+strings.Join(secrets, " "); got != want {
		f.Errorf("the list has %d entries, want %d", strings.Count(got, " ")+1, many+1)
	}
}

// testPullLinkConflicts lets somebody else write between the read and the write.
func testPullLinkConflicts(f *fixture) {
	f.given(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: NS}, imagePullSecrets: [{name: p}]}`)
	theirs, err := rest.HTTPClientFor(f.config(f.T, "admin"))
	f.no(err)
	host := f.config(f.T, "admin").Host
	write := func(body string) {
		send(f.T, theirs, host, f.ns, rawRow{"somebody else writes", "PATCH", core + "serviceaccounts/a", mergeForm, body, 200, ""})
	}
	b := &between{}
	config := rest.CopyConfig(f.config(f.T, berth))
	config.Wrap(b.wrap)
	c := f.client(kube.Options{Config: config})

	b.on = func() {
		if b.n.Load() == 1 {
			write(`{"imagePullSecrets":[{"name":"theirs"},{"name":"p"}]}`)
		}
	}
	f.no(linkPull(c, f, "a", "one"))
	if got := f.account().pull; got != "theirs p one" || b.n.Load() != 2 {
		f.Errorf("after a conflict and %d writes the list is %q", b.n.Load(), got)
	}

	b.n.Store(0)
	b.on = func() { write(`{"imagePullSecrets":[{"name":"two"}]}`) }
	f.no(linkPull(c, f, "a", "two"))
	if got := f.account().pull; got != "two" || b.n.Load() != 1 {
		f.Errorf("after somebody else linked it, and %d writes, the list is %q", b.n.Load(), got)
	}

	b.n.Store(0)
	b.on = func() { write(`{"metadata":{"annotations":{"n":"` + string(rune('a'+b.n.Load())) + `"}}}`) }
	f.is(linkPull(c, f, "a", "three"), kube.ErrConflict)
	if got := f.account().pull; got != "two" || b.n.Load() != 5 {
		f.Errorf("after conflicts alone, and %d writes, the list is %q", b.n.Load(), got)
	}

	// As many writers as there are attempts: each conflict is another's success.
	var writers sync.WaitGroup
	for _, name := range []string{"v", "w", "x", "y", "z"} {
		writers.Go(func() {
			if err := linkPull(f.Client, f, "a", name); err != nil {
				f.Error(err)
			}
		})
	}
	writers.Wait()
	if got := f.account().pull; len(got) != len("two v w x y z") {
		f.Errorf("of five links there are %q", got)
	}
}

func testForbiddenDelivery(f *fixture) {
	f.given(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: nobody, namespace: NS}}`)
	r, secret := f.brought("r"), f.secret("s")
	n := f.client(kube.Options{Config: f.config(f.T, "system:serviceaccount:"+f.ns+":nobody")})
	reader := f.client(kube.Options{Config: f.config(f.T, berth), ReadOnly: true})
	_, environments := n.Environments(f.Context(), f.ns)
	_, bindings := n.EnvironmentBindings(f.Context(), kube.AllNamespaces)
	_, claims := n.DeploymentTargetClaims(f.Context(), f.ns)
	_, targets := n.DeploymentTargets(f.Context(), kube.AllNamespaces)
	_, list := remoteSecrets(f.Context(), n, f.ns, everyName)
	_, get := n.RemoteSecret(f.Context(), f.ns, "r")
	for _, err := range []error{environments, bindings, claims, targets, list, get} {
		f.is(err, kube.ErrForbidden)
	}
	for c, want := range map[*kube.Client]error{n: kube.ErrForbidden, reader: kube.ErrReadOnly} {
		_, create := c.CreateRemoteSecret(f.Context(), f.remote("new"))
		_, dry := c.UpdateRemoteSecret(f.Context(), f.remote("r"), r.ResourceVersion, true)
		_, update := c.UpdateRemoteSecret(f.Context(), f.remote("r"), r.ResourceVersion, false)
		_, record := c.RecordUpload(f.Context(), r, "u")
		for _, err := range []error{create, dry, update, record, c.DeleteSecret(f.Context(), secret)} {
			f.is(err, want)
		}
	}
	f.is(linkPull(n, f, "nobody", "s"), kube.ErrForbidden)
	f.is(linkPull(reader, f, "nobody", "s"), kube.ErrReadOnly)
	f.same(r.ResourceVersion, f.readRemote("r").ResourceVersion)
	f.same(secret.ResourceVersion, f.read("s").ResourceVersion)
}

// testUnlink takes a name off each list; what is another's stays as it is, nameless entries
// too.
func testUnlink(f *fixture) {
	f.given(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: NS},
		secrets: [{name: s1}, {name: one}, {name: gone}, {name: s2}], imagePullSecrets: [{name: gone}, {name: p}, {name: gone}, {}]}`)
	before := f.account()
	f.no(f.UnlinkSecret(f.Context(), f.ns, "a", "none"))
	f.no(f.UnlinkPullSecret(f.Context(), f.ns, "a", "s1")) // of the other list
	if after := f.account(); after != before {
		f.Errorf("there was nothing to do: %+v, before %+v", after, before)
	}
	f.no(f.UnlinkSecret(f.Context(), f.ns, "a", "gone"))
	if after := f.account(); after.secrets != "s1 one s2" || after.pull != before.pull {
		f.Errorf("%+v", after)
	}
	f.no(f.UnlinkPullSecret(f.Context(), f.ns, "a", "gone"))
	if after := f.account(); after.secrets != "s1 one s2" || after.pull != "p " {
		f.Errorf("%+v", after)
	}
	f.rows("admin", rawRow{"one that is left", "PATCH", core + "serviceaccounts/a", mergeForm, `{"secrets":[{"name":"last"}]}`, 200, ""})
	f.no(f.UnlinkSecret(f.Context(), f.ns, "a", "last"))
	if after := f.account(); after.secrets != "" {
		f.Errorf("%+v", after)
	}
	f.is(f.UnlinkSecret(f.Context(), f.ns, "missing", "s"), kube.ErrNotFound)

	f.rows("admin", rawRow{"a conflict to come", "PATCH", core + "serviceaccounts/a", mergeForm, `{"secrets":[{"name":"x"},{"name":"gone"}]}`, 200, ""})
	theirs, err := rest.HTTPClientFor(f.config(f.T, "admin"))
	f.no(err)
	b := &between{}
	b.on = func() {
		if b.n.Load() == 1 { // the index is another one now
			send(f.T, theirs, f.config(f.T, "admin").Host, f.ns, rawRow{"somebody else writes", "PATCH", core + "serviceaccounts/a", mergeForm, `{"secrets":[{"name":"gone"},{"name":"y"},{"name":"x"}]}`, 200, ""})
		}
	}
	config := rest.CopyConfig(f.config(f.T, berth))
	config.Wrap(b.wrap)
	f.no(f.client(kube.Options{Config: config}).UnlinkSecret(f.Context(), f.ns, "a", "gone"))
	if got := f.account().secrets; got != "y x" || b.n.Load() != 2 {
		f.Errorf("after a conflict and %d writes the list is %q", b.n.Load(), got)
	}
}
