package reconcile

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth/quay"
)

// The same World gives the same bytes, in whatever order it was read.
func TestPlanDoesNotDependOnOrder(t *testing.T) {
	t.Parallel()
	s := busyScene(t)
	s.Missing = []Key{{"z", "z"}, {"a", "b"}, {"a", "a"}, {"m", "m"}}
	want := reports(s.World)
	if !strings.Contains(want, "planned_change") || !strings.Contains(want, "a/a: there is no such Component") {
		t.Fatalf("a world in which nothing happens shows nothing:\n%s", want)
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		shuffle(random, s.Components)
		shuffle(random, s.Missing)
		for _, r := range s.Robots {
			shuffle(random, r.Repositories)
		}
		if d := cmp.Diff(want, reports(s.World)); d != "" {
			t.Fatalf("another order, another plan (-want +got):\n%s", d)
		}
	}
}

// busyScene has something of each sort to do.
func busyScene(t *testing.T) *scene {
	t.Helper()
	s := newScene(t)
	for i := range 40 {
		c := component(fmt.Sprintf("tenant-%d", i%7), fmt.Sprintf("component-%d", i))
		if i%8 == 0 {
			s.add(c)
			continue
		}
		n := s.settle(c)
		at := &s.Components[len(s.Components)-1]
		switch i % 8 {
		case 1:
			delete(s.Secrets, Key{c.Namespace, n.Pull.Secret})
		case 2:
			s.robot(n.Push, "z", n.Repository, "y", "x")
		case 3:
			at.UID = "another"
		case 4:
			at.Annotations[AnnotationGenerate] = "{"
		case 5:
			at.Deleting = true
		case 6:
			change(s.Robots, n.Push.Robot, func(r *Robot) { r.Mark = "" })
		}
	}
	for _, name := range []string{"x", "y", "z"} {
		s.Repositories[name] = quay.Repository{Name: name}
	}
	return s
}

// reports is all that both reporters say of the plan of a World.
func reports(w World) string {
	var out bytes.Buffer
	p := MakePlan(w)
	var s Summary
	s.Count(p, nil)
	for _, r := range []Reporter{NewText(&out, false), NewJSON(&out, func() time.Time { return time.Unix(0, 0) })} {
		r.Start(Header{Version: "v0"})
		r.Planned(NewObserved(w, 0), p, s)
		r.Finish(s)
	}
	return out.String()
}
