package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/report"
	"berth/reconcile/world"
)

// settle makes a few runs alone, hours apart, and returns what is then wrong.
func (e *ends) settle() []string {
	var sum report.Summary
	var mu sync.Mutex // lists come side by side
	p := party{repo: e.repo, reach: func(_ string, effect effect) (any, error) {
		mu.Lock()
		defer mu.Unlock()
		e.sent = e.clock
		answer, err := effect(e)
		e.look()
		return answer, err
	}}
	for range 6 {
		e.clock = e.clock.Add(7 * time.Hour)
		if sum = newOverlapRun(p, e.cluster, func() time.Time { return e.clock }).Do(context.Background()); sum.Changes == (report.ChangeCount{}) {
			break
		}
	}
	found := append(e.found, e.unsettled()...)
	if sum.Result() != report.ResultOK || sum.Changes != (report.ChangeCount{}) {
		found = append(found, fmt.Sprintf("not settled: the last clean run was %s: %+v %v", sum.Result(), sum.Changes, sum.Failures))
	}
	return found
}

// Two and three runs at once, in random order, with crashes, calls that fail, edits of a
// Secret, clocks that lag, and requests repeated, withdrawn and changed in between.
func TestOverlapSchedules(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	if s := os.Getenv("BERTH_SEED"); s != "" {
		if _, err := fmt.Sscan(s, &seed); err != nil {
			t.Fatal(err)
		}
	}
	schedules := some(t, 12_000, 300)
	if !partly() {
		asked.heavy.Add(1)
	}
	var all []string
	most := 0
	runs := map[int]int{}
	for i := range schedules {
		s := randomSchedule(rand.New(rand.NewPCG(seed, uint64(i))))
		most = max(most, s.made)
		runs[s.runs]++
		for _, v := range s.violations {
			all = append(all, v)
			if len(all) < 10 {
				t.Errorf("schedule %d of BERTH_SEED=%d: %s", i, seed, v)
			}
		}
	}
	t.Logf("overlap schedules: %d, %s", schedules, sorted(all))
	t.Logf("BERTH_SEED=%d; %d schedules with two runs and %d with three; at most %d robots of a role were made in one", seed, runs[2], runs[3], most)
	if len(all) > 0 || runs[2] == 0 || runs[3] == 0 {
		t.Errorf("%d violations", len(all))
	}
}

// sorted counts violations under the headings that are printed.
func sorted(violations []string) string {
	return fmt.Sprintf("dead tokens: %d, lost requests: %d, alive after revoke: %d",
		count(violations, "dead token"), count(violations, "lost request"), count(violations, "alive after revoke"))
}

// users is what users, and fate, may still do, in whatever order.
type users struct{ asks, hurries, edits, withdrawals, crashes, failures, overlaps int }

// acts are what could happen next between two calls: the name of each act, and the act.
func (u users) acts(e *ends) (acts []act) {
	if u.asks > 0 {
		for _, how := range []component.How{component.Revoke, component.Graceful} {
			acts = append(acts, act{fmt.Sprint("ask to ", how), func(e *ends, u *users) {
				u.asks--
				e.clock = e.clock.Add(7 * time.Hour) // so that it need not wait for its pace
				e.ask(how)
			}})
		}
	}
	if u.hurries > 0 { // to revoke does not wait after a graceful rotation
		acts = append(acts, act{"ask to revoke at once", func(e *ends, u *users) { u.hurries--; e.ask(component.Revoke) }})
	}
	if u.edits > 0 {
		for _, name := range secretNames {
			acts = append(acts, act{"edit " + name, func(e *ends, u *users) { u.edits--; e.edit(name) }})
		}
	}
	if u.withdrawals > 0 && e.request != nil {
		acts = append(acts, act{"withdraw", func(e *ends, u *users) { u.withdrawals--; e.withdraw() }})
	}
	if u.overlaps > 0 {
		acts = append(acts, act{"the overlap ends", func(e *ends, u *users) { u.overlaps--; e.clock = e.clock.Add(overlap) }})
	}
	return acts
}

type act struct {
	name string
	do   func(*ends, *users)
}

// fate is what becomes of a call and its run.
type fate int

const (
	well       fate = iota
	diesBefore      // the run, and the call has no effect
	diesAfter       // the run, and the call had its effect
	refused         // without an effect, and the run goes on
	unanswered      // with its effect, and the run goes on
	fates
)

var fateNames = [fates]string{"", " (dies before it)", " (dies after it)", " (refused)", " (no answer)"}

var (
	errRefused    = errors.New("refused")
	errUnanswered = fmt.Errorf("the answer was lost: %w", quay.ErrUncertain)
)

// step lets one call of a run come to its fate. It returns the run's next moment, nil
// when it is dead.
func (b *book) step(m *moment, e *ends, f fate) *moment {
	heard := answer{err: errRefused}
	if f != diesBefore && f != refused {
		e.sent = m.heard.clock
		heard.value, heard.err = m.effect(e)
		e.look()
	}
	switch heard.clock = e.clock; f {
	case diesBefore, diesAfter:
		return nil
	case unanswered:
		heard.value, heard.err = nil, errUnanswered
	}
	if heard.err != nil && m.lists > 0 {
		return nil // the whole run rests on each
	}
	if next := b.after(m, heard); next.call != "" {
		return next
	}
	return nil
}

// may reports whether it has a call left to come to such a fate, and takes it.
func (u *users) may(f fate) bool {
	switch f {
	case diesBefore, diesAfter:
		u.crashes--
	case refused, unanswered:
		u.failures--
	}
	return u.crashes >= 0 && u.failures >= 0
}

// scheduled is how a random schedule went.
type scheduled struct {
	violations []string
	runs, made int // robots of a role
}

// randomSchedule also demands that the robots made are bounded by the runs and requests
// there were.
func randomSchedule(random *rand.Rand, shards ...world.Shard) (s scheduled) {
	how := []component.How{component.Revoke, component.Graceful}[random.IntN(2)]
	e := newEndsAsking(how)()
	lag := time.Duration(random.IntN(3)) * 5 * time.Minute
	s.runs = 2 + random.IntN(2)
	books, runs := make([]book, s.runs), make([]*moment, s.runs)
	for i := range runs {
		books[i] = book{lists: [][]string{quayFirst, clusterFirst}[random.IntN(2)]}
		if i > 0 {
			books[i].lag = lag
		}
		if len(shards) > 0 {
			books[i].shard = shards[i%len(shards)]
		}
		runs[i] = books[i].begin(e)
		defer books[i].close()
	}
	u := users{random.IntN(3), random.IntN(2), random.IntN(2), random.IntN(2), random.IntN(2), random.IntN(2), random.IntN(2)}
	bound := s.runs + u.asks + u.hurries + 2             // clean runs may serve a further request, and complete what a crash left
	begins := []int{0, random.IntN(80), random.IntN(80)} // one may list when another is long at work
	for n := 0; ; n++ {
		var waiting, begun []int
		for i, m := range runs {
			if m != nil {
				waiting = append(waiting, i)
				if n >= begins[i] {
					begun = append(begun, i)
				}
			}
		}
		if len(waiting) == 0 {
			break
		}
		if len(begun) > 0 {
			waiting = begun
		}
		i, f := waiting[random.IntN(len(waiting))], well
		switch random.IntN(12) {
		case 0:
			if left, meets := u, fate(random.IntN(int(fates))); left.may(meets) {
				u, f = left, meets
			}
		case 1, 2:
			if slices.ContainsFunc(runs, func(m *moment) bool { return m != nil && m.lists == 1 }) {
				break // nobody takes hours between two lists
			}
			if acts := u.acts(e); len(acts) > 0 {
				acts[random.IntN(len(acts))].do(e, &u)
			}
		}
		runs[i] = books[i].step(runs[i], e, f)
	}
	s.violations = e.settle()
	for _, a := range e.accounts {
		n := 0
		for name, times := range e.born {
			if stamp, ok := a.StampOf(name); ok && stamp != "" {
				n += times
			}
		}
		s.made = max(s.made, n)
	}
	if s.made > bound {
		s.violations = append(s.violations, fmt.Sprintf("%d robots of a role made by %d runs", s.made, bound))
	}
	return s
}

// The rotation of one Component by two runs, in every order of its calls; and, in every
// place between two calls, with what users do or what fails. The second run lists both
// ends at any time, and acts on that at any later one.
func TestOverlapCore(t *testing.T) {
	t.Parallel()
	if !partly() {
		asked.heavy.Add(1)
	}
	var mu sync.Mutex
	states, visited, n, step := 0, 0, 0, every(t, 4)
	var all []string
	t.Run("each", func(t *testing.T) {
		for _, how := range []component.How{component.Revoke, component.Graceful} {
			for _, x := range dimensions {
				if n++; partly() && x.wide || n%step != 0 {
					continue
				}
				t.Run(fmt.Sprint(how, " ", x.why), func(t *testing.T) {
					t.Parallel()
					x := explorer{how: how, may: x.may, lag: x.lag, lists: x.lists}
					violations := x.explore()
					t.Logf("%d states, %d ends, %d moments", len(x.seen), x.ends, x.moments())
					mu.Lock()
					defer mu.Unlock()
					states += len(x.seen)
					visited++
					all = append(all, violations...)
				})
			}
		}
	})
	for _, v := range all[:min(len(all), 10)] {
		t.Error(v)
	}
	t.Logf("overlap core: %d states, %s", states, sorted(all))
	if least := map[bool]int{false: 1_500_000, true: 10_000}[partly()]; visited > 10/step && states < least || len(all) > 0 {
		t.Errorf("%d states of %d kinds, %d violations", states, visited, len(all))
	}
}

var dimensions = []struct {
	why   string
	wide  bool // it takes seconds
	may   users
	lag   time.Duration
	lists []string
}{
	{"two die", false, users{crashes: 2}, 0, atOnce},
	{"a call fails", false, users{failures: 1}, 0, atOnce},
	{"a Secret is edited", true, users{edits: 1}, 0, atOnce},
	{"the request is withdrawn", false, users{withdrawals: 1}, 0, atOnce},
	{"somebody asks again", true, users{asks: 1}, 0, atOnce},
	{"somebody asks again and withdraws it", true, users{asks: 1, withdrawals: 1}, 0, atOnce},
	{"the overlap ends", true, users{overlaps: 1}, 0, atOnce},
	{"a clock lags", false, users{crashes: 1}, 10 * time.Minute, atOnce},
	{"somebody asks to revoke while a clock lags", true, users{hurries: 1}, 10 * time.Minute, atOnce},
	{"Quay is listed first", false, users{crashes: 1}, 0, quayFirst},
	{"the cluster is listed first", false, users{crashes: 1}, 0, clusterFirst},
}

// explorer visits every state that two runs can bring about.
type explorer struct {
	how   component.How // the first request
	may   users
	lag   time.Duration // of the second run's clock
	lists []string

	books [2]*book
	seen  map[uint64]bool
	ends  int
}

// state is where the runs, the ends and the users are.
type state struct {
	ends  *ends
	runs  [2]*moment // nil: it is over
	users users
	way   *way
}

// way is how a state came about.
type way struct {
	from *way
	act  string
	run  int
	call string
	fate fate
}

func (w *way) String() string {
	switch {
	case w == nil:
		return "in order: "
	case w.act != "":
		return fmt.Sprintf("%s%s; ", w.from, w.act)
	}
	return fmt.Sprintf("%s%d %s%s; ", w.from, w.run, w.call, fateNames[w.fate])
}

func (x *explorer) moments() int { return x.books[0].moments + x.books[1].moments }

func (x *explorer) explore() (violations []string) {
	begin := &state{ends: newEndsAsking(x.how)(), users: x.may}
	x.seen = map[uint64]bool{}
	x.books = [2]*book{{lists: x.lists}, {lists: x.lists, lag: x.lag}}
	for i := range x.books {
		if i > 0 && x.lag == 0 {
			x.books[i], begin.runs[i] = x.books[0], begin.runs[0]
			continue
		}
		begin.runs[i] = x.books[i].begin(begin.ends)
		defer x.books[i].close()
	}
	todo := []*state{begin}
	settled := map[uint64]bool{}
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if len(s.ends.found) > 0 {
			violations = append(violations, x.tell(s, s.ends.found)...)
			continue
		}
		key := x.key(s)
		if x.seen[key] {
			continue
		}
		x.seen[key] = true
		if s.runs == [2]*moment{} {
			x.ends++
			if key := s.ends.state(); !settled[key] {
				settled[key] = true
				violations = append(violations, x.tell(s, s.ends.clone().settle())...)
			}
		}
		todo = append(todo, x.next(s)...)
	}
	return violations
}

func (x *explorer) tell(s *state, found []string) (told []string) {
	for _, v := range found {
		told = append(told, fmt.Sprintf("%s [%s, %+v, lag %s, %s]", v, x.how, x.may, x.lag, s.way))
	}
	return told
}

// key tells states apart. Runs of one book are alike.
func (x *explorer) key(s *state) uint64 {
	ids := [2]int{}
	for i, m := range s.runs {
		if m != nil {
			ids[i] = m.id
		}
	}
	if x.books[0] == x.books[1] && ids[0] > ids[1] {
		ids[0], ids[1] = ids[1], ids[0]
	}
	return maphash.Comparable(hashSeed, struct {
		ends  uint64
		users users
		runs  [2]int
	}{s.ends.state(), s.users, ids})
}

// next are all ways on.
func (x *explorer) next(s *state) (ways []*state) {
	for _, a := range s.users.acts(s.ends) {
		w := &state{ends: s.ends.clone(), runs: s.runs, users: s.users, way: &way{from: s.way, act: a.name}}
		a.do(w.ends, &w.users)
		ways = append(ways, w)
	}
	for i, m := range s.runs {
		if m == nil || i == 1 && m == s.runs[0] && x.books[0] == x.books[1] {
			continue
		}
		for f := range fates {
			u := s.users
			if !u.may(f) {
				continue
			}
			w := &state{ends: s.ends, runs: s.runs, users: u, way: &way{s.way, "", i, m.call, f}}
			if f != diesBefore && f != refused {
				w.ends = s.ends.clone()
			}
			w.runs[i] = x.books[i].step(m, w.ends, f)
			// What is done alike for pull follows at once.
			for f == well && w.runs[i] != nil && strings.Contains(w.runs[i].call, "pull") {
				w.runs[i] = x.books[i].step(w.runs[i], w.ends, well)
			}
			ways = append(ways, w)
		}
	}
	return ways
}
