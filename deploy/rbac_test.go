package deploy_test

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"berth/deploy"
	"berth/deploy/deploytest"
	"berth/kube/kubetest"
	"berth/kube/kubetest/controlplane"
)

// shippedRole is what is read of a role in base/rbac.yaml.
type shippedRole struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   map[string]string `json:"metadata"`
	Rules      []shippedRule     `json:"rules"`
}

type shippedRule struct {
	APIGroups     []string `json:"apiGroups"`
	Resources     []string `json:"resources"`
	ResourceNames []string `json:"resourceNames,omitempty"`
	Verbs         []string `json:"verbs"`
}

// shippedRoles returns the roles and what else the manifest holds.
func shippedRoles(t *testing.T) (roles []shippedRole, rest string) {
	t.Helper()
	for document := range strings.SplitSeq(string(deploy.Roles()), "\n---\n") {
		if strings.Contains(document, "roleRef:") {
			rest += "\n---\n" + document
			continue
		}
		var role shippedRole
		if err := yaml.UnmarshalStrict([]byte(document), &role); err != nil {
			t.Fatal(err)
		}
		roles = append(roles, role)
	}
	if len(roles) != 2 || roles[0].Kind != "ClusterRole" || roles[1].Kind != "Role" {
		t.Fatal(roles)
	}
	return roles, rest
}

// granted is what all roles grant together.
func granted(roles []shippedRole) []kubetest.Access {
	var all []kubetest.Access
	for _, r := range roles {
		all = append(all, r.grants()...)
	}
	return sortAccess(all)
}

func (r shippedRole) grants() []kubetest.Access {
	var all []kubetest.Access
	for _, rule := range r.Rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					all = append(all, kubetest.Access{Verb: verb, Group: group, Resource: resource})
				}
			}
		}
	}
	return sortAccess(all)
}

// guarded is the right that no request is for: where owner references are guarded, it
// takes that to give what is there another owner.
var guarded = kubetest.Access{Verb: "delete", Group: "appstudio.redhat.com", Resource: "remotesecrets"}

// answers is the right that a request on a namespace is answered by.
var answers = kubetest.Access{Verb: "patch", Resource: "namespaces"}

// without is the role less one grant.
func (r shippedRole) without(a kubetest.Access) shippedRole {
	var rules []shippedRule
	for _, g := range r.grants() {
		if g != a {
			rules = append(rules, shippedRule{APIGroups: []string{g.Group}, Resources: []string{g.Resource}, Verbs: []string{g.Verb}})
		}
	}
	r.Rules = rules
	return r
}

func sortAccess(all []kubetest.Access) []kubetest.Access {
	slices.SortFunc(all, func(a, b kubetest.Access) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Verb, b.Verb))
	})
	return slices.Compact(all)
}

// usedBy are the rights that the program's requests in an audit log took.
func usedBy(t *testing.T, events []controlplane.AuditEvent) []kubetest.Access {
	t.Helper()
	var used []kubetest.Access
	for _, e := range events {
		switch {
		case e.User != deploytest.Account, e.Resource == "" && e.Verb == "get": // discovery, which everybody may read
			continue
		case e.Code == http.StatusForbidden:
			t.Errorf("forbidden: %+v", e)
		case e.Resource == "":
			t.Errorf("a request for no resource: %+v", e)
		}
		used = append(used, kubetest.Access{Verb: e.Verb, Group: e.Group, Resource: strings.TrimSuffix(e.Resource+"/"+e.Subresource, "/")})
	}
	return sortAccess(used)
}

// compareRights demands that the rights granted are those used.
func compareRights(t *testing.T, granted, used []kubetest.Access) {
	t.Helper()
	less := func(a, b []kubetest.Access) []kubetest.Access {
		return slices.DeleteFunc(slices.Clone(a), func(x kubetest.Access) bool { return slices.Contains(b, x) })
	}
	for name, rest := range map[string][]kubetest.Access{"granted − used": less(granted, used), "used − granted": less(used, granted)} {
		if len(rest) > 0 {
			t.Errorf("%s = %v", name, rest)
			continue
		}
		t.Logf("%s = ∅ (%d rights)", name, len(granted))
	}
}

// useEverything lets Berth do all it ever does in the cluster, and returns its runs.
func (p *platform) useEverything(t *testing.T) (runs []result) {
	t.Helper()
	p.env["BERTH_LOCK_NAMESPACE"] = "berth"
	run := func(args ...string) { runs = append(runs, p.run(t, args...)) }
	p.cluster.Apply(deploytest.Late("shop", "late"))
	p.cluster.Apply([]byte(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: shop}}
---
{apiVersion: appstudio.redhat.com/v1alpha1, kind: Environment, metadata: {name: dev, namespace: shop}, spec: {}}
---
{apiVersion: appstudio.redhat.com/v1alpha1, kind: SnapshotEnvironmentBinding, metadata: {name: dev, namespace: shop},
 spec: {application: shop, environment: dev, snapshot: s, components: [{name: cart}]}}`))
	const empty = `{apiVersion: v1, kind: Secret, type: kubernetes.io/dockerconfigjson, metadata: {name: components-namespace-pull, namespace: shop}, data: {.dockerconfigjson: eyJhdXRocyI6e319}}`
	p.cluster.Apply([]byte(empty))
	p.cluster.Apply(deploytest.Component("shop", "gone", ""))
	run() // creates, links, announces, delivers
	p.cluster.Delete("components", "shop", "gone")
	p.cluster.CollectGarbage()
	run()                   // takes links off to what is gone
	run("--namespace=shop") // reads its namespaces by name
	for _, r := range p.quay.Snapshot().Robots {
		p.quay.RegenerateToken(r.Name)
	}
	run() // writes Secrets anew, and deletes what it uploaded and nobody took
	p.cluster.Apply(deploytest.Component("shop", "cart", "true"))
	p.cluster.Apply([]byte(`{apiVersion: v1, kind: Namespace, metadata: {name: shop, annotations: {image.redhat.com/generate: 'true'}}}`))
	run() // rotates, and writes markers
	p.cluster.Apply(deploytest.Late("shop", "cart"))
	run() // shares with a second Component what the first has
	return runs
}

func TestTheRoleGrantsWhatIsUsedAndNoMore(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, "cart")
	for _, r := range p.useEverything(t) {
		if r.code != 0 || strings.Contains(r.stdout, "Warning: shop/") {
			t.Errorf("exit code %d\n%s", r.code, r.stdout)
		}
	}
	roles, _ := shippedRoles(t)
	if diff := gocmp.Diff(granted(roles), sortAccess(append(p.cluster.Used(deploytest.Account), guarded))); diff != "" {
		t.Errorf("rights (-granted and not used, +used and not granted):\n%s", diff)
	}
}

// A side step that fails makes no run fail, but is told.
func TestWithoutAnyOneOfItsRightsBerthSaysSo(t *testing.T) {
	t.Parallel()
	roles, rest := shippedRoles(t)
	for _, a := range granted(roles) {
		t.Run(a.Verb+" "+a.Resource+"."+a.Group, func(t *testing.T) {
			t.Parallel()
			manifests := rest
			for _, role := range roles {
				manifest, err := yaml.Marshal(role.without(a))
				if err != nil {
					t.Fatal(err)
				}
				manifests += "\n---\n" + string(manifest)
			}
			p := newPlatformWith(t, []byte(manifests), "cart")
			aside := a.Resource == "serviceaccounts" && a.Verb != "list" || a.Resource == "secrets" && a.Verb == "delete" || a == guarded || a == answers
			told := func(r result) bool { return r.code != 0 }
			if aside {
				told = func(r result) bool {
					return r.code == 0 && strings.Contains(r.stdout, "Warning: shop/cart: ") && strings.Contains(r.stdout, "forbidden")
				}
			}
			if !slices.ContainsFunc(p.useEverything(t), told) {
				t.Errorf("nobody is told; it is a side step: %v", aside)
			}
			if n := deploytest.RotatedForAll(p.quay); n > 0 && (a == answers || a.Resource == "secrets" && slices.Contains([]string{"get", "patch"}, a.Verb)) {
				t.Errorf("%d robots were made for a namespace by a program that cannot say so, or deliver their logins", n)
			}
			delivers := slices.Contains([]string{"secrets", "components"}, a.Resource) && a.Verb != "delete" && a.Group != lateResource.Group // the others are delivered all the same
			if n := deploytest.Rotated(p.quay); n > 0 && delivers {
				t.Errorf("%d robots were made by a program that cannot deliver their logins", n)
			}
		})
	}
}
