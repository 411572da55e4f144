package reconcile_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
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
)

// rotate is the scenario of one settled Component that asks for new credentials.
var rotate = scenarios[slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == "rotate" })]

// report makes a run and returns what it printed.
func (e *env) report(change func(*reconcile.Run)) (report.Summary, string) {
	var out bytes.Buffer
	r := e.newRun()
	r.Report = wholeText(&out)
	if change != nil {
		change(r)
	}
	return r.Do(context.Background()), out.String()
}

func TestRotation(t *testing.T) {
	t.Parallel()
	e := newScenario(rotate)
	login, old := e.credential("billing-image-push")
	e.run(t)
	if _, now := e.credential("billing-image-push"); now == old || now != e.quay.RobotToken(login) {
		t.Error("the push Secret does not carry a new token of its robot")
	}
	metadata, _ := e.cluster.Object("secrets", "tenant", "billing-image-pull")["metadata"].(map[string]any)
	if at := fmt.Sprint(metadata["annotations"]); !strings.Contains(at, "rotated-at:2026-03-16T12:07:00Z") {
		t.Errorf("the pull Secret does not tell when it was rotated: %s", at)
	}
	for _, v := range e.heal(rotate) {
		t.Error(v)
	}
}

// Request and marker come off in one patch that names what it rests on: the
// Component's version, the request, and the marker this rotation began with.
func TestRotationIsAcknowledgedConditionally(t *testing.T) {
	t.Parallel()
	e := newScenario(rotate)
	var patches [][]string
	e.newRunOver(func(end http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, "/components/billing") {
				body, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(bytes.NewReader(body))
				var ops []struct{ Op, Path string }
				if err := json.Unmarshal(body, &ops); err != nil {
					return nil, err
				}
				var patch []string
				for _, o := range ops {
					patch = append(patch, o.Op+" "+o.Path)
				}
				patches = append(patches, patch)
			}
			return end.RoundTrip(r)
		})
	}).Do(context.Background())
	if len(patches) != 2 {
		t.Fatalf("%d patches of the Component, want the marker and the acknowledgement: %v", len(patches), patches)
	}
	for i, want := range [][]string{
		{"replace /metadata/resourceVersion", "test /metadata/annotations/image.redhat.com~1generate"},
		{
			"replace /metadata/resourceVersion", "test /metadata/annotations/image.redhat.com~1generate", "test /metadata/annotations/image.redhat.com~1rotation",
			"remove /metadata/annotations/image.redhat.com~1generate", "remove /metadata/annotations/image.redhat.com~1rotation",
		},
	} {
		for _, op := range want {
			if !slices.Contains(patches[i], op) {
				t.Errorf("patch %d lacks %q: %v", i, op, patches[i])
			}
		}
	}
}

func TestRotationByOperator(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.settledComponent()
	want := func(r *reconcile.Run) {
		r.Scope.Rotate = []component.Key{{Namespace: "tenant", Name: "billing"}, {Namespace: "tenant", Name: "misspelt"}}
	}
	s, out := e.report(want)
	if s.Changes.Rotate != 2 || len(e.regenerations()) != 2 {
		t.Errorf("rotated %d tokens:\n%s", s.Changes.Rotate, out)
	}
	if !strings.Contains(out, "tenant/misspelt: there is no such Component") {
		t.Errorf("a misspelt name is not reported:\n%s", out)
	}
	e.settled(t)
}

// A dry run shows the rotation and touches nothing.
func TestRotationDryRun(t *testing.T) {
	t.Parallel()
	e := newScenario(rotate)
	e.cluster.ResetCalls()
	s, out := e.report(func(r *reconcile.Run) { r.Header.DryRun = true })
	if s.Changes.Rotate != 2 || strings.Count(out, "-/+ robot token") != 2 || !strings.Contains(out, "request acknowledged") {
		t.Errorf("the plan does not show the rotation:\n%s", out)
	}
	if e.quay.Mutations() != 0 || e.cluster.Mutations() != 0 {
		t.Error("a dry run wrote something")
	}
}

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

// Six failures of any single step, over as many runs as it takes, cause one
// regeneration of each robot.
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
			for _, n := range e.regenerations() {
				most = max(most, n)
			}
		}
	}
	t.Logf("%d steps, each failing with and without effect", len(whole.steps))
	t.Logf("injected failures: %d, regenerations per robot: %d", injected, most)
	if injected != failures || most != 1 {
		t.Errorf("%d failures were injected and a robot was rotated %d times", injected, most)
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
		if s.Components.Failed == 1 && strings.Contains(out, "Error: tenant/billing: the rotation cannot be recorded, so nothing was rotated") {
			reported++
		}
		if e.annotation("tenant", name, component.AnnotationImage) == "" {
			t.Errorf("run %d did not serve %s:\n%s", i, name, out)
		}
	}
	t.Logf("unrecordable runs: %d, regenerations: %d", reported, len(e.regenerations()))
	if reported != runs || len(e.regenerations()) != 0 || refused.Hits() < runs {
		t.Errorf("reported %d times, %d robots rotated", reported, len(e.regenerations()))
	}
	refused.Remove()
	e.run(t)
	if len(e.regenerations()) != 2 {
		t.Error("the request was lost")
	}
}

// What keeps a Secret from being written must be found before its token is replaced.
func TestRotationPreflight(t *testing.T) {
	t.Parallel()
	rows := map[string]func(*env){
		"an immutable Secret": func(e *env) {
			e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: billing-image-pull, namespace: tenant}, immutable: true}`)
		},
		"a Secret that an admission rule guards": func(e *env) {
			e.cluster.Inject(kubetest.Fault{Verb: "patch", Resource: "secrets", Name: "billing-image-push", Times: -1, Status: 403, Message: "no"})
		},
		"a Secret that was taken out of our hands": func(e *env) {
			e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: billing-image-push, namespace: tenant, labels: {app.kubernetes.io/managed-by: me}}}`)
		},
		"permissions that cannot be read": func(e *env) {
			e.quay.Inject(quaytest.Fault{Method: http.MethodGet, Route: quaytest.RouteUserPermissions, Skip: 1, Times: -1, Status: 502})
		},
	}
	for why, spoil := range rows {
		e := newScenario(rotate)
		spoil(e)
		if s, out := e.report(nil); s.Components.Failed+s.Components.Blocked != 1 || len(e.regenerations()) != 0 {
			t.Errorf("%s: %d robots were rotated\n%s", why, len(e.regenerations()), out)
		}
		if e.annotation("tenant", "billing", component.AnnotationGenerate) != "true" {
			t.Errorf("%s: the request was lost", why)
		}
	}
}

// A tenant can write markers; they must not matter to anybody, and the tenant's
// own requests must go on working where they can.
func TestRotationMarkers(t *testing.T) {
	t.Parallel()
	valid := `{"v":1,"id":"x","uid":"%s","push":"%s","pull":"%s","state":"rotating","since":"%s"}`
	lately, long := "2026-03-16T12:00:00Z", "2026-03-15T12:00:00Z"
	rows := []struct {
		why, marker string
		regenerated int
	}{
		{"no JSON", `{`, 2},
		{"not a marker", `true`, 2},
		{"another version", strings.Replace(fmt.Sprintf(valid, "uid-1", "f", "f", lately), `"v":1`, `"v":2`, 1), 2},
		{"of another Component, as a copied manifest has it", fmt.Sprintf(valid, "uid-0", "f", "f", lately), 2},
		{"huge", strings.Repeat("x", 10_000), 2},
		{"too old to count: the rotation starts over", fmt.Sprintf(valid, "uid-1", "f", "f", long), 2},
		{"from the future", fmt.Sprintf(valid, "uid-1", "f", "f", "2027-01-01T00:00:00Z"), 2},
		{"forged: the tenant has skipped its own rotation", fmt.Sprintf(valid, "uid-1", "f", "f", lately), 0},
	}
	for _, row := range rows {
		e := newScenario(rotate)
		e.component("tenant", "billing", "uid-1", `image.redhat.com/generate: "true"`, fmt.Sprintf("image.redhat.com/rotation: %q", row.marker))
		e.run(t)
		if n := len(e.regenerations()); n != row.regenerated {
			t.Errorf("%s: %d robots were rotated, want %d", row.why, n, row.regenerated)
		}
		if e.annotation("tenant", "billing", component.AnnotationGenerate) != "" {
			t.Errorf("%s: the request still stands", row.why)
		}
		for _, v := range e.deadTokens("billing-image-push", "billing-image-pull") {
			t.Errorf("%s: %s", row.why, v)
		}
		e.settled(t)
	}
}

// A request that YAML or a person has dressed up is one: it is served once and comes off.
func TestRotationRequestsAsMeant(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"true\n", " true", "True", "TRUE \n"} {
		e := newScenario(rotate)
		e.component("tenant", "billing", "uid-1", fmt.Sprintf("image.redhat.com/generate: %q", value))
		e.run(t)
		if n, still := len(e.regenerations()), e.annotation("tenant", "billing", component.AnnotationGenerate); n != 2 || still != "" {
			t.Errorf("%q: %d robots were rotated, and the request is %q", value, n, still)
		}
		e.settled(t)
	}
}

// A Component asks in a loop: it is served, at a pace.
func TestRotationPace(t *testing.T) {
	t.Parallel()
	e := newScenario(rotate)
	e.run(t)
	ask := func() { e.component("tenant", "billing", "uid-1", `image.redhat.com/generate: "true"`) }
	ask()
	e.clock = e.clock.Add(9 * time.Minute)
	s, out := e.report(nil)
	if s.Changes.Rotate != 0 || s.Components.Deferred != 1 || s.ExitCode() != 0 || !strings.Contains(out, "its rotation waits") {
		t.Errorf("after nine minutes: %+v\n%s", s, out)
	}
	e.clock = e.clock.Add(2 * time.Minute)
	if s := e.run(t); s.Changes.Rotate != 2 {
		t.Errorf("after eleven minutes: %+v", s.Changes)
	}
}

// --max-rotations goes round the namespaces, so that a tenant that flags
// everything it has does not keep the others waiting.
func TestRotationTurns(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.namespace("aaa")
	e.namespace("zzz")
	for i := range 5 {
		e.component("aaa", fmt.Sprintf("c%d", i), fmt.Sprintf("uid-a%d", i))
	}
	e.component("zzz", "only", "uid-z")
	e.run(t)
	ask := func(namespace, name, uid string) {
		e.component(namespace, name, uid, `image.redhat.com/generate: "true"`)
	}
	for i := range 5 {
		ask("aaa", fmt.Sprintf("c%d", i), fmt.Sprintf("uid-a%d", i))
	}
	ask("zzz", "only", "uid-z")
	s, out := e.report(func(r *reconcile.Run) { r.Policy.MaxRotations = 2 })
	if s.Changes.Rotate != 4 || s.Components.Deferred != 4 || e.annotation("zzz", "only", component.AnnotationGenerate) != "" {
		t.Errorf("%+v\n%s", s, out)
	}
	if s := e.run(t); s.Changes.Rotate != 8 {
		t.Errorf("the rest was not rotated in the next run: %+v", s.Changes)
	}
	e.settled(t)
}

// A tenant that writes markers as if its rotations had begun, again and again, gets
// no more of them than one that asks.
func TestRotationTurnsCountMarkers(t *testing.T) {
	t.Parallel()
	e := newEnv()
	mark := func() {
		for i := range 5 {
			name := fmt.Sprintf("c%d", i)
			before := map[string]string{}
			for _, use := range []string{"push", "pull"} {
				login, token := e.credential(name + "-image-" + use)
				sum := sha256.Sum256([]byte("berth1\x00" + login + "\x00" + token))
				before[use] = hex.EncodeToString(sum[:16])
			}
			e.component("tenant", name, "uid-"+name, fmt.Sprintf("image.redhat.com/rotation: %q",
				fmt.Sprintf(`{"v":1,"id":"forged","uid":"uid-%s","push":%q,"pull":%q,"state":"rotating","since":%q}`,
					name, before["push"], before["pull"], e.clock.Format(time.RFC3339))))
		}
	}
	for i := range 5 {
		e.component("tenant", fmt.Sprintf("c%d", i), fmt.Sprintf("uid-c%d", i))
	}
	e.run(t)
	for range 3 {
		mark()
		e.resetCalls()
		s, out := e.report(func(r *reconcile.Run) { r.Policy.MaxRotations = 2 })
		if s.Changes.Rotate != 4 || s.Components.Deferred != 3 || s.ExitCode() != 0 {
			t.Errorf("%+v\n%s", s, out)
		}
		e.clock = e.clock.Add(15 * time.Minute)
	}
}

// A run that is told to stop begins no further regeneration, and finishes the
// Secret of the one it has begun.
func TestRotationInterrupted(t *testing.T) {
	t.Parallel()
	e := newScenario(rotate)
	ctx, cancel := context.WithCancelCause(context.Background())
	stopAtFirst := func(end http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			answer, err := end.RoundTrip(r)
			if strings.HasSuffix(r.URL.Path, "/regenerate") {
				cancel(reconcile.Interrupted{Signal: 15})
			}
			return answer, err
		})
	}
	s := e.newRunOver(stopAtFirst).Do(ctx)
	if s.ExitCode() != 143 || len(e.regenerations()) != 1 || s.Components.Deferred != 1 {
		t.Errorf("exit code %d, %d robots rotated, %+v", s.ExitCode(), len(e.regenerations()), s.Components)
	}
	if dead := e.deadTokens("billing-image-push", "billing-image-pull"); dead != nil {
		t.Error(dead)
	}
	for _, v := range e.heal(rotate) {
		t.Error(v)
	}
}

// With less time left than it takes to finish, nothing is begun.
func TestRotationNearTheDeadline(t *testing.T) {
	t.Parallel()
	e := newScenario(rotate)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if s := e.newRun().Do(ctx); len(e.regenerations()) != 0 || s.Components.Deferred != 1 || s.ExitCode() != 1 {
		t.Errorf("%d robots rotated, %+v", len(e.regenerations()), s.Components)
	}
	for _, v := range e.heal(rotate) {
		t.Error(v)
	}
}

// Between the list and the write things change.
func TestRotationMeanwhile(t *testing.T) {
	t.Parallel()
	rows := map[string]func(*env){
		"the Component was deleted": func(e *env) { e.cluster.Delete("components", "tenant", "billing") },
		"the Component was made again": func(e *env) {
			e.cluster.Delete("components", "tenant", "billing")
			e.component("tenant", "billing", "uid-2", `image.redhat.com/generate: "true"`)
		},
		"the request was withdrawn": func(e *env) {
			e.component("tenant", "billing", "uid-1", `image.redhat.com/generate: "false"`)
		},
	}
	for why, change := range rows {
		e := newScenario(rotate)
		var once sync.Once
		e.newRunOver(func(end http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				if strings.HasSuffix(r.URL.Path, "/components/billing") {
					once.Do(func() { change(e) })
				}
				return end.RoundTrip(r)
			})
		}).Do(context.Background())
		if n := len(e.regenerations()); n != 0 {
			t.Errorf("%s: %d robots were rotated", why, n)
		}
	}
}

// Two runs have both read the list when one of them replaces the token and dies.
// The other must see that it is done.
func TestRotationDoneMeanwhile(t *testing.T) {
	t.Parallel()
	e := newScenario(rotate)
	e.attempt(rotate, &killer{at: 3, how: afterAnswer, writes: true}) // after two dry runs, the marker
	if len(e.regenerations()) != 0 || e.annotation("tenant", "billing", component.AnnotationRotation) == "" {
		t.Fatal("the first run did not die with its marker just written")
	}
	var once sync.Once
	e.newRunOver(func(end http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/components/billing") {
				once.Do(func() { e.attempt(rotate, &killer{at: 1, how: afterAnswer, writes: true}) })
			}
			return end.RoundTrip(r)
		})
	}).Do(context.Background())
	for _, v := range e.heal(rotate) {
		t.Error(v)
	}
}

// outdated answers for a robot as before its rotation, as a replica that lags or a
// registry restored from a backup does.
type outdated struct {
	registry
	robots map[string]quay.Robot
}

func (o outdated) GetRobot(_ context.Context, name string) (quay.Robot, error) {
	return o.robots[name], nil
}

// Only tokens that differ from the marker's acknowledge a request.
func TestRotationIsNotAcknowledgedOnOldTokens(t *testing.T) {
	t.Parallel()
	e := newScenario(rotate)
	q, _ := e.clients(direct)
	old := map[string]quay.Robot{}
	for _, secret := range []string{"billing-image-push", "billing-image-pull"} {
		name := strings.TrimPrefix(e.login(secret), org+"+")
		robot, err := q.GetRobot(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		old[name] = robot
	}
	e.attempt(rotate, &killer{at: 8, how: beforeSending, writes: true}) // all but the acknowledgement
	if len(e.regenerations()) != 2 {
		t.Fatalf("the first run has rotated %d robots", len(e.regenerations()))
	}
	r := e.newRun()
	q2, k := endsOf(r)
	rewire(r, outdated{q2, old}, k)
	if s := r.Do(t.Context()); s.Components.Failed != 1 || e.annotation("tenant", "billing", component.AnnotationGenerate) != "true" {
		t.Errorf("the request was acknowledged: %+v", s.Components)
	}
	for _, v := range e.heal(rotate) {
		t.Error(v)
	}
}

// A new Component with a request gets new robots; to replace their tokens at once
// would revoke what nobody has used.
func TestRotationOfNewComponent(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.component("tenant", "billing", "uid-1", `image.redhat.com/generate: "true"`)
	e.run(t)
	if len(e.regenerations()) != 0 || e.annotation("tenant", "billing", component.AnnotationGenerate) != "" {
		t.Errorf("%d robots were rotated; the request is %q", len(e.regenerations()), e.annotation("tenant", "billing", component.AnnotationGenerate))
	}
	e.settled(t)
}
