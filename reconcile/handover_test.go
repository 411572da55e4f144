package reconcile_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"berth/quay/quaytest"
	"berth/reconcile/component"
	"berth/reconcile/report"
)

// handOver gives a settled Component a twin, and deletes the older of the two with the
// garbage collector at work.
func (e *env) handOver() {
	e.joined()
	e.older()
	e.cluster.CollectGarbage()
}

// joined gives the Component a twin that Berth has seen.
func (e *env) joined() {
	e.late("billing", "uid-k")
	e.newRun().Do(context.Background())
	e.sync()
	e.handed = true
	e.quay.ResetCalls()
}

func (e *env) older() { e.cluster.Delete("components", "tenant", "billing") }

// robots are those of the Component at Quay, by role, oldest first.
func (e *env) robots() (push, pull []string) {
	for _, name := range e.ours() {
		if strings.Contains(name, "_push") {
			push = append(push, name)
		} else {
			pull = append(pull, name)
		}
	}
	return push, pull
}

// When the older of two goes, the other one's robots follow: one graceful rotation, and no
// moment in which a Secret is not there or a login of its is refused.
func TestHandover(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why     string
		collect bool // the garbage collector has been
		begin   func(e *env)
	}{
		{"before the garbage collector", false, (*env).settledComponent},
		{"after the garbage collector", true, (*env).settledComponent},
		{"of a Component that was rotated", true, func(e *env) {
			e.settledComponent()
			e.rotateGracefully()
			e.newRun().Do(context.Background())
			e.clock = e.clock.Add(3 * overlap)
			e.newRun().Do(context.Background())
		}},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newEnv()
			row.begin(e)
			e.joined()
			e.settled(t)
			former := []string{e.login("billing-image-push"), e.login("billing-image-pull")}
			e.clock = e.clock.Add(time.Hour)
			e.older()
			if row.collect {
				e.cluster.CollectGarbage()
			}
			e.quay.ResetCalls()
			e.run(t)
			if made := e.made(); len(made["push"]) != 1 || len(made["pull"]) != 1 || e.quay.Requests(http.MethodDelete, quaytest.RouteRobot) != 0 {
				t.Fatalf("%v was made, and the calls are %v", made, e.quay.Calls())
			}
			if push, pull := e.robots(); len(push) != 2 || len(pull) != 2 {
				t.Errorf("the robots are %v and %v", push, pull)
			}
			if slices.Contains(former, e.login("billing-image-push")) || slices.Contains(former, e.login("billing-image-pull")) {
				t.Error("a Secret was not moved")
			}
			if told := e.lately("billing", component.AnnotationImage); !strings.Contains(told, `"rotated"`) || e.lately("billing", component.AnnotationRotation) != "" {
				t.Errorf("it is told %s", told)
			}
			e.settled(t)
			e.clock = e.clock.Add(overlap - time.Minute)
			e.settled(t)
			e.clock = e.clock.Add(2 * time.Minute)
			e.quay.ResetCalls()
			e.run(t)
			if push, pull := e.robots(); len(push) != 1 || len(pull) != 1 || len(e.made()) != 0 {
				t.Errorf("after the overlap the robots are %v and %v", push, pull)
			}
			e.settled(t)
			if len(e.blamed) > 0 {
				t.Error(e.blamed)
			}
		})
	}
}

// The older may go at any moment of any run. Whatever the run was at, the next ones make
// one graceful rotation of it, and never is a Secret gone or a login refused before its
// time.
func TestTheOlderGoesAtAnyCall(t *testing.T) {
	t.Parallel()
	step := int64(every(t, 8))
	for _, row := range []struct {
		why, ask string // of the younger
		revokes  bool
	}{
		{"settled", "", false},
		{"a graceful rotation", `{"rotate":"graceful"}`, false},
		{"one that revokes", "true", true},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			for at := int64(1); ; at += step {
				e := newEnv()
				e.settledComponent()
				e.joined()
				e.clock = e.clock.Add(time.Hour)
				if row.ask != "" {
					e.apply(`{apiVersion: konflux-ci.dev/v1alpha1, kind: Component, metadata: {name: billing, namespace: tenant, annotations: {image.redhat.com/generate: %q}}}`, row.ask)
				}
				var calls atomic.Int64 // lists are read side by side
				r := e.newRunOver(func(end http.RoundTripper) http.RoundTripper {
					return roundTrip(func(req *http.Request) (*http.Response, error) {
						if calls.Add(1) == at {
							e.older()
							e.cluster.CollectGarbage()
						}
						return end.RoundTrip(req)
					})
				})
				r.Concurrency = 1
				r.Do(context.Background())
				if calls.Load() < at {
					break
				}
				e.handedOver(t, fmt.Sprintf("call %d of %d", at, calls.Load()), row.revokes)
			}
		})
	}
}

// handedOver demands that all is well after the older has gone.
func (e *env) handedOver(t *testing.T, when string, revoked bool) {
	t.Helper()
	e.clock = e.clock.Add(15 * time.Minute)
	for range 2 {
		if s := e.do(e.newRun()); s.Result() != report.ResultOK {
			t.Errorf("%s: the run was %s:\n%s", when, s.Result(), s.text)
		}
	}
	if s := e.do(e.newRun()); s.Changes != (report.ChangeCount{}) {
		t.Errorf("%s: not settled:\n%s", when, s.text)
	}
	violations := append(e.deadTokens("billing-image-push", "billing-image-pull"), e.blamed...)
	e.clock = e.clock.Add(3 * overlap)
	e.do(e.newRun())
	if robots := e.ours(); len(robots) != 2 {
		violations = append(violations, fmt.Sprintf("left are %v", robots))
	}
	if e.lately("billing", component.AnnotationGenerate)+e.lately("billing", component.AnnotationRotation) != "" {
		violations = append(violations, "a request is not answered")
	}
	if len(violations) > 0 {
		t.Errorf("%s (revoked: %v): %v", when, revoked, violations)
	}
}

// What is not handed over ends at once: a Component that was made again, of either group,
// and one whose twin Berth has never seen.
func TestWhatIsNoHandover(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why   string
		begin func(e *env)
	}{
		{"made again in the older group", func(e *env) { e.older(); e.component("tenant", "billing", "uid-2") }},
		{"made again in the younger group", func(e *env) { e.older(); e.late("billing", "uid-k") }},
		{"both are made again", func(e *env) {
			e.joined()
			e.older()
			e.cluster.Delete(lateComponents, "tenant", "billing")
			e.late("billing", "uid-k2")
		}},
		{"the other one came and no run has seen both", func(e *env) { e.late("billing", "uid-k"); e.older(); e.cluster.CollectGarbage() }},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newEnv()
			e.settledComponent()
			before := e.ours()
			row.begin(e)
			e.handed = false
			e.run(t)
			for _, robot := range e.ours() {
				if slices.Contains(before, robot) {
					t.Errorf("robot %s lives on", robot)
				}
			}
			e.settled(t)
		})
	}
}

// The pace is the rotations': a platform that takes the older group off hands over so many
// berths in a run, and the others' logins go on meanwhile.
func TestHandoversTakeTurns(t *testing.T) {
	t.Parallel()
	e := newEnv()
	const all, most = 5, 2
	for i := range all {
		e.component("tenant", fmt.Sprintf("c-%d", i), fmt.Sprintf("uid-%d", i))
	}
	e.run(t)
	for i := range all {
		e.late(fmt.Sprintf("c-%d", i), fmt.Sprintf("uid-k-%d", i))
	}
	e.run(t)
	e.handed = true
	e.cluster.Uninstall("components")
	e.cluster.CollectGarbage()
	for left := all; left > 0; left -= most {
		e.clock = e.clock.Add(time.Minute)
		r := e.newRun()
		r.Policy.MaxRotations = most
		s := e.do(r)
		if s.Result() != report.ResultOK || s.Changes.Rotate != 2*min(most, left) || s.Changes.Delete != 0 {
			t.Fatalf("%d left: %+v\n%s", left, s.Changes, s.text)
		}
	}
	e.settled(t)
}

// A Component that builds elsewhere is left alone when nothing was made for it, by whatever
// generation or uid; what was made is served on.
func TestAwayGoesByMark(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why   string
		begin func(t *testing.T, e *env)
		group string
	}{
		{"its first robots are drained", func(t *testing.T, e *env) {
			e.rotateGracefully()
			e.run(t)
			e.clock = e.clock.Add(3 * overlap)
			e.run(t)
		}, "appstudio.redhat.com"},
		{"it was handed over", func(_ *testing.T, e *env) { e.handOver() }, "konflux-ci.dev"},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newEnv()
			e.settledComponent()
			row.begin(t, e)
			e.apply(`{apiVersion: %s/v1alpha1, kind: Component, metadata: {name: billing, namespace: tenant}, spec: {containerImage: ghcr.io/acme/billing}}`, row.group)
			if s := e.do(e.newRun()); s.Components.Skipped != 0 || s.Result() != report.ResultOK {
				t.Errorf("%+v\n%s", s.Components, s.text)
			}
		})
	}
}
