package decide

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/decide/left"
	"berth/reconcile/plan"
	"berth/reconcile/world"
	"berth/testdata/scene"
)

// leftScene has a Component that is there, whose robots are in use, and what a Component
// gone/api has left: made long ago and never used.
type leftScene struct {
	*scene.Scene
	gone, live component.Names
}

const day = 24 * time.Hour

func newLeftScene(t *testing.T) leftScene {
	s := scene.New(t)
	s.Policy.PruneRobots, s.Policy.PruneAfter = true, 30*day
	l := leftScene{Scene: s, live: s.Settle(scene.Component("tenant", "api"))}
	for _, a := range l.live.Accounts() {
		l.used(a, time.Hour)
	}
	l.gone = l.leave("gone", "api")
	return l
}

// leave adds what a Component has left.
func (l leftScene) leave(namespace, name string) component.Names {
	n, err := l.Naming.Names(new(scene.Component(namespace, name)), "uid")
	if err != nil {
		l.Fatal(err)
	}
	l.Repositories[n.Repository] = &quay.Repository{Name: n.Repository, Description: n.Mark, Visibility: quay.Private}
	for _, a := range n.Accounts() {
		l.Robot(a, n.Repository)
		scene.Alter(l.Robots, a.Robot, func(r *world.Robot) { r.Created = l.At.Add(-400 * day) })
	}
	return n
}

func (l leftScene) used(a component.Account, ago time.Duration) {
	scene.Alter(l.Robots, a.Robot, func(r *world.Robot) {
		r.Created, r.LastAccessed = l.At.Add(-400*day), l.At.Add(-ago)
	})
}

// note writes below the mark of the repository.
func (l leftScene) note(n component.Note, ago time.Duration) {
	scene.Alter(l.Repositories, l.gone.Repository, func(r *quay.Repository) {
		r.Description = string(component.Description(r.Description).With(n, l.At.Add(-ago)))
	})
}

// confined is how both robots are while they are in quarantine.
func (l leftScene) confined(ago time.Duration) {
	l.note(component.NoteOrphan, ago)
	for _, a := range l.gone.Accounts() {
		l.note(component.NoteQuarantined(a.Robot), ago)
		scene.Alter(l.Robots, a.Robot, func(r *world.Robot) { r.Repositories = nil })
	}
}

// doings are a plan's actions about what is left, in short.
func (l leftScene) doings(p plan.Plan) string {
	short := strings.NewReplacer(l.gone.Push.Robot, "push", l.gone.Pull.Robot, "pull", "robot ", "", " quarantined", "", "orphan since", "orphan")
	var all []string
	for _, c := range p.Left {
		for _, a := range c.Actions {
			switch a := a.(type) {
			case plan.NoteRepository:
				for _, n := range a.Add {
					all = append(all, "+"+short.Replace(string(n)))
				}
				for _, n := range a.Remove {
					all = append(all, "-"+short.Replace(string(n)))
				}
			case plan.QuarantineRobot:
				all = append(all, "quarantine "+short.Replace(a.Robot))
			case plan.ReleaseRobot:
				all = append(all, fmt.Sprintf("release %s %s", short.Replace(a.Robot), a.Role))
			case plan.PruneRobot:
				all = append(all, "delete "+short.Replace(a.Robot))
			default:
				l.Errorf("%T is done about what is left", a)
			}
		}
	}
	return strings.Join(all, ", ")
}

func TestPrune(t *testing.T) {
	t.Parallel()
	const (
		noted   = "+orphan"
		confine = "+orphan, +pull, +push, quarantine pull, quarantine push"
	)
	for _, row := range []struct {
		why  string
		edit func(leftScene)
		want string
	}{
		{"unused, and made long ago", func(leftScene) {}, confine},
		{"not asked for", func(l leftScene) { l.Policy.PruneRobots = false }, ""},
		{"a part of the cluster proves nothing", func(l leftScene) { l.Whole = false }, ""},
		{"a cluster that shows no Component proves nothing", func(l leftScene) { l.Components = nil }, ""},
		{"another shard's business", func(l leftScene) { l.Divide(world.Shard{Index: 1, Count: 2}) }, ""},
		{"its Component is there", func(l leftScene) { l.Components = append(l.Components, scene.Component("gone", "api")) }, ""},
		{"its Component is there and cannot be read", func(l leftScene) { l.Hidden = []component.Key{{Namespace: "gone", Name: "api"}} }, ""},
		{"both used", func(l leftScene) { l.used(l.gone.Push, 29*day); l.used(l.gone.Pull, time.Minute) }, noted},
		{"one used", func(l leftScene) { l.used(l.gone.Pull, 29*day) }, "+orphan, +push, quarantine push"},
		{"used, though not lately", func(l leftScene) { l.used(l.gone.Pull, 30*day) }, confine},
		{"never used, and younger than that", func(l leftScene) {
			for _, a := range l.gone.Accounts() {
				scene.Alter(l.Robots, a.Robot, func(r *world.Robot) { r.Created = l.At.Add(-29 * day) })
			}
		}, noted},
		{"no robot was ever used: Quay does not keep it", func(l leftScene) {
			for _, a := range l.live.Accounts() {
				scene.Alter(l.Robots, a.Robot, func(r *world.Robot) { r.LastAccessed = time.Time{} })
			}
		}, ""},
		{"nobody can tell when they were made", func(l leftScene) {
			for _, a := range l.gone.Accounts() {
				scene.Alter(l.Robots, a.Robot, func(r *world.Robot) { r.Created = time.Time{} })
			}
		}, noted},
		{"in a team, which gives it more than its permission", func(l leftScene) {
			scene.Alter(l.Robots, l.gone.Push.Robot, func(r *world.Robot) { r.Teams = []string{"owners"} })
		}, "+orphan, +pull, quarantine pull"},
		{"in a team since its quarantine", func(l leftScene) {
			l.confined(8 * day)
			scene.Alter(l.Robots, l.gone.Push.Robot, func(r *world.Robot) { r.Teams = []string{"owners"} })
		}, "delete pull, -pull"},
		{"in quarantine, not for long enough", func(l leftScene) { l.confined(7 * day) }, ""},
		{"in quarantine, for a week", func(l leftScene) { l.confined(8 * day) }, "delete pull, delete push, -pull, -push"},
		{"used in quarantine", func(l leftScene) { l.confined(8 * day); l.used(l.gone.Push, 7*day) }, "delete pull, release push write, -pull, -push"},
		{"used on the day of the quarantine", func(l leftScene) { l.confined(40 * day); l.used(l.gone.Pull, 40*day) }, "release pull read, delete push, -pull, -push"},
		{"in quarantine for so long that the use in it is old, too", func(l leftScene) { l.confined(90 * day); l.used(l.gone.Push, 60*day) }, "delete pull, release push write, -pull, -push"},
		{"in quarantine, and somebody gave the permission back", func(l leftScene) { l.confined(8 * day); l.permit(l.gone.Push) }, "+push, delete pull, quarantine push, -pull"},
		{"used in quarantine, and has its permission already", func(l leftScene) {
			l.confined(3 * day)
			l.permit(l.gone.Push)
			l.used(l.gone.Push, day)
		}, "-push"},
		{"a quarantine from tomorrow on is none", func(l leftScene) { l.confined(-2 * day) }, "+pull, +push"},
		{"no note, no deletion", func(l leftScene) {
			l.confined(8 * day)
			scene.Alter(l.Repositories, l.gone.Repository, func(r *quay.Repository) { r.Description = l.gone.Mark })
		}, "+orphan, +pull, +push"},
		{"a note that is left from a robot that is gone", func(l leftScene) { l.confined(8 * day); delete(l.Robots, l.gone.Push.Robot) }, "delete pull, -pull, -push"},
		{"no repository that could say since when", func(l leftScene) { delete(l.Repositories, l.gone.Repository) }, ""},
		{"of another cluster", func(l leftScene) { l.remark(func(n *component.Naming) { n.Cluster = "cluster-2" }) }, ""},
		{"under another prefix, where a cluster of this id may be at home", func(l leftScene) {
			scene.Alter(l.Repositories, l.gone.Repository, func(r *quay.Repository) { r.Name = "p/gone/api" })
			l.Repositories["p/gone/api"] = l.Repositories[l.gone.Repository]
			delete(l.Repositories, l.gone.Repository)
			for _, a := range l.gone.Accounts() {
				scene.Alter(l.Robots, a.Robot, func(r *world.Robot) { r.Repositories = []string{"p/gone/api"} })
			}
		}, ""},
		{"at work elsewhere, too", func(l leftScene) {
			scene.Alter(l.Robots, l.gone.Push.Robot, func(r *world.Robot) { r.Repositories = append(r.Repositories, l.live.Repository) })
		}, "+orphan, +pull, quarantine pull"},
		{"a foreign robot that bears the mark", func(l leftScene) {
			l.Robots["ci_push"] = l.Robots[l.gone.Push.Robot]
			delete(l.Robots, l.gone.Push.Robot)
		}, "+orphan, +pull, quarantine pull"},
		{"a mark that somebody wrote more to", func(l leftScene) {
			scene.Alter(l.Robots, l.gone.Push.Robot, func(r *world.Robot) { r.Mark += " " })
		}, "+orphan, +pull, quarantine pull"},
		{"made again: what is left of the former Component is superseded", func(l leftScene) {
			c := scene.Component("gone", "api")
			c.UID = "another"
			l.Components = append(l.Components, c)
			l.Namespaces["gone"] = kube.Namespace{Name: "gone", UID: "uid"}
		}, ""},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			l := newLeftScene(t)
			row.edit(l)
			if got := l.doings(Plan(l.World)); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

// permit gives a robot its permission again.
func (l leftScene) permit(a component.Account) {
	scene.Alter(l.Robots, a.Robot, func(r *world.Robot) { r.Repositories = []string{l.gone.Repository} })
}

// remark gives what is left the marks of another naming.
func (l leftScene) remark(edit func(*component.Naming)) {
	naming := l.Naming
	edit(&naming)
	n, err := naming.Names(new(scene.Component("gone", "api")), "uid")
	if err != nil {
		l.Fatal(err)
	}
	scene.Alter(l.Repositories, l.gone.Repository, func(r *quay.Repository) { r.Description = n.Mark })
	for i, a := range l.gone.Accounts() {
		scene.Alter(l.Robots, a.Robot, func(r *world.Robot) { r.Mark = n.Accounts()[i].Mark })
	}
}

// Of the robots that could be pruned a run takes few, and its share of each namespace's.
func TestPruneLimits(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why                  string
		namespaces, of, live int
		robots, notes, turns int
	}{
		{"two at least", 1, 10, 0, 2, 10, 1},
		{"one in twenty", 4, 10, 0, 4, 10, 4},
		{"ten at most", 10, 40, 0, 10, 10, 10},
		{"those that are there count", 1, 10, 100, 10, 10, 1},
		{"one namespace's many do not keep others from their turn", 3, 20, 20, 8, 10, 3},
	} {
		l := newLeftScene(t)
		for i := range row.live {
			l.Settle(scene.Component("live", fmt.Sprintf("c%d", i)))
		}
		delete(l.Repositories, l.gone.Repository)
		for _, a := range l.gone.Accounts() {
			delete(l.Robots, a.Robot)
		}
		for n := range row.namespaces {
			for i := range row.of {
				l.leave(fmt.Sprintf("gone-%d", n), fmt.Sprintf("c%d", i))
			}
		}
		robots, notes, namespaces := 0, 0, map[string]bool{}
		for _, c := range Plan(l.World).Left {
			for _, a := range c.Actions {
				switch a := a.(type) {
				case plan.QuarantineRobot:
					robots++
					namespaces[c.Component.Namespace] = true
				case plan.NoteRepository:
					if slices.Contains(a.Add, component.NoteOrphan) {
						notes++
					}
				}
			}
		}
		if robots != row.robots || notes < row.robots/2 || notes > 2*left.MaxPruned || len(namespaces) != row.turns {
			t.Errorf("%s: %d robots of %d namespaces and %d notes, want %d of %d", row.why, robots, len(namespaces), notes, row.robots, row.turns)
		}
	}
}

// A Component that came back finds nothing of all that: its robots have their role, and
// no line speaks of it any more. Of a former one, those in quarantine go.
func TestPruneOfAComponentThatCameBack(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		uid  string
		want string
	}{
		{"uid-of-gone/api", "SetPermission SetPermission NoteRepository"},
		{"another", "CreateRobot CreateRobot SetPermission SetPermission DeleteRobot DeleteRobot NoteRepository"},
	} {
		l := newLeftScene(t)
		l.confined(3 * day)
		c := scene.Component("gone", "api")
		c.UID = row.uid
		l.Add(c)
		l.Namespaces["gone"] = kube.Namespace{Name: "gone", UID: "uid"}
		p := Plan(l.World)
		var kinds []string
		for _, c := range p.Components {
			for _, a := range c.Actions {
				switch a := a.(type) {
				case plan.CreateRobot, plan.SetPermission, plan.DeleteRobot:
				case plan.NoteRepository:
					if a.Name != l.gone.Repository || len(a.Add) > 0 || len(a.Remove) != 3 {
						t.Errorf("%+v", a)
					}
				default:
					continue
				}
				kinds = append(kinds, strings.TrimPrefix(fmt.Sprintf("%T", a), "plan."))
			}
		}
		if got := strings.Join(kinds, " "); got != row.want {
			t.Errorf("%s: %s, want %s", row.uid, got, row.want)
		}
	}
}
