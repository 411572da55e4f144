package reconcile_test

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"berth/kube/kubetest"
	"berth/quay/quaytest"
	"berth/reconcile"
	"berth/reconcile/component"
	"berth/reconcile/report"
)

// drill is a disaster: what is seen first, what is typed, and what comes of it.
type drill struct {
	name    string
	first   func(r *reconcile.Run, id string) // what is set by then; nil: nothing
	strike  func(*env) *env                   // returns where life goes on
	exit    int                               // of the first run afterwards,
	seen    string                            // which says this
	typed   string                            // as the document has it
	types   func(r *reconcile.Run, id string) // the same; id is of the lost cluster
	again   time.Duration                     // after which the same is typed once more; zero: not
	tokens  int                               // changed, of 80
	settled func(r *reconcile.Run, id string) // what stays set from then on, nil: nothing
}

// struck are the Components of each drill, in four namespaces.
const struck = 40

var boroughs = map[string]int{"red": 10, "blue": 10, "green": 10, "black": 10}

// emptyOrganization is a Quay that nobody has been at.
func (e *env) emptyOrganization() {
	e.quay = quaytest.New(quaytest.Options{NewToken: e.token, Now: e.now})
	e.quay.AddUser("platform")
	e.quay.AddOrganization(org, "platform")
	e.quay.AddToken(oauth, "platform", "org:admin repo:admin")
}

// anotherCluster has the same Components, restored from their manifests: nothing has the
// uid it had.
func (e *env) anotherCluster(namespaces ...string) *env {
	other := newEnv()
	other.clock, other.quay, other.tokens, other.uids = e.clock, e.quay, e.tokens, e.uids
	other.cluster = kubetest.New(kubetest.Options{Manifests: rbac, Now: other.now, NewUID: other.uid})
	other.cluster.AddUser(berthToken, berthUser, false)
	for _, namespace := range namespaces {
		other.apply(`{apiVersion: v1, kind: Namespace, metadata: {name: %[1]s, uid: another-uid-of-%[1]s}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: appstudio-pipeline, namespace: %[1]s}}`, namespace)
		for i := range boroughs[namespace] {
			name := fmt.Sprintf("c%02d", i)
			other.component(namespace, name, "another-uid-of-"+namespace+"-"+name)
		}
	}
	return other
}

var boroughNames = []string{"red", "blue", "green", "black"}

var drills = []drill{
	{
		name: "Quay lost", exit: report.ExitRefused, seen: "is it the right organization?",
		strike: func(e *env) *env { e.emptyOrganization(); return e },
		typed:  "berth --force", types: func(r *reconcile.Run, _ string) { r.Limits.Force = true }, tokens: 80,
	},
	{
		name: "Quay restored", exit: report.ExitRefused, seen: "run once with --force",
		strike: func(e *env) *env {
			restore := e.quay.Backup()
			for i := range 20 { // rotated since
				e.apply(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: c%02d, namespace: %s, annotations: {image.redhat.com/generate: "true"}}}`, i%10, boroughNames[i/10])
			}
			e.clock = e.clock.Add(6 * time.Hour)
			e.do(e.newRun())
			restore()
			return e
		},
		typed: "berth --force", types: func(r *reconcile.Run, _ string) { r.Limits.Force = true }, tokens: 40,
	},
	{
		name: "cluster restored, with --cluster-id", exit: report.ExitFailed, seen: "run once with --adopt",
		first:  func(r *reconcile.Run, id string) { r.Naming.Cluster = id },
		strike: func(e *env) *env { return e.anotherCluster(boroughNames...) },
		typed:  "berth --cluster-id ID --adopt --force",
		types: func(r *reconcile.Run, id string) {
			r.Naming.Cluster, r.Policy.Adopt, r.Limits.Force = id, true, true
		},
		settled: func(r *reconcile.Run, id string) { r.Naming.Cluster = id }, tokens: 80,
	},
	{
		name: "cluster restored, without", exit: report.ExitRefused, seen: "--take-over-from ID",
		strike: func(e *env) *env { return e.anotherCluster(boroughNames...) },
		typed:  "berth --take-over-from ID", types: func(r *reconcile.Run, id string) { r.Naming.Former = id }, again: 2 * time.Hour, tokens: 80,
	},
	{
		name: "both lost", exit: 0, seen: "Apply complete",
		strike: func(e *env) *env { e.emptyOrganization(); return e.anotherCluster(boroughNames...) },
		typed:  "berth", types: nil, tokens: 80,
	},
	{
		name: "token leaked", exit: 0, seen: "No changes",
		strike: func(e *env) *env {
			for i := range struck {
				e.apply(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: c%02d, namespace: %s}}`, i%10, boroughNames[i/10])
			}
			return e
		},
		typed: "berth --max-rotations 2000 --timeout 2h", types: func(r *reconcile.Run, _ string) { r.Policy.MaxRotations = 2000 }, tokens: 80,
	},
	{
		name: "namespace moved", exit: report.ExitFailed, seen: "--take-over-from ID",
		first: func(r *reconcile.Run, _ string) { r.Scope.Namespaces = []string{"red"} },
		strike: func(e *env) *env {
			for i := range boroughs["red"] {
				e.cluster.Delete("components", "red", fmt.Sprintf("c%02d", i))
			}
			return e.anotherCluster("red")
		},
		typed: "berth --namespace NAMESPACE --take-over-from ID",
		types: func(r *reconcile.Run, id string) { r.Scope.Namespaces, r.Naming.Former = []string{"red"}, id }, again: 2 * time.Hour, tokens: 20,
	},
}

// tokensOf are the logins in the Secrets of all Components, and how many of these can push
// and pull with them, and nothing else.
func (e *env) tokensOf(t *testing.T) (tokens map[string]string, whole, of int) {
	t.Helper()
	roles := map[string]string{}
	for _, r := range e.quay.Snapshot().Robots {
		for repository, role := range r.Permissions {
			roles[r.Name+" "+repository] = role
		}
	}
	tokens = map[string]string{}
	for _, c := range e.listing("/apis/appstudio.redhat.com/v1alpha1/components") {
		metadata := c["metadata"].(map[string]any)
		namespace, name := metadata["namespace"].(string), metadata["name"].(string)
		of++
		good := !strings.Contains(e.annotation(namespace, name, component.AnnotationImage), "message")
		for use, role := range map[string]string{"push": "write", "pull": "read"} {
			secret := name + "-image-" + use
			image, login, token := credentialIn(e.cluster.Object("secrets", namespace, secret))
			tokens[namespace+"/"+secret] = token
			good = good && token != "" && token == e.quay.RobotToken(login) && image == host+"/"+org+"/"+namespace+"/"+name && roles[login+" "+org+"/"+namespace+"/"+name] == role
		}
		if good {
			whole++
		}
	}
	return tokens, whole, of
}

// Each disaster is played, and what docs/disaster.md says of it is so: what is seen first,
// what to type, how many calls of Quay that takes, and for how long.
func TestDrills(t *testing.T) {
	raw, err := os.ReadFile("../docs/disaster.md")
	if err != nil {
		t.Fatal(err)
	}
	document := string(raw)
	for _, d := range drills {
		t.Run(d.name, func(t *testing.T) {
			e := newEnv()
			e.populate(boroughs)
			e.run(t)
			id := e.id()
			before, _, _ := e.tokensOf(t)
			e.clock = e.clock.Add(24 * time.Hour)
			now := d.strike(e)
			if now == e {
				before, _, _ = e.tokensOf(t)
			}
			now.quay.ResetCalls()
			first := now.newRun()
			if d.first != nil {
				d.first(first, id)
			}
			seen := now.do(first)
			if seen.ExitCode() != d.exit || !strings.Contains(seen.text, d.seen) {
				t.Fatalf("what is seen first: exit %d, want %d with %q\n%.3000s", seen.ExitCode(), d.exit, d.seen, seen.text)
			}
			calls := now.quay.Total()
			if d.name == "token leaked" {
				for i := range struck {
					now.apply(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: c%02d, namespace: %s, annotations: {image.redhat.com/generate: "true"}}}`, i%10, boroughNames[i/10])
				}
			}
			run := func(set func(*reconcile.Run, string)) record {
				r := now.newRun()
				if set != nil {
					set(r, id)
				}
				return now.do(r)
			}
			if d.types != nil {
				now.quay.ResetCalls()
				if s := run(d.types); s.ExitCode() != 0 {
					t.Fatalf("%s exits %d:\n%.3000s", d.typed, s.ExitCode(), s.text)
				}
				calls = now.quay.Total()
			}
			if d.again > 0 {
				now.quay.ResetCalls()
				e.clock = e.clock.Add(d.again) // Quay's
				now.clock = e.clock
				if s := run(d.types); s.ExitCode() != 0 || s.Changes.Delete == 0 {
					t.Errorf("%s again: exit %d, %+v", d.typed, s.ExitCode(), s.Changes)
				}
				calls += now.quay.Total()
			}
			after, whole, of := now.tokensOf(t)
			changed := 0
			for name, token := range after {
				if token != before[name] {
					changed++
				}
			}
			fmt.Fprintf(os.Stdout, "drill %s: calls %d, Components whole again %d of %d, tokens changed %d\n", d.name, calls, whole, of, changed)
			if whole != of || changed != d.tokens {
				t.Errorf("%d of %d Components are whole, %d tokens changed, want %d", whole, of, changed, d.tokens)
			}
			if s := run(d.settled); s.Changes != (report.ChangeCount{}) {
				t.Errorf("it is not settled: %+v\n%.2000s", s.Changes, s.text)
			}
			each := math.Round(10*float64(calls)/float64(of)) / 10
			row := fmt.Sprintf("| %s | `%s` | %.1f | %d | %d |", d.name, d.typed, each, minutes(each, 5), minutes(each, 50))
			if !strings.Contains(document, row) {
				t.Errorf("docs/disaster.md has no row\n%s", row)
			}
		})
	}
}

// minutes that a thousand Components take at a rate, rounded up.
func minutes(each float64, rate int) int { return int(math.Ceil(1000 * each / float64(rate) / 60)) }
