package reconcile_test

import "testing"

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
