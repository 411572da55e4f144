package report

import (
	"maps"
	"strconv"
	"sync"
	"time"

	"berth/reconcile/plan"
)

// DeliveryCount counts the environments of all Components by how far their pull Secrets
// had come when the run looked.
type DeliveryCount struct {
	Total      int `json:"total"`
	Delivered  int `json:"delivered"`
	Unverified int `json:"unverified"`
	Pending    int `json:"pending"`
	Failed     int `json:"failed"`
	Unresolved int `json:"unresolved"`
}

// Waits are how long the environments that are on their way, and unverified, have been so
// at most.
type Waits struct{ Pending, Unverified time.Duration }

func (w *Waits) count(d plan.Delivery) {
	switch d.State {
	case plan.Pending:
		w.Pending = max(w.Pending, d.Waits)
	case plan.Unverified:
		w.Unverified = max(w.Unverified, d.Waits)
	}
}

func (c *DeliveryCount) count(d plan.Delivery) {
	c.Total++
	switch d.State {
	case plan.Delivered:
		c.Delivered++
	case plan.Unverified:
		c.Unverified++
	case plan.Pending:
		c.Pending++
	case plan.Failed:
		c.Failed++
	case plan.Unresolved:
		c.Unresolved++
	}
}

// RotationCount tells of the credentials' ages.
type RotationCount struct {
	Pending int           // requests that stand after the run
	Oldest  time.Duration // the age of the oldest token in a Secret, as far as Quay tells
}

// OrphanCount counts what is left from Components that are gone.
type OrphanCount struct {
	Robots       int `json:"robots"`
	Repositories int `json:"repositories"`
	Quarantined  int `json:"quarantined"` // of the robots
}

// Request is what requests are counted by.
type Request struct {
	Target string // quay, registry (robots' logins there) or cluster
	Code   string // the status of the answer, "none" where none came
}

// Tally counts requests while they are made.
type Tally struct {
	mu   sync.Mutex
	sent map[Request]int
}

// Count takes note of an answer by its status, 0 where none came.
func (t *Tally) Count(target string, status int) {
	code := "none"
	if status != 0 {
		code = strconv.Itoa(status)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sent == nil {
		t.sent = map[Request]int{}
	}
	t.sent[Request{target, code}]++
}

// All are the counts so far.
func (t *Tally) All() map[Request]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.sent)
}

// Phases are how long a run took for what it did, without what a person took to answer.
type Phases struct{ Lock, Read, Plan, Apply time.Duration }

// And is both together: who asks looks twice.
func (p Phases) And(q Phases) Phases {
	return Phases{p.Lock + q.Lock, p.Read + q.Read, p.Plan + q.Plan, p.Apply + q.Apply}
}

// Each is what they took by name, in the order of a run.
func (p Phases) Each() []Phase {
	return []Phase{{"lock", p.Lock}, {"read", p.Read}, {"plan", p.Plan}, {"apply", p.Apply}}
}

// Phase is one of them.
type Phase struct {
	Name string
	Took time.Duration
}
