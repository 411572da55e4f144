package observe

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/world"
)

// someNames are so many repositories of some tenants.
func someNames(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("tenant-%d/component-%d", i%7, i)
	}
	return all
}

// looked follows schedules: when each name was looked at last.
type looked struct {
	at    map[string]time.Time
	calls int
	most  int           // in a run
	worst time.Duration // between two looks
}

// run looks as a run at now does that remembers the moment, and returns what the next one remembers.
func (l *looked) run(names []string, last, now time.Time) time.Time {
	share, to := audited("key", names, last, now)
	l.calls += len(share)
	l.most = max(l.most, len(share))
	for _, d := range share {
		if before, ok := l.at[d.name]; ok {
			l.worst = max(l.worst, now.Sub(before))
		}
		l.at[d.name] = now
	}
	return to
}

// unseen is the longest that a name is not looked at by the end.
func (l *looked) unseen(names []string, now time.Time) time.Duration {
	for _, name := range names {
		l.worst = max(l.worst, now.Sub(l.at[name]))
	}
	return l.worst
}

var noon = time.Date(2026, 3, 1, 12, 7, 0, 0, time.UTC)

// Quay has no call that shows all roles at once, so each run looks at a share; whatever the
// schedule, every repository has its turn once a day, and no more calls are made than that takes.
func TestEveryoneHasATurnADay(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 15))
	for range 25 {
		n := 1 + random.IntN(1+random.IntN(1500))
		interval := time.Duration(1+random.IntN(60)) * time.Minute
		jitter := time.Duration(random.Int64N(int64(interval)/4 + 1))
		names, l := someNames(n), looked{at: map[string]time.Time{}}
		now, last, longest := noon, noon.Add(-interval), time.Duration(0)
		for _, name := range names {
			l.at[name] = noon.Add(-interval)
		}
		const days = 3
		for now.Before(noon.Add(days * day)) {
			last = l.run(names, last, now)
			next := interval - time.Duration(random.Int64N(int64(jitter)+1))
			longest = max(longest, next)
			now = now.Add(next)
		}
		why := fmt.Sprintf("%d names every %s less up to %s", n, interval, jitter)
		// Where more fall due in a run than it looks at, others wait a run or two.
		if got := l.unseen(names, now); got > day+3*longest {
			t.Errorf("%s: one was not looked at for %s", why, got)
		}
		if perDay := l.calls / days; perDay > max(n, few*96)*21/20+few {
			t.Errorf("%s: %d calls a day", why, perDay)
		}
		if l.most > max(few, (n+most-1)/most) {
			t.Errorf("%s: %d calls in a run", why, l.most)
		}
	}
}

// After a pause the next runs catch up, none of them with all there is, and whoever has waited
// longest is looked at first. So a schedule that is too slow serves all in turns, too.
func TestAPauseIsCaughtUp(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why             string
		interval, pause time.Duration
		within          time.Duration // each has its turn
	}{
		{"an hour", 5 * time.Minute, time.Hour, day + 2*time.Hour},
		{"a night", 5 * time.Minute, 12 * time.Hour, day + 13*time.Hour},
		{"a weekend", 5 * time.Minute, 60 * time.Hour, 62 * time.Hour},
		{"a fortnight, hourly", time.Hour, 14 * day, 15 * day},
		{"every two hours", 2 * time.Hour, 2 * time.Hour, day + 6*time.Hour},
		{"once a day", day, day, 13 * day},
		{"each 25 hours", 25 * time.Hour, 25 * time.Hour, 13 * 25 * time.Hour},
	} {
		const n = 1200
		names, l := someNames(n), looked{at: map[string]time.Time{}}
		for _, name := range names {
			l.at[name] = noon
		}
		last, now := noon, noon.Add(row.pause)
		for range int(max(4*day, 15*row.interval) / row.interval) {
			last = l.run(names, last, now)
			now = now.Add(row.interval)
		}
		if got := l.unseen(names, now); got > row.within {
			t.Errorf("%s: one was not looked at for %s", row.why, got)
		}
		if l.most > n/most {
			t.Errorf("%s: %d were looked at in a run", row.why, l.most)
		}
	}
}

// However the number changes between two runs, each keeps its turn of the day.
func TestTurnsOutlastOthers(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(6, 15))
	mine, l := "tenant/mine", looked{at: map[string]time.Time{"tenant/mine": noon}}
	now, last := noon, noon
	for now.Before(noon.Add(10 * day)) {
		now = now.Add(5 * time.Minute)
		last = l.run(append(someNames(random.IntN(900)), mine), last, now)
		if since := now.Sub(l.at[mine]); since > day+10*time.Minute {
			t.Fatalf("it was not looked at for %s", since)
		}
	}
}

// Whoever chooses names so that they all fall due at once gets them looked at in some runs, and
// delays others by no more than that.
func TestNamesOfOneMoment(t *testing.T) {
	t.Parallel()
	const n, theirs = 960, 480
	var names []string
	for i := 0; len(names) < theirs; i++ {
		if name := fmt.Sprintf("attacker/%d", i); turn("key", name) < 30*time.Minute {
			names = append(names, name)
		}
	}
	names = append(names, someNames(n-theirs)...)
	l := looked{at: map[string]time.Time{}}
	for _, name := range names {
		l.at[name] = noon
	}
	now, last := noon, noon
	for now.Before(noon.Add(3 * day)) {
		now = now.Add(5 * time.Minute)
		last = l.run(names, last, now)
	}
	if got := l.unseen(names, now); got > day+(most+1)*5*time.Minute || l.most > n/most {
		t.Errorf("one was not looked at for %s, and %d were in a run", got, l.most)
	}
	if turn("key", "tenant/c") == turn("another", "tenant/c") {
		t.Error("moments can be known without the key")
	}
}

// Who remembers nothing takes a quarter of an hour for it, and looks at ten at least.
func TestAuditedWithoutAMemory(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		n, least, most int
		why            string
	}{
		{0, 0, 0, "nothing to look at"},
		{1, 1, 1, "all there is"},
		{10, 10, 10, "as many as the floor"},
		{11, 10, 10, "one more than the floor"},
		{97, 10, 25, "those of a quarter of an hour, and ten at least"},
		{2000, 10, 45, "a large organization: a 96th, more or less"},
	} {
		names, l := someNames(row.n), looked{at: map[string]time.Time{}}
		for i := range 96 {
			before := l.calls
			l.run(names, time.Time{}, noon.Add(time.Duration(i)*world.Quarter))
			if got := l.calls - before; got < row.least || got > row.most {
				t.Errorf("%s: %d of %d are looked at", row.why, got, row.n)
			}
		}
		if len(l.at) != row.n {
			t.Errorf("%s: a day of quarters shows %d of %d", row.why, len(l.at), row.n)
		}
	}
}

func TestAuditedDependsOnTheSetAndTheTimeAlone(t *testing.T) {
	t.Parallel()
	all := someNames(2000)
	last, now := noon.Add(-time.Hour), noon
	want, _ := audited("key", all, last, now)
	shuffled := slices.Clone(all)
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	given := slices.Clone(shuffled)
	zone := time.FixedZone("", 5*3600+1800)
	for _, row := range []struct {
		why string
		in  []string
		by  time.Duration
		at  *time.Location
	}{
		{"another order", shuffled, 0, time.UTC},
		{"another day", all, 17 * day, time.UTC},
		{"another time zone", all, 0, zone},
	} {
		got, _ := audited("key", row.in, last.Add(row.by).In(row.at), now.Add(row.by).In(row.at))
		if d := gocmp.Diff(namesOf(want), namesOf(got)); d != "" {
			t.Errorf("%s changes the share (-want +got):\n%s", row.why, d)
		}
	}
	if !slices.Equal(shuffled, given) {
		t.Error("audited reordered its input")
	}
}

func namesOf(share []due) (names []string) {
	for _, d := range share {
		names = append(names, d.name)
	}
	return names
}

// rolesOf answers about roles after a while, but for those that it refuses.
type rolesOf struct {
	Registry
	takes time.Duration
	fails string
}

func (r *rolesOf) ListRobotPermissions(ctx context.Context, repository string) (map[string]quay.Role, error) {
	select {
	case <-time.After(r.takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if repository == r.fails {
		return nil, quay.ErrNotFound
	}
	return map[string]quay.Role{}, nil
}

// What a run says that it has audited is what it has: the next one begins with what it did not
// come to, and what cannot be read holds nothing up.
func TestAuditedIsWhatWasReadAndNoMore(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why   string
		last  time.Time // that is remembered
		takes time.Duration
		fails int // which of those that are due, from 1
		part  bool
		known int // whose roles are; -1: of all that are due; -2: as without a memory
		to    int // the first of those that are due which is not audited; -1: none, 0: nothing is told
	}{
		{why: "all in time", last: noon.Add(-time.Hour), takes: time.Second, known: -1, to: -1},
		{why: "one that cannot be read", last: noon.Add(-time.Hour), fails: 4, known: -1, to: -1},
		{why: "as many as there is time for, sixteen at once", last: noon.Add(-time.Hour), takes: 50 * time.Second, known: 32, to: 32},
		{why: "more than a run looks at", last: noon.Add(-5 * time.Hour), known: 160, to: 160},
		{why: "a look at a part", last: noon.Add(-time.Hour), part: true, known: -2},
		{why: "a moment to come is as none", last: noon.Add(time.Minute), known: -2, to: -1},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := sourceWorld(1920, quay.Private)
			names := slices.Collect(maps.Keys(w.Repositories))
			var all []due
			for last := row.last; last.Before(noon); {
				var share []due
				share, last = audited("c", names, last, noon)
				all = append(all, share...)
			}
			registry := &rolesOf{takes: row.takes}
			if row.fails > 0 {
				registry.fails = all[row.fails-1].name
			}
			o := observer{Ends: Ends{Registry: registry}, World: *w, now: noon}
			o.Whole, o.Unread = !row.part, map[component.Key]error{}
			o.remember(row.last)
			if err := o.observeRoles(t.Context()); err != nil {
				t.Fatal(err)
			}
			want, known := noon, row.known
			switch {
			case row.to > 0:
				want = all[row.to].at
			case row.to == 0:
				want = time.Time{}
			}
			switch known {
			case -2:
				unremembered, _ := audited("c", names, time.Time{}, noon)
				known = len(unremembered)
			case -1:
				known = len(all) - min(1, row.fails)
			}
			if !o.Audited.Equal(want) || len(o.Roles) != known || len(o.Unread) != min(1, row.fails) {
				t.Errorf("%s: %d are known, %d could not be read, audited up to %s; want %d and %s", row.why, len(o.Roles), len(o.Unread), o.Audited, known, want)
			}
		})
	}
}
