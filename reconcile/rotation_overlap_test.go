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
	lag    time.Duration // of the last run's clock
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
	if lag := s.lag; lag > 0 && i > 0 {
		r.Now = func() time.Time { return s.ends.clock.Add(-lag) }
	}
	if len(s.shards) > 0 {
		r.Scope.Shard = s.shards[i%len(s.shards)]
	}
	return r
}

func newOverlapRun(p party, id string, e *ends) *reconcile.Run {
	r := &reconcile.Run{
		Header: report.Header{Run: id}, Stats: p.Stats,
		Naming:      component.Naming{Cluster: e.cluster, Host: host, Organization: org, Layout: component.LayoutComponent},
		Policy:      world.Policy{Visibility: quay.Private, PushServiceAccounts: []string{"appstudio-pipeline"}, MaxRotations: 1, Overlap: overlap},
		Limits:      plan.Limits{MaxChangeRatio: 1},
		Concurrency: 1,
		Report:      report.NewText(io.Discard, false), Log: slog.New(slog.DiscardHandler),
		Now:   func() time.Time { return e.clock },
		Pause: noPause,
	}
	rewire(r, p, p)
	r.Read.Registry = auditing{p}
	return r
}

func (s *schedule) wait(run int, call string) position {
	s.mu.Lock()
	if s.runs[run].dead {
		s.mu.Unlock()
		return beforeSending
	}
	if s.core && (strings.HasPrefix(call, "list ") || strings.Contains(call, "pull")) {
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

// clean makes a few runs alone, hours apart, and returns what is then wrong.
func (s *schedule) clean() []string {
	var sum report.Summary
	for range 4 {
		s.ends.clock = s.ends.clock.Add(7 * time.Hour)
		p := party{ends: s.ends, turn: func(string) position { return alive }, tell: func(any) {}}
		if sum = newOverlapRun(p, "clean", s.ends).Do(context.Background()); sum.Changes == (report.ChangeCount{}) {
			break
		}
	}
	found := append(s.ends.found, s.ends.unsettled()...)
	if sum.Result() != report.ResultOK || sum.Changes != (report.ChangeCount{}) {
		found = append(found, fmt.Sprintf("not settled: the last clean run was %s: %+v %v", sum.Result(), sum.Changes, sum.Failures))
	}
	return found
}

// Two and three runs at once, in random order, with crashes, edits of a Secret, clocks
// that lag, and requests repeated, withdrawn and changed in between.
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
		schedules = 500
	} else {
		asked.heavy.Add(1)
	}
	var all []string
	most := 0
	synctest.Test(t, func(t *testing.T) {
		for i := range schedules {
			violations, made := randomSchedule(rand.New(rand.NewPCG(seed, uint64(i))))
			most = max(most, made)
			for _, v := range violations {
				all = append(all, v)
				if len(all) < 10 {
					t.Errorf("schedule %d of BERTH_SEED=%d: %s", i, seed, v)
				}
			}
		}
	})
	t.Logf("overlap schedules: %d, %s", schedules, sorted(all))
	t.Logf("BERTH_SEED=%d; at most %d robots of a role were made in one schedule", seed, most)
	if len(all) > 0 {
		t.Errorf("%d violations", len(all))
	}
}

// sorted counts violations under the headings that are printed.
func sorted(violations []string) string {
	return fmt.Sprintf("dead tokens: %d, lost requests: %d, alive after revoke: %d",
		count(violations, "dead token"), count(violations, "lost request"), count(violations, "alive after revoke"))
}

// users is what users may still do, in whatever order.
type users struct{ asks, edits, withdrawals, crashes int }

// acts are what users could do next: the name of each act, and the act.
func (u *users) acts(e *ends) (acts []func()) {
	if u.asks > 0 {
		for _, how := range []component.How{component.Revoke, component.Graceful} {
			acts = append(acts, func() {
				u.asks--
				e.clock = e.clock.Add(7 * time.Hour) // so that it need not wait for its pace
				e.ask(how)
			})
		}
	}
	if u.edits > 0 {
		acts = append(acts, func() { u.edits--; e.edit() })
	}
	if u.withdrawals > 0 && e.request != nil {
		acts = append(acts, func() { u.withdrawals--; e.withdraw() })
	}
	return acts
}

// randomSchedule also returns how many robots of a role were made, which is bounded by
// the runs and requests there were.
func randomSchedule(random *rand.Rand, shards ...world.Shard) (violations []string, made int) {
	how := []component.How{component.Revoke, component.Graceful}[random.IntN(2)]
	s := &schedule{ends: newEndsAsking(how)(), shards: shards, lag: time.Duration(random.IntN(3)) * 5 * time.Minute}
	runs := 2 + random.IntN(2)
	s.start(runs)
	u := users{random.IntN(3), random.IntN(2), random.IntN(2), random.IntN(2)}
	bound := runs + u.asks + 2                           // clean runs may serve a further request, and complete what a crash left
	begins := []int{0, random.IntN(80), random.IntN(80)} // one may list when another is long at work
	for n := 0; ; n++ {
		waiting := s.pending()
		if len(waiting) == 0 {
			break
		}
		if begun := slices.DeleteFunc(slices.Clone(waiting), func(w waiter) bool { return n < begins[w.run] }); len(begun) > 0 {
			waiting = begun
		}
		w := waiting[random.IntN(len(waiting))]
		next := alive
		switch random.IntN(12) {
		case 0:
			if u.crashes > 0 {
				u.crashes--
				next = position(random.IntN(int(positions)))
			}
		case 1, 2:
			if acts := u.acts(s.ends); len(acts) > 0 {
				acts[random.IntN(len(acts))]()
			}
		}
		s.let(w, next)
	}
	violations = s.clean()
	for _, a := range s.ends.accounts {
		n := 0
		for name, times := range s.ends.born {
			if stamp, ok := a.StampOf(name); ok && stamp != "" {
				n += times
			}
		}
		made = max(made, n)
	}
	if made > bound {
		violations = append(violations, fmt.Sprintf("%d robots of a role made by %d runs", made, bound))
	}
	return violations, made
}

// The rotation of one Component by two runs, in every order of its calls; and, in every
// place between two calls, with runs that die or with users that ask again, change or
// withdraw their request or edit a Secret. Both runs have listed before either acts.
func TestOverlapCore(t *testing.T) {
	t.Parallel()
	if raceDetector || testing.Short() {
		t.Log("not with the race detector, which makes it ten times longer; make test runs it without, too")
		return
	}
	asked.heavy.Add(1)
	states := 0
	var all []string
	for _, how := range []component.How{component.Revoke, component.Graceful} {
		for _, may := range []users{{crashes: 2}, {edits: 1}, {withdrawals: 1}, {asks: 1}, {asks: 1, withdrawals: 1}} {
			if !everyPair() && (may.asks > 0 || how == component.Revoke && may.edits > 0 || how == component.Graceful && may.withdrawals > 0) {
				continue // these take minutes; make crash-pairs visits them, too
			}
			x := explorer{seen: map[string]bool{}, how: how, may: may}
			synctest.Test(t, func(t *testing.T) {
				x.todo = [][]step{nil}
				for len(x.todo) > 0 {
					prefix := x.todo[len(x.todo)-1]
					x.todo = x.todo[:len(x.todo)-1]
					for _, v := range x.explore(prefix) {
						all = append(all, v)
						if len(all) < 10 {
							t.Errorf("%s, %+v, after %v: %s", how, may, prefix, v)
						}
					}
				}
			})
			t.Logf("%s, %+v: %d states, %d ways to an end", how, may, len(x.seen), x.ended)
			states += len(x.seen)
		}
	}
	t.Logf("overlap core: %d states, %s", states, sorted(all))
	if states < 10_000 || len(all) > 0 {
		t.Errorf("%d states, %d violations", states, len(all))
	}
}

// step is which of the waiting calls comes next, and what becomes of its run; or what a
// user does before it.
type step struct {
	next int
	how  position
	act  int // 0: nothing
}

// explorer visits every state that two runs can bring about, by starting over for
// each way on and going there again.
type explorer struct {
	how   component.How // the first request
	may   users
	seen  map[string]bool
	todo  [][]step // ways to states that were not looked at
	ended int
}

func (x *explorer) explore(prefix []step) []string {
	u := x.may
	s := &schedule{ends: newEndsAsking(x.how)(), core: true}
	s.start(2)
	var way []step
	for {
		waiting := s.pending()
		if len(waiting) == 0 {
			x.ended++
			return s.clean()
		}
		next := step{0, alive, 0}
		if len(way) < len(prefix) {
			next = prefix[len(way)]
		} else if !x.branch(s, u, way, len(waiting)) {
			s.finish()
			return s.ends.found
		}
		way = append(way, next)
		if next.act > 0 {
			u.acts(s.ends)[next.act-1]()
			continue
		}
		if next.how != alive {
			u.crashes--
		}
		s.let(waiting[next.next], next.how)
	}
}

// branch notes the other ways on from a state, unless it was here before.
func (x *explorer) branch(s *schedule, u users, way []step, waiting int) bool {
	key := s.ends.state() + fmt.Sprint(u)
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
	also := func(next step) { x.todo = append(x.todo, append(slices.Clone(way), next)) }
	for next := range waiting {
		if next > 0 {
			also(step{next, alive, 0})
		}
		if u.crashes > 0 {
			also(step{next, withoutEffect, 0})
			also(step{next, withoutAnswer, 0})
		}
	}
	for act := range u.acts(s.ends) {
		also(step{0, alive, act + 1})
	}
	return true
}
