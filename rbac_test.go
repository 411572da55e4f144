package main

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"berth/kube/kubetest"
	"berth/quay/quaytest"
)

// clusterRole is what is read of deploy/base/rbac.yaml.
type clusterRole struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   map[string]string `json:"metadata"`
	Rules      []clusterRule     `json:"rules"`
}

type clusterRule struct {
	APIGroups []string `json:"apiGroups"`
	Resources []string `json:"resources"`
	Verbs     []string `json:"verbs"`
}

// shippedRole returns the role and what else the manifest holds.
func shippedRole(t *testing.T) (role clusterRole, rest string) {
	t.Helper()
	first, rest, ok := strings.Cut(string(demoFile("deploy/base/rbac.yaml")), "\n---\n")
	if err := yaml.UnmarshalStrict([]byte(first), &role); err != nil || !ok || role.Kind != "ClusterRole" {
		t.Fatal(err, role)
	}
	return role, rest
}

func (r clusterRole) grants() []kubetest.Access {
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

// without is the role less one grant.
func (r clusterRole) without(a kubetest.Access) clusterRole {
	var rules []clusterRule
	for _, g := range r.grants() {
		if g != a {
			rules = append(rules, clusterRule{[]string{g.Group}, []string{g.Resource}, []string{g.Verb}})
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

// useEverything lets Berth do all it ever does in the cluster, and returns the
// exit codes of its runs.
func (p *platform) useEverything(t *testing.T) (codes []int) {
	t.Helper()
	run := func(args ...string) { codes = append(codes, p.run(t, args...).code) }
	run()                   // creates, links, announces
	run("--namespace=shop") // reads its namespaces by name
	for _, r := range p.quay.Snapshot().Robots {
		p.quay.RegenerateToken(r.Name)
	}
	run() // writes Secrets anew
	p.component("cart", "true")
	run() // rotates, and writes markers
	return codes
}

func TestTheRoleGrantsWhatIsUsedAndNoMore(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, "cart")
	for _, code := range p.useEverything(t) {
		if code != 0 {
			t.Errorf("exit code %d", code)
		}
	}
	role, _ := shippedRole(t)
	if diff := gocmp.Diff(role.grants(), p.cluster.Used(kubeAccount)); diff != "" {
		t.Errorf("rights (-granted and not used, +used and not granted):\n%s", diff)
	}
}

func TestWithoutAnyOneOfItsRightsBerthFails(t *testing.T) {
	t.Parallel()
	role, rest := shippedRole(t)
	for _, a := range role.grants() {
		t.Run(a.Verb+" "+a.Resource, func(t *testing.T) {
			t.Parallel()
			manifest, err := yaml.Marshal(role.without(a))
			if err != nil {
				t.Fatal(err)
			}
			p := newPlatformWith(t, []byte(string(manifest)+"\n---\n"+rest), nil, "cart")
			codes := p.useEverything(t)
			if !slices.ContainsFunc(codes, func(code int) bool { return code != 0 }) {
				t.Error("nothing failed")
			}
			if n := p.quay.Requests(http.MethodPost, quaytest.RouteRegenerate); n > 0 && slices.Contains([]string{"secrets", "components"}, a.Resource) {
				t.Errorf("%d tokens were replaced by a program that cannot deliver them", n)
			}
		})
	}
}
