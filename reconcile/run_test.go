package reconcile_test

import (
	"context"
	"testing"

	"berth/quay"
	"berth/reconcile"
)

// The whole way once: nothing there, one run, then nothing to do.
func TestRunSettles(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.component("tenant", "billing", "uid-1")
	if s := e.run(t); s.Changes.Create != 7 || s.Changes.Update != 2 {
		t.Errorf("a new Component took %+v", s.Changes)
	}
	e.settled(t)
}

// buggy panics in one of the reads before the plan.
type buggy struct{ reconcile.Registry }

func (buggy) ListRobots(context.Context) ([]quay.Robot, error) { panic("a bug") }

// Go ends a process that panics with exit code 2, which means something else here.
func TestPanicWhileReading(t *testing.T) {
	t.Parallel()
	r := newEnv().newRun()
	r.Quay = buggy{r.Quay}
	if s := r.Do(t.Context()); s.ExitCode() != reconcile.ExitBug {
		t.Errorf("exit code %d: %v", s.ExitCode(), s.Err)
	}
}
