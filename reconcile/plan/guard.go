package plan

import (
	"fmt"
	"slices"

	"berth/reconcile/world"
)

// Limits are the guard's.
type Limits struct {
	MaxChangeRatio float64 // share of Components, 0 to 1
	Force          bool    // let this run pass
}

// GuardError refuses a whole plan. Its text has the numbers and the way out.
type GuardError struct {
	Summary string
	Hint    string
}

func (e *GuardError) Error() string { return e.Summary + ". " + e.Hint }

// guardFloor is the size below which shares say nothing.
const guardFloor = 20

// Guard refuses a plan that looks like a mistake of the operator or a registry
// restored from a backup rather than like drift. Creations do not count: a
// first run creates everything.
func Guard(w world.World, p Plan, l Limits) error {
	if l.Force {
		return nil
	}
	const hint = "Nothing was written. If it is meant, run once with --force."
	if n := len(w.Secrets) + w.Strays; w.Whole && len(w.Components)+len(w.Elsewhere) == 0 && n >= guardFloor {
		return &GuardError{fmt.Sprintf("the cluster shows no Component, yet %d Secrets of Berth's stand in it", n), hint}
	}
	if n := served(w); w.Whole && w.Mode.Environments && !anythingBound(w) && n >= guardFloor {
		return &GuardError{fmt.Sprintf("the cluster shows no SnapshotEnvironmentBinding, yet %d RemoteSecrets have targets", n), hint}
	}
	robots := 0
	for name := range w.Robots {
		if w.Logins[w.Naming.Login(name)] {
			robots++
		}
	}
	if n := len(w.Logins); n >= guardFloor && robots*2 < n {
		return &GuardError{
			fmt.Sprintf("Secrets in the cluster log in as %d robots, of which organization %s has %d: is it the right organization", n, w.Naming.Organization, robots),
			hint,
		}
	}
	changed := 0
	for _, c := range p.Components {
		if slices.ContainsFunc(c.Actions, unasked) {
			changed++
		}
	}
	total := len(p.Components)
	if share := float64(changed) / float64(total); total >= guardFloor && share > l.MaxChangeRatio {
		return &GuardError{
			fmt.Sprintf("Secrets or visibility would change, unasked, for %d of %d Components (%.3g%%); the limit is %.3g%% (--max-change-ratio)",
				changed, total, 100*share, 100*l.MaxChangeRatio),
			hint,
		}
	}
	return nil
}

// served counts the RemoteSecrets that have targets.
func served(w world.World) int {
	n := 0
	for _, r := range w.RemoteSecrets {
		if len(r.Targets) > 0 {
			n++
		}
	}
	return n
}

// anythingBound reports whether anything runs in any environment.
func anythingBound(w world.World) bool {
	for _, e := range w.Environments {
		if e.Asked() {
			return true
		}
	}
	return false
}
