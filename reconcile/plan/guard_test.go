package plan

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/world"
	"berth/testdata/scene"
)

// drift gives a plan in which so many of all Components change unasked.
func drift(changed, all int) Plan {
	var p Plan
	for i := range all {
		c := Component{Component: scene.Component("tenant", fmt.Sprintf("component-%d", i))}
		c.Actions = []Action{
			CreateRepository{},
			CreateRobot{},
			SetPermission{},
			WriteSecret{},
			LinkSecret{},
			Announce{},
			DeleteRobot{},
			ChangeVisibility{Asked: true},
		}
		if i < changed { // each is counted once, whatever changes
			c.Actions = append(c.Actions, WriteSecret{Exists: true}, WriteSecret{Exists: true}, ChangeVisibility{})
		}
		p.Components = append(p.Components, c)
	}
	return p
}

// inventory gives a World whose Secrets log in as so many robots, of which so
// many are in the organization.
func inventory(logins, robots int) world.World {
	w := world.World{
		Naming: scene.Naming(), Whole: true, Components: make([]kube.Component, logins),
		Logins: map[string]bool{}, Robots: map[string]world.Robot{"ci": {}, "scanner": {}},
	}
	for i := range logins {
		robot := fmt.Sprintf("berth_%d", i)
		w.Logins[w.Naming.Login(robot)] = true
		if i < robots {
			w.Robots[robot] = world.Robot{}
		}
	}
	return w
}

func TestGuard(t *testing.T) {
	t.Parallel()
	limit := Limits{MaxChangeRatio: 0.3}
	forced := Limits{MaxChangeRatio: 0.3, Force: true}
	noComponent := func(secrets int, whole bool) world.World {
		w := inventory(0, 0)
		w.Strays, w.Whole = secrets, whole
		return w
	}
	for _, row := range []struct {
		why     string
		world   world.World
		plan    Plan
		limits  Limits
		refused string // in the message; "" passes
	}{
		{"nothing to do", world.World{}, Plan{}, limit, ""},
		{"a first run creates everything", world.World{}, drift(0, 1000), limit, ""},

		{"of few Components a share says nothing", world.World{}, drift(19, 19), limit, ""},
		{"from twenty on it does", world.World{}, drift(20, 20), limit, "for 20 of 20 Components (100%); the limit is 30% (--max-change-ratio)"},
		{"exactly the limit", world.World{}, drift(6, 20), limit, ""},
		{"one more", world.World{}, drift(7, 20), limit, "for 7 of 20 Components (35%); the limit is 30%"},
		{"exactly a limit that no float holds", world.World{}, drift(29, 100), Limits{MaxChangeRatio: 0.29}, ""},
		{"exactly the limit of many", world.World{}, drift(300, 1000), limit, ""},
		{"one more of many", world.World{}, drift(301, 1000), limit, "for 301 of 1000 Components"},
		{"no change is allowed", world.World{}, drift(1, 1000), Limits{}, "for 1 of 1000 Components (0.1%); the limit is 0%"},
		{"no change is allowed, and there is none", world.World{}, drift(0, 1000), Limits{}, ""},
		{"every change is allowed", world.World{}, drift(20, 20), Limits{MaxChangeRatio: 1}, ""},
		{"forced", world.World{}, drift(20, 20), forced, ""},

		{"nineteen Secrets may be leftovers", noComponent(19, true), Plan{}, limit, ""},
		{"twenty without a Component are not", noComponent(20, true), Plan{}, limit, "the cluster shows no Component, yet 20 Secrets of Berth's stand in it"},
		{"a part of the cluster may be empty", noComponent(20, false), Plan{}, limit, ""},
		{"forced in an empty cluster", noComponent(20, true), Plan{}, forced, ""},

		{"half of the robots are there", inventory(20, 10), Plan{}, limit, ""},
		{"fewer than half", inventory(20, 9), Plan{}, limit, "log in as 20 robots, of which organization acme has 9"},
		{"half of an odd number", inventory(21, 10), Plan{}, limit, "log in as 21 robots, of which organization acme has 10"},
		{"more than half of an odd number", inventory(21, 11), Plan{}, limit, ""},
		{"the wrong organization has none", inventory(500, 0), drift(0, 250), limit, "has 0: is it the right organization"},
		{"of few robots a share says nothing", inventory(19, 0), Plan{}, limit, ""},
		{"forced in another organization", inventory(20, 0), Plan{}, forced, ""},
	} {
		err := Guard(row.world, row.plan, row.limits)
		if row.refused == "" {
			if err != nil {
				t.Errorf("%s: refused: %v", row.why, err)
			}
			continue
		}
		var refused *GuardError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), row.refused) {
			t.Errorf("%s: %v, want a refusal with %q", row.why, err, row.refused)
			continue
		}
		if !strings.HasSuffix(err.Error(), "Nothing was written. If it is meant, run once with --force.") {
			t.Errorf("%s: no way out in %q", row.why, err)
		}
	}
}

// What the guard is for, from the World to the refusal.
func TestGuardOverPlans(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why     string
		edit    func(*scene.Scene)
		refused string
	}{
		{"settled", func(*scene.Scene) {}, ""},
		{"a registry restored from a backup has its old tokens back", func(s *scene.Scene) {
			for name := range s.Robots {
				scene.Change(s.Robots, name, func(r *world.Robot) { r.Fingerprint = "old" })
			}
		}, "for 30 of 30 Components"},
		{"another visibility by a slip of the finger", func(s *scene.Scene) { s.Policy.Visibility, s.Policy.AllowPublish = quay.Public, true }, "for 30 of 30 Components"},
		{"an empty organization by a slip of the finger", func(s *scene.Scene) { clear(s.Robots); clear(s.Repositories) }, "log in as 60 robots, of which organization acme has 0"},
		{"all Secrets were deleted; no token changes", func(s *scene.Scene) { clear(s.Secrets); clear(s.Logins) }, ""},
		{"the Components are gone", func(s *scene.Scene) { s.Components, s.Secrets, s.Strays = nil, nil, 60 }, "the cluster shows no Component, yet 60 Secrets"},
	} {
		s := scene.New(t)
		for i := range 30 {
			s.Settle(scene.Component("tenant", fmt.Sprintf("component-%d", i)))
		}
		row.edit(s)
		err := Guard(s.World, Make(s.World), Limits{MaxChangeRatio: 0.3})
		if row.refused == "" && err != nil || row.refused != "" && (err == nil || !strings.Contains(err.Error(), row.refused)) {
			t.Errorf("%s: %v, want %q", row.why, err, row.refused)
		}
	}
}
