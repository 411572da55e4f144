package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"berth/reconcile/report"
)

// movedHere is the namespace red in another cluster of the same organization, and its id
// in the former one, whose Components are gone.
func movedHere(t *testing.T) (former, now *env, id string) {
	t.Helper()
	former = newEnv()
	former.populate(boroughs)
	former.run(t)
	for _, c := range former.listing("/apis/appstudio.redhat.com/v1alpha1/components") {
		metadata := c["metadata"].(map[string]any)
		if metadata["namespace"] == "red" {
			former.cluster.Delete("components", "red", metadata["name"].(string))
		}
	}
	return former, former.anotherCluster("red"), former.id()
}

// What moved is taken over by its former cluster's mark, and by that alone; what the
// cluster has no Component of stays as it is.
func TestTakeOverFromACluster(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why   string
		id    func(id string) string
		edit  func(former, now *env)
		whole int // of 10 Components
	}{
		{"all of it", func(id string) string { return id }, func(_, _ *env) {}, 10},
		{"another id", func(string) string { return "another" }, func(_, _ *env) {}, 0},
		{"the own id", func(string) string { return "" }, func(_, _ *env) {}, 0},
		{"a third cluster's", func(id string) string { return id }, func(former, _ *env) {
			third := former.anotherCluster("red")
			r := third.newRun()
			r.Naming.Prefix = "third"
			third.do(r)
			for _, repository := range former.quay.Snapshot().Repositories {
				if repository.Name == "acme/third/red/c00" {
					former.quay.SetDescription("acme/red/c00", repository.Description)
				}
			}
		}, 9},
		{"somebody's", func(id string) string { return id }, func(former, _ *env) { former.quay.SetDescription("acme/red/c00", "somebody's") }, 9},
	} {
		former, now, id := movedHere(t)
		row.edit(former, now)
		blue := former.foreignTo("red")
		r := now.newRun()
		if r.Naming.Former = row.id(id); r.Naming.Former == "" {
			r.Naming.Former = now.id()
		}
		now.do(r)
		if _, whole, _ := now.tokensOf(t); whole != row.whole {
			t.Errorf("%s: %d Components are whole, want %d", row.why, whole, row.whole)
		}
		if former.foreignTo("red") != blue {
			t.Errorf("%s: what has no Component here was changed", row.why)
		}
	}
}

// foreignTo is all at Quay that is not a namespace's.
func (e *env) foreignTo(namespace string) string {
	var b strings.Builder
	for _, r := range e.quay.Snapshot().Repositories {
		if !strings.HasPrefix(r.Name, org+"/"+namespace+"/") {
			b.WriteString(r.Name + r.Description + "\n")
		}
	}
	for _, r := range e.quay.Snapshot().Robots {
		if !strings.Contains(r.Name, "_"+namespace+"_") {
			b.WriteString(r.Name + e.quay.RobotToken(r.Name) + "\n")
		}
	}
	return b.String()
}

// Whoever still pushes with a robot of the former cluster is not cut off: it stays, and the
// operator is told, until nobody has used it for the overlap.
func TestTakeOverFromAClusterWaitsForWhoStillPushes(t *testing.T) {
	t.Parallel()
	former, now, id := movedHere(t)
	var robots []string
	for _, r := range former.quay.Snapshot().Robots {
		if strings.Contains(r.Name, "_red_") {
			robots = append(robots, r.Name)
		}
	}
	pass := func(after time.Duration) record {
		former.clock = former.clock.Add(after)
		now.clock = former.clock
		r := now.newRun()
		r.Naming.Former = id
		return now.do(r)
	}
	left := func() (n int) {
		for _, robot := range robots {
			if former.robotIsThere(robot) {
				n++
			}
		}
		return n
	}
	steps := []struct {
		why   string
		after time.Duration
		left  int
		told  string
	}{
		{"it has just been taken over", 0, 20, "taken over"},
		{"the overlap is not over", overlap - time.Minute, 20, ""},
		{"one is in use", 2 * time.Minute, 1, "of the former cluster was used at"},
		{"it was, not long ago", overlap - 2*time.Minute, 1, "of the former cluster was used at"},
		{"not any more", 5 * time.Minute, 0, ""},
		{"nothing is left to be done", time.Hour, 0, "No changes"},
	}
	for i, s := range steps {
		if i == 2 {
			former.clock = former.clock.Add(s.after)
			former.use(t, robots[3])
			s.after = time.Second
		}
		got := pass(s.after)
		if n := left(); n != s.left || got.ExitCode() != 0 || !strings.Contains(got.text, s.told) {
			t.Errorf("%s: %d robots are left, want %d; exit %d\n%.3000s", s.why, n, s.left, got.ExitCode(), got.text)
		}
	}
	if s := now.do(now.newRun()); s.Changes != (report.ChangeCount{}) || s.ExitCode() != 0 {
		t.Errorf("without the setting: %+v, exit %d", s.Changes, s.ExitCode())
	}
}
