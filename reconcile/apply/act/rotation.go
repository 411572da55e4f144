package act

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/apply/ends"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// taken is a rotation that this run works on.
type taken struct {
	component.Marker
	raw     string // as it stands on the Component
	planned string // the stamp that the plan shows
}

// Begin begins the Component's rotation: it is G0 and G1. It returns with a marker on the Component, or an error and
// nothing made.
func (w *Work) Begin(ctx context.Context) error {
	for range attempts {
		c, err := w.live(ctx)
		if err != nil {
			return err
		}
		w.component = c
		c = w.asker()
		if m, ok := component.ParseMarker(&c, w.Clock()); ok && w.adopts(m) {
			w.rotation = &taken{m, c.Annotations[component.AnnotationRotation], w.plan.Rotation.To}
			return nil
		}
		m, err := w.decide(ctx)
		if err != nil {
			return err
		}
		err = w.take(ctx, m)
		if err == nil {
			return nil
		}
		if !errors.Is(err, kube.ErrConflict) && !errors.Is(err, kube.ErrInvalid) {
			return fmt.Errorf("the rotation cannot be recorded, so nothing was made: %w", err)
		}
	}
	return fmt.Errorf("the rotation cannot be recorded, so nothing was made: %w", ends.ErrMoved)
}

// adopts reports whether a marker is of the rotation that is to be made: of an earlier
// run's, or of one that has been faster, unless the operator asked for more than that.
func (w *Work) adopts(m component.Marker) bool {
	r := w.plan.Rotation
	if !r.Asked {
		return true
	}
	return w.asker().Annotations[component.AnnotationRotation] != w.plan.Asker().Annotations[component.AnnotationRotation] &&
		(m.How == r.How || m.How == component.Revoke)
}

// decide chooses what is to be made, for the request as it stands, and makes sure that
// all that follows could be written.
func (w *Work) decide(ctx context.Context) (component.Marker, error) {
	r, c := w.plan.Rotation, w.asker()
	asked, err := component.RequestOf(&c)
	listed, _ := component.RequestOf(w.plan.Asker())
	_, former := component.FormerMarker(&c, w.Clock())
	if err != nil || asked.Rotate == "" && (r.Resumed || listed.Rotate != "" && !r.Asked && !former) {
		return component.Marker{}, fmt.Errorf("its request for rotation is gone: %w", ends.ErrMoved)
	}
	how := r.How
	if asked.Rotate != "" && !r.Asked && !former {
		how = asked.Rotate
	}
	roles, err := w.Registry.ListRobotPermissions(ctx, w.plan.Names.Repository)
	if err != nil {
		return component.Marker{}, err
	}
	var known []string
	for robot := range roles {
		known = append(known, robot)
	}
	held, err := w.preflight(ctx)
	if err != nil {
		return component.Marker{}, err
	}
	planned, _ := component.StampTime(r.To) // which is now, or later than what the list showed
	to := component.NextStamp(planned, w.plan.Names.Accounts(), append(known, held...))
	return component.NewMarker(&c, to, how, w.Clock()), nil
}

// take takes the request off and sets the marker, in one patch that holds only while
// the request is the one that was read.
func (w *Work) take(ctx context.Context, m component.Marker) error {
	c := w.asker()
	change := kube.AnnotationChange{Set: map[string]string{component.AnnotationRotation: m.Encode()}}
	if value, there := c.Annotations[component.AnnotationGenerate]; there {
		change.Test = map[string]string{component.AnnotationGenerate: value}
		if component.AsksRotation(&c) {
			change.Remove = []string{component.AnnotationGenerate}
		}
	}
	c, err := w.Cluster.Annotate(ctx, c, change)
	if err == nil {
		w.keep(c)
		w.rotation = &taken{m, c.Annotations[component.AnnotationRotation], w.plan.Rotation.To}
	}
	return err
}

// actual is an action of a rotation as it is to be done: with the stamp of its marker.
func (w *Work) actual(action plan.Action) plan.Action {
	if w.rotation == nil || w.rotation.planned == w.rotation.To {
		return action
	}
	renamed := func(robot string) string {
		if first, ok := strings.CutSuffix(robot, "_"+w.rotation.planned); ok {
			return first + "_" + w.rotation.To
		}
		return robot
	}
	switch a := action.(type) {
	case plan.CreateRobot:
		a.Robot = renamed(a.Robot)
		return a
	case plan.SetPermission:
		a.Robot = renamed(a.Robot)
		return a
	case plan.WriteSecret:
		a.Robot = renamed(a.Robot)
		return a
	}
	return action
}

// acknowledge is G6: the marker goes when both Secrets are at its generation or a
// younger one and, to revoke, all that is older is gone. A request for robots that this
// run has made needs no marker: they are younger than it.
func (w *Work) acknowledge(ctx context.Context, a plan.Acknowledge) error {
	switch {
	case a.New:
		return w.annotate(ctx, w.group(a.Of), w.answered)
	case a.Former:
		return w.annotate(ctx, w.group(a.Of), func(c kube.Component) (change kube.AnnotationChange, due bool, err error) {
			found, young := component.FormerMarker(&c, w.Clock())
			return unmarked(c), found && !young, nil
		})
	}
	if err := w.settled(ctx); err != nil {
		return err
	}
	announcement := a.Announcement.After(w.Clock()).Encode()
	err := w.annotate(ctx, w.group(a.Of), func(c kube.Component) (change kube.AnnotationChange, due bool, err error) {
		change = unmarked(c)
		change.Set = map[string]string{component.AnnotationImage: announcement}
		return change, c.Annotations[component.AnnotationRotation] == w.rotation.raw, nil
	})
	for _, c := range component.Both(&w.component) {
		if err == nil && c.Group != w.group(a.Of) && !c.Odd {
			err = w.announce(ctx, c.Group, announcement)
		}
	}
	return err
}

// unmarked takes the marker off that a Component has.
func unmarked(c kube.Component) kube.AnnotationChange {
	return kube.AnnotationChange{
		Test:   map[string]string{component.AnnotationRotation: c.Annotations[component.AnnotationRotation]},
		Remove: []string{component.AnnotationRotation},
	}
}

// answered takes a request off that the robots of this run answer.
func (w *Work) answered(c kube.Component) (change kube.AnnotationChange, due bool, err error) {
	for _, account := range w.plan.Names.Accounts() {
		if !w.made[account.Robot] {
			return change, false, fmt.Errorf("robot %s appeared meanwhile: %w", account.Robot, ends.ErrRaced)
		}
	}
	value := c.Annotations[component.AnnotationGenerate]
	change.Test = map[string]string{component.AnnotationGenerate: value}
	change.Remove = []string{component.AnnotationGenerate}
	_, begun := component.ParseMarker(&c, w.Clock())
	return change, value == w.listed(c.Group).Annotations[component.AnnotationGenerate] && !begun, nil
}

// settled demands that both Secrets are at the marker's generation or a younger one and,
// to revoke, deletes what is older that no list has shown, but the look that came after
// the Secret was read.
func (w *Work) settled(ctx context.Context) error {
	accounts := w.plan.Names.Accounts()
	for _, a := range accounts {
		if w.at[a.Role] == "" || w.rotation.How == component.Revoke && w.roles == nil {
			s, err := w.survey(ctx, a)
			if err != nil {
				return err
			}
			w.at[a.Role] = w.Naming.Held(a, component.ContentOf(s.secret.DockerConfigJSON()))
		}
		if w.at[a.Role] < a.At(w.rotation.To).Robot {
			return fmt.Errorf("Secret %s is not at the new generation: %w", a.Secret, ends.ErrMoved) //nolint:staticcheck // a kind's name
		}
	}
	if w.rotation.How != component.Revoke {
		return nil
	}
	for _, a := range accounts {
		for _, robot := range older(a, w.roles, w.at[a.Role]) {
			if !w.gone[robot] {
				if err := w.Registry.DeleteRobot(ctx, robot); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// older are the generations that a look has shown below one.
func older(a component.Account, roles map[string]quay.Role, than string) (found []string) {
	for robot := range roles {
		if _, ok := a.StampOf(robot); ok && robot < than {
			found = append(found, robot)
		}
	}
	slices.Sort(found)
	return found
}

// drain deletes a generation, but only while the Secret holds a younger one.
func (w *Work) drain(ctx context.Context, a plan.DeleteRobot) error {
	held, err := w.heldBy(ctx, a.Account)
	if err != nil {
		return err
	}
	if !a.Before(a.Robot, held) {
		return fmt.Errorf("robot %s is not older than the one in Secret %s: %w", a.Robot, a.Secret, ends.ErrMoved)
	}
	err = w.Registry.DeleteRobot(ctx, a.Robot)
	if err == nil {
		w.gone[a.Robot] = true
		delete(w.granted, a.Robot)
	}
	return err
}
