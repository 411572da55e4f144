package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"berth/kube"
	"berth/quay"
)

// A rotation replaces the tokens of a Component's two robots, once for each
// request, whatever fails in between. It rests on two facts. Quay shows an
// administrator a robot's current token at any time, so that no token is lost
// with an answer; only the intent must be remembered. And the intent stands on
// the Component itself, beside the request, so that both change together and
// the object is proven writable before any token breaks.
//
//	P0  read the Component: still the one listed, with its request or marker
//	P1  both Secrets and permissions are as they should be and can be written;
//	    write the marker: the fingerprints of both tokens before the rotation
//	P2  for push, then pull: regenerate if the token is still the marker's;
//	    then write the Secret until it equals what Quay says
//	P4  take request and marker off together, if both are still there
//
// After one regeneration the fingerprint differs from the marker's for ever,
// so no later crash causes another. If the marker cannot be written, nothing
// is regenerated. Two runs at once are safe without a lock; the one that a run may
// hold only saves work.

// minPace is how long a Component's next request waits after a rotation: a tenant
// that sets the flag in a loop harms nobody else.
const minPace = 10 * time.Minute

// observeRotations notes what of rotations depends on the time.
func (w *World) observeRotations(s Scope, now time.Time) {
	w.Rotate, w.Young, w.Stale = map[Key]bool{}, map[Key]bool{}, map[Key]bool{}
	for _, k := range s.Shard.keep(s.Rotate) {
		w.Rotate[k] = true
		if !slices.ContainsFunc(w.Components, func(c kube.Component) bool { return keyOf(c) == k }) && !slices.Contains(w.Missing, k) {
			w.Missing = append(w.Missing, k)
		}
	}
	for _, c := range w.Components {
		n, err := w.names(c)
		if err != nil {
			continue
		}
		if m, ok := parseMarker(c); ok {
			w.Stale[keyOf(c)] = m.stale(now) && !w.halfDone(n, m)
		}
		for _, a := range n.accounts() {
			at := w.Secrets[Key{c.Namespace, a.Secret}].RotatedAt
			if age := now.Sub(at); !at.IsZero() && age >= 0 && age < minPace {
				w.Young[keyOf(c)] = true
			}
		}
	}
}

// halfDone reports whether one of two tokens was replaced. Such a rotation goes on
// however old it is: the environments may have been out of reach for the other token,
// and to start over would replace the first once more.
func (w *World) halfDone(n Names, m marker) bool {
	return (w.Robots[n.Push.Robot].Fingerprint == m.Push) != (w.Robots[n.Pull.Robot].Fingerprint == m.Pull)
}

// planRotation decides whether a rotation begins, goes on, or waits.
func (w World) planRotation(p *ComponentPlan, asked request) {
	key := p.Key()
	m, begun := parseMarker(p.Component)
	begun = begun && !w.Stale[key]
	switch {
	case begun:
		p.resumed = true
	case !asked.rotate && !w.Rotate[key]:
		return
	case w.Young[key]:
		p.Deferred = fmt.Sprintf("its rotation waits: the last one was less than %s ago", minPace)
		return
	}
	made := 0
	for _, a := range p.Actions {
		if _, ok := a.(CreateRobot); ok {
			made++
		}
	}
	if made == 2 && !begun {
		// The robots are as new as the request could want.
		p.Actions = append(p.Actions, Acknowledge{Component: p.Component.Name, New: true})
		return
	}
	for _, a := range p.Names.accounts() {
		if begun && w.Robots[a.Robot].Fingerprint != m.before(a.Role) {
			continue // done by an earlier run; planSecrets has looked at the Secret
		}
		p.rotation = append(p.rotation, RotateToken{a, p.Names.Repository},
			WriteSecret{Account: a, Image: p.Image, Exists: true, Rotated: true})
	}
	p.rotation = append(p.rotation, Acknowledge{Component: p.Component.Name})
}

// pace lets so many rotations replace tokens in a run, those among them that have
// begun: a tenant can write markers, and with them could spend everybody's. What has
// only to be acknowledged does not wait.
func pace(plans []ComponentPlan, most int) {
	for i, p := range plans {
		if p.Problem == nil && len(p.rotation) > 0 && !slices.ContainsFunc(p.rotation, replaces) {
			plans[i].rotate()
		}
	}
	for _, i := range plansInTurns(plans, 0, func(p ComponentPlan) bool { return p.Problem == nil && slices.ContainsFunc(p.rotation, replaces) }) {
		if most > 0 {
			plans[i].rotate()
			most--
		} else {
			plans[i].Deferred = "its rotation waits: this run makes as many as --max-rotations allows"
		}
	}
}

func replaces(a Action) bool {
	_, ok := a.(RotateToken)
	return ok
}

func (p *ComponentPlan) rotate() {
	p.Actions = append(p.Actions, p.rotation...)
	if p.Note == "" || p.Note == drifted {
		p.Note = "rotation requested"
	}
	if p.resumed {
		p.Note = "rotation resumed"
	}
}

// rotateToken is the first half of P2: the one call that breaks a credential.
func (w *work) rotateToken(ctx context.Context, a RotateToken) error {
	if err := w.begin(ctx, a.Repository); err != nil {
		return err
	}
	before := w.rotation.before(a.Role)
	robot, err := w.robots.GetRobot(ctx, a.Robot)
	if err != nil {
		return err
	}
	if w.seen(a.Robot, robot.Token) != before {
		return nil // an earlier run, or one beside this, has done it
	}
	if a.Role == quay.Read && w.delivers {
		if err := w.reachable(ctx); err != nil {
			return err
		}
	}
	if w.ending() {
		return fmt.Errorf("the run ended before the token of robot %s was replaced: %w", a.Robot, errDeferred)
	}
	err = w.robots.RegenerateRobotToken(ctx, a.Robot)
	if err == nil || !unsure(err) {
		return err
	}
	// The answer is lost, but not the truth. The call is not made again even if
	// it had no effect: that is for the next run, which compares anew.
	robot, lookup := w.robots.GetRobot(ctx, a.Robot)
	if lookup != nil {
		return errors.Join(err, lookup)
	}
	if w.seen(a.Robot, robot.Token) == before {
		return err
	}
	return nil
}

// seen remembers the fingerprint of a robot's token as just read.
func (w *work) seen(robot string, token quay.Token) string {
	w.current[robot] = fingerprint(w.naming.login(robot), token.Reveal())
	return w.current[robot]
}

// begin is P0 and P1. It returns with a marker on the Component, or an error
// and nothing regenerated.
func (w *work) begin(ctx context.Context, repository string) error {
	if w.rotation != nil {
		return nil
	}
	for range attempts {
		c, err := w.live(ctx)
		if err != nil {
			return err
		}
		if m, ok := parseMarker(c); ok && (w.plan.resumed || !m.stale(w.now())) {
			w.rotation, w.component = &m, c
			return nil
		}
		asked := c.Annotations[AnnotationGenerate] == rotateRequest
		if w.plan.resumed || w.plan.Component.Annotations[AnnotationGenerate] == rotateRequest && !asked {
			return fmt.Errorf("its request for rotation is gone: %w", errMoved)
		}
		m, err := w.preflight(ctx, repository)
		if err != nil {
			return err
		}
		change := kube.AnnotationChange{Set: map[string]string{AnnotationRotation: m.encode()}}
		if asked {
			change.Test = map[string]string{AnnotationGenerate: rotateRequest}
		}
		c, err = w.cluster.Annotate(ctx, c, change)
		if err == nil {
			w.rotation, w.component = &m, c
			return nil
		}
		if !errors.Is(err, kube.ErrConflict) {
			return fmt.Errorf("the rotation cannot be recorded, so nothing was rotated: %w", err)
		}
	}
	return fmt.Errorf("the rotation cannot be recorded, so nothing was rotated: %w", errMoved)
}

// preflight makes sure that what follows the regeneration will work, and
// returns the marker with the fingerprints of the tokens as they are.
func (w *work) preflight(ctx context.Context, repository string) (marker, error) {
	m := marker{Version: markerVersion, ID: w.run, UID: w.plan.Component.UID, State: stateRotating, Since: w.now().UTC()}
	roles, err := w.repositories.ListRobotPermissions(ctx, repository)
	if err != nil {
		return m, err
	}
	for _, a := range w.plan.Names.accounts() {
		robot, err := w.robots.GetRobot(ctx, a.Robot)
		if err != nil {
			return m, err
		}
		if robot.Description != a.Mark {
			return m, fmt.Errorf("%w: robot %s is not marked as this Component's", errNotOurs, a.Robot)
		}
		if roles[a.Robot] != a.Role {
			return m, fmt.Errorf("robot %s has not the role %s on its repository: %w", a.Robot, a.Role, errMoved)
		}
		if err := w.writable(ctx, a); err != nil {
			return m, err
		}
		if a.Role == quay.Write {
			m.Push = w.seen(a.Robot, robot.Token)
		} else {
			m.Pull = w.seen(a.Robot, robot.Token)
		}
	}
	return m, nil
}

// writable asks the cluster whether a Secret of ours would take a new content,
// with one that is none.
func (w *work) writable(ctx context.Context, a Account) error {
	namespace := w.plan.Component.Namespace
	s, err := w.cluster.Secret(ctx, namespace, a.Secret)
	if err != nil {
		return err
	}
	if whose, why := owned(s.Labels, s.Owners, w.plan.Component); whose != mine {
		return fmt.Errorf("%w: Secret %s/%s: %s", errNotOurs, namespace, a.Secret, why)
	}
	dummy := w.secretWrite(WriteSecret{Account: a, Image: w.plan.Image}, quay.Token{})
	if err := w.cluster.UpdateSecret(ctx, dummy, s.ResourceVersion, true); err != nil {
		return fmt.Errorf("the Secret would not take a new token, so nothing was rotated: %w", err)
	}
	return nil
}

// acknowledge is P4: request and marker come off in one patch that holds only
// while both are there, and only after both tokens have changed since the
// marker was written. A request for robots that this run has made needs no
// marker: they are younger than it.
func (w *work) acknowledge(ctx context.Context, a Acknowledge) error {
	return w.annotate(ctx, func(c kube.Component) (kube.AnnotationChange, bool, error) {
		return w.acknowledgement(ctx, c, a)
	})
}

// acknowledgement is the patch for a Component as it stands; none is due when
// another run has been faster.
func (w *work) acknowledgement(ctx context.Context, c kube.Component, a Acknowledge) (change kube.AnnotationChange, due bool, err error) {
	asked := c.Annotations[AnnotationGenerate] == rotateRequest
	m, begun := parseMarker(c)
	change.Test = map[string]string{}
	if asked {
		change.Test[AnnotationGenerate] = rotateRequest
		change.Remove = append(change.Remove, AnnotationGenerate)
	}
	if a.New {
		for _, account := range w.plan.Names.accounts() {
			if !w.made[account.Robot] {
				return change, false, fmt.Errorf("robot %s appeared meanwhile: %w", account.Robot, errMoved)
			}
		}
		return change, asked && !begun, nil
	}
	if !begun || w.rotation != nil && m.ID != w.rotation.ID {
		return change, false, nil
	}
	for _, account := range w.plan.Names.accounts() {
		if _, read := w.current[account.Robot]; !read {
			if _, _, err := w.token(ctx, account); err != nil {
				return change, false, err
			}
		}
		if w.current[account.Robot] == m.before(account.Role) {
			return change, false, fmt.Errorf("the token of robot %s is still the old one: %w", account.Robot, errMoved)
		}
	}
	change.Test[AnnotationRotation] = c.Annotations[AnnotationRotation]
	change.Remove = append(change.Remove, AnnotationRotation)
	return change, true, nil
}
