package reconcile_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/quay/quaytest"
	"berth/reconcile"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/report"
	"berth/reconcile/world"
)

// forAll is a run with one pull Secret for each namespace.
func (e *env) forAll(b between) *reconcile.Run {
	r := e.newRunOver(b)
	r.Policy.NamespaceSecret, r.Policy.PullServiceAccounts, r.Policy.MaxTokenAge = world.NamespaceSecretAuto, []string{"default"}, 30*24*time.Hour
	r.Concurrency = 1
	return r
}

func (e *env) runForAll(t *testing.T, changes bool) report.Summary {
	t.Helper()
	s := e.forAll(direct).Do(context.Background())
	if s.Result() != report.ResultOK || changes == (s.Changes == report.ChangeCount{}) {
		t.Fatalf("the run was %s: %+v %v %v", s.Result(), s.Changes, s.Err, s.Failures)
	}
	return s
}

// stands is the Secret as the platform makes it, with the ServiceAccounts that pull.
func (e *env) stands(namespace, data, more string) {
	e.apply(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: konflux-integration-runner, namespace: %[1]s}, secrets: [{name: components-namespace-pull}], imagePullSecrets: [{name: components-namespace-pull}]}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: %[1]s}}
---
{apiVersion: v1, kind: Secret, metadata: {name: components-namespace-pull, namespace: %[1]s%[3]s}, type: kubernetes.io/dockerconfigjson, data: {.dockerconfigjson: %[2]s}}`,
		namespace, base64.StdEncoding.EncodeToString([]byte(data)), more)
}

// twoForAll has two Components in a namespace with an empty Secret.
func twoForAll() *env {
	e := newEnv()
	e.stands("tenant", `{"auths":{}}`, "")
	e.component("tenant", "cart", "uid-cart")
	e.component("tenant", "till", "uid-till")
	return e
}

// lacks tells what the namespace's login is not good for, and what more than that.
func (e *env) lacks(repositories ...string) (wrong []string) {
	image, login, token := credentialIn(e.cluster.Object("secrets", "tenant", component.NamespaceSecret))
	if image != "quay.test/acme/tenant" {
		wrong = append(wrong, "the login is for "+image)
	}
	for _, name := range repositories {
		if granted, ok := e.quay.Granted(login, token, name); !ok || !slices.Equal(granted, []string{"pull"}) {
			wrong = append(wrong, fmt.Sprintf("%s is granted %v on %s", login, granted, name))
		}
	}
	for _, r := range e.quay.Snapshot().Robots {
		for name, role := range r.Permissions {
			if strings.Contains(r.Name, "_namespace") && (role != "read" || !slices.Contains(repositories, name)) {
				wrong = append(wrong, fmt.Sprintf("%s has %s on %s", r.Name, role, name))
			}
		}
	}
	return wrong
}

func (e *env) namespaceRobots() (robots []string) {
	for _, r := range e.quay.Snapshot().Robots {
		if strings.Contains(r.Name, "_namespace") {
			robots = append(robots, r.Name)
		}
	}
	slices.Sort(robots)
	return robots
}

const cart, till = "acme/tenant/cart", "acme/tenant/till"

// A namespace's Secret costs one call of Quay for each new Component, and one robot.
func TestNamespaceSecret(t *testing.T) {
	t.Parallel()
	e := twoForAll()
	e.runForAll(t, true)
	if wrong := e.lacks(cart, till); len(wrong) > 0 {
		t.Error(wrong)
	}
	if got := e.quay.Mutations(); got != 2*6+1 {
		t.Errorf("%d changes at Quay, want six for each Component and the namespace's robot", got)
	}
	for account, lists := range map[string][]string{"default": {"imagePullSecrets"}, "konflux-integration-runner": {"secrets", "imagePullSecrets"}} {
		for _, list := range lists {
			if got := e.linked("tenant", account, list); !slices.Contains(got, component.NamespaceSecret) {
				t.Errorf("ServiceAccount %s has the %s %v", account, list, got)
			}
		}
	}
	e.runForAll(t, false)
	e.component("tenant", "shop", "uid-shop")
	e.resetCalls()
	e.runForAll(t, true)
	if wrong := e.lacks(cart, till, "acme/tenant/shop"); len(wrong) > 0 || e.quay.Mutations() != 6 {
		t.Error(wrong, e.quay.Mutations())
	}
	e.resetCalls()
	e.runForAll(t, false)
	if e.mutations() != 0 {
		t.Error("a settled namespace is written to")
	}
	if e.newRun().Do(context.Background()).Changes != (report.ChangeCount{}) {
		t.Error("switched off it is not left alone")
	}
}

// What is taken over, and what is left alone.
func TestWhichNamespaceSecret(t *testing.T) {
	t.Parallel()
	const theirs = `{"auths":{"quay.io":{"auth":"eDp5"}}}`
	for _, test := range []struct {
		why, data, more string
		setting         world.NamespaceSecret
		filled, told    bool
	}{
		{"empty", `{"auths":{}}`, "", "auto", true, false},
		{"empty, with a line's end", "{\"auths\":{}}\n", "", "auto", true, false},
		{"empty, of somebody who manages it", `{"auths":{}}`, `, labels: {app.kubernetes.io/managed-by: helm}`, "auto", false, false},
		{"with somebody's login", theirs, "", "auto", false, false},
		{"with somebody's login, and wanted everywhere", theirs, "", "on", false, true},
		{"with our label", theirs, `, labels: {app.kubernetes.io/managed-by: berth}`, "auto", true, false},
		{"empty in another way", `{}`, "", "auto", false, false},
		{"brought by a RemoteSecret", `{"auths":{}}`, `, annotations: {appstudio.redhat.com/managing-remote-secret: tenant/x}`, "auto", false, false},
		{"not there", "", "", "auto", false, false},
		{"not there, and wanted everywhere", "", "", "on", true, false},
		{"empty, and not wanted", `{"auths":{}}`, "", "", false, false},
		{"empty, and fixed", `{"auths":{}}`, `}, immutable: true, x: {`, "auto", false, true},
	} {
		e := newEnv()
		e.component("tenant", "cart", "uid-cart")
		if test.data != "" {
			e.stands("tenant", test.data, test.more)
		}
		r := e.forAll(direct)
		r.Policy.NamespaceSecret = test.setting
		seen := e.do(r)
		if seen.Summary.Result() != report.ResultOK {
			t.Errorf("%s: %s", test.why, seen.text)
		}
		_, login, _ := credentialIn(e.cluster.Object("secrets", "tenant", component.NamespaceSecret))
		if filled := strings.Contains(login, "_namespace"); filled != test.filled || len(e.namespaceRobots()) > 0 != test.filled {
			t.Errorf("%s: it logs in as %q, and there are the robots %v", test.why, login, e.namespaceRobots())
		}
		if told := strings.Contains(seen.text, "the namespace's pull Secret is left as it is"); told != test.told {
			t.Errorf("%s: told: %t\n%s", test.why, told, seen.text)
		}
	}
}

// Its rights are those that it was given: read, on what the namespace has.
func TestNamespaceRobotIsAudited(t *testing.T) {
	t.Parallel()
	e := twoForAll()
	e.namespace("other")
	e.component("other", "app", "uid-app")
	e.quay.AddRepository(quaytest.Repository{Name: "acme/stranger/app", Description: "somebody's", Creator: "platform"})
	e.runForAll(t, true)
	robot := org + "+" + strings.TrimPrefix(e.namespaceRobots()[0], org+"+")
	e.quay.SetPermission(cart, robot, "admin")
	e.quay.RemovePermission(till, robot)
	e.quay.SetPermission("acme/other/app", robot, "read")
	e.quay.SetPermission("acme/stranger/app", robot, "write")
	e.runForAll(t, true)
	if wrong := e.lacks(cart, till); len(wrong) > 0 {
		t.Error(wrong)
	}
	e.runForAll(t, false)
}

// A namespace that is made again has another robot, and the earlier one goes; one that is
// gone leaves an orphan.
func TestNamespaceMadeAgain(t *testing.T) {
	t.Parallel()
	e := twoForAll()
	e.runForAll(t, true)
	before := e.namespaceRobots()
	for _, name := range []string{"cart", "till"} {
		e.cluster.Delete("components", "tenant", name)
		e.quay.DeleteRepository("acme/tenant/" + name)
	}
	e.cluster.Delete("namespaces", "", "tenant")
	if seen := e.do(e.forAll(direct)); !slices.ContainsFunc(seen.plan.Orphans.Robots, func(o plan.Orphan) bool { return o.Name == strings.TrimPrefix(before[0], org+"+") }) {
		t.Errorf("%v is no orphan: %+v", before, seen.plan.Orphans)
	}
	e.apply(`{apiVersion: v1, kind: Namespace, metadata: {name: tenant, uid: uid-of-a-later-namespace}}`)
	e.quay.AddRepository(quaytest.Repository{Name: "acme/tenant/old", Creator: "platform"})
	e.quay.SetPermission("acme/tenant/old", before[0], "read")
	e.stands("tenant", `{"auths":{}}`, "")
	e.component("tenant", "cart", "uid-cart-2")
	r := e.forAll(direct)
	r.Limits.Force = true
	r.Do(context.Background())
	if wrong := e.lacks(cart); len(wrong) > 0 {
		t.Error(wrong)
	}
	if now := e.namespaceRobots(); len(now) != 1 || now[0] == before[0] {
		t.Errorf("the robots are %v, before %v", now, before)
	}
}

// With age comes a generation that may read all that its predecessor may, which lives on
// until the overlap is over.
func TestNamespaceRobotAges(t *testing.T) {
	t.Parallel()
	e := twoForAll()
	e.runForAll(t, true)
	_, first, token := credentialIn(e.cluster.Object("secrets", "tenant", component.NamespaceSecret))
	e.cluster.Delete("components", "tenant", "till") // whose images its pipelines may still read
	e.clock = e.clock.Add(40 * 24 * time.Hour)
	e.runForAll(t, true)
	if wrong := e.lacks(cart, till); len(wrong) > 0 {
		t.Error(wrong)
	}
	_, second, _ := credentialIn(e.cluster.Object("secrets", "tenant", component.NamespaceSecret))
	if second != first+"_20260425120700" {
		t.Errorf("it logs in as %s", second)
	}
	if _, alive := e.quay.Granted(first, token, cart); !alive {
		t.Error("the earlier login did not live on")
	}
	e.runForAll(t, false)
	e.clock = e.clock.Add(overlap)
	e.runForAll(t, true)
	if robots := e.namespaceRobots(); len(robots) != 1 {
		t.Errorf("the robots are %v", robots)
	}
}

// namespaceScenarios are what a crash may come into.
var namespaceScenarios = map[string]func(*env){
	"create": func(*env) {},
	"age": func(e *env) {
		e.forAll(direct).Do(context.Background())
		e.clock = e.clock.Add(40 * 24 * time.Hour)
	},
	"age and a new Component": func(e *env) {
		e.forAll(direct).Do(context.Background())
		e.clock = e.clock.Add(40 * 24 * time.Hour)
		e.component("tenant", "shop", "uid-shop")
	},
	"revoke": func(e *env) {
		e.askedForAll("true")
	},
	"rotate gracefully": func(e *env) {
		e.askedForAll(gracefully)
	},
	"revoke and a new Component": func(e *env) {
		e.askedForAll("true")
		e.component("tenant", "shop", "uid-shop")
	},
	"drift": func(e *env) {
		e.forAll(direct).Do(context.Background())
		e.quay.DeleteRobot(e.namespaceRobots()[0])
	},
}

// endsWell demands that the next runs end where they should, with no login on the way there
// that was not good for all.
func (e *env) endsWell(t *testing.T, scenario, where string) {
	t.Helper()
	for range 3 {
		e.clock = e.clock.Add(2 * time.Hour)
		e.forAll(direct).Do(context.Background())
		if robots := e.namespaceRobots(); strings.Contains(scenario, "revoke") && e.standing() == "" && len(robots) != 1 {
			t.Errorf("%s, %s: revoked, and there are %v", scenario, where, robots)
		}
	}
	if made := e.made()["namespace"]; strings.HasPrefix(scenario, "r") && (e.standing() != "" || len(made) != 1) {
		t.Errorf("%s, %s: there stands %q, made %v", scenario, where, e.standing(), made)
	}
	want := []string{cart, till}
	if strings.Contains(scenario, "new") {
		want = append(want, "acme/tenant/shop")
	}
	if wrong := append(e.lacks(want...), e.blamed...); len(wrong) > 0 || len(e.namespaceRobots()) != 1 {
		t.Errorf("%s, %s: %v %v", scenario, where, wrong, e.namespaceRobots())
	}
}

// Wherever a run dies, and whichever call fails alone, no Secret holds a login that is not
// good for what its predecessor was, and the next runs end where they should.
func TestNamespaceSecretCrashes(t *testing.T) {
	t.Parallel()
	step := every(t, 16)
	for name, prepare := range namespaceScenarios {
		for _, how := range []position{withoutAnswer, beforeSending} {
			if how == beforeSending && name != "age" && name != "revoke" {
				continue // it leaves what the call before it left, after its answer
			}
			for at := 1; ; at += step {
				e := twoForAll()
				prepare(e)
				k := &killer{at: at, how: how, writes: true}
				e.forAll(k.between).Do(context.Background())
				if k.calls < at {
					break
				}
				e.endsWell(t, name, fmt.Sprintf("died at write %d (%d)", at, how))
			}
		}
	}
}

// Two runs at once are each as good as alone.
func TestNamespaceSecretOverlaps(t *testing.T) {
	t.Parallel()
	step := every(t, 16)
	for name, prepare := range namespaceScenarios {
		for at := 1; ; at += step {
			e := twoForAll()
			prepare(e)
			calls := 0
			e.forAll(func(end http.RoundTripper) http.RoundTripper {
				return roundTrip(func(r *http.Request) (*http.Response, error) {
					if r.Method != http.MethodGet {
						if calls++; calls == at {
							e.clock = e.clock.Add(time.Minute)
							e.forAll(direct).Do(context.Background())
						}
					}
					return end.RoundTrip(r)
				})
			}).Do(context.Background())
			if calls < at {
				break
			}
			e.endsWell(t, name, fmt.Sprintf("with another run at write %d", at))
		}
	}
}

// While its successor lacks one right the Secret stays where it is.
func TestNamespaceSecretWaitsForAllRights(t *testing.T) {
	t.Parallel()
	e := twoForAll()
	e.runForAll(t, true)
	_, first, _ := credentialIn(e.cluster.Object("secrets", "tenant", component.NamespaceSecret))
	e.clock = e.clock.Add(40 * 24 * time.Hour)
	refused := false
	e.forAll(func(end http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "tenant/till/permissions/user/") && strings.Contains(r.URL.Path, "_namespace_") {
				refused = true
				return &http.Response{StatusCode: http.StatusBadRequest, Header: http.Header{"Content-Type": {"application/json"}}, Body: http.NoBody, Request: r}, nil
			}
			return end.RoundTrip(r)
		})
	}).Do(context.Background())
	if _, now, _ := credentialIn(e.cluster.Object("secrets", "tenant", component.NamespaceSecret)); !refused || now != first {
		t.Errorf("refused: %t, it logs in as %s", refused, now)
	}
	e.runForAll(t, true)
	if _, now, _ := credentialIn(e.cluster.Object("secrets", "tenant", component.NamespaceSecret)); now == first {
		t.Error("it was not completed")
	}
	if wrong := append(e.lacks(cart, till), e.blamed...); len(wrong) > 0 {
		t.Error(wrong)
	}
}

// A login that the registry does not take for one of the repositories is put nowhere.
func TestNamespaceSecretIsProved(t *testing.T) {
	t.Parallel()
	e := twoForAll()
	e.runForAll(t, true)
	_, first, _ := credentialIn(e.cluster.Object("secrets", "tenant", component.NamespaceSecret))
	e.clock = e.clock.Add(40 * 24 * time.Hour)
	refused := 0
	r := e.forAll(func(end http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			login, _, _ := r.BasicAuth()
			if strings.Contains(login, "_namespace_") && strings.Contains(r.URL.RawQuery, "till") {
				refused++
				return &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{"Content-Type": {"application/json"}}, Body: http.NoBody, Request: r}, nil
			}
			return end.RoundTrip(r)
		})
	})
	s := r.Do(context.Background())
	if _, now, _ := credentialIn(e.cluster.Object("secrets", "tenant", component.NamespaceSecret)); refused == 0 || now != first || len(s.Failures) != 1 {
		t.Errorf("refused: %d, it logs in as %s: %+v", refused, now, s.Failures)
	}
}

// A run that comes late does not take back what another has moved meanwhile.
func TestNamespaceSecretIsNotMovedBack(t *testing.T) {
	t.Parallel()
	e := twoForAll()
	e.runForAll(t, true)
	e.clock = e.clock.Add(40 * 24 * time.Hour)
	moved := ""
	e.forAll(func(end http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if moved == "" && r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/robots/") && strings.Contains(r.URL.Path, "_namespace_") {
				e.clock = e.clock.Add(time.Minute)
				e.forAll(direct).Do(context.Background())
				_, moved, _ = credentialIn(e.cluster.Object("secrets", "tenant", component.NamespaceSecret))
			}
			return end.RoundTrip(r)
		})
	}).Do(context.Background())
	if _, now, _ := credentialIn(e.cluster.Object("secrets", "tenant", component.NamespaceSecret)); moved == "" || now != moved {
		t.Errorf("it was moved to %s, and is at %s", moved, now)
	}
}
