package apply

import (
	"context"
	"errors"
	"fmt"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// heir is what applying a plan needs of the cluster to take over from image-controller.
type heir interface {
	AnnotateImageRepository(ctx context.Context, r kube.ImageRepository, change kube.AnnotationChange, dryRun bool) (kube.ImageRepository, error)
	UnfinalizeImageRepository(ctx context.Context, r kube.ImageRepository) error
	UnfinalizeComponent(ctx context.Context, c kube.Component) (kube.Component, error)
}

// MayTakeOver asks the cluster, before anything is written, whether ImageRepositories could
// be: it judges the first patch that a plan has of one in full, and keeps nothing.
func MayTakeOver(ctx context.Context, e Ends, plans []plan.Component) error {
	for _, p := range plans {
		for _, action := range p.Actions {
			a, ok := action.(plan.KeepRepository)
			if !ok {
				continue
			}
			_, err := e.Cluster.AnnotateImageRepository(ctx, a.ImageRepository.ImageRepository, component.Keep(a.ImageRepository.ImageRepository), true)
			if errors.Is(err, kube.ErrForbidden) {
				return fmt.Errorf("%w: %w", world.ErrNoTakeOver, err)
			}
			return nil // whatever else it is, is that one's matter
		}
	}
	return nil
}

func (w *work) keepRepository(ctx context.Context, a plan.KeepRepository) error {
	r, err := w.Cluster.AnnotateImageRepository(ctx, a.ImageRepository.ImageRepository, component.Keep(a.ImageRepository.ImageRepository), false)
	if err == nil {
		w.kept[r.UID] = r
	}
	return err
}

// keepVisibility writes what the repository was found with. A request that was changed
// meanwhile was read by nobody, and is the next run's.
func (w *work) keepVisibility(ctx context.Context, a plan.KeepVisibility) error {
	return w.annotate(ctx, w.group(a.Of), func(c kube.Component) (kube.AnnotationChange, bool, error) {
		if c.Annotations[component.AnnotationGenerate] != w.listed(c.Group).Annotations[component.AnnotationGenerate] {
			return kube.AnnotationChange{}, false, fmt.Errorf("what its owner states %w", errOvertaken)
		}
		change, due := component.KeepVisibility(c, a.To)
		return change, due, nil
	})
}

// unfinalize takes image-controller's finalizer off, off an ImageRepository only as this run
// has seen or made it: with the mark that lets its repository outlive it.
func (w *work) unfinalize(ctx context.Context, a plan.Unfinalize) error {
	if a.ImageRepository == nil {
		return w.unfinalizeComponent(ctx)
	}
	r := a.ImageRepository.ImageRepository
	if now, written := w.kept[r.UID]; written {
		r = now
	}
	if !component.Kept(r) || !component.TakenOver(r) {
		return fmt.Errorf("ImageRepository %s is not marked so that its repository outlives it: %w", r.Name, errMoved)
	}
	if r.Finalizer == 0 {
		return nil
	}
	err := w.Cluster.UnfinalizeImageRepository(ctx, r)
	if errors.Is(err, kube.ErrNotFound) {
		return nil
	}
	return err
}

func (w *work) unfinalizeComponent(ctx context.Context) error {
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
