package reconcile_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/kube/kubetest"
	"berth/quay"
	"berth/quay/quaytest"
	"berth/reconcile"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/report"
)

const day = 24 * time.Hour

// pruning is a run that deletes what nobody uses.
func pruning(r *reconcile.Run) *reconcile.Run {
	r.Policy.PruneRobots, r.Policy.PruneAfter = true, 30*day
	return r
}

// leave lets Components come and go, NAMESPACE/NAME, and returns the robots they leave.
func (e *env) leave(t *testing.T, names ...string) (robots []string) {
	t.Helper()
	for _, name := range names {
		namespace, c, _ := strings.Cut(name, "/")
		if e.cluster.Object("namespaces", "", namespace) == nil {
			e.namespace(namespace)
		}
		e.component(namespace, c, "uid-of-"+name)
	}
	e.component("tenant", "there", "uid-there")
	if s := e.newRun().Do(context.Background()); s.ExitCode() != 0 {
		t.Fatalf("%+v", s)
	}
	for _, name := range names {
		namespace, c, _ := strings.Cut(name, "/")
		e.cluster.Delete("components", namespace, c)
	}
	e.cluster.CollectGarbage()
	for _, r := range e.quay.Snapshot().Robots {
		if !strings.Contains(r.Name, "_tenant_there_") {
			robots = append(robots, r.Name)
		}
	}
	return robots
}

// use logs in as a robot, as a build or a pod does.
func (e *env) use(t *testing.T, robot string) {
	t.Helper()
	q, _ := e.clients(direct)
	_, err := q.Granted(context.Background(), strings.TrimPrefix(robot, org+"+"), quay.NewToken(e.quay.RobotToken(robot)), "gone/a")
	if err != nil {
		t.Fatalf("the login of %s is refused: %v", robot, err)
	}
}

func (e *env) robotIsThere(name string) bool {
	return slices.ContainsFunc(e.quay.Snapshot().Robots, func(r quaytest.Robot) bool { return r.Name == name })
}

// permitted reports whether a robot has a permission.
func (e *env) permitted(name string) bool {
	return slices.ContainsFunc(e.quay.Snapshot().Robots, func(r quaytest.Robot) bool { return r.Name == name && len(r.Permissions) > 0 })
}

// Over months of runs no robot is deleted that somebody uses at least once in a month and
// a week, and all others are gone in the time that is said.
func TestPruneOverMonths(t *testing.T) {
	t.Parallel()
	const months, unused, wait = 90, 30, 8 // in days
	habits := []struct {
		why   string
		uses  func(day int) bool
		last  int // the day of its last use, at most; it is gone by 38 days after and a few for the limit
		stays bool
	}{
		{"never", func(int) bool { return false }, 0, false},
		{"daily", func(int) bool { return true }, 0, true},
		{"once in four weeks", func(d int) bool { return d%28 == 1 }, 0, true},
		{"once in five weeks, in quarantine each time", func(d int) bool { return d%35 == 1 }, 0, true},
		{"until the tenth day", func(d int) bool { return d <= 10 }, 10, false},
		{"once, in quarantine", func(d int) bool { return d == 34 }, 34, false},
	}
	e := newEnv()
	var names []string
	for i := range 6 {
		names = append(names, fmt.Sprintf("gone-%d/a", i%3), fmt.Sprintf("gone-%d/b%d", i%3, i))
	}
	slices.Sort(names)
	robots := e.leave(t, slices.Compact(names)...)
	for i := range 3 {
		e.cluster.Delete("namespaces", "", fmt.Sprintf("gone-%d", i))
	}
	random := rand.New(rand.NewPCG(7, 7))
	deleted, most, reported := map[string]int{}, 0, 0
	for d := 1; d <= months; d++ {
		e.clock = e.clock.Add(day - time.Duration(random.IntN(1000))*time.Second)
		e.useThere(t)
		for i, r := range robots {
			if h := habits[i%len(habits)]; h.uses(d) && deleted[r] == 0 {
				e.use(t, r)
			}
		}
		before := len(e.quay.Snapshot().Robots)
		got := e.do(pruning(e.newRun()))
		if got.ExitCode() != 0 {
			t.Fatalf("day %d: exit %d\n%s", d, got.ExitCode(), got.text)
		}
		reported += strings.Count(got.text, "in quarantine: somebody has its token")
		most = max(most, before-len(e.quay.Snapshot().Robots))
		for i, r := range robots {
			h := habits[i%len(habits)]
			if deleted[r] == 0 && !e.robotIsThere(r) {
				deleted[r] = d
				if h.stays || d < h.last+unused+7 {
					t.Errorf("day %d: %s, which is used %s, was deleted", d, r, h.why)
				}
			}
			if !h.stays && deleted[r] == 0 && d > h.last+unused+wait+len(robots)/2 {
				t.Errorf("day %d: %s, which is used %s, is still there", d, r, h.why)
			}
		}
	}
	for i, r := range robots {
		if h := habits[i%len(habits)]; h.stays && !e.permitted(r) {
			t.Errorf("%s, which is used %s, may do nothing", r, h.why)
		}
	}
	if most > 2 || reported == 0 || len(deleted) == 0 {
		t.Errorf("%d robots in one run, %d reports, %d deleted", most, reported, len(deleted))
	}
	t.Logf("%d robots over %d days: %d deleted, at most %d in a run, %d reported as used in quarantine", len(robots), months, len(deleted), most, reported)
}

// meddling lets something happen between a run's plan and its first write.
type meddling struct {
	report.Reporter
	meddle func()
}

func (p meddling) Planned(o report.Observed, made plan.Plan, s report.Summary) {
	p.Reporter.Planned(o, made, s)
	p.meddle()
}

// inQuarantine has what gone/a left in quarantine, for as long as is needed.
func inQuarantine(t *testing.T) (e *env, push, pull string) {
	t.Helper()
	e = newEnv()
	for _, robot := range e.leave(t, "gone/a") {
		if strings.HasSuffix(robot, "push") {
			push = robot
		} else {
			pull = robot
		}
	}
	e.clock = e.clock.Add(31 * day)
	e.useThere(t)
	if s := pruning(e.newRun()).Do(context.Background()); s.ExitCode() != 0 || s.Changes.Delete != 2 {
		t.Fatalf("%+v", s)
	}
	e.clock = e.clock.Add(8 * day)
	e.useThere(t)
	e.resetCalls()
	return e, push, pull
}

// useThere shows that Quay keeps when robots are used.
func (e *env) useThere(t *testing.T) {
	t.Helper()
	for _, r := range e.quay.Snapshot().Robots {
		if strings.Contains(r.Name, "_tenant_there_") {
			e.use(t, r.Name)
		}
	}
}

// redescribe changes what the repository says below its mark, or above.
func (e *env) redescribe(edit func(component.Description) string) {
	for _, r := range e.quay.Snapshot().Repositories {
		if r.Name == "acme/gone/a" {
			e.quay.SetDescription(r.Name, edit(component.Description(r.Description)))
		}
	}
}

// What a run meets between its list and a deletion: then it deletes nothing.
func TestPruneLooksOnceMore(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why  string
		meet func(t *testing.T, e *env, push, pull string)
		told string // to the operator
	}{
		{"nothing", func(*testing.T, *env, string, string) {}, ""},
		{"the Component is made again", func(_ *testing.T, e *env, _, _ string) { e.component("gone", "a", "uid-again") }, ""},
		{"a run beside it has given the permission back", func(_ *testing.T, e *env, _, pull string) {
			e.quay.SetPermission("acme/gone/a", pull, "read")
		}, "gave robot"},
		{"it is used", func(t *testing.T, e *env, _, pull string) { e.use(t, pull) }, "was used just now"},
		{"the note is gone", func(_ *testing.T, e *env, _, _ string) {
			e.redescribe(component.Description.Mark)
		}, "does not say any more"},
		{"the note tells another day", func(_ *testing.T, e *env, _, pull string) {
			e.redescribe(func(d component.Description) string {
				return string(d.With(component.NoteQuarantined(strings.TrimPrefix(pull, org+"+")), e.clock))
			})
		}, "or another day"},
		{"another cluster has taken the repository over", func(_ *testing.T, e *env, _, _ string) {
			e.redescribe(func(d component.Description) string { return strings.Replace(string(d), "key=", "key=x", 1) })
		}, "does not say any more"},
		{"the robot is another one", func(_ *testing.T, e *env, _, pull string) {
			e.quay.DeleteRobot(pull)
			e.quay.AddRobot(quaytest.Robot{Name: pull, Description: "somebody's"})
		}, "does not bear the mark"},
		{"the API server does not answer", func(_ *testing.T, e *env, _, _ string) {
			e.cluster.Inject(kubetest.Fault{Verb: "get", Resource: "components", Status: http.StatusInternalServerError, Times: -1})
		}, "get Component gone/a"},
		{"the kind is not there any more", func(_ *testing.T, e *env, _, _ string) { e.cluster.Uninstall("components") }, "get Component gone/a"},
		{"Quay mirrors with it", func(_ *testing.T, e *env, _, pull string) { e.quay.SetMirror("acme/gone/a", pull) }, "used by a mirror"},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e, push, pull := inQuarantine(t)
			var out bytes.Buffer
			r := pruning(e.newRun())
			r.Report = meddling{wholeText(&out), func() { row.meet(t, e, push, pull) }}
			s := r.Do(context.Background())
			if there := e.robotIsThere(pull); there != (row.why != "nothing") || s.ExitCode() != 0 || !strings.Contains(out.String(), row.told) {
				t.Errorf("the robot is there: %t, exit %d:\n%s", there, s.ExitCode(), out.String())
			}
		})
	}
}

// A run that prunes is killed in every write it makes, in each of four positions. One
// further run ends where one that was not killed did.
func TestPruneCrashPoints(t *testing.T) {
	t.Parallel()
	points, step := 0, every(t, 8)
	for _, row := range []struct {
		why     string
		prepare func(*testing.T) *env
	}{
		{"quarantine", func(t *testing.T) *env {
			e := newEnv()
			e.leave(t, "gone/a")
			e.clock = e.clock.Add(31 * day)
			e.useThere(t)
			return e
		}},
		{"deletion", func(t *testing.T) *env { e, _, _ := inQuarantine(t); return e }},
		{"release", func(t *testing.T) *env {
			e, push, pull := inQuarantine(t)
			e.use(t, push)
			e.use(t, pull)
			return e
		}},
		{"return", func(t *testing.T) *env {
			e, _, _ := inQuarantine(t)
			e.component("gone", "a", "uid-of-gone/a")
			return e
		}},
		{"return as another", func(t *testing.T) *env {
			e, _, _ := inQuarantine(t)
			e.component("gone", "a", "uid-again")
			return e
		}},
	} {
		run := func(k *killer) string {
			e := row.prepare(t)
			r := pruning(e.newRunOver(k.between))
			r.Concurrency = 1
			r.Do(context.Background())
			if k.dead {
				if s := pruning(e.newRun()).Do(context.Background()); s.ExitCode() != 0 {
					t.Errorf("%s, call %d, position %d: the next run exits %d: %v %+v", row.why, k.at, k.how, s.ExitCode(), s.Err, s.Failures)
				}
			}
			e.settledPruning(t)
			all := e.quay.Snapshot()
			slices.SortFunc(all.Repositories, func(a, b quaytest.Repository) int { return strings.Compare(a.Name, b.Name) })
			return markHash.ReplaceAllString(robotHash.ReplaceAllString(fmt.Sprint(all), "_HASH_"), "key")
		}
		whole := &killer{writes: true}
		want := run(whole)
		for at := 1; at <= whole.calls; at += step {
			for how := range positions {
				points++
				if got := run(&killer{at: at, how: how, writes: true}); got != want {
					t.Errorf("%s, call %d of %d, position %d:\n%s\nwant\n%s", row.why, at, whole.calls, how, got, want)
				}
			}
		}
	}
	t.Logf("crash points of pruning: %d", points)
	if points < 80/step {
		t.Errorf("%d crash points", points)
	}
}

var markHash = regexp.MustCompile("key=[a-z2-7]+")

// settledPruning demands that a further run finds nothing to do.
func (e *env) settledPruning(t *testing.T) {
	t.Helper()
	if s := pruning(e.newRun()).Do(context.Background()); s.Changes != (report.ChangeCount{}) {
		t.Errorf("not settled: %+v", s.Changes)
	}
}
