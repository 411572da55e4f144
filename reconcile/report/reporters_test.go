package report_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"berth/testdata/story"

	"github.com/google/go-cmp/cmp"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/decide"
	"berth/reconcile/report"
	"berth/reconcile/report/jsonl"
	"berth/reconcile/report/text"
	"berth/reconcile/world"
	"berth/testdata/scene"
)

// The same World gives the same bytes, in whatever order it was read.
func TestPlanDoesNotDependOnOrder(t *testing.T) {
	t.Parallel()
	s := busyScene(t)
	s.Missing = []component.Key{{Namespace: "z", Name: "z"}, {Namespace: "a", Name: "b"}, {Namespace: "a", Name: "a"}, {Namespace: "m", Name: "m"}}
	want := reports(s.World)
	if !strings.Contains(want, "planned_change") || !strings.Contains(want, "a/a: there is no such Component") {
		t.Fatalf("a world in which nothing happens shows nothing:\n%s", want)
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		scene.Shuffle(random, s.Components)
		scene.Shuffle(random, s.Missing)
		for _, r := range s.Robots {
			scene.Shuffle(random, r.Repositories)
		}
		if d := cmp.Diff(want, reports(s.World)); d != "" {
			t.Fatalf("another order, another plan (-want +got):\n%s", d)
		}
	}
}

// busyScene has something of each sort to do.
func busyScene(t *testing.T) *scene.Scene {
	t.Helper()
	s := scene.New(t)
	for i := range 40 {
		c := scene.Component(fmt.Sprintf("tenant-%d", i%7), fmt.Sprintf("component-%d", i))
		if i%8 == 0 {
			s.Add(c)
			continue
		}
		n := s.Settle(c)
		at := &s.Components[len(s.Components)-1]
		switch i % 8 {
		case 1:
			delete(s.Secrets, component.Key{Namespace: c.Namespace, Name: n.Pull.Secret})
		case 2:
			s.Robot(n.Push, "z", n.Repository, "y", "x")
		case 3:
			at.UID = "another"
		case 4:
			at.Annotations[component.AnnotationGenerate] = "{"
		case 5:
			at.Deleting = true
		case 6:
			scene.Alter(s.Robots, n.Push.Robot, func(r *world.Robot) { r.Mark = "" })
		}
	}
	for _, name := range []string{"x", "y", "z"} {
		s.Repositories[name] = &quay.Repository{Name: name}
	}
	return s
}

// reports is all that both reporters say of the plan of a World.
func reports(w world.World) string {
	var out bytes.Buffer
	p := decide.Plan(w)
	var s report.Summary
	s.Count(p, nil)
	for _, r := range []report.Reporter{text.New(&out, false, report.Folded), jsonl.New(&out, func() time.Time { return time.Unix(0, 0) }, report.Full)} {
		r.Start(report.Header{Version: "v0"})
		r.Planned(report.NewObserved(w, 0), p, s)
		_ = r.Finish(s) // a buffer takes everything
	}
	return out.String()
}

// A reader that has gone away must not end a run half-way.
func TestReportersOutliveTheirReader(t *testing.T) {
	t.Parallel()
	for _, st := range story.All {
		for _, r := range []report.Reporter{text.New(closedPipe{}, false, report.Folded), jsonl.New(closedPipe{}, time.Now, report.Full)} {
			if err := st.Told(t, r); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("%s: %v", st.Name, err)
			}
		}
	}
}

type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// fullDisk takes some bytes and no more.
type fullDisk struct{ left int }

func (d *fullDisk) Write(b []byte) (int, error) {
	if d.left -= len(b); d.left < 0 {
		return 0, syscall.ENOSPC
	}
	return len(b), nil
}

// What could not be written is told at the end, by whichever line it was.
func TestTheFirstErrorOfWritingIsKept(t *testing.T) {
	t.Parallel()
	for _, room := range []int{0, 100, 400} {
		for name, r := range map[string]func(*fullDisk) report.Reporter{
			"text": func(d *fullDisk) report.Reporter { return text.New(d, false, report.Folded) },
			"JSON": func(d *fullDisk) report.Reporter { return jsonl.New(d, time.Now, report.Full) },
		} {
			d := &fullDisk{left: room}
			to := r(d)
			to.Start(report.Header{Version: "v0.1.0"})
			s := scene.New(t)
			s.Add(scene.Component("acme-tenant", "billing"))
			p := decide.Plan(s.World)
			var summary report.Summary
			summary.Count(p, nil)
			to.Planned(report.NewObserved(s.World, 0), p, summary)
			d.left = 1_000_000 // somebody made room
			if err := to.Finish(report.Summary{}); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("%s, %d bytes of room: %v", name, room, err)
			}
		}
	}
}
