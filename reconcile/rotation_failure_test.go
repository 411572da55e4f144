package reconcile_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/kube/kubetest"
	"berth/quay"
	"berth/quay/quaytest"
	"berth/reconcile"
	"berth/reconcile/component"
	"berth/reconcile/report"
	"berth/reconcile/report/text"
)

// saboteur lets one step of a rotation fail again and again.
type saboteur struct {
	step    string
	applied bool // the step takes effect, and its answer is lost

	mu    sync.Mutex
	times int // it still fails
	steps []string
}

func (s *saboteur) between(end http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		step := r.Method + " " + r.URL.Path + dryRun(r)
		if !slices.Contains(s.steps, step) {
			s.steps = append(s.steps, step)
		}
		if step != s.step || s.times == 0 {
			return end.RoundTrip(r)
		}
		s.times--
		if s.applied {
			_, _ = end.RoundTrip(r)
		}
		return nil, errDead
	})
}

func dryRun(r *http.Request) string {
	if r.URL.Query().Has("dryRun") {
		return " (dry run)"
	}
	return ""
}

// Six failures of any single step, over as many runs as it takes, cause one new robot
// for each role.
func TestRotationSurvivesFailures(t *testing.T) {
	t.Parallel()
	const failures = 6
	whole := &saboteur{}
	newScenario(rotate).newRunOver(whole.between).Do(context.Background())
	most, injected := 0, 0
	for _, step := range whole.steps {
		for _, applied := range []bool{false, true} {
			e := newScenario(rotate)
			s := &saboteur{step: step, applied: applied, times: failures}
			for range failures {
				e.newRunOver(s.between).Do(context.Background())
			}
			injected = max(injected, failures-s.times)
			for _, v := range e.heal(rotate) {
				t.Errorf("%s (applied: %v): %s", step, applied, v)
			}
			for _, robots := range e.made() {
				most = max(most, len(robots))
			}
		}
	}
	t.Logf("%d steps, each failing with and without effect", len(whole.steps))
	t.Logf("injected failures: %d, robots per role: %d", injected, most)
	if injected != failures || most != 1 {
		t.Errorf("%d failures were injected and %d robots made for a role", injected, most)
	}
}

// A rotation that cannot be recorded does not happen, and harms nobody else.
func TestRotationUnrecordable(t *testing.T) {
	t.Parallel()
	const runs = 20
	e := newScenario(rotate)
	refused := e.cluster.Inject(kubetest.Fault{Verb: "patch", Resource: "components", Name: "billing", Times: -1, Status: 403, Message: "denied by a webhook"})
	reported := 0
	for i := range runs {
		name := fmt.Sprintf("neighbour-%d", i)
		e.component("tenant", name, "uid-of-"+name)
		s, out := e.report(nil)
		if s.Components.Failed == 1 && strings.Contains(out, "Error: tenant/billing: the rotation cannot be recorded, so nothing was made") {
			reported++
		}
		if e.annotation("tenant", name, component.AnnotationImage) == "" {
			t.Errorf("run %d did not serve %s:\n%s", i, name, out)
		}
	}
	t.Logf("unrecordable runs: %d, robots made: %d", reported, len(e.made()))
	if reported != runs || len(e.made()) != 0 || refused.Hits() < runs {
		t.Errorf("reported %d times, made %v", reported, e.made())
	}
	refused.Remove()
	e.run(t)
	if len(e.made()) != 2 {
		t.Error("the request was lost")
	}
}

// altered is a mutating admission webhook: it changes the answers to dry runs as it
// would what is stored.
func altered(what, from, to string) between {
	return func(end http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			answer, err := end.RoundTrip(r)
			if err == nil && r.Method == what && dryRun(r) != "" {
				body, _ := io.ReadAll(answer.Body)
				body = bytes.Replace(body, []byte(from), []byte(to), 1)
				answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			}
			return answer, err
		})
	}
}

// What keeps a rotation from coming to its end is found before anything is made.
func TestRotationPreflight(t *testing.T) {
	t.Parallel()
	quota := kubetest.Fault{Verb: "create", Resource: "secrets", Namespace: "tenant", Times: -1, Status: 403, Message: `secrets "x" is forbidden: exceeded quota: tenant`}
	for _, row := range []struct {
		why   string
		spoil func(*env)
		wire  between
	}{
		{"an immutable Secret", func(e *env) {
			e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: billing-image-pull, namespace: tenant}, immutable: true}`)
		}, direct},
		{"a Secret that an admission rule guards", func(e *env) {
			e.cluster.Inject(kubetest.Fault{Verb: "patch", Resource: "secrets", Name: "billing-image-push", Times: -1, Status: 403, Message: "no"})
		}, direct},
		{"a Secret that was taken out of our hands", func(e *env) {
			e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: billing-image-push, namespace: tenant, labels: {app.kubernetes.io/managed-by: me}}}`)
		}, direct},
		{"permissions that cannot be read", func(e *env) {
			e.quay.Inject(quaytest.Fault{Method: http.MethodGet, Route: quaytest.RouteUserPermissions, Skip: 1, Times: -1, Status: 502})
		}, direct},
		{"a webhook that would make another content of it", func(*env) {}, altered(http.MethodPatch, `".dockerconfigjson":"`, `".dockerconfigjson":"AAAA`)},
		{"a webhook that would take our label off", func(*env) {}, altered(http.MethodPatch, `"berth"`, `"other"`)},
		{"a webhook that would let nobody pull with what is brought", func(*env) {}, altered(http.MethodPatch, `"linkedTo"`, `"linked"`)},
		{"a webhook that would keep no record of an upload", func(*env) {}, altered(http.MethodPatch, `"image.redhat.com/upload"`, `"other"`)},
		{"an upload that a quota would refuse", func(e *env) { e.cluster.Inject(quota) }, direct},
		{"a RemoteSecret whose webhook is down", func(e *env) { e.cluster.SetWebhook(false) }, direct},
	} {
		e := newEnv()
		e.deliver()
		e.component("tenant", "billing", "uid-1")
		e.deliverAll()
		e.run(t)
		e.quay.ResetCalls()
		e.rotate()
		row.spoil(e)
		s := e.newRunOver(row.wire).Do(context.Background())
		if s.Components.Failed+s.Components.Blocked != 1 || len(e.made()) != 0 {
			t.Errorf("%s: made %v, %+v", row.why, e.made(), s.Components)
		}
		if e.annotation("tenant", "billing", component.AnnotationGenerate) != "true" || e.annotation("tenant", "billing", component.AnnotationRotation) != "" {
			t.Errorf("%s: the request was lost", row.why)
		}
	}
}

// A webhook that cannot be asked without doing it is told and stops nothing; a name of
// an upload that exists is as good as made.
func TestRotationWithoutDryRuns(t *testing.T) {
	t.Parallel()
	e := newScenario(rotate)
	fault := e.cluster.Inject(kubetest.Fault{
		Verb: "patch", Resource: "secrets", Times: 2, Status: http.StatusBadRequest, Message: `admission webhook "guard.example" does not support dry run`,
	})
	e.run(t)
	if fault.Hits() != 2 {
		t.Errorf("%d dry runs were refused", fault.Hits())
	}
	for _, v := range e.heal(rotate) {
		t.Error(v)
	}
}

// No Secret is moved to a login that the registry does not grant exactly its role, and
// nothing is revoked.
func TestRotationProof(t *testing.T) {
	t.Parallel()
	spoil := func(do func(login string)) between {
		return func(end http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				answer, err := end.RoundTrip(r)
				if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/permissions/user/") && strings.Contains(r.URL.Path, "_pull_") {
					do(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
				}
				return answer, err
			})
		}
	}
	for why, row := range map[string]struct {
		do   func(e *env, login string)
		told string
	}{
		"a robot in a team":                 {func(e *env, login string) { e.quay.AddTeam(org, "owners2", "admin", login) }, "it may do more than its role allows"},
		"a token that is not the one made":  {func(e *env, login string) { e.quay.RegenerateToken(login) }, "the registry refuses its login"},
		"a permission that was taken again": {func(e *env, login string) { e.quay.RemovePermission("acme/tenant/billing", login) }, "the registry grants it []"},
	} {
		e := newScenario(rotate)
		before := e.login("billing-image-push")
		r := e.newRunOver(spoil(func(login string) { row.do(e, login) }))
		var out bytes.Buffer
		r.Report = text.New(&out, false, report.Folded)
		s := r.Do(context.Background())
		if s.Components.Failed != 1 || !strings.Contains(out.String(), "not proved, so nothing was revoked") || !strings.Contains(out.String(), row.told) {
			t.Errorf("%s: %+v\n%s", why, s.Components, out.String())
		}
		if e.login("billing-image-push") != before || len(e.ours()) != 4 || e.annotation("tenant", "billing", component.AnnotationRotation) == "" {
			t.Errorf("%s: a Secret was moved, or something deleted: %s, %v", why, e.login("billing-image-push"), e.ours())
		}
	}
}

// A repository that takes no pushes now proves nothing against a robot that may push.
func TestRotationOfAReadOnlyRepository(t *testing.T) {
	t.Parallel()
	e := newScenario(rotate)
	e.quay.SetState("acme/tenant/billing", "READ_ONLY")
	if s := e.newRun().Do(context.Background()); s.Result() != report.ResultOK || len(e.made()) != 2 {
		t.Errorf("%+v %+v", s.Components, s.Failures)
	}
}

// The registry's replicas lag: the proof is tried again, and what this run has done it
// knows without them.
func TestRotationBehindAReplica(t *testing.T) {
	t.Parallel()
	for lag := 1; lag <= 8; lag++ {
		e := newScenario(rotate)
		e.quay.Lag(lag)
		for range 4 {
			e.newRun().Do(context.Background())
		}
		e.quay.Lag(0)
		for _, v := range e.heal(rotate) {
			if !strings.HasPrefix(v, "alive after revoke") { // what nobody could see then goes a run later
				t.Errorf("%d writes behind: %s", lag, v)
			}
		}
		e.run(t)
		if robots := e.ours(); len(robots) != 2 {
			t.Errorf("%d writes behind: %v are left", lag, robots)
		}
	}
}

// A run that is told to stop finishes what is in flight, within its grace; one that is
// cut leaves nothing dead. However little time it has, it begins.
func TestRotationInterrupted(t *testing.T) {
	t.Parallel()
	e := newScenario(rotate)
	ctx, cancel := context.WithCancelCause(context.Background())
	stopAtFirst := func(end http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			answer, err := end.RoundTrip(r)
			if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/robots/") {
				cancel(reconcile.Interrupted{Signal: 15})
			}
			return answer, err
		})
	}
	s := e.newRunOver(stopAtFirst).Do(ctx)
	if s.ExitCode() != 143 || s.Changes.Rotate != 2 {
		t.Errorf("exit %d, %+v", s.ExitCode(), s.Changes)
	}
	for _, v := range e.heal(rotate) {
		t.Error(v)
	}

	e = newScenario(rotate)
	soon, cancelSoon := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancelSoon()
	if s := e.newRun().Do(soon); s.ExitCode() != 0 || s.Changes.Rotate != 2 {
		t.Errorf("with little time: exit %d, %+v", s.ExitCode(), s.Changes)
	}
}

// Robots and Secrets are also changed by hand.
func TestRotationMeetsPeople(t *testing.T) {
	t.Parallel()
	for why, do := range map[string]func(e *env){
		"the new push robot deleted": func(e *env) { e.quay.DeleteRobot(e.login("billing-image-push")) },
		"both new robots deleted": func(e *env) {
			e.quay.DeleteRobot(e.login("billing-image-push"))
			e.quay.DeleteRobot(e.login("billing-image-pull"))
		},
		"the new push robot without its role": func(e *env) { e.quay.RemovePermission("acme/tenant/billing", e.login("billing-image-push")) },
		"the new pull robot may push":         func(e *env) { e.quay.SetPermission("acme/tenant/billing", e.login("billing-image-pull"), "admin") },
		"the new push robot regenerated":      func(e *env) { e.quay.RegenerateToken(e.login("billing-image-push")) },
		"the Secrets deleted": func(e *env) {
			e.cluster.Delete("secrets", "tenant", "billing-image-push")
			e.cluster.Delete("secrets", "tenant", "billing-image-pull")
		},
		"a Secret edited": func(e *env) {
			e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: billing-image-push, namespace: tenant}, stringData: {.dockerconfigjson: '{"auths":{}}'}}`)
		},
	} {
		for how, ask := range map[string]func(*env){"revoke": (*env).rotate, "graceful": (*env).rotateGracefully} {
			e := newEnv()
			e.settledComponent()
			ask(e)
			e.run(t)
			do(e)
			e.run(t)
			e.settled(t)
			for _, v := range append(e.deadTokens("billing-image-push", "billing-image-pull"), e.blamed...) {
				t.Errorf("%s, %s: %s", why, how, v)
			}
			e.clock = e.clock.Add(3 * time.Hour)
			e.run(t)
			e.settled(t)
			if robots := e.ours(); len(robots) != 2 {
				t.Errorf("%s, %s: %v are left", why, how, robots)
			}
		}
	}
}

// outdated answers about roles as a replica does that is far behind.
type outdated struct {
	registry
	roles map[string]quay.Role
}

func (o outdated) ListRobotPermissions(context.Context, string) (map[string]quay.Role, error) {
	return maps.Clone(o.roles), nil
}

// A look that shows only what was before a rotation moves no Secret back.
func TestRotationIsNotTakenBack(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.settledComponent()
	q, _ := e.clients(direct)
	before, err := q.ListRobotPermissions(t.Context(), "tenant/billing")
	if err != nil {
		t.Fatal(err)
	}
	e.rotateGracefully()
	e.run(t)
	login := e.login("billing-image-push")
	e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: billing-image-push, namespace: tenant, labels: {appstudio.redhat.com/internal: "no"}}}`)
	r := e.newRun()
	r.Write.Registry = outdated{q, before}
	if s := r.Do(t.Context()); s.Components.Failed != 1 || e.login("billing-image-push") != login {
		t.Errorf("%+v; the Secret logs in as %s", s.Components, e.login("billing-image-push"))
	}
	e.run(t)
	e.settled(t)
}

// A run pauses at each of its calls, while another serves one more request and a user
// spoils both Secrets: it writes no login that is gone by then.
func TestRotationPausedBesideAnEdit(t *testing.T) {
	t.Parallel()
	whole := &killer{}
	newScenario(rotate).attempt(rotate, whole)
	for at := 1; at <= whole.calls; at++ {
		e := newScenario(rotate)
		r := e.newRunOver((&pause{at: at, do: func() {
			e.newRun().Do(context.Background())
			e.clock = e.clock.Add(2 * time.Hour)
			e.rotate()
			e.newRun().Do(context.Background())
			for _, name := range secretNames {
				e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: %s, namespace: tenant}, stringData: {.dockerconfigjson: '{"auths":{}}'}}`, name)
			}
		}}).between)
		r.Concurrency = 1
		r.Do(context.Background())
		for _, v := range e.blamed {
			t.Errorf("call %d of %d: %s", at, whole.calls, v)
		}
		e.clock = e.clock.Add(7 * time.Hour)
		e.newRun().Do(context.Background())
		e.run(t)
		e.settled(t)
	}
}

// What a run has granted itself it knows, whatever a replica shows.
func TestRotationKnowsWhatItHasGranted(t *testing.T) {
	t.Parallel()
	e := newScenario(rotate)
	before := e.login("billing-image-push")
	q, _ := e.clients(direct)
	roles, err := q.ListRobotPermissions(t.Context(), "tenant/billing")
	if err != nil {
		t.Fatal(err)
	}
	r := e.newRun()
	r.Write.Registry = outdated{q, roles}
	if s := r.Do(t.Context()); s.Result() != report.ResultOK || e.login("billing-image-push") == before {
		t.Errorf("%+v; the Secret logs in as %s", s.Components, e.login("billing-image-push"))
	}
}
