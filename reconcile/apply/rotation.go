package apply

import (
	"context"
	"errors"
	"fmt"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// rotateToken is the first half of P2: the one call that breaks a credential.
func (w *work) rotateToken(ctx context.Context, a plan.RotateToken) error {
	if err := w.begin(ctx, a.Repository); err != nil {
		return err
	}
	before := w.rotation.Before(a.Role)
	robot, err := w.Registry.GetRobot(ctx, a.Robot)
	if err != nil {
		return err
	}
	if w.seen(a.Robot, robot.Token) != before {
		return nil // an earlier run, or one beside this, has done it
	}
	if a.Role == quay.Read && w.Delivers {
		if err := w.reachable(ctx); err != nil {
			return err
		}
	}
	if w.ending() {
		return fmt.Errorf("the run ended before the token of robot %s was replaced: %w", a.Robot, ErrDeferred)
	}
	err = w.Registry.RegenerateRobotToken(ctx, a.Robot)
	if err == nil || !unsure(err) {
		return err
	}
	// The answer is lost, but not the truth. The call is not made again even if
	// it had no effect: that is for the next run, which compares anew.
	robot, lookup := w.Registry.GetRobot(ctx, a.Robot)
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
	w.current[robot] = component.Fingerprint(w.Naming.Login(robot), token.Reveal())
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
		if m, ok := component.ParseMarker(c); ok && (w.plan.Resumed || !m.Stale(w.Now())) {
			w.rotation, w.component = &m, c
			return nil
		}
		asked := component.AsksRotation(c)
		if w.plan.Resumed || component.AsksRotation(w.plan.Component) && !asked {
			return fmt.Errorf("its request for rotation is gone: %w", errMoved)
		}
		m, err := w.preflight(ctx, repository)
		if err != nil {
			return err
		}
		change := kube.AnnotationChange{Set: map[string]string{component.AnnotationRotation: m.Encode()}}
		if asked {
			change.Test = map[string]string{component.AnnotationGenerate: c.Annotations[component.AnnotationGenerate]}
		}
		c, err = w.Cluster.Annotate(ctx, c, change)
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
func (w *work) preflight(ctx context.Context, repository string) (component.Marker, error) {
	m := component.NewMarker(w.Run, w.plan.Component, w.Now())
	roles, err := w.Registry.ListRobotPermissions(ctx, repository)
	if err != nil {
		return m, err
	}
	for _, a := range w.plan.Names.Accounts() {
		robot, err := w.Registry.GetRobot(ctx, a.Robot)
		if err != nil {
			return m, err
		}
		if robot.Description != a.Mark {
			return m, fmt.Errorf("%w: robot %s is not marked as this Component's", errNotOurs, a.Robot)
		}
		if roles[a.Robot] != a.Role {
			return m, fmt.Errorf("robot %s has not the role %s on its repository: %w", a.Robot, a.Role, errRaced)
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
func (w *work) writable(ctx context.Context, a component.Account) error {
	namespace := w.plan.Component.Namespace
	s, err := w.Cluster.Secret(ctx, namespace, a.Secret)
	if err != nil {
		return err
	}
	if err := w.inTheWay(s, a.Secret); err != nil {
		return err
	}
	if s.Immutable {
		return &obstacle{plan.Immutable(namespace, a.Secret)}
	}
	dummy := w.secretWrite(plan.WriteSecret{Account: a, Image: w.plan.Image}, quay.Token{})
	if err := w.Cluster.UpdateSecret(ctx, dummy, s.ResourceVersion, true); err != nil {
		return fmt.Errorf("the Secret would not take a new token, so nothing was rotated: %w", err)
	}
	return nil
}

// acknowledge is P4: request and marker come off in one patch that holds only
// while both are there, and only after both tokens have changed since the
// marker was written. A request for robots that this run has made needs no
// marker: they are younger than it.
func (w *work) acknowledge(ctx context.Context, a plan.Acknowledge) error {
	return w.annotate(ctx, func(c kube.Component) (kube.AnnotationChange, bool, error) {
		return w.acknowledgement(ctx, c, a)
	})
}

// acknowledgement is the patch for a Component as it stands; none is due when
// another run has been faster.
func (w *work) acknowledgement(ctx context.Context, c kube.Component, a plan.Acknowledge) (change kube.AnnotationChange, due bool, err error) {
	asked := component.AsksRotation(c)
	m, begun := component.ParseMarker(c)
	change.Test = map[string]string{}
	if asked {
		change.Test[component.AnnotationGenerate] = c.Annotations[component.AnnotationGenerate]
		change.Remove = append(change.Remove, component.AnnotationGenerate)
	}
	if a.New {
		for _, account := range w.plan.Names.Accounts() {
			if !w.made[account.Robot] {
				return change, false, fmt.Errorf("robot %s appeared meanwhile: %w", account.Robot, errRaced)
			}
		}
		return change, asked && !begun, nil
	}
	if !begun || w.rotation != nil && m.ID != w.rotation.ID {
		return change, false, nil
	}
	for _, account := range w.plan.Names.Accounts() {
		if _, read := w.current[account.Robot]; !read {
			if _, _, err := w.token(ctx, account); err != nil {
				return change, false, err
			}
		}
		if w.current[account.Robot] == m.Before(account.Role) {
			return change, false, fmt.Errorf("the token of robot %s is still the old one: %w", account.Robot, errRaced)
		}
	}
	change.Test[component.AnnotationRotation] = c.Annotations[component.AnnotationRotation]
	change.Remove = append(change.Remove, component.AnnotationRotation)
	return change, true, nil
}
