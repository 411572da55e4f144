package act

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/apply/ends"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// takeOver makes the changes by which a Component changes hands between image-controller and
// Berth.
func (w *Work) takeOver(ctx context.Context, action plan.Action) (err error) {
	switch a := action.(type) {
	case plan.KeepRepository:
		return w.keepRepository(ctx, a)
	case plan.KeepVisibility:
		return w.keepVisibility(ctx, a)
	case plan.Unfinalize:
		return w.unfinalize(ctx, a)
	case plan.Retire:
		return w.retire(ctx, a)
	case plan.ReturnSecret:
		return w.returnSecret(ctx, a)
	case plan.UnmarkRepository:
		return w.unmarkRepository(ctx, a)
	case plan.ReturnRepository:
		_, err = w.Cluster.AnnotateImageRepository(ctx, a.ImageRepository.ImageRepository, component.Return(a.ImageRepository.ImageRepository), false)
	}
	return err
}

func (w *Work) keepRepository(ctx context.Context, a plan.KeepRepository) error {
	r, err := w.Cluster.AnnotateImageRepository(ctx, a.ImageRepository.ImageRepository, component.Keep(a.ImageRepository.ImageRepository), false)
	if err == nil {
		w.kept[r.UID] = r
	}
	return err
}

// keepVisibility writes what the repository was found with. A request that was changed
// meanwhile was read by nobody, and is the next run's.
func (w *Work) keepVisibility(ctx context.Context, a plan.KeepVisibility) error {
	return w.annotate(ctx, w.group(a.Of), func(c kube.Component) (kube.AnnotationChange, bool, error) {
		if c.Annotations[component.AnnotationGenerate] != w.listed(c.Group).Annotations[component.AnnotationGenerate] {
			return kube.AnnotationChange{}, false, fmt.Errorf("what its owner states %w", ends.ErrOvertaken)
		}
		change, due := component.KeepVisibility(&c, a.To)
		return change, due, nil
	})
}

// unfinalize takes image-controller's finalizer off, off an ImageRepository only as this run
// has seen or made it: with the mark that lets its repository outlive it.
func (w *Work) unfinalize(ctx context.Context, a plan.Unfinalize) error {
	if a.ImageRepository == nil {
		return w.unfinalizeComponent(ctx)
	}
	r := a.ImageRepository.ImageRepository
	if now, written := w.kept[r.UID]; written {
		r = now
	}
	if !component.LetGo(r) {
		return fmt.Errorf("ImageRepository %s is not marked so that its repository outlives it: %w", r.Name, ends.ErrMoved)
	}
	if r.Finalizer == 0 {
		return nil
	}
	return ends.UnlessGone(w.Cluster.UnfinalizeImageRepository(ctx, r))
}

func (w *Work) unfinalizeComponent(ctx context.Context) error {
	c, err := w.live(ctx)
	if err != nil || c.Finalizer == 0 {
		return err
	}
	c, err = w.Cluster.UnfinalizeComponent(ctx, c)
	if err == nil {
		w.keep(c)
	}
	return err
}

// retire removes a robot of image-controller's, once a last look has shown that nobody has
// used it for the grace; first the links to the Secrets that log in as it, then these.
func (w *Work) retire(ctx context.Context, a plan.Retire) error {
	robot, err := w.Registry.GetRobot(ctx, a.Robot)
	switch {
	case errors.Is(err, quay.ErrNotFound):
	case err != nil:
		return err
	case robot.Description != a.Mark, robot.LastAccessed.IsZero(), w.Clock().Sub(robot.LastAccessed) < w.Policy.AdoptGrace:
		return fmt.Errorf("robot %s was used again: %w", a.Robot, ends.ErrMoved)
	}
	for _, s := range a.Secrets {
		if err := w.retireSecret(ctx, a.Robot, s); err != nil {
			return err
		}
	}
	return w.Registry.DeleteRobot(ctx, a.Robot)
}

// retireSecret leaves alone what logs in as another, or has become somebody else's.
func (w *Work) retireSecret(ctx context.Context, robot string, a plan.FormerSecret) error {
	namespace := w.plan.Component.Namespace
	s, err := w.Cluster.Secret(ctx, namespace, a.Name)
	if errors.Is(err, kube.ErrNotFound) {
		return nil
	}
	if err != nil || !component.InheritedFrom(s, a.Owner) || component.ContentOf(s.DockerConfigJSON()).Login != w.Naming.Login(robot) {
		return err
	}
	for _, account := range a.Accounts {
		if err := ends.UnlessGone(w.Unlink(ctx, namespace, account, false, a.Name)); err != nil {
			return err
		}
	}
	for _, account := range a.PullAccounts {
		if err := ends.UnlessGone(w.Unlink(ctx, namespace, account, true, a.Name)); err != nil {
			return err
		}
	}
	return ends.UnlessGone(w.Cluster.DeleteSecret(ctx, s))
}

// returnSecret gives a Secret back as it is: whoever is linked to it goes on.
func (w *Work) returnSecret(ctx context.Context, a plan.ReturnSecret) error {
	s, err := w.Cluster.Secret(ctx, w.plan.Component.Namespace, a.Secret)
	if errors.Is(err, kube.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if whose, _ := component.Whose(s.Labels, s.Owners, w.plan.Component); whose != component.Mine {
		return nil // it was given back
	}
	return w.Cluster.ReturnSecret(ctx, s, a.To)
}

// unmarkRepository takes our mark off what still bears it, and leaves what people wrote
// below; where they wrote nothing it is described as image-controller does.
func (w *Work) unmarkRepository(ctx context.Context, a plan.UnmarkRepository) error {
	r, err := w.Registry.GetRepository(ctx, a.Name)
	if err != nil || component.Description(r.Description).Mark() != a.Mark {
		return err
	}
	rest := component.Description(r.Description).Unmarked()
	return w.Registry.DescribeRepository(ctx, a.Name, cmp.Or(string(rest), component.FormerDescription))
}
