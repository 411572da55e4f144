package reconcile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"berth/kube/kubetest"
	"berth/quay/quaytest"
	"berth/reconcile"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/report"
	"berth/reconcile/world"
)

// told makes a run and returns what it prints.
func told(r *reconcile.Run) (report.Summary, string) {
	var out bytes.Buffer
	r.Report = wholeText(&out)
	s := r.Do(context.Background())
	return s, out.String()
}

// served reports whether a Component has its push Secret.
func (e *env) serves(namespace, name string) bool {
	return e.cluster.Object("secrets", namespace, name+"-image-push") != nil
}

// Namespaces that are named to a run fail alone: one that is missing is worth a word, one
// that is forbidden a failure, and neither is the others'.
func TestNamedNamespacesFailAlone(t *testing.T) {
	t.Parallel()
	forbid := func(verb, resource string) func(*env) {
		return func(e *env) {
			f := kubetest.Fault{Verb: verb, Resource: resource, Namespace: "closed", Times: -1, Status: http.StatusForbidden}
			if resource == "namespaces" {
				f.Name = "closed"
			}
			e.cluster.Inject(f)
		}
	}
	for _, row := range []struct {
		why     string
		change  func(*env)
		scope   world.Scope
		served  []string // namespaces
		code    int
		says    string
		failure plan.Reason
	}{
		{"one is missing", nil, world.Scope{Namespaces: []string{"tenant", "gone"}}, []string{"tenant"}, 0, "gone", ""},
		{"all are missing", nil, world.Scope{Namespaces: []string{"lost", "gone"}}, nil, 0, "gone", ""},
		{"one of the names is of a missing namespace", nil, world.Scope{Only: []component.Key{{Namespace: "tenant", Name: "api"}, {Namespace: "gone", Name: "cart"}}}, []string{"tenant"}, 1, "gone/cart", plan.ReasonInvalidComponent},
		{"a name to rotate is", nil, world.Scope{Rotate: []component.Key{{Namespace: "gone", Name: "cart"}}}, []string{"tenant", "closed"}, 1, "gone/cart", plan.ReasonInvalidComponent},
		{"one may not be read", forbid("get", "namespaces"), world.Scope{Namespaces: []string{"tenant", "closed"}}, []string{"tenant"}, 1, "closed", plan.ReasonKubeForbidden},
		{"its Components", forbid("list", "components"), world.Scope{Namespaces: []string{"tenant", "closed"}}, []string{"tenant"}, 1, "in closed", plan.ReasonKubeForbidden},
		{"its Secrets", forbid("list", "secrets"), world.Scope{Namespaces: []string{"tenant", "closed"}}, []string{"tenant"}, 1, "in closed", plan.ReasonKubeForbidden},
		{"its ServiceAccounts", forbid("list", "serviceaccounts"), world.Scope{Namespaces: []string{"tenant", "closed"}}, []string{"tenant"}, 1, "in closed", plan.ReasonKubeForbidden},
		{"its Environments", forbid("list", "environments"), world.Scope{Namespaces: []string{"tenant", "closed"}}, []string{"tenant"}, 1, "in closed", plan.ReasonKubeForbidden},
		{"its RemoteSecrets", forbid("list", "remotesecrets"), world.Scope{Namespaces: []string{"tenant", "closed"}}, []string{"tenant"}, 1, "in closed", plan.ReasonKubeForbidden},
		{"a Component of it was asked for by name", forbid("list", "components"), world.Scope{Only: []component.Key{{Namespace: "tenant", Name: "api"}, {Namespace: "closed", Name: "api"}}}, []string{"tenant"}, 1, "in closed", plan.ReasonKubeForbidden},
		{"nothing else was named", forbid("list", "components"), world.Scope{Namespaces: []string{"closed"}}, nil, 77, "in closed", ""},
		{"nothing else is there", forbid("list", "components"), world.Scope{Namespaces: []string{"closed", "gone"}}, nil, 77, "in closed", ""},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newEnv()
			e.deliver()
			e.namespace("closed")
			e.component("tenant", "api", "uid-1")
			e.component("closed", "api", "uid-2")
			if row.change != nil {
				row.change(e)
			}
			r := e.newRun()
			r.Scope = row.scope
			s, out := told(r)
			if s.ExitCode() != row.code || !strings.Contains(out, row.says) {
				t.Errorf("exit %d, want %d, and %q said:\n%s", s.ExitCode(), row.code, row.says, out)
			}
			for _, namespace := range []string{"tenant", "closed"} {
				if want := slices.Contains(row.served, namespace); e.serves(namespace, "api") != want {
					t.Errorf("%s is served: %v\n%s", namespace, !want, out)
				}
			}
			if reasons := reasonsOf(s); row.failure != "" && !slices.Contains(reasons, row.failure) {
				t.Errorf("the reasons are %q, want %s", reasons, row.failure)
			}
		})
	}
}

func reasonsOf(s report.Summary) (reasons []plan.Reason) {
	for _, f := range s.Failures {
		reasons = append(reasons, f.Reason)
	}
	return reasons
}

// What cannot be read of one Component is that Component's matter, whatever is answered.
func TestOneComponentCannotBeRead(t *testing.T) {
	t.Parallel()
	permissions := func(f quaytest.Fault) func(*env) func() int {
		return func(e *env) func() int {
			f.Method, f.Route, f.Path, f.Times = http.MethodGet, quaytest.RouteUserPermissions, "/api/v1/repository/"+org+"/tenant/wp-config.php/permissions/user/", -1
			return e.quay.Inject(f).Hits
		}
	}
	for _, row := range []struct {
		why    string
		change func(*env) (hits func() int)
		code   int
		reason plan.Reason
	}{
		{"its permissions answer 500", permissions(quaytest.Fault{Status: 500}), 1, plan.ReasonQuayUnavailable},
		{"404", permissions(quaytest.Fault{Status: 404, ContentType: "application/json", Body: `{"detail":"Not Found","error_type":"not_found"}`}), 1, plan.ReasonQuayUnavailable},
		{"a redirect", permissions(quaytest.Fault{Status: 302, Header: http.Header{"Location": {"https://elsewhere/"}}}), 1, plan.ReasonQuayUnavailable},
		{"a page that says success", permissions(quaytest.Fault{Status: 200}), 1, plan.ReasonQuayUnavailable},
		{"JSON of another form", permissions(quaytest.Fault{Status: 200, ContentType: "application/json", Body: `{"permissions":[]}`}), 1, plan.ReasonQuayUnavailable},
		{"a firewall's 403", permissions(quaytest.Fault{Status: 403}), 1, plan.ReasonQuayUnavailable},
		{"no answer at all", permissions(quaytest.Fault{Outcome: quaytest.Drop}), 1, plan.ReasonQuayUnavailable},
		{"the metadata of a Secret that is not ours is forbidden", func(e *env) func() int {
			e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: wp-config.php-image-push, namespace: tenant, labels: {app.kubernetes.io/managed-by: null}}}`)
			return e.cluster.Inject(kubetest.Fault{Verb: "get", Resource: "secrets", Name: "wp-config.php-image-push", Times: -1, Status: http.StatusForbidden}).Hits
		}, 1, plan.ReasonKubeForbidden},
		{"Quay shows no token of its robot", func(e *env) func() int {
			return e.quay.Inject(quaytest.Fault{
				Method: http.MethodGet, Route: quaytest.RouteRobots, Times: -1, Status: http.StatusOK, ContentType: "application/json",
				Body: withoutToken(t, robotsOf(t, e), "berth_tenant_wp_config_php"),
			}).Hits
		}, 1, plan.ReasonQuayUnavailable},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newEnv()
			for i, name := range []string{"api", "wp-config.php", "zoo"} {
				e.component("tenant", name, fmt.Sprint("uid-", i))
			}
			e.run(t)
			before := e.annotation("tenant", "wp-config.php", component.AnnotationImage)
			for _, name := range []string{"api", "zoo"} {
				e.cluster.Delete("secrets", "tenant", name+"-image-push")
			}
			hits := row.change(e)
			s, out := told(e.newRun())
			if s.ExitCode() != row.code || hits() == 0 {
				t.Errorf("exit %d, want %d:\n%s", s.ExitCode(), row.code, out)
			}
			if !e.serves("tenant", "api") || !e.serves("tenant", "zoo") {
				t.Errorf("its neighbours are not served:\n%s", out)
			}
			if len(s.Failures) != 1 || s.Failures[0].Component != "tenant/wp-config.php" || s.Failures[0].Reason != row.reason {
				t.Errorf("the failures are %+v", s.Failures)
			}
			if now := e.annotation("tenant", "wp-config.php", component.AnnotationImage); now != before {
				t.Errorf("its owner is told of a passing thing: %s", now)
			}
		})
	}
}

// What at Quay is not ours says nothing about what is.
func TestForeignThingsAreNotJudged(t *testing.T) {
	t.Parallel()
	for why, robot := range map[string]string{
		"a token that is null":   `{"name":"acme+ci_legacy","created":null,"description":null,"teams":[],"repositories":[],"token":null}`,
		"an empty token":         `{"name":"acme+ci_legacy","created":null,"description":null,"teams":[],"repositories":[],"token":""}`,
		"no token":               `{"name":"acme+ci_legacy","created":null,"description":null,"teams":[],"repositories":[]}`,
		"neither of the two":     `{"name":"acme+ci_legacy","created":null,"description":null}`,
		"a description of a map": `{"name":"acme+ci_legacy","description":{},"teams":[],"repositories":[],"token":"T"}`,
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			e := newEnv()
			e.component("tenant", "api", "uid-1")
			e.run(t)
			e.cluster.Delete("secrets", "tenant", "api-image-push")
			fault := e.quay.Inject(quaytest.Fault{
				Method: http.MethodGet, Route: quaytest.RouteRobots, Times: -1, Status: http.StatusOK, ContentType: "application/json",
				Body: strings.Replace(robotsOf(t, e), `{"robots":[`, `{"robots":[`+robot+`,`, 1),
			})
			if s, out := told(e.newRun()); s.ExitCode() != 0 || !e.serves("tenant", "api") || fault.Hits() == 0 {
				t.Errorf("exit %d:\n%s", s.ExitCode(), out)
			}
		})
	}
}

// robotsOf is what Quay lists of the robots now.
func robotsOf(t *testing.T, e *env) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+host+"/api/v1/organization/"+org+"/robots?permissions=true&token=true", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+oauth)
	answer, err := quaytest.Wire(e.quay).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// withoutToken takes the token off the robots of a list whose names have a part.
func withoutToken(t *testing.T, list, part string) string {
	t.Helper()
	var answer struct {
		Robots []map[string]any `json:"robots"`
	}
	if err := json.Unmarshal([]byte(list), &answer); err != nil {
		t.Fatal(err)
	}
	for _, robot := range answer.Robots {
		if strings.Contains(robot["name"].(string), part) {
			delete(robot, "token")
		}
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// A list with an object of another form, as one can be that was stored under an earlier
// definition, is a list without what is in that object.
func TestOddObjectsAreNamed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why, object string
		deliveries  report.DeliveryCount // of tenant/billing, which runs in stage
		invalid     int
	}{
		{
			"a DeploymentTarget", `{apiVersion: appstudio.redhat.com/v1alpha1, kind: DeploymentTarget, metadata: {name: odd, namespace: odd}, spec: {claimRef: {name: prod}, kubernetesCredentials: {defaultNamespace: x}}}`,
			report.DeliveryCount{Total: 1, Delivered: 1},
			0,
		},
		{
			"a claim", `{apiVersion: appstudio.redhat.com/v1alpha1, kind: DeploymentTargetClaim, metadata: {name: odd, namespace: odd}, spec: {targetName: [prod]}}`,
			report.DeliveryCount{Total: 1, Delivered: 1},
			0,
		},
		{
			"an Environment", `{apiVersion: appstudio.redhat.com/v1alpha1, kind: Environment, metadata: {name: odd, namespace: odd}, spec: {unstableConfigurationFields: yes please}}`,
			report.DeliveryCount{Total: 1, Delivered: 1},
			0,
		},
		{
			"a binding", `{apiVersion: appstudio.redhat.com/v1alpha1, kind: SnapshotEnvironmentBinding, metadata: {name: odd, namespace: odd}, spec: {components: {name: x}}}`,
			report.DeliveryCount{Total: 1, Delivered: 1},
			0,
		},
		{
			"a Component", `{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: odd, namespace: odd, uid: uid-odd}, spec: {application: {name: shop}}}`,
			report.DeliveryCount{Total: 1, Delivered: 1},
			1,
		},
		{
			"the Environment that is wanted, whose target stays", `{apiVersion: appstudio.redhat.com/v1alpha1, kind: Environment, metadata: {name: stage, namespace: tenant}, spec: {unstableConfigurationFields: yes please}}`,
			report.DeliveryCount{Total: 1, Unresolved: 1},
			0,
		},
		{
			"the binding that is wanted, whose target stays", `{apiVersion: appstudio.redhat.com/v1alpha1, kind: SnapshotEnvironmentBinding, metadata: {name: billing-stage, namespace: tenant}, spec: {components: {name: x}}}`,
			report.DeliveryCount{},
			0,
		},
		{
			"a binding beside the one that is wanted", `{apiVersion: appstudio.redhat.com/v1alpha1, kind: SnapshotEnvironmentBinding, metadata: {name: odd, namespace: tenant}, spec: {components: {name: x}}}`,
			report.DeliveryCount{Total: 1, Delivered: 1},
			0,
		},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newDelivery("stage")
			e.namespace("odd")
			e.deliverOnce(t)
			e.sync()
			e.component("tenant", "api", "uid-2")
			e.apply("%s", row.object)
			s, out := told(e.newRun())
			if s.ExitCode() != 0 || !e.serves("tenant", "api") || !strings.Contains(out, "not of ") {
				t.Errorf("exit %d:\n%s", s.ExitCode(), out)
			}
			if s.Deliveries != row.deliveries || s.Components.Invalid != row.invalid {
				t.Errorf("%+v, %d invalid\n%s", s.Deliveries, s.Components.Invalid, out)
			}
			if targets := e.targets("tenant", "billing"); !slices.Equal(targets, []string{"tenant-stage"}) {
				t.Errorf("the targets are %q", targets)
			}
		})
	}
}

// targets are the namespaces that a Component's RemoteSecret is to bring its Secret to.
func (e *env) targets(namespace, name string) (all []string) {
	spec, _ := e.cluster.Object("remotesecrets", namespace, name+"-image-pull")["spec"].(map[string]any)
	targets, _ := spec["targets"].([]any)
	for _, t := range targets {
		all = append(all, fmt.Sprint(t.(map[string]any)["namespace"]))
	}
	return all
}

// A scope in which nobody has a Secret, while more are missing than are asked for one by
// one: of such a list the API server says null.
func TestNoSecretAtAll(t *testing.T) {
	t.Parallel()
	e := newEnv()
	for i := range 260 {
		e.component("tenant", fmt.Sprint("c", i), fmt.Sprint("uid-", i))
	}
	r := e.newRun()
	r.Scope.Namespaces, r.Header.DryRun = []string{"tenant"}, true
	s, out := told(r)
	if s.ExitCode() != 0 || s.Components.Changed != 260 {
		t.Errorf("exit %d, %+v:\n%.2000s", s.ExitCode(), s.Components, out)
	}
	if e.cluster.Count("list", "secrets") != 2 || e.cluster.Count("get", "secrets") != 0 {
		t.Error("the names of Secrets were not listed")
	}
}

// What only Quay can be blamed for ends the run, as a failure; as a refusal of our
// credentials only where Quay itself says so.
func TestWhatOnlyQuayCanBeBlamedFor(t *testing.T) {
	t.Parallel()
	const refusal = `{"detail":"Unauthorized","error_message":"Unauthorized","error_type":"insufficient_scope","title":"insufficient_scope","status":403}`
	for _, row := range []struct {
		why   string
		fault quaytest.Fault
		code  int
	}{
		{"lasting 500s on the list of robots", quaytest.Fault{Route: quaytest.RouteRobots, Status: 500}, 1},
		{"a firewall's 403 on the list of robots", quaytest.Fault{Route: quaytest.RouteRobots, Status: 403}, 1},
		{"a firewall's 403 on the list of repositories", quaytest.Fault{Route: quaytest.RouteRepositories, Status: 403}, 1},
		{"a refusal of Quay's own on the list of robots", quaytest.Fault{Route: quaytest.RouteRobots, Status: 403, ContentType: "application/json", Body: refusal}, 77},
		{"a refusal of Quay's own of one repository's permissions", quaytest.Fault{Route: quaytest.RouteUserPermissions, Status: 403, ContentType: "application/json", Body: refusal}, 77},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newEnv()
			e.component("tenant", "api", "uid-1")
			e.run(t)
			e.cluster.Delete("secrets", "tenant", "api-image-push")
			row.fault.Method, row.fault.Times = http.MethodGet, -1
			fault := e.quay.Inject(row.fault)
			if s, out := told(e.newRun()); s.ExitCode() != row.code || fault.Hits() == 0 || e.serves("tenant", "api") {
				t.Errorf("exit %d, want %d:\n%s", s.ExitCode(), row.code, out)
			}
			fault.Remove()
			e.run(t)
			if !e.serves("tenant", "api") {
				t.Error("the next run does not serve it")
			}
		})
	}
}
