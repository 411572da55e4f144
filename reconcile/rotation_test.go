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
	"sync"
	"testing"
	"time"

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

// revoking is the first generation's end, graceful its long life.
func TestRotation(t *testing.T) {
	t.Parallel()
	for how, ask := range map[string]func(*env){"revoke": (*env).rotate, "graceful": (*env).rotateGracefully} {
		e := newEnv()
		e.settledComponent()
		before, old := e.credential("billing-image-push")
		ask(e)
		e.run(t)
		login, token := e.credential("billing-image-push")
		if login != before+"_20260316120700" || token != e.quay.RobotToken(login) {
			t.Errorf("%s: the push Secret logs in as %s", how, login)
		}
		if _, accepted := e.quay.Granted(before, old, "acme/tenant/billing"); accepted != (how == "graceful") {
			t.Errorf("%s: the old login is accepted: %t", how, accepted)
		}
		metadata, _ := e.cluster.Object("secrets", "tenant", "billing-image-pull")["metadata"].(map[string]any)
		if at := fmt.Sprint(metadata["annotations"]); !strings.Contains(at, "rotated-at:2026-03-16T12:07:00Z") {
			t.Errorf("%s: the pull Secret does not tell when it was moved: %s", how, at)
		}
		if said := e.annotation("tenant", "billing", component.AnnotationImage); !strings.HasSuffix(said, `"rotated":"2026-03-16T12:07:00Z","rotations":1}`) {
			t.Errorf("%s: the Component does not tell when it was rotated: %s", how, said)
		}
		for _, v := range e.heal(rotate) {
			t.Errorf("%s: %s", how, v)
		}
		e.clock = e.clock.Add(59 * time.Minute)
		e.settled(t)
		e.clock = e.clock.Add(time.Minute)
		e.run(t)
		if robots := e.ours(); len(robots) != 2 {
			t.Errorf("%s: after the overlap there are %v", how, robots)
		}
		e.settled(t)
	}
}

// The patch that takes the request off sets the marker, and tests the request; the one
// that takes the marker off tests the marker. Both name the Component's version.
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
	const version, generate, marker, image = "replace /metadata/resourceVersion", " /metadata/annotations/image.redhat.com~1generate",
		" /metadata/annotations/image.redhat.com~1rotation", " /metadata/annotations/image.redhat.com~1image"
	for i, want := range [][]string{
		{version, "test" + generate, "add" + marker, "remove" + generate},
		{version, "test" + marker, "add" + image, "remove" + marker},
	} {
		if !slices.Equal(patches[i], want) {
			t.Errorf("patch %d is %v, want %v", i, patches[i], want)
		}
	}
}

func TestRotationByOperator(t *testing.T) {
	t.Parallel()
	key, misspelt := component.Key{Namespace: "tenant", Name: "billing"}, component.Key{Namespace: "tenant", Name: "misspelt"}
	for _, row := range []struct {
		why     string
		prepare func(*env)
		want    func(*reconcile.Run)
		robots  int // afterwards
	}{
		{"revoke", nil, func(r *reconcile.Run) { r.Scope.Rotate = []component.Key{key, misspelt} }, 2},
		{"gracefully", nil, func(r *reconcile.Run) { r.Scope.Gracefully = []component.Key{key, misspelt} }, 4},
		{"both ways: the stronger", nil, func(r *reconcile.Run) {
			r.Scope.Rotate, r.Scope.Gracefully = []component.Key{key, misspelt}, []component.Key{key}
		}, 2},
		{
			"a graceful request is answered by it", (*env).rotateGracefully,
			func(r *reconcile.Run) { r.Scope.Rotate = []component.Key{key, misspelt} }, 2,
		},
		{
			"a graceful rotation that has begun is, too", func(e *env) {
				e.rotateGracefully()
				e.attempt(rotate, &killer{at: 4, how: afterAnswer, writes: true})
			},
			func(r *reconcile.Run) { r.Scope.Rotate = []component.Key{key, misspelt} }, 2,
		},
	} {
		e := newEnv()
		e.settledComponent()
		e.revoked = true // the witness cannot see the operator
		if row.prepare != nil {
			row.prepare(e)
		}
		s, out := e.report(row.want)
		if s.Changes.Rotate != 2 || len(e.ours()) != row.robots {
			t.Errorf("%s: %d Secrets moved, %v\n%s", row.why, s.Changes.Rotate, e.ours(), out)
		}
		if !strings.Contains(out, "tenant/misspelt: there is no such Component") {
			t.Errorf("%s: a misspelt name is not reported:\n%s", row.why, out)
		}
		if e.annotation("tenant", "billing", component.AnnotationGenerate) != "" {
			t.Errorf("%s: the request is not answered", row.why)
		}
		e.settled(t)
	}
}

// A dry run shows the rotation and touches nothing.
func TestRotationDryRun(t *testing.T) {
	t.Parallel()
	for how, ask := range map[string]func(*env){"revoke": (*env).rotate, "graceful": (*env).rotateGracefully} {
		e := newEnv()
		e.settledComponent()
		ask(e)
		e.resetCalls()
		s, out := e.report(func(r *reconcile.Run) { r.Header.DryRun = true })
		revokes := how == "revoke"
		for what, want := range map[string]int{
			"-/+ Secret": map[bool]int{true: 2}[revokes], "~   Secret": map[bool]int{false: 2}[revokes], "new generation": 2,
			"-/+ revoke: the old credential stops working": map[bool]int{true: 1}[revokes],
			"push 20260316120700":                          2, "revoked: older than its Secret's": map[bool]int{true: 2}[revokes], "rotation acknowledged: " + how: 1,
		} {
			if got := strings.Count(out, what); got != want {
				t.Errorf("%s: %q stands %d times in the plan, want %d:\n%s", how, what, got, want, out)
			}
		}
		if s.Changes.Rotate != 2 || e.mutations() != 0 {
			t.Errorf("%s: %+v, %d mutating requests", how, s.Changes, e.mutations())
		}
	}
}

// A tenant can write markers; they must not matter to anybody, and the tenant's own
// requests must go on working.
func TestRotationMarkers(t *testing.T) {
	t.Parallel()
	marker := func(version, uid, to, how string) string {
		return fmt.Sprintf(`{"v":%s,"uid":%q,"to":%q,"how":%q,"since":"2026-03-16T12:00:00Z"}`, version, uid, to, how)
	}
	former := func(uid, since string) string {
		return fmt.Sprintf(`{"v":1,"id":"x","uid":%q,"push":"f","pull":"f","state":"rotating","since":%q}`, uid, since)
	}
	lately, long := "2026-03-16T12:00:00Z", "2026-03-15T12:00:00Z"
	for _, row := range []struct {
		why, marker string
		asked       bool
		to          []string // the generations of each role
	}{
		{"no JSON", `{`, true, []string{"20260316120700"}},
		{"not a marker", `true`, true, []string{"20260316120700"}},
		{"a later version", marker("3", "uid-1", "20260316120000", "revoke"), true, []string{"20260316120700"}},
		{"of another Component, as a copied manifest has it", marker("2", "uid-0", "20260316120000", "revoke"), true, []string{"20260316120700"}},
		{"another way", marker("2", "uid-1", "20260316120000", "both"), true, []string{"20260316120700"}},
		{"no time", marker("2", "uid-1", "20261316120000", "revoke"), true, []string{"20260316120700"}},
		{"too far ahead", marker("2", "uid-1", "20260316130701", "revoke"), true, []string{"20260316120700"}},
		{"huge", strings.Repeat("x", 10_000), true, []string{"20260316120700"}},
		{"and no request", marker("2", "uid-1", "20270316130701", "revoke"), false, nil},
		{"forged: the tenant rotates; the request is served next", marker("2", "uid-1", "20260316123000", "revoke"), true, []string{"20260316123000", "20260316123001"}},
		{"of the form that regenerating had, young: a request to revoke", former("uid-1", lately), false, []string{"20260316120700"}},
		{"the same, with the request beside it: one", former("uid-1", lately), true, []string{"20260316120700"}},
		{"of that form, old", former("uid-1", long), false, nil},
		{"of that form, old, and a request", former("uid-1", long), true, []string{"20260316120700"}},
		{"of that form, another Component's", former("uid-0", lately), false, nil},
	} {
		e := newEnv()
		e.settledComponent()
		annotations := []string{fmt.Sprintf("image.redhat.com/rotation: %q", row.marker)}
		if row.asked {
			annotations = append(annotations, `image.redhat.com/generate: "true"`)
		}
		e.component("tenant", "billing", "uid-1", annotations...)
		e.run(t)
		e.clock = e.clock.Add(7 * time.Hour)
		e.run(t)
		e.settled(t)
		var got []string
		for _, robot := range e.made()["push"] {
			got = append(got, robot[len(robot)-14:])
		}
		if len(row.to) == 2 && len(got) == 2 { // the second one was taken on later
			row.to[1] = got[1]
		}
		if !slices.Equal(got, row.to) {
			t.Errorf("%s: made %v, want %v", row.why, got, row.to)
		}
		if e.annotation("tenant", "billing", component.AnnotationGenerate) != "" {
			t.Errorf("%s: the request still stands", row.why)
		}
		if left := e.annotation("tenant", "billing", component.AnnotationRotation); strings.Contains(left, "rotating") && !strings.Contains(left, "uid-0") {
			t.Errorf("%s: the marker still stands: %s", row.why, left)
		}
		for _, v := range append(e.deadTokens("billing-image-push", "billing-image-pull"), e.blamed...) {
			t.Errorf("%s: %s", row.why, v)
		}
	}
}

// A request that YAML or a person has dressed up is one: it is served once and comes off.
func TestRotationRequestsAsMeant(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"true\n", " true", "True", "TRUE \n"} {
		e := newScenario(rotate)
		e.component("tenant", "billing", "uid-1", fmt.Sprintf("image.redhat.com/generate: %q", value))
		e.run(t)
		if made, still := e.made(), e.annotation("tenant", "billing", component.AnnotationGenerate); len(made["push"]) != 1 || len(made["pull"]) != 1 || still != "" {
			t.Errorf("%q: made %v, and the request is %q", value, made, still)
		}
		e.settled(t)
	}
}

// A Component asks in a loop: it is served, at a pace.
func TestRotationPace(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why        string
		asks       string // r, g: after as many minutes as waits says, which run is served
		waits      []int
		want       string // y: served, n: waits
		byOperator bool
	}{
		{why: "the first generation makes nobody wait", asks: "r", waits: []int{1}, want: "y"},
		{why: "ten minutes, then an hour as it is the second within a day", asks: "rrrr", waits: []int{1, 9, 11, 41}, want: "ynny"},
		{why: "the fourth waits for six hours", asks: "rrrrr", waits: []int{1, 61, 61, 61, 300}, want: "yyyny"},
		{why: "to revoke does not wait after a graceful one", asks: "gr", waits: []int{1, 1}, want: "yy"},
		{why: "a graceful one waits after a graceful one", asks: "gg", waits: []int{1, 1}, want: "yn"},
		{why: "a day later all is forgotten", asks: "rrr", waits: []int{1, 61, 24 * 60}, want: "yyy"},
		{why: "--rotate does not wait", asks: "rrr", waits: []int{1, 1, 1}, want: "yyy", byOperator: true},
	} {
		e := newEnv()
		e.settledComponent()
		got := ""
		for i, how := range row.asks {
			e.clock = e.clock.Add(time.Duration(row.waits[i]) * time.Minute)
			switch {
			case row.byOperator:
				e.revoked = true
			case how == 'r':
				e.rotate()
			default:
				e.rotateGracefully()
			}
			s, out := e.report(func(r *reconcile.Run) {
				if row.byOperator {
					r.Scope.Rotate = []component.Key{{Namespace: "tenant", Name: "billing"}}
				}
			})
			if served := s.Changes.Rotate == 2; served {
				got += "y"
			} else {
				got += "n"
				if s.Rotations.Pending != 1 || s.ExitCode() != 0 || !strings.Contains(out, "1 rotation is left to a later run") {
					t.Errorf("%s: it is not told that it waits: %+v\n%s", row.why, s, out)
				}
			}
		}
		if got != row.want {
			t.Errorf("%s: served %s, want %s", row.why, got, row.want)
		}
	}
}

// A tenant can wipe what tells of its rotations, and not what Quay says of its robots' age.
func TestRotationPaceIsQuays(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.settledComponent()
	e.rotate()
	e.run(t)
	for _, row := range []struct {
		after time.Duration
		moved int
	}{{9 * time.Minute, 0}, {2 * time.Minute, 2}} {
		e.clock = e.clock.Add(row.after)
		e.component("tenant", "billing", "uid-1", `image.redhat.com/generate: "true"`, `image.redhat.com/image: "{}"`)
		if s := e.run(t); s.Changes.Rotate != row.moved {
			t.Errorf("%s later: %+v", row.after, s.Changes)
		}
	}
}

// Something puts the request back before each run, as a GitOps tool does.
func TestRotationRequestsKeptByGit(t *testing.T) {
	t.Parallel()
	const runs = 8
	e := newEnv()
	e.settledComponent()
	told := 0
	for range runs {
		e.rotate()
		e.run(t)
		if strings.Contains(e.annotation("tenant", "billing", component.AnnotationImage), "again and again: most likely something, such as a GitOps tool") {
			told++
		}
		e.clock = e.clock.Add(15 * time.Minute)
	}
	rotations := len(e.made()["push"])
	t.Logf("requests kept by Git: %d runs, rotations: %d", runs, rotations)
	if rotations > 2 || told < runs-2 {
		t.Errorf("%d rotations; the tenant was told in %d runs", rotations, told)
	}
}

// --max-rotations goes round the namespaces, so that a tenant that flags everything it
// has does not keep the others waiting.
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
	if s.Changes.Rotate != 4 || s.Components.Deferred != 4 || s.Rotations.Pending != 4 || e.annotation("zzz", "only", component.AnnotationGenerate) != "" {
		t.Errorf("%+v\n%s", s, out)
	}
	if s := e.run(t); s.Changes.Rotate != 8 {
		t.Errorf("the rest was not rotated in the next run: %+v", s.Changes)
	}
	e.settled(t)
}

// A tenant that writes markers as if its rotations had begun, again and again, gets no
// more of them than one that asks.
func TestRotationTurnsCountMarkers(t *testing.T) {
	t.Parallel()
	e := newEnv()
	for i := range 5 {
		e.component("tenant", fmt.Sprintf("c%d", i), fmt.Sprintf("uid-c%d", i))
	}
	e.run(t)
	for range 3 {
		for i := range 5 {
			e.component("tenant", fmt.Sprintf("c%d", i), fmt.Sprintf("uid-c%d", i), fmt.Sprintf("image.redhat.com/rotation: %q",
				fmt.Sprintf(`{"v":2,"uid":"uid-c%d","to":%q,"how":"revoke","since":%q}`, i, component.Stamp(e.clock), e.clock.Format(time.RFC3339))))
		}
		e.resetCalls()
		s, out := e.report(func(r *reconcile.Run) { r.Policy.MaxRotations = 2 })
		if s.Changes.Rotate != 4 || s.Components.Deferred != 3 || s.ExitCode() != 0 {
			t.Errorf("%+v\n%s", s, out)
		}
		e.clock = e.clock.Add(15 * time.Minute)
	}
}

// Between the list and the write things change.
func TestRotationMeanwhile(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		change func(*env)
		robots int // made for each role
	}{
		{"the Component was deleted", func(e *env) { e.cluster.Delete("components", "tenant", "billing") }, 0},
		{"the Component was made again", func(e *env) {
			e.cluster.Delete("components", "tenant", "billing")
			e.component("tenant", "billing", "uid-2", `image.redhat.com/generate: "true"`)
		}, 0},
		{"the request was withdrawn", func(e *env) { e.component("tenant", "billing", "uid-1", `image.redhat.com/generate: "false"`) }, 0},
		{"the request became another", (*env).rotateGracefully, 1},
		{"another run has taken it on", func(e *env) { e.attempt(rotate, &killer{at: 3, how: afterAnswer, writes: true}) }, 1},
	} {
		e := newScenario(rotate)
		var once sync.Once
		e.newRunOver(func(end http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				if strings.HasSuffix(r.URL.Path, "/components/billing") {
					once.Do(func() { row.change(e) })
				}
				return end.RoundTrip(r)
			})
		}).Do(context.Background())
		if made := e.made(); len(made["push"]) != row.robots || len(made["pull"]) != row.robots {
			t.Errorf("%s: made %v", row.why, made)
		}
	}
}

// A run that comes late to take its marker off leaves the one that stands there by then.
func TestRotationLeavesALaterMarker(t *testing.T) {
	t.Parallel()
	e := newScenario(rotate)
	patches := 0
	e.newRunOver(func(end http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, "/components/billing") {
				if patches++; patches == 2 { // the acknowledgement
					e.newRun().Do(context.Background())
					e.clock = e.clock.Add(2 * time.Hour)
					e.rotate()
					e.attempt(rotate, &killer{at: 3, how: afterAnswer, writes: true}) // a second marker
				}
			}
			return end.RoundTrip(r)
		})
	}).Do(context.Background())
	if marker := e.annotation("tenant", "billing", component.AnnotationRotation); patches < 2 || !strings.Contains(marker, "20260316140700") {
		t.Errorf("after %d patches the marker is %q", patches, marker)
	}
	e.run(t)
	if made := e.made(); len(made["push"]) != 2 || len(made["pull"]) != 2 {
		t.Errorf("the second request was lost: %v", made)
	}
	e.settled(t)
}

// A new Component with a request gets new robots: they answer it.
func TestRotationOfNewComponent(t *testing.T) {
	t.Parallel()
	for _, request := range []string{`"true"`, `'{"rotate":"graceful"}'`} {
		e := newEnv()
		e.component("tenant", "billing", "uid-1", `image.redhat.com/generate: `+request)
		e.run(t)
		if len(e.made()) != 0 || e.annotation("tenant", "billing", component.AnnotationGenerate) != "" {
			t.Errorf("%v; the request is %q", e.made(), e.annotation("tenant", "billing", component.AnnotationGenerate))
		}
		e.settled(t)
	}
}

// What is due for its age comes after what was asked for, spread by the names, and is
// graceful.
func TestRotationByAge(t *testing.T) {
	t.Parallel()
	e := newEnv()
	const components = 12
	name := func(i int) string { return fmt.Sprintf("c%d", i) }
	for i := range components {
		e.component("tenant", name(i), "uid-"+name(i))
	}
	e.run(t)
	aged := func(r *reconcile.Run) { r.Policy.MaxTokenAge, r.Policy.MaxRotations = 100*time.Hour, 4 }
	e.clock = e.clock.Add(79 * time.Hour)
	if s, out := e.report(aged); s.Changes != (report.ChangeCount{}) || s.Rotations.Oldest != 79*time.Hour {
		t.Errorf("before four fifths of the age: %+v %+v\n%s", s.Changes, s.Rotations, out)
	}
	e.clock = e.clock.Add(12 * time.Hour)
	s, out := e.report(aged)
	due := s.Changes.Rotate/2 + strings.Count(out, "its rotation waits")
	if s.Changes.Rotate == 0 || s.Changes.Rotate == 2*components || s.Rotations.Pending != 0 {
		t.Errorf("not spread: %d of %d\n%s", due, components, out)
	}
	e.clock = e.clock.Add(10 * time.Hour)
	e.component("tenant", name(0), "uid-"+name(0), `image.redhat.com/generate: "true"`)
	total := s.Changes.Rotate
	for i := range 4 {
		s, out := e.report(aged)
		if i == 0 && s.Changes.Rotate != 8 || s.Changes.Rotate > 8 {
			t.Errorf("--max-rotations does not hold: %+v\n%s", s.Changes, out)
		}
		total += s.Changes.Rotate
		if i == 0 && e.annotation("tenant", name(0), component.AnnotationGenerate) != "" {
			t.Error("who asks waits for those who are only old")
		}
		e.clock = e.clock.Add(15 * time.Minute)
	}
	if total < 2*components || total > 2*components+2 {
		t.Errorf("%d Secrets moved, want every Component once", total)
	}
}

// Without the registry's word on a robot's age the first generation is never too old.
func TestRotationByAgeNeedsToKnowIt(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.settledComponent()
	e.clock = e.clock.Add(1000 * time.Hour)
	s := e.newRunOver(func(end http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			answer, err := end.RoundTrip(r)
			if err == nil && strings.HasSuffix(r.URL.Path, "/robots") {
				body, _ := io.ReadAll(answer.Body)
				body = bytes.ReplaceAll(body, []byte(`"created"`), []byte(`"born"`))
				answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			}
			return answer, err
		})
	})
	s.Policy.MaxTokenAge = time.Hour
	if sum := s.Do(t.Context()); sum.Changes != (report.ChangeCount{}) || sum.Rotations.Oldest != 0 {
		t.Errorf("%+v %+v", sum.Changes, sum.Rotations)
	}
}

// requestsOf counts calls of Quay's API and of the registry's token endpoint that
// applying makes.
func (e *env) requestsOf(t *testing.T, change func(*reconcile.Run)) (api, logins int) {
	t.Helper()
	e.resetCalls()
	e.look()
	before := e.quay.Total()
	e.resetCalls()
	if s, out := e.report(change); s.Result() != report.ResultOK {
		t.Fatalf("%+v\n%s", s, out)
	}
	logins = e.quay.Requests(http.MethodGet, quaytest.RouteRegistryToken)
	return e.quay.Total() - before - logins, logins
}

func TestRotationCosts(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why         string
		prepare     func(*env)
		api, logins int
	}{
		{"a new Component", func(e *env) { e.component("tenant", "web", "uid-2") }, 5, 0},
		{"to revoke", (*env).rotate, 8, 2},
		{"gracefully", (*env).rotateGracefully, 6, 2},
		{"and later drained", func(e *env) {
			e.rotateGracefully()
			e.newRun().Do(context.Background())
			e.clock = e.clock.Add(2 * time.Hour)
		}, 2, 0},
		{"resumed", func(e *env) {
			e.rotate()
			e.attempt(rotate, &killer{at: 7, how: afterAnswer, writes: true})
		}, 10, 2},
		{"settled", func(*env) {}, 0, 0},
	} {
		e := newEnv()
		e.settledComponent()
		row.prepare(e)
		api, logins := e.requestsOf(t, nil)
		t.Logf("%s: %d calls of the API, %d of the token endpoint", row.why, api, logins)
		if api > row.api || logins > row.logins {
			t.Errorf("%s: %d and %d calls, want at most %d and %d", row.why, api, logins, row.api, row.logins)
		}
	}
}
