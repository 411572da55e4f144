package reconcile_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"berth/quay"
	"berth/reconcile"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/report"
	"berth/reconcile/world"
)

// schedule steps overlapping runs call by call: whenever all of them wait, it
// lets one go on. It must run in a synctest bubble, which is how it knows that
// all wait.
type schedule struct {
	ends   *ends
	shards []world.Shard // what the runs are, in turn; none: everything is theirs
	core   bool          // only calls about the Component and its push robot take turns: not the lists, and not those that do the same for pull

	mu      sync.Mutex
	waiting []waiter
	runs    []*runner
}

type waiter struct {
	run  int
	call string
	turn chan position
}

// runner is one of the overlapping runs.
type runner struct {
	heard   uint64 // all that it was answered so far: what it does next depends on nothing else
	dead    bool
	summary report.Summary
}

// raceDetector is set when it is built in: what explores many orders of calls one
// at a time has nothing for it to find.
var raceDetector bool

// start begins n runs; each stops at its first call.
func (s *schedule) start(n int) {
	for range n {
		s.runs = append(s.runs, &runner{})
	}
	for i, run := range s.runs {
		r := s.newRun(i)
		go func() { run.summary = r.Do(context.Background()) }()
	}
}

func (s *schedule) newRun(i int) *reconcile.Run {
	p := party{
		ends: s.ends,
		turn: func(call string) position { return s.wait(i, call) },
		tell: func(answer any) { s.hear(i, answer) },
	}
	r := newOverlapRun(p, fmt.Sprint("run", i), s.ends)
	if len(s.shards) > 0 {
		r.Scope.Shard = s.shards[i%len(s.shards)]
	}
	return r
}

func newOverlapRun(p party, id string, e *ends) *reconcile.Run {
	r := &reconcile.Run{
		Header: report.Header{Run: id}, Stats: p.Stats,
		Naming:      component.Naming{Cluster: e.cluster, Host: host, Organization: org, Layout: component.LayoutComponent},
		Policy:      world.Policy{Visibility: quay.Private, PushServiceAccounts: []string{"appstudio-pipeline"}, MaxRotations: 1},
		Limits:      plan.Limits{MaxChangeRatio: 1},
		Concurrency: 1,
		Report:      report.NewText(io.Discard, false), Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return e.clock },
	}
	rewire(r, p, p)
	return r
}

func (s *schedule) wait(run int, call string) position {
	s.mu.Lock()
	if s.runs[run].dead {
		s.mu.Unlock()
		return beforeSending
	}
	if s.core && (strings.HasPrefix(call, "list ") || strings.HasSuffix(call, "pull")) {
		s.mu.Unlock()
		return alive
	}
	w := waiter{run, call, make(chan position)}
	s.waiting = append(s.waiting, w)
	s.mu.Unlock()
	return <-w.turn
}

func (s *schedule) hear(run int, answer any) {
	h := fnv.New64a()
	fmt.Fprint(h, s.runs[run].heard, answer)
	s.runs[run].heard = h.Sum64()
}

// pending lists, in an order that does not vary, the calls that could come next.
func (s *schedule) pending() []waiter {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.SortFunc(s.waiting, func(a, b waiter) int {
		if a.run != b.run {
			return a.run - b.run
		}
		return strings.Compare(a.call, b.call)
	})
	return slices.Clone(s.waiting)
}

// let gives a call its turn; in another position than alive the run dies in it.
func (s *schedule) let(w waiter, how position) {
	s.mu.Lock()
	s.waiting = slices.DeleteFunc(s.waiting, func(x waiter) bool { return x.turn == w.turn })
	s.runs[w.run].dead = how != alive
	s.mu.Unlock()
	w.turn <- how
}

// finish lets every run die where it stands.
func (s *schedule) finish() {
	for {
		waiting := s.pending()
		if len(waiting) == 0 {
			return
		}
		for _, w := range waiting {
			s.let(w, beforeSending)
		}
	}
}

// clean makes one run alone, later, and returns what is then wrong.
func (s *schedule) clean() []string {
	s.ends.clock = s.ends.clock.Add(time.Hour)
	p := party{ends: s.ends, turn: func(string) position { return alive }, tell: func(any) {}}
	sum := newOverlapRun(p, "clean", s.ends).Do(context.Background())
	found := s.ends.violations()
	if sum.Result() != report.ResultOK {
		found = append(found, fmt.Sprintf("the clean run was %s: %v", sum.Result(), sum.Failures))
	}
	return found
}

// Two and three runs at once, in random order, with crashes, edits of a Secret
// and a second request in between: one clean run afterwards, and every token
// lives and every request was served.
func TestOverlapSchedules(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	if s := os.Getenv("BERTH_SEED"); s != "" {
		if _, err := fmt.Sscan(s, &seed); err != nil {
			t.Fatal(err)
		}
	}
	schedules := 20_000
	if raceDetector {
		schedules = 1_000
	}
	var all []string
	most := 0
	synctest.Test(t, func(t *testing.T) {
		for i := range schedules {
			violations, regenerated := randomSchedule(rand.New(rand.NewPCG(seed, uint64(i))))
			most = max(most, regenerated)
			for _, v := range violations {
				all = append(all, v)
				if len(all) < 10 {
					t.Errorf("schedule %d of BERTH_SEED=%d: %s", i, seed, v)
				}
			}
		}
	})
	t.Logf("overlap schedules: %d, dead tokens: %d, lost requests: %d", schedules, count(all, "dead token"), count(all, "lost request"))
	t.Logf("BERTH_SEED=%d; at most %d regenerations of a robot in one schedule", seed, most)
	if len(all) > 0 {
		t.Errorf("%d violations", len(all))
	}
}

// randomSchedule also returns how often a robot was rotated, which is bounded by
// the runs and requests there were.
func randomSchedule(random *rand.Rand, shards ...world.Shard) (violations []string, regenerated int) {
	s := &schedule{ends: newEnds(), shards: shards}
	runs := 2 + random.IntN(2)
	s.start(runs)
	crashes, edits, requests := random.IntN(2), random.IntN(2), random.IntN(2)
	bound := runs + requests + 1 // the clean run may serve a second request
	calm := crashes+edits+requests == 0
	for {
		waiting := s.pending()
		if len(waiting) == 0 {
			break
		}
		w := waiting[random.IntN(len(waiting))]
		how := alive
		switch random.IntN(20) {
		case 0:
			if crashes > 0 {
				crashes--
				how = position(random.IntN(int(positions)))
			}
		case 1:
			if edits > 0 {
				edits--
				s.ends.put("billing-image-push", []byte(`{}`), "")
			}
		case 2:
			if requests > 0 && s.ends.component.Annotations[component.AnnotationGenerate] == "" {
				requests--
				s.ends.ask()
			}
		}
		s.let(w, how)
	}
	if calm {
		violations = s.ends.deadTokens() // nothing failed: there must be nothing to mend
	}
	violations = append(violations, s.clean()...)
	for _, r := range s.ends.robots {
		regenerated = max(regenerated, r.regenerated)
	}
	if regenerated > bound {
		violations = append(violations, fmt.Sprintf("%d regenerations by %d runs", regenerated, bound))
	}
	return violations, regenerated
}

// The rotation of one Component by two runs, in every order of its calls, with
// either or both of the runs dying in any of them.
func TestOverlapCore(t *testing.T) {
	t.Parallel()
	if raceDetector || testing.Short() {
		t.Log("not with the race detector, which makes it ten times longer; make test runs it without, too")
		return
	}
	x := explorer{seen: map[string]bool{}}
	var all []string
	synctest.Test(t, func(t *testing.T) {
		x.todo = [][]step{nil}
		for len(x.todo) > 0 {
			prefix := x.todo[len(x.todo)-1]
			x.todo = x.todo[:len(x.todo)-1]
			for _, v := range x.explore(prefix) {
				all = append(all, v)
				if len(all) < 10 {
					t.Errorf("after %v: %s", prefix, v)
				}
			}
		}
	})
	t.Logf("overlap core: %d states, %d ways to an end, dead tokens: %d, lost requests: %d",
		len(x.seen), x.ended, count(all, "dead token"), count(all, "lost request"))
	if len(x.seen) < 10_000 {
		t.Errorf("%d states are too few to be all", len(x.seen))
	}
}

// step is which of the waiting calls comes next, and what becomes of its run.
type step struct {
	next int
	how  position
}

// explorer visits every state that two runs can bring about, by starting over for
// each way on and going there again.
type explorer struct {
	seen  map[string]bool
	todo  [][]step // ways to states that were not looked at
	ended int
}

func (x *explorer) explore(prefix []step) []string {
	s := &schedule{ends: newEnds(), core: true}
	s.start(2)
	var way []step
	for {
		waiting := s.pending()
		if len(waiting) == 0 {
			x.ended++
			return s.clean()
		}
		next := step{0, alive}
		if len(way) < len(prefix) {
			next = prefix[len(way)]
		} else if !x.branch(s, way, len(waiting)) {
			s.finish()
			return nil
		}
		way = append(way, next)
		s.let(waiting[next.next], next.how)
	}
}

// branch notes the other ways on from a state, unless it was here before.
func (x *explorer) branch(s *schedule, way []step, waiting int) bool {
	key := s.ends.state()
	for _, r := range s.runs {
		key += fmt.Sprint(" ", r.heard, r.dead)
	}
	if x.seen[key] {
		return false
	}
	x.seen[key] = true
	if len(way) == 0 {
		waiting = 1 // the runs are alike: let the first to move be run 0
	}
	for next := range waiting {
		if next > 0 {
			x.todo = append(x.todo, append(slices.Clone(way), step{next, alive}))
		}
		x.todo = append(x.todo, append(slices.Clone(way), step{next, withoutEffect}), append(slices.Clone(way), step{next, withoutAnswer}))
	}
	return true
}
