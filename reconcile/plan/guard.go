package plan

import (
	"cmp"
	"fmt"
	"strings"

	"berth/reconcile/component"
	"berth/reconcile/world"
)

// The guard looks for a change that is more like a mistake than like drift: of the operator,
// in a setting; or of whoever restored the registry, or the cluster, from a backup. It
// counts Components of which so much would change that nobody asked for, and judges shares.
//
// A tenant can write into its own namespace whatever it likes, so no share is of what
// somebody wrote somewhere, only of what this platform's Components own; and each is
// judged by namespace. One that is over the limit is held back: its Components wait, and
// all others are served. A whole run is refused only for a change that is wide, which no
// single namespace can make.

// Limits are the guard's.
type Limits struct {
	MaxChangeRatio float64 // share of Components, 0 to 1, of all and of each namespace
	Force          bool    // let this run pass
}

// Verdict is the guard's on a plan: the run is refused, or some namespaces are held back,
// or, nearly always, neither.
type Verdict struct {
	Refused *GuardError
	Held    []HeldBack // by name
}

// HeldBack is a namespace whose Components wait.
type HeldBack struct {
	Namespace  string
	Why        string
	Components int // that have something to wait for
}

// GuardError refuses a whole run. Its text has the numbers and the way out.
type GuardError struct {
	Summary string
	Hint    string
}

func (e *GuardError) Error() string {
	if strings.HasSuffix(e.Summary, "?") {
		return e.Summary + " " + e.Hint
	}
	return e.Summary + ". " + e.Hint
}

const wayOut = "Nothing was written. If it is meant, run once with --force."

// guardFloor is the size below which shares say nothing: of all Components, and of those
// of a namespace. What is struck in a smaller namespace is mended.
const guardFloor = 20

// Guard judges a plan over all that the run was shown, other shards' Components too.
func Guard(w world.World, p Plan, l Limits) Verdict {
	if l.Force {
		return Verdict{}
	}
	all := [...][]Component{p.Components, p.Elsewhere}
	if n := len(w.Unclaimed); w.Whole && len(p.Components)+len(p.Elsewhere) == 0 && n >= guardFloor {
		return Verdict{Refused: &GuardError{fmt.Sprintf("the cluster shows no Component, yet Secrets of %d of their robots stand in it", n), wayOut}}
	}
	namespaces := map[string]bool{}
	for _, list := range all {
		for i := range list {
			namespaces[list[i].Component.Namespace] = true
		}
	}
	held := map[string]string{}
	for _, m := range measures(w.Naming, l) {
		total, by := m.count(all[:]...)
		if m.wide(total, by, len(namespaces)) {
			return Verdict{Refused: &GuardError{m.sentence(total), cmp.Or(m.hint, wayOut)}}
		}
		for namespace, n := range by {
			if n.of >= guardFloor && m.over(*n) {
				held[namespace] = cmp.Or(held[namespace], m.sentence(*n))
			}
		}
	}
	var v Verdict
	for i := range p.Components { // sorted; other shards hold back their own
		namespace := p.Components[i].Component.Namespace
		if why, is := held[namespace]; is && (len(v.Held) == 0 || v.Held[len(v.Held)-1].Namespace != namespace) {
			v.Held = append(v.Held, HeldBack{Namespace: namespace, Why: why})
		}
	}
	return v
}

// Stake is what the guard knows of a Component: whether it has something to lose, and what
// a run would do to it that nobody has asked for.
type Stake struct {
	Owns     bool // Berth has made something for it before
	LogsIn   bool // a Secret of its logs in as the robot that it should
	Astray   bool // that robot is not in the organization
	Delivers bool // its pull Secret is brought somewhere
	Changes  [kinds]bool
}

// The kinds of change that the guard counts. Creations are none of them: a first run
// creates everything.
const (
	Secrets      = iota
	Visibilities     // of repositories
	Deletions        // robots, and rights of robots
	Targets          // places that a pull Secret is brought to no longer
	Estranged        // newly found not to be its own
	Marked           // so, by another cluster's mark
	kinds        int = iota
)

var changeWords = [kinds]string{
	"the Secrets", "the visibility", "robots or their rights", "the targets", "what is suddenly not theirs", "what another cluster has marked",
}

// measure is a share that the guard judges: of the Components that count for it, those
// that are struck.
type measure struct {
	limit    float64
	counts   func(Stake) bool
	struck   func(Stake) bool
	sentence func(count) string
	hint     string // what to type if it is meant; "": wayOut
}

// count is what a measure found among all Components or those of a namespace.
type count struct {
	of, struck int
	changes    [kinds]int
	names      []component.Key // the first of those struck
}

// maxNamed bounds how many Components a sentence names.
const maxNamed = 3

func (m measure) count(lists ...[]Component) (total count, by map[string]*count) {
	by = map[string]*count{}
	for _, list := range lists {
		for i := range list {
			c := &list[i]
			if !m.counts(c.Stake) {
				continue
			}
			of := by[c.Component.Namespace]
			if of == nil {
				of = &count{}
				by[c.Component.Namespace] = of
			}
			total.add(c, m.struck(c.Stake))
			of.add(c, m.struck(c.Stake))
		}
	}
	return total, by
}

func (c *count) add(p *Component, struck bool) {
	c.of++
	if !struck {
		return
	}
	c.struck++
	for kind, changes := range p.Stake.Changes {
		if changes {
			c.changes[kind]++
		}
	}
	if len(c.names) < maxNamed {
		c.names = append(c.names, p.Key())
	}
}

func (c count) share() float64 { return float64(c.struck) / float64(c.of) }

func (m measure) over(c count) bool { return c.struck > 0 && c.share() > m.limit }

// wide reports whether a change is more than any one namespace could make it: the share of
// all is over the limit, and the share of the others, whichever is left out, not under it.
// Where only one namespace has Components there is nobody to be spared.
func (m measure) wide(total count, by map[string]*count, namespaces int) bool {
	if total.of < guardFloor || !m.over(total) {
		return false
	}
	for _, n := range by {
		rest := count{of: total.of - n.of, struck: total.struck - n.struck}
		if namespaces > 1 && (rest.struck == 0 || rest.share() < m.limit) {
			return false
		}
	}
	return true
}

func measures(n component.Naming, l Limits) []measure {
	return []measure{
		{
			l.MaxChangeRatio, func(s Stake) bool { return s.Owns }, func(s Stake) bool { return s.Changes[Marked] },
			func(c count) string {
				return fmt.Sprintf("these repositories are marked by another cluster: is --cluster-id right? %s (%d of %d Components)", c.named(), c.struck, c.of)
			},
			"Nothing was written. If these Components have moved here, or this cluster was restored, name the former one: --take-over-from ID.",
		},
		{
			0.5, func(s Stake) bool { return s.LogsIn }, func(s Stake) bool { return s.Astray },
			func(c count) string {
				return fmt.Sprintf("the Secrets of %d Components log in as their robots, and organization %s has those of %d of them: is it the right organization?",
					c.of, n.Organization, c.of-c.struck)
			},
			"Nothing was written. If Quay was lost or restored from a backup, run once with --force: what is missing is made, and the Secrets are written anew.",
		},
		{
			l.MaxChangeRatio, func(s Stake) bool { return s.Delivers }, func(s Stake) bool { return s.Changes[Targets] },
			func(c count) string {
				return fmt.Sprintf("%d of %d Components (%.3g%%) would lose places that their pull Secrets are brought to: were SnapshotEnvironmentBindings lost? The limit is %.3g%% (--max-change-ratio)",
					c.struck, c.of, 100*c.share(), 100*l.MaxChangeRatio)
			},
			"",
		},
		{
			l.MaxChangeRatio, func(s Stake) bool { return s.Owns }, func(s Stake) bool { return s.Changes != [kinds]bool{} },
			func(c count) string {
				return fmt.Sprintf("%d of %d Components (%.3g%%) would change, unasked: %s; the limit is %.3g%% (--max-change-ratio)",
					c.struck, c.of, 100*c.share(), c.told(), 100*l.MaxChangeRatio)
			},
			"Nothing was written. If it is meant, or Quay or the cluster was restored from a backup, run once with --force.",
		},
	}
}

func (c count) named() string {
	var names []string
	for _, k := range c.names {
		names = append(names, k.String())
	}
	if more := c.struck - len(names); more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), more)
	}
	return strings.Join(names, ", ")
}

// told says what would change, by kind.
func (c count) told() string {
	var parts []string
	for kind, n := range c.changes {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s of %d", changeWords[kind], n))
		}
	}
	return strings.Join(parts, ", ")
}
