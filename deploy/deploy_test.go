package deploy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"berth/deploy"
	"berth/deploy/deploytest"
	"berth/kube/kubetest/controlplane"
)

// deployComponents are all folders of components.
func deployComponents(t *testing.T) []string {
	t.Helper()
	entries, err := deploy.Manifests.ReadDir("components")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// overlay is a copy of the manifests with an overlay of the base and these components, and
// returns the overlay's folder.
func overlay(t *testing.T, components ...string) string {
	t.Helper()
	top := t.TempDir()
	if err := os.CopyFS(top, deploy.Manifests); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(top, "overlays", "mine")
	text := "resources: [../../base]\ncomponents:\n"
	for _, c := range components {
		text += "- ../../components/" + c + "\n"
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// applied applies a rendered folder, strictly, and demands that all it says is there
// afterwards.
func applied(t *testing.T, cp *controlplane.ControlPlane, dir string) (rendered string) {
	t.Helper()
	rendered = kubectl(t, cp, "kustomize", dir)
	file := filepath.Join(t.TempDir(), "all.yaml")
	if err := os.WriteFile(file, []byte(rendered), 0o600); err != nil {
		t.Fatal(err)
	}
	var answer struct{ Items []map[string]any }
	out := kubectl(t, cp, "apply", "--server-side", "--force-conflicts", "--validate=strict", "-o", "json", "-f", file)
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		t.Fatal(err)
	}
	set := documents(t, rendered)
	if len(answer.Items) != len(set) {
		t.Fatalf("%d objects came back of %d", len(answer.Items), len(set))
	}
	for i, want := range set {
		for _, lost := range missing(want, answer.Items[i], fmt.Sprint(want["kind"])) {
			t.Errorf("%s: what was set did not stay: %s", dir, lost)
		}
	}
	return rendered
}

func documents(t *testing.T, manifests string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for text := range strings.SplitSeq(manifests, "\n---\n") {
		var o map[string]any
		if err := yaml.UnmarshalStrict([]byte(text), &o); err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
	return all
}

// missing are the paths at which got does not hold what want does.
func missing(want, got any, path string) []string {
	var lost []string
	switch want := want.(type) {
	case map[string]any:
		m, _ := got.(map[string]any)
		for key, value := range want {
			lost = append(lost, missing(value, m[key], path+"."+key)...)
		}
	case []any:
		list, there := got.([]any)
		if !there || len(list) != len(want) { // the server drops some lists that are empty
			return []string{fmt.Sprintf("%s: %v, not %v", path, got, want)}
		}
		for i, value := range want {
			lost = append(lost, missing(value, list[i], fmt.Sprintf("%s[%d]", path, i))...)
		}
	default:
		if !reflect.DeepEqual(want, got) {
			lost = append(lost, fmt.Sprintf("%s: %v, not %v", path, got, want))
		}
	}
	return lost
}

// prometheusRules stands for the definition that Prometheus' operator installs. What
// the rules say promtool checks.
const prometheusRules = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: prometheusrules.monitoring.coreos.com}
spec:
  group: monitoring.coreos.com
  names: {kind: PrometheusRule, plural: prometheusrules, singular: prometheusrule, listKind: PrometheusRuleList}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true}}}}
`

// TestDeploy applies what is shipped to a real API server, one combination over the
// other.
func TestDeploy(t *testing.T) {
	t.Parallel()
	cp := controlplane.Start(t, controlplane.AppStudio, controlplane.BothGroups)
	all := deployComponents(t)
	for _, tenant := range []string{"acme-tenant", "globex-tenant"} { // of the example
		if _, err := cp.Apply(t.Context(), fmt.Appendf(nil, "{apiVersion: v1, kind: Namespace, metadata: {name: %s}}", tenant)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := cp.Apply(t.Context(), []byte(prometheusRules)); err != nil {
		t.Fatal(err)
	}
	base := byName(documents(t, applied(t, cp, "base")))
	t.Run("the example", func(t *testing.T) { applied(t, cp, "overlays/example") })
	for _, c := range all {
		t.Run(c, func(t *testing.T) { toldWhatStays(t, c, base, byName(documents(t, applied(t, cp, overlay(t, c))))) })
	}
	t.Run("all at once in either order", func(t *testing.T) {
		forth := applied(t, cp, overlay(t, all...))
		everything := overlay(t, all...)
		kubectl(t, cp, "apply", "-k", everything)
		for line := range strings.Lines(kubectl(t, cp, "apply", "-k", everything)) {
			if !strings.HasSuffix(line, " unchanged\n") {
				t.Errorf("applied again, the same is another: %s", line)
			}
		}
		back := slices.DeleteFunc(slices.Clone(all), func(c string) bool { return c == "take-over" })
		slices.Reverse(back)
		back = append(back, "take-over") // it says that it stands behind admission-policy
		if diff := cmp.Diff(byName(documents(t, forth)), byName(documents(t, kubectl(t, cp, "kustomize", overlay(t, back...))))); diff != "" {
			t.Errorf("the order of the components changes what they say:\n%s", diff)
		}
	})
	t.Run("the one-shot Job runs what the CronJob runs", func(t *testing.T) {
		kubectl(t, cp, "create", "--validate=strict", "-f", "job/job.yaml")
		var scheduled, written map[string]any
		if err := yaml.UnmarshalStrict(shipped(t, "base/cronjob.yaml"), &scheduled); err != nil {
			t.Fatal(err)
		}
		if err := yaml.UnmarshalStrict(shipped(t, "job/job.yaml"), &written); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(nested(t, scheduled, "spec", "jobTemplate", "spec"), nested(t, written, "spec")); diff != "" {
			t.Errorf("the Job's spec differs (-CronJob +Job):\n%s", diff)
		}
	})
	t.Run("in the namespaces of tenants only", func(t *testing.T) { tenantsOnly(t, cp) })
	t.Run("a dry run with the rights of one", func(t *testing.T) { observeOnly(t, cp) })
	t.Run("from another repository to another namespace", func(t *testing.T) { elsewhere(t, cp) })
}

// toldWhatStays demands that docs/operations.md names what stays in a cluster when a
// component comes and takes something out, and when it goes again.
func toldWhatStays(t *testing.T, component string, without, with map[string]map[string]any) {
	t.Helper()
	row := regexp.MustCompile("(?m)^\\| `" + component + "` \\|([^|]*)\\|([^|]*)\\|$").FindStringSubmatch(string(readFile(t, "../docs/operations.md")))
	if row == nil {
		row = []string{"", "", ""}
	}
	for i, sets := range [][2]map[string]map[string]any{{without, with}, {with, without}} {
		for name, o := range sets[0] {
			if sets[1][name] != nil {
				continue
			}
			u := unstructured.Unstructured{Object: o}
			kind := strings.ToLower(u.GetKind()) + "/"
			if cell := row[1+i]; !strings.Contains(cell, "`"+kind+u.GetName()+"`") && (!strings.Contains(cell, "`"+kind+"`") || !strings.Contains(cell, "`"+u.GetName()+"`")) {
				t.Errorf("the manual does not tell that %s stays: %q", name, cell)
			}
		}
	}
}

// elsewhere applies the manual's patches to what another repository has, at a tag.
func elsewhere(t *testing.T, cp *controlplane.ControlPlane) {
	_, manual, _ := strings.Cut(string(readFile(t, "../docs/operations.md")), "\n```yaml\n")
	patches, _, found := strings.Cut(manual, "\n```\n")
	if !found {
		t.Fatal("the manual has no patches")
	}
	repository, dir := t.TempDir(), t.TempDir()
	if err := os.CopyFS(filepath.Join(repository, "deploy"), deploy.Manifests); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "-qm", "manifests"}, {"tag", "v1"}, {"rm", "-qrf", "deploy"},
	} {
		git := exec.CommandContext(t.Context(), "git", append([]string{"-C", repository}, args...)...)
		if out, err := git.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	text := "resources: ['file://" + repository + "//deploy/base?ref=v1']\ncomponents: ['file://" + repository + "//deploy/components/admission-policy?ref=v1']\npatches:\n" + patches + "\n"
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	rendered := applied(t, cp, dir)
	for _, o := range documents(t, rendered) {
		if u := (unstructured.Unstructured{Object: o}); u.GetNamespace() == "berth" {
			t.Errorf("%s %s stays in berth", u.GetKind(), u.GetName())
		}
	}
	const as = "system:serviceaccount:quay:berth"
	kubectl(t, cp, "auth", "can-i", "create", "leases", "--namespace", "quay", "--as", as)
	deploytest.Until(t, "the policy's word", func() bool {
		_, err := cp.Kubectl(t, "create", "secret", "generic", "plain", "--namespace", "acme-tenant", "--as", as, "--dry-run=server")
		return err != nil && strings.Contains(err.Error(), "the Secret lacks the label")
	})
	if _, err := cp.Kubectl(t, "create", "secret", "generic", "plain", "--namespace", "quay", "--as", as, "--dry-run=server"); err == nil || !strings.Contains(err.Error(), "the namespace is the platform's") {
		t.Errorf("in its own namespace: %v", err)
	}
}

// byName makes two renderings comparable, whatever the order of their objects.
func byName(objects []map[string]any) map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, o := range objects {
		u := unstructured.Unstructured{Object: o}
		all[u.GetKind()+" "+u.GetNamespace()+"/"+u.GetName()] = o
	}
	return all
}

// tenantsOnly runs the program where it has no right in the cluster but in the
// namespaces it is told.
func tenantsOnly(t *testing.T, cp *controlplane.ControlPlane) {
	dir := overlay(t, "tenant-namespaces")
	applied(t, cp, dir)
	kubectl(t, cp, "delete", "clusterrolebinding", "berth", "--ignore-not-found") // of the combinations before
	kubectl(t, cp, "delete", "rolebinding", "berth", "--namespace", "globex-tenant")
	p := realPlatform(t, cp)
	for _, namespace := range []string{"acme-tenant", "globex-tenant"} {
		kubectl(t, cp, "create", "serviceaccount", "appstudio-pipeline", "--namespace", namespace)
		if _, err := cp.Apply(t.Context(), deploytest.Component(namespace, "cart", "")); err != nil {
			t.Fatal(err)
		}
	}
	p.run(t, "--namespace", "acme-tenant").must(t, 0)
	if r := p.quay.Snapshot().Repositories; len(r) != 1 || r[0].Name != deploytest.Org+"/acme-tenant/cart" {
		t.Errorf("repositories: %v", r)
	}
	p.run(t, "--namespace", "globex-tenant").must(t, 77)
	p.run(t).must(t, 77)
}

// observeOnly demands that a dry run uses what its role grants and no more.
func observeOnly(t *testing.T, cp *controlplane.ControlPlane) {
	rendered := applied(t, cp, overlay(t, "observe-only"))
	kubectl(t, cp, "delete", "role,rolebinding", "berth", "--namespace", "berth", "--ignore-not-found")
	p := realPlatform(t, cp)
	// Whether a Secret is there that is named and in no list, a look at it tells.
	kubectl(t, cp, "patch", "serviceaccount", "appstudio-pipeline", "--namespace", "acme-tenant", "--patch", `{"secrets": [{"name": "gone-image-push"}]}`)
	before := len(cp.AuditEvents(t))
	p.run(t, "--dry-run").must(t, 0)
	p.run(t, "--dry-run", "--namespace", "globex-tenant").must(t, 0)
	var role shippedRole
	for _, o := range documents(t, rendered) {
		switch o["kind"] {
		case "ClusterRole":
			raw, err := yaml.Marshal(o["rules"])
			if err != nil {
				t.Fatal(err)
			}
			if err := yaml.Unmarshal(raw, &role.Rules); err != nil {
				t.Fatal(err)
			}
		case "Role", "RoleBinding":
			t.Errorf("a %s is left", o["kind"])
		}
	}
	compareRights(t, role.grants(), usedBy(t, cp.AuditEvents(t)[before:]))
	p.run(t).must(t, 77)
}

// The component network-policy lets the Pushgateway be reached that the component
// pushgateway names.
func TestTheNetworkPolicyLetsThePushgatewayBeReached(t *testing.T) {
	t.Parallel()
	address := regexp.MustCompile(`http://pushgateway\.(\S+)\.svc:(\d+)`).FindStringSubmatch(string(shipped(t, "components/pushgateway/kustomization.yaml")))
	if address == nil {
		t.Fatal("no address")
	}
	var policy struct {
		Spec struct {
			Egress []struct {
				To []struct {
					NamespaceSelector struct{ MatchLabels map[string]string } `json:"namespaceSelector"`
				} `json:"to"`
				Ports []struct{ Port int }
			} `json:"egress"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(shipped(t, "components/network-policy/networkpolicy.yaml"), &policy); err != nil {
		t.Fatal(err)
	}
	for _, rule := range policy.Spec.Egress {
		for _, to := range rule.To {
			if to.NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"] == address[1] && fmt.Sprint(rule.Ports[0].Port) == address[2] {
				return
			}
		}
	}
	t.Errorf("%s in namespace %s is out of reach", address[0], address[1])
}
