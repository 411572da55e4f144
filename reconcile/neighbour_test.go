package reconcile_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth/kube/kubetest"
	"berth/quay/quaytest"
	"berth/reconcile/component"
	"berth/reconcile/report"
)

const honestNamespaces = 20

// rendered is the content of a Secret as Berth would write it for a login.
func rendered(login string) string {
	return fmt.Sprintf(`{"auths":{"quay.test/acme/none":{"auth":%q}}}`, base64.StdEncoding.EncodeToString([]byte(login+":"+strings.Repeat("X", 64))))
}

// refuse lets no request of a kind through in the hostile namespace.
func (e *env) refuse(verb, resource, message string) {
	e.cluster.Inject(kubetest.Fault{Verb: verb, Resource: resource, Namespace: "hostile", Times: -1, Status: http.StatusForbidden, Message: message})
}

// commit does the act before a run.
func (a hostileAct) commit(e *env, run int) {
	if a.objects != nil {
		e.write(a.objects(run)...)
	}
	if a.do != nil {
		a.do(e, run)
	}
}

// newTown has twenty honest tenants, of whom one delivers, and a hostile one that has done
// nothing yet.
func newTown(t *testing.T) *env {
	e := newDelivery("dev", "stage", "prod")
	for i := range honestNamespaces {
		namespace := fmt.Sprintf("honest-%02d", i)
		e.namespace(namespace)
		for _, name := range []string{"api", "web"} {
			e.component(namespace, name, "uid-"+namespace+"-"+name)
		}
	}
	e.namespace("hostile")
	e.apply(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: deployer, namespace: hostile, labels: {appstudio.redhat.com/remotesecret-auth-sa: "true"}}}`)
	for i := range 10 {
		e.component("hostile", fmt.Sprint("h", i), fmt.Sprint("uid-hostile-h", i))
	}
	e.component("hostile", "api", "uid-hostile-api")
	if s, out := e.pass(); s.ExitCode() != 0 {
		t.Fatalf("exit %d:\n%s", s.ExitCode(), out)
	}
	return e
}

// pass makes one run, one Component at a time, and lets the operator act after it.
func (e *env) pass() (report.Summary, string) {
	r := e.newRun()
	r.Naming.Cluster, r.Concurrency = "town", 1
	s, out := told(r)
	e.sync()
	return s, out
}

// live is what befalls the honest before a run.
func (e *env) live(run int) {
	namespace := fmt.Sprintf("honest-%02d", run)
	switch run % 5 {
	case 0:
		e.cluster.Delete("secrets", namespace, "api-image-push")
	case 1:
		e.component(namespace, "api", "uid-"+namespace+"-api", `image.redhat.com/generate: "true"`)
	case 2:
		e.component(namespace, "late", "uid-"+namespace+"-late")
	case 3:
		e.quay.SetVisibility(org+"/"+namespace+"/web", true)
	case 4:
		e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: web-image-pull, namespace: %s}, type: kubernetes.io/dockerconfigjson, stringData: {.dockerconfigjson: "{}"}}`, namespace)
		e.component("tenant", "billing", "uid-1", `image.redhat.com/generate: "true"`)
	}
}

// deeds are the calls of a run that change something for the honest or read their tokens,
// by namespace in their order. What has no name in its address is left out, and what is
// read side by side before anything is done.
func (e *env) deeds() map[string][]string {
	of := map[string][]string{}
	note := func(namespace, deed string) { of[namespace] = append(of[namespace], deed) }
	for _, c := range e.cluster.Calls() {
		if c.User == berthUser && c.Verb != "list" && c.Verb != "get" && (c.Namespace == "tenant" || strings.HasPrefix(c.Namespace, "honest-")) {
			note(c.Namespace, c.Verb+" "+c.Resource+" "+c.Name)
		}
	}
	for _, c := range e.quay.Calls() {
		if c.Route == quaytest.RouteUserPermissions {
			continue // the audit takes turns by what there is
		}
		for i := range honestNamespaces {
			namespace := fmt.Sprintf("honest-%02d", i)
			if strings.Contains(c.Path, "/"+namespace+"/") || strings.Contains(c.Path, "berth_"+strings.ReplaceAll(namespace, "-", "_")+"_") {
				note("quay "+namespace, c.Method+" "+c.Path)
			}
		}
	}
	return of
}

// honest is what the honest have: of each Component what is announced and whether both of
// its Secrets carry a token that Quay takes.
func (e *env) honest() (all map[string]string, served int) {
	all = map[string]string{}
	for _, c := range e.listing(componentsPath) {
		metadata := c["metadata"].(map[string]any)
		namespace, name := metadata["namespace"].(string), metadata["name"].(string)
		if namespace == "hostile" {
			continue
		}
		well := true
		for _, use := range []string{"push", "pull"} {
			image, login, token := credentialIn(e.cluster.Object("secrets", namespace, name+"-image-"+use))
			well = well && token != "" && token == e.quay.RobotToken(login) && image == host+"/"+org+"/"+namespace+"/"+name
		}
		told := e.annotation(namespace, name, component.AnnotationImage)
		all[namespace+"/"+name] = fmt.Sprintf("well %v, told %s, targets %v", well, told, e.targets(namespace, name))
		if well && strings.Contains(told, name+"-image-push") {
			served++
		}
	}
	return all, served
}

// The worst neighbour: one tenant does everything at once, in every run, and the others'
// runs are what they are without it.
func TestTheWorstNeighbour(t *testing.T) {
	t.Parallel()
	runs := some(t, 10, 1)
	quiet, loud := newTown(t), newTown(t)
	refused, served, total := 0, 0, 0
	for run := range runs {
		for _, a := range hostileActs {
			a.commit(loud, run)
		}
		for _, e := range []*env{quiet, loud} {
			e.clock = e.clock.Add(15 * time.Minute)
			e.live(run)
			e.resetCalls()
		}
		want, _ := quiet.pass()
		got, out := loud.pass()
		if got.ExitCode() != 0 || want.ExitCode() != 0 {
			t.Errorf("run %d: exit %d, without the neighbour %d: %v\n%.3000s", run, got.ExitCode(), want.ExitCode(), got.Failures, out)
		}
		if got.Result() == report.ResultRefused || got.Result() == report.ResultFailed {
			refused++
		}
		if diff := cmp.Diff(quiet.deeds(), loud.deeds()); diff != "" {
			t.Errorf("run %d: the honest are served otherwise (-without +with the neighbour):\n%.3000s", run, diff)
		}
		before, _ := quiet.honest()
		after, well := loud.honest()
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("run %d: the honest have something else (-without +with the neighbour):\n%.3000s", run, diff)
		}
		served, total = well, len(after)
	}
	fmt.Fprintf(t.Output(), "hostile acts: %d, honest Components served: %d of %d, runs refused: %d\n", len(hostileActs), served, total, refused)
	if len(hostileActs) < 30 || served < total || refused > 0 {
		t.Error("one tenant reaches the others")
	}
}
