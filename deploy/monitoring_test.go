package deploy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// alert is one rule of the component monitoring.
type alert struct {
	Alert       string
	Expr        string
	For         string
	Labels      map[string]string
	Annotations map[string]string
}

// alertRules are the rules, and the file in which Prometheus itself would have them.
func alertRules(t *testing.T) (rules []alert, file []byte) {
	t.Helper()
	var object struct {
		Spec struct {
			Groups []struct {
				Name  string
				Rules []alert
			}
		}
	}
	raw := shipped(t, "components/monitoring/prometheusrule.yaml")
	if err := yaml.Unmarshal(raw, &object); err != nil {
		t.Fatal(err)
	}
	for _, g := range object.Spec.Groups {
		rules = append(rules, g.Rules...)
	}
	var plain map[string]any
	if err := yaml.Unmarshal(raw, &plain); err != nil {
		t.Fatal(err)
	}
	file, err := yaml.Marshal(plain["spec"])
	if err != nil {
		t.Fatal(err)
	}
	return rules, file
}

// promtool runs Prometheus' own tool, which Go builds at its pinned version and keeps.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	if os.Getenv("BERTH_REQUIRE_KUBERNETES") == "" {
		t.Skip("promtool is built from source, for some minutes once a machine: run make test")
	}
	const path = "github.com/prometheus/prometheus/cmd/promtool"
	c := exec.CommandContext(t.Context(), "go", append([]string{"-C", "../testdata/prometheus", "run", "-tags", "remove_all_sd", path}, args...)...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args[:2], " "), err, out)
	}
}

func TestAlerts(t *testing.T) {
	t.Parallel()
	_, file := alertRules(t)
	cases, err := os.ReadFile("testdata/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{"rules.yaml": file, "alerts.yaml": cases} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	promtool(t, "check", "rules", "--lint=all", "--lint-fatal", filepath.Join(dir, "rules.yaml"))
	promtool(t, "test", "rules", filepath.Join(dir, "alerts.yaml"))
}

// dashboard is what of Grafana's form counts here.
type dashboard struct {
	Panels []struct {
		Title   string
		Targets []struct{ Expr string }
	}
}

// What the dashboard asks can be asked, and is told.
func TestDashboard(t *testing.T) {
	t.Parallel()
	var d dashboard
	if err := json.Unmarshal(shipped(t, "components/monitoring/dashboard.json"), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Panels) == 0 || len(d.Panels) > 12 {
		t.Errorf("%d panels: at most twelve are looked at", len(d.Panels))
	}
	var rules []map[string]any
	for _, p := range d.Panels {
		if p.Title == "" || len(p.Targets) == 0 {
			t.Errorf("panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			toldMetrics(t, p.Title, target.Expr)
			rules = append(rules, map[string]any{"record": fmt.Sprint("panel:", len(rules)), "expr": target.Expr})
		}
	}
	file, err := yaml.Marshal(map[string]any{"groups": []map[string]any{{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "queries.yaml")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", name)
}

var metricName = regexp.MustCompile(`\bberth_\w+`)

// toldMetrics demands that docs/metrics.md, which a test holds to the program, has each
// metric of a query.
func toldMetrics(t *testing.T, who, expr string) {
	t.Helper()
	documented := string(readFile(t, "../docs/metrics.md"))
	for _, name := range metricName.FindAllString(expr, -1) {
		if !strings.Contains(documented, name) {
			t.Errorf("%s asks for %s, which no run tells", who, name)
		}
	}
}

// Somebody who is woken finds out what it is and what to do.
func TestAlertsAreComplete(t *testing.T) {
	t.Parallel()
	rules, _ := alertRules(t)
	if len(rules) == 0 || len(rules) > 8 {
		t.Errorf("%d alerts: at most eight are looked at", len(rules))
	}
	cases, err := os.ReadFile("testdata/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var tests struct {
		Tests []struct {
			Alerts []struct {
				Name string            `json:"alertname"`
				Exp  []json.RawMessage `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		}
	}
	if err := yaml.Unmarshal(cases, &tests); err != nil {
		t.Fatal(err)
	}
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range tests.Tests {
		for _, a := range test.Alerts {
			fires[a.Name] = fires[a.Name] || len(a.Exp) > 0
			silent[a.Name] = silent[a.Name] || len(a.Exp) == 0
		}
	}
	for _, r := range rules {
		if r.For == "" || r.Labels["severity"] == "" || r.Annotations["summary"] == "" ||
			r.Annotations["runbook_url"] != "docs/runbook.md#"+strings.ToLower(r.Alert) {
			t.Errorf("%s is not complete: %+v", r.Alert, r)
		}
		if !fires[r.Alert] || !silent[r.Alert] {
			t.Errorf("%s is not tested to fire and not to fire", r.Alert)
		}
		toldMetrics(t, r.Alert, r.Expr)
	}
}
