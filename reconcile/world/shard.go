package world

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"berth/kube"
	"berth/reconcile/component"
)

// Shard is one of several runs that divide the namespaces among them. Each reads
// everything and writes only what is in its own namespaces, so that no two write to
// one ServiceAccount and a tenant's Components meet their guards and turns in one
// run. Nothing rests on the division: where two runs take a namespace for theirs,
// as when the count has just been changed, they are two runs at once and safe as such.
type Shard struct {
	Index, Count int // Index is below Count; a Count below 2: everything is its own
}

// Several reports whether there are other shards.
func (s Shard) Several() bool { return s.Count > 1 }

// String is INDEX/COUNT, "" for a shard that is alone.
func (s Shard) String() string {
	if !s.Several() {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.Index, s.Count)
}

// owns reports whether a namespace is this shard's: each is exactly one's.
func (s Shard) owns(namespace string) bool {
	if !s.Several() {
		return true
	}
	sum := sha256.Sum256([]byte(namespace))
	return int(binary.BigEndian.Uint32(sum[:]))%s.Count == s.Index
}

// Divide takes the Components of other shards out of the world, and with them
// whatever was asked for by name. All that is judged by the whole inventory stays:
// two Components meet in a repository or a Secret only within one namespace, whose
// name is part of both.
func (w *World) Divide(s Shard) {
	if !s.Several() {
		return
	}
	var own []kube.Component
	for _, c := range w.Components {
		if s.owns(c.Namespace) {
			own = append(own, c)
		} else {
			w.Elsewhere = append(w.Elsewhere, c)
		}
	}
	w.Components, w.Missing = own, s.Keep(w.Missing)
	w.Policy.ReportOrphans = w.Policy.ReportOrphans && s.Index == 0 // it is enough that one says it,
	w.Policy.PruneRobots = w.Policy.PruneRobots && s.Index == 0     // and one that acts on it
}

// Keep returns the Components that are this shard's business.
func (s Shard) Keep(keys []component.Key) []component.Key {
	var own []component.Key
	for _, k := range keys {
		if s.owns(k.Namespace) {
			own = append(own, k)
		}
	}
	return own
}
