package reconcile_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"berth/kube"
	"berth/reconcile"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/report"
)

// lockedRun takes the Lease berth/berth.
func (e *env) lockedRun() *reconcile.Run {
	r := e.newRun()
	_, k := e.clients(direct)
	r.Lock = func(ctx context.Context) (*kube.Lock, error) {
		return k.Lock(ctx, kube.LockOptions{Namespace: "berth", Holder: r.Header.Run})
	}
	return r
}

// The clock of a run and its lock are not a person's: who reads for an hour keeps no
// other run waiting and finds all the time there was.
func TestNeitherClockNorLockRunsWhileSomebodyReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEnv()
		e.component("tenant", "billing", "uid-1")
		r := e.lockedRun()
		r.Now, r.Timeout = time.Now, 10*time.Minute
		asked := 0
		r.Confirm = func(ctx context.Context, p plan.Plan) (bool, error) {
			asked++
			if n := e.cluster.Count("", "leases"); n > 0 {
				t.Errorf("the lock was asked for %d times before the answer", n)
			}
			if _, limited := ctx.Deadline(); limited || p.Changes() != 9 {
				t.Errorf("asked about %d changes, with a time limit: %t", p.Changes(), limited)
			}
			<-time.After(time.Hour)
			return true, ctx.Err()
		}
		s := r.Do(t.Context())
		if s.Result() != report.ResultOK || s.Components.Changed != 1 || asked != 1 {
			t.Errorf("asked %d times: %+v", asked, s)
		}
		if s.Elapsed >= time.Hour {
			t.Errorf("the run took %s, the answer included", s.Elapsed)
		}
		if n := e.cluster.Count("", "leases"); n == 0 {
			t.Error("the writes were not under the lock")
		}
	})
}

// What was not shown is not done, and what was done meanwhile is not done again.
func TestOnlyWhatWasShownIsDone(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why       string
		meanwhile func(*testing.T, *env)
		changed   int
		deferred  int
		robots    int
		replaced  int // tokens
	}{
		{"nothing happened", func(*testing.T, *env) {}, 2, 0, 4, 2},
		{"a Component came", func(_ *testing.T, e *env) { e.component("tenant", "till", "uid-3") }, 2, 1, 4, 2},
		{"another run did it all", func(t *testing.T, e *env) { e.run(t) }, 0, 0, 4, 2},
		{"the request was withdrawn", func(_ *testing.T, e *env) {
			e.component("tenant", "billing", "uid-1", component.AnnotationGenerate+": ''")
		}, 1, 0, 4, 0},
		{"more is due for one of them", func(_ *testing.T, e *env) {
			e.cluster.Delete("serviceaccounts", "tenant", "appstudio-pipeline")
			e.namespace("tenant")
		}, 1, 1, 4, 0},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newEnv()
			e.component("tenant", "billing", "uid-1")
			e.run(t)
			e.component("tenant", "billing", "uid-1", component.AnnotationGenerate+`: "true"`)
			e.component("tenant", "cart", "uid-2")
			var out bytes.Buffer
			r := e.newRun()
			r.Report = wholeText(&out)
			r.Confirm = func(context.Context, plan.Plan) (bool, error) {
				row.meanwhile(t, e)
				return true, nil
			}
			s := r.Do(t.Context())
			if s.Components.Changed != row.changed || s.Components.Deferred != row.deferred {
				t.Errorf("%+v", s.Components)
			}
			if told := strings.Contains(out.String(), report.ErrMoved.Error()); told != (row.deferred > 0) {
				t.Errorf("what is left alone is told: %t\n%s", told, out.String())
			}
			if n := strings.Count(out.String(), "Read "); n != 1 {
				t.Errorf("the plan is shown %d times", n)
			}
			if n := len(e.quay.Snapshot().Robots); n != row.robots {
				t.Errorf("%d robots, want %d", n, row.robots)
			}
			if n := len(e.made()["push"]) + len(e.made()["pull"]); n != row.replaced {
				t.Errorf("%d robots of a newer generation, want %d", n, row.replaced)
			}
			e.run(t)
			e.settled(t)
		})
	}
}

// No is no, and so is an interrupt; neither touches the lock.
func TestANoEndsTheRun(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why  string
		err  error
		says string
	}{
		{"a no", nil, "Not confirmed: nothing was changed."},
		{"an interrupt", reconcile.Interrupted{Signal: 2}, "Interrupted at the question: nothing was changed."},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newEnv()
			e.component("tenant", "billing", "uid-1")
			var out bytes.Buffer
			r := e.lockedRun()
			r.Report = wholeText(&out)
			ctx, interrupt := context.WithCancelCause(t.Context())
			defer interrupt(nil)
			r.Confirm = func(context.Context, plan.Plan) (bool, error) {
				if row.err != nil {
					interrupt(row.err)
				}
				return false, row.err
			}
			s := r.Do(ctx)
			if !errors.Is(s.Err, report.ErrDeclined) || s.Result() != report.ResultRefused || !strings.Contains(out.String(), row.says) {
				t.Errorf("%v: %s", s.Err, out.String())
			}
			if n := e.quay.Mutations() + e.cluster.Mutations(); n > 0 {
				t.Errorf("%d writes", n)
			}
		})
	}
}
