package reconcile_test

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"berth/quay"
	"berth/reconcile"
	"berth/reconcile/apply"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/report"
	"berth/reconcile/world"
)

// What a run does next depends on nothing but what it was answered so far, and when. So
// it need not be made again for each state of the world that it may be in: a run is a
// tree of moments, in each of which it waits for the answer to one call, and the real
// code is asked only for branches that are new. All states of several runs are then
// those of their moments and of the ends.

// moment is a run that waits for an answer.
type moment struct {
	id     int
	call   string // "": the run has ended
	effect effect

	from  *moment // the moment before
	heard answer  // and what it was answered then
	next  map[string]*moment
	lists int    // that are still to come, with this one: the real code begins after them
	live  *actor // the real code, which waits here; nil: it went on from here
}

// answer is what a run is told, and when.
type answer struct {
	value any
	err   error
	clock time.Time
}

// What a run begins with: it lists both ends, each as it is at one time.
var (
	atOnce       = []string{"list"}
	quayFirst    = []string{"list Quay", "list cluster"}
	clusterFirst = []string{"list cluster", "list Quay"}
)

// book remembers the moments of one kind of run.
type book struct {
	lists []string
	shard world.Shard
	lag   time.Duration // of the run's clock

	first   *ends // for what of the world does not change
	moments int
	waiting map[*actor]bool
	key     []byte // of the last answer
}

// begin is a run before its first call.
func (b *book) begin(e *ends) *moment {
	b.first, b.waiting = e, map[*actor]bool{}
	return &moment{call: b.lists[0], effect: list, lists: len(b.lists)}
}

func list(e *ends) (any, error) { return e.clone(), nil }

// after is the moment that an answer leads to.
func (b *book) after(m *moment, heard answer) *moment {
	b.key = strconv.AppendInt(appendText(b.key[:0], heard.value), heard.clock.Unix(), 10)
	if heard.err != nil {
		b.key = append(b.key, heard.err.Error()...)
	}
	if next, known := m.next[string(b.key)]; known {
		return next
	}
	key := string(b.key)
	b.moments++
	next := &moment{id: b.moments, from: m, heard: heard, lists: max(0, m.lists-1)}
	if next.lists > 0 {
		next.call, next.effect = b.lists[1], list
	} else {
		b.wait(next, b.tell(m, heard))
	}
	if m.next == nil {
		m.next = map[string]*moment{}
	}
	m.next[key] = next
	return next
}

// tell brings the real code from a moment on: the one that waits there, if there is one.
func (b *book) tell(m *moment, heard answer) *actor {
	if m.lists > 0 {
		return b.actor(m, heard)
	}
	a := m.live
	if m.live = nil; a == nil {
		a = b.tell(m.from, m.heard)
		<-a.asks
	}
	a.answers <- heard
	return a
}

// wait sees what a run asks next.
func (b *book) wait(m *moment, a *actor) {
	asks, on := <-a.asks
	if !on {
		delete(b.waiting, a)
		return
	}
	m.call, m.effect, m.live = asks.call, asks.effect, a
}

// close lets all that waits die.
func (b *book) close() {
	for a := range b.waiting {
		a.die()
		delete(b.waiting, a)
	}
}

// actor is the real code of a run, which stops at each call.
type actor struct {
	asks    chan moment // the call and its effect; closed at the end
	answers chan answer // closed: the run is dead

	mu    sync.Mutex
	dead  bool
	clock time.Time
	lists [2]*ends // Quay and the cluster as they were listed
}

// actor begins a run that has listed both ends.
func (b *book) actor(m *moment, last answer) *actor {
	a := &actor{asks: make(chan moment), answers: make(chan answer), clock: last.clock}
	a.lists = [2]*ends{last.value.(*ends), last.value.(*ends)}
	if m.from != nil { // there was another before
		a.clock = m.heard.clock
		a.lists[slices.Index([]string{"list Quay", "list cluster"}, b.lists[0])] = m.heard.value.(*ends)
	}
	r := newOverlapRun(party{repo: b.first.repo, reach: a.reach}, b.first.cluster, func() time.Time { return a.clock.Add(-b.lag) })
	r.Scope.Shard = b.shard
	b.waiting[a] = true
	go func() {
		defer close(a.asks)
		r.Do(context.Background())
	}()
	return a
}

// reach asks, and waits for the answer. A dead run hears nothing else any more.
func (a *actor) reach(call string, effect effect) (any, error) {
	if what, lists := strings.CutPrefix(call, "list "); lists {
		if what == "robots" || what == "roles" {
			return effect(a.lists[0])
		}
		return effect(a.lists[1])
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.dead {
		return nil, errDead
	}
	a.asks <- moment{call: call, effect: effect}
	heard, on := <-a.answers
	if !on {
		a.dead = true
		return nil, errDead
	}
	a.clock = heard.clock
	return heard.value, heard.err
}

func (a *actor) die() {
	close(a.answers)
	for range a.asks { // until it has ended
	}
}

// newOverlapRun is a run between a party's ends.
func newOverlapRun(p party, cluster string, now func() time.Time) *reconcile.Run {
	r := &reconcile.Run{
		Header: report.Header{Run: "run"}, Stats: p.Stats,
		Naming:      component.Naming{Cluster: cluster, Host: host, Organization: org, Layout: component.LayoutComponent},
		Policy:      world.Policy{Visibility: quay.Private, PushServiceAccounts: []string{"appstudio-pipeline"}, MaxRotations: 1, Overlap: overlap},
		Limits:      plan.Limits{MaxChangeRatio: 1},
		Concurrency: 1,
		Report:      unheard{}, Log: slog.New(slog.DiscardHandler), Told: true,
		Now:   now,
		Pause: noPause,
	}
	rewire(r, p, p)
	r.Read.Registry = auditing{p}
	return r
}

// unheard is a report to nobody.
type unheard struct{}

func (unheard) Start(report.Header)                                {}
func (unheard) Planned(report.Observed, plan.Plan, report.Summary) {}
func (unheard) Applied(plan.Component, report.Change)              {}
func (unheard) Warned(plan.Component, apply.Warning)               {}
func (unheard) Failed(plan.Component, apply.Outcome)               {}
func (unheard) Finish(report.Summary) error                        { return nil }
