package reconcile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"berth/kube/kubetest"
	"berth/kube/kubetest/remotesecret"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/report"
)

// client is somebody who took a login from a Secret: a build, or a pod's kubelet.
type client struct {
	login, token string
	want         string // what its role lets it do
}

// take copies the login out of a Secret.
func take(content map[string]any, want string) client {
	_, login, token := credentialIn(content)
	return client{login, token, want}
}

// try asks the registry over the wire, as docker does before it pushes or pulls.
func (c client) try(t *testing.T, registry string) bool {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, registry+"/v2/auth?service=x&scope=repository:acme/tenant/billing:"+c.want, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(c.login, c.token)
	answer, err := (&http.Client{Timeout: time.Minute}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var body struct{ Token string }
	if answer.StatusCode != http.StatusOK || json.NewDecoder(answer.Body).Decode(&body) != nil {
		return false
	}
	parts := strings.Split(body.Token, ".")
	return len(parts) == 3 && strings.Contains(unpadded(parts[1]), `"actions":["`+strings.ReplaceAll(c.want, ",", `","`)+`"]`)
}

func unpadded(encoded string) string {
	return decoded(strings.NewReplacer("-", "+", "_", "/").Replace(encoded) + strings.Repeat("=", (4-len(encoded)%4)%4))
}

// everywhere are the logins as they can be taken now: to push, and to pull in the three
// environments.
func (e *env) everywhere() []client {
	return []client{
		take(e.cluster.Object("secrets", "tenant", "billing-image-push"), "push,pull"),
		take(e.cluster.Object("secrets", "tenant", "billing-image-pull"), "pull"),
		take(e.cluster.Object("secrets", "tenant-stage", "billing-image-pull"), "pull"),
		take(e.other.Object("secrets", "prod", "billing-image-pull"), "pull"),
	}
}

// delivered has a Component whose pull Secret is everywhere, a registry to log in at, and
// the logins that were taken before anything else happens.
func delivered(t *testing.T) (e *env, registry string, before []client) {
	t.Helper()
	e = newEnv()
	e.deliver()
	e.component("tenant", "billing", "uid-1")
	e.deliverAll()
	e.run(t)
	server := httptest.NewServer(e.quay)
	t.Cleanup(server.Close)
	return e, server.URL, e.everywhere()
}

// A graceful rotation beside a build: who took a login before can use it until the
// overlap is over, and who takes one at any moment of the rotation can use it at once.
func TestRotationBesideABuild(t *testing.T) {
	t.Parallel()
	e, registry, before := delivered(t)
	var moments atomic.Int64 // a run reads side by side
	check := func(clients []client, what string) {
		for i, c := range clients {
			if !c.try(t, registry) {
				t.Errorf("%s, client %d cannot %s with %s", what, i, c.want, c.login)
			}
		}
	}
	each := func(end http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			answer, err := end.RoundTrip(r)
			moments.Add(1)
			check(before, "with a login taken before the rotation")
			check(e.everywhere(), "with a login taken after "+r.Method+" "+r.URL.Path)
			return answer, err
		})
	}
	again := func() {
		r := e.newRunOver(each)
		r.Concurrency = 1
		if s := r.Do(context.Background()); s.Result() != report.ResultOK {
			t.Fatalf("%+v", s.Failures)
		}
		e.sync()
		check(e.everywhere(), "after the operator")
	}
	e.rotateGracefully()
	for range 4 {
		again()
		e.clock = e.clock.Add(14 * time.Minute)
	}
	for i, c := range e.everywhere() {
		if c.login == before[i].login {
			t.Errorf("client %d still takes the old login", i)
		}
	}
	e.clock = e.clock.Add(5 * time.Minute)
	e.run(t)
	for i, c := range before {
		if c.try(t, registry) {
			t.Errorf("after the overlap client %d can still %s with the login it took before", i, c.want)
		}
	}
	check(e.everywhere(), "after the overlap")
	t.Logf("%d moments, at each of which 8 clients were served", moments.Load())
}

// To revoke: the old logins are refused when the request's marker goes.
func TestRotationRevokes(t *testing.T) {
	t.Parallel()
	e, registry, before := delivered(t)
	e.rotate()
	gone := false
	e.newRunOver(func(end http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			stood := e.annotation("tenant", "billing", component.AnnotationRotation) != ""
			answer, err := end.RoundTrip(r)
			if stood && e.annotation("tenant", "billing", component.AnnotationRotation) == "" {
				gone = true
				for i, c := range before {
					if c.try(t, registry) {
						t.Errorf("client %d can %s with its old login when the marker goes", i, c.want)
					}
				}
				for _, c := range e.everywhere()[:2] {
					if !c.try(t, registry) {
						t.Errorf("%s is not accepted when the marker goes", c.login)
					}
				}
			}
			return answer, err
		})
	}).Do(context.Background())
	if !gone {
		t.Error("the marker never went")
	}
}

// The old pull login is not drained while an environment does not have the new one, until
// twice the overlap has passed; the push login does not wait for that.
func TestRotationWaitsForEnvironments(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		arrive time.Duration // when the operator does its work again; 0: never
		push   time.Duration // when the old ones go, after the Secrets were moved
		pull   time.Duration
	}{
		{"it arrives at once", time.Minute, overlap, overlap},
		{"it arrives late", 90 * time.Minute, overlap, 90 * time.Minute},
		{"it never arrives", 0, overlap, 2 * overlap},
	} {
		e := newEnv()
		e.deliver()
		e.component("tenant", "billing", "uid-1")
		e.deliverAll()
		e.run(t)
		e.operator.Trouble(remotesecret.Trouble{Down: true})
		push, pull := e.login("billing-image-push"), e.login("billing-image-pull")
		e.rotateGracefully()
		begun := e.clock
		drained := map[string]time.Duration{}
		for range 12 {
			e.do(e.newRun())
			for _, robot := range []string{push, pull} {
				if _, known := drained[robot]; !known && e.quay.RobotToken(robot) == "" {
					drained[robot] = e.clock.Sub(begun)
				}
			}
			e.clock = e.clock.Add(15 * time.Minute)
			if row.arrive > 0 && e.clock.Sub(begun) >= row.arrive {
				e.operator.Trouble(remotesecret.Trouble{})
				e.sync()
			}
		}
		if drained[push] != row.push || drained[pull] != row.pull {
			t.Errorf("%s: the old push login was drained after %s, the pull login after %s; want %s and %s", row.why, drained[push], drained[pull], row.push, row.pull)
		}
		for _, v := range e.blamed {
			t.Errorf("%s: %s", row.why, v)
		}
	}
}

// A turn that cannot be used, because nothing can be written there, is another's.
func TestRotationTurnsArePassedOn(t *testing.T) {
	t.Parallel()
	e := newEnv()
	names := []string{"a", "b", "c", "d"}
	for _, name := range names {
		e.component("tenant", name, "uid-"+name)
	}
	e.run(t)
	for _, name := range names {
		e.component("tenant", name, "uid-"+name, `image.redhat.com/generate: "true"`)
	}
	for _, name := range names[:2] {
		e.cluster.Inject(kubetest.Fault{Verb: "patch", Resource: "secrets", Name: name + "-image-pull", Times: -1, Status: http.StatusForbidden, Message: "no"})
	}
	e.apply(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: appstudio-pipeline, namespace: tenant}, secrets: []}`)
	e.cluster.Inject(kubetest.Fault{Verb: "patch", Resource: "serviceaccounts", Times: -1, Status: http.StatusForbidden, Message: "no"})
	var out bytes.Buffer
	r := e.newRun()
	r.Policy.MaxRotations, r.Report = 2, wholeText(&out)
	s := r.Do(context.Background())
	for _, name := range names[2:] { // what failed before a turn came is told all the same
		if !strings.Contains(out.String(), "Warning: tenant/"+name+": patch ServiceAccount ") {
			t.Errorf("of %s no warning is told\n%s", name, out.String())
		}
	}
	rotated := 0
	for _, name := range names[2:] {
		if e.annotation("tenant", name, component.AnnotationGenerate) == "" {
			rotated++
		}
	}
	if rotated != 2 || s.Changes.Rotate != 4 {
		t.Errorf("%d of two that could be rotated were, %+v\n%s", rotated, s, out.String())
	}
}

// What a crash left is completed, but no Secret is moved to it without a proof.
func TestRotationCompletesOnlyWhatIsProved(t *testing.T) {
	t.Parallel()
	for _, team := range []bool{false, true} {
		e := newEnv()
		e.settledComponent()
		before := e.login("billing-image-push")
		e.rotateGracefully()
		e.attempt(rotate, &killer{at: 5, how: afterAnswer, writes: true})            // both robots are there, without a role
		e.component("tenant", "billing", "uid-1", `image.redhat.com/rotation: null`) // and nothing tells of them
		if team {
			e.quay.AddTeam(org, "pushers", "admin", before+"_20260316120700")
		}
		s := e.newRun().Do(context.Background())
		moved := e.login("billing-image-push") == before+"_20260316120700"
		if moved == team || (s.Components.Failed == 1) != team {
			t.Errorf("in a team: %t; moved: %t; %+v", team, moved, s.Failures)
		}
	}
}

// planned tells the names in what a plan would delete.
func planned(p plan.Component) (robots []string) {
	for _, a := range p.Actions {
		if d, ok := a.(plan.DeleteRobot); ok {
			robots = append(robots, fmt.Sprintf("%s: %s", d.Robot, d.Reason))
		}
	}
	slices.Sort(robots)
	return robots
}

// A paused run woke up and made a robot of an old stamp again: nobody has its token.
func TestRotationDrainsWhatWasInNoSecret(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.settledComponent()
	first := e.login("billing-image-push")
	e.rotateGracefully()
	e.run(t)
	e.clock = e.clock.Add(11 * time.Minute)
	q, _ := e.clients(direct)
	mark := ""
	for _, r := range e.quay.Snapshot().Robots {
		if r.Name == first {
			mark = r.Description
		}
	}
	if _, err := q.CreateRobot(t.Context(), strings.TrimPrefix(first, org+"+")+"_20260316120000", mark); err != nil {
		t.Fatal(err)
	}
	got := planned(e.look().planOf(t, component.Key{Namespace: "tenant", Name: "billing"}))
	if len(got) != 1 || !strings.Contains(got[0], "_20260316120000: it is younger than its Secret's, of an older stamp") {
		t.Errorf("planned to delete %v", got)
	}
	e.run(t)
	e.settled(t)
}

// A user puts the old login back just before it is drained: it is not, since that is what
// the Secret holds, and the next run moves the Secret again.
func TestRotationDrainsNothingThatIsHeld(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.settledComponent()
	old := e.login("billing-image-push")
	data, _ := e.cluster.Object("secrets", "tenant", "billing-image-push")["data"].(map[string]any)
	e.rotateGracefully()
	e.run(t)
	e.clock = e.clock.Add(2 * overlap)
	e.newRunOver(func(end http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/secrets/billing-image-push") {
				e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: billing-image-push, namespace: tenant}, data: {.dockerconfigjson: %q}}`, data[".dockerconfigjson"])
			}
			return end.RoundTrip(r)
		})
	}).Do(t.Context())
	if e.quay.RobotToken(old) == "" || e.login("billing-image-push") != old {
		t.Errorf("%s was drained, while the Secret logs in as %s", old, e.login("billing-image-push"))
	}
	for range 2 {
		e.clock = e.clock.Add(2 * overlap)
		e.run(t)
	}
	e.settled(t)
	if e.quay.RobotToken(old) != "" {
		t.Error("and it is never drained")
	}
}

// An overlap begins when the Secret is moved, not when the robot was made, which may have
// been much earlier.
func TestRotationOverlapBeginsWithTheMove(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.settledComponent()
	old := e.login("billing-image-push")
	e.rotateGracefully()
	e.attempt(rotate, &killer{at: 7, how: afterAnswer, writes: true}) // both robots have their roles
	if e.login("billing-image-push") != old || len(e.ours()) != 4 {
		t.Fatalf("the first run did not die before it moved a Secret: %v", e.ours())
	}
	for _, row := range []struct {
		after time.Duration
		there bool
	}{{40 * time.Minute, true}, {25 * time.Minute, true}, {34 * time.Minute, true}, {time.Minute, false}} {
		e.clock = e.clock.Add(row.after)
		e.run(t)
		if there := e.quay.RobotToken(old) != ""; there != row.there {
			t.Errorf("at %s the old robot is there: %t", e.clock.Format(time.TimeOnly), there)
		}
	}
}

// So it does when the run that would drain began before the Secret was moved, and when
// the Secret has been moved on since.
func TestRotationOverlapOfWhatMovedLate(t *testing.T) {
	t.Parallel()
	late := func() (e *env, old string) {
		e = newEnv()
		e.settledComponent()
		old = e.login("billing-image-push")
		e.rotateGracefully()
		e.attempt(rotate, &killer{at: 7, how: afterAnswer, writes: true}) // both robots have their roles
		e.clock = e.clock.Add(5 * time.Hour)
		return e, old
	}
	e, old := late()
	var once sync.Once
	e.newRunOver(func(end http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			answer, err := end.RoundTrip(r)
			if strings.HasSuffix(r.URL.Path, "/organization/"+org) { // which tells the run what time it is
				once.Do(func() {
					e.clock = e.clock.Add(time.Minute)
					e.run(t)
				})
			}
			return answer, err
		})
	}).Do(t.Context())
	if e.login("billing-image-push") == old || e.quay.RobotToken(old) == "" {
		t.Errorf("the Secret logs in as %s, and a run that began before that drained the old one: %t", e.login("billing-image-push"), e.quay.RobotToken(old) == "")
	}

	e, old = late()
	e.run(t)
	for range 2 {
		again := e.newRun()
		again.Scope.Gracefully = []component.Key{{Namespace: "tenant", Name: "billing"}}
		e.clock = e.clock.Add(time.Minute)
		again.Do(t.Context())
	}
	for _, row := range []struct {
		after time.Duration
		there bool
	}{{55 * time.Minute, true}, {6 * time.Minute, false}} {
		e.clock = e.clock.Add(row.after)
		e.run(t)
		if there := e.quay.RobotToken(old) != ""; there != row.there || len(e.ours()) > 8 {
			t.Errorf("at %s the old robot is there: %t; %v", e.clock.Format(time.TimeOnly), there, e.ours())
		}
	}
}

// A Secret that is mended first is looked at again before the other is moved: what was
// seen then knew nothing of the new robots.
func TestRotationOfWhatDrifted(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.settledComponent()
	e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: billing-image-pull, namespace: tenant, labels: {appstudio.redhat.com/component: other}}}`)
	e.rotate()
	if s := e.run(t); s.Changes.Rotate != 2 || s.Changes.Delete != 2 || len(e.ours()) != 2 {
		t.Errorf("%+v, and then there are %v", s.Changes, e.ours())
	}
}
