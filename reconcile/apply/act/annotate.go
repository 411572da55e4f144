package act

import (
	"context"
	"errors"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// attempts bounds how often a conditional write is tried again after somebody
// else wrote first.
const attempts = 5

// announce writes the annotation that tells the tenant.
func (w *Work) announce(ctx context.Context, g kube.Group, value string) error {
	return w.annotate(ctx, g, func(kube.Component) (kube.AnnotationChange, bool, error) {
		return kube.AnnotationChange{Set: map[string]string{component.AnnotationImage: value}}, true, nil
	})
}

// Introduce tells the Component's owner of what was made and lets its builds begin, in one
// patch.
func (w *Work) Introduce(ctx context.Context, told plan.Announce, named plan.SetImage) error {
	return w.annotate(ctx, w.group(told.Of), func(c kube.Component) (kube.AnnotationChange, bool, error) {
		change := kube.AnnotationChange{Set: map[string]string{component.AnnotationImage: told.Value}}
		if c.ContainerImage == "" { // else somebody was faster
			change.ContainerImage = named.Image
		}
		return change, true, nil
	})
}

// Tell tells the Component's owner that something failed which only the owner or the
// operator can mend.
func (w *Work) Tell(ctx context.Context, sentence string) error {
	for _, c := range component.Both(&w.component) {
		value := component.WithMessage(c, *w.plan.Names, w.plan.Image, sentence)
		if value == c.Announced || c.Odd {
			continue
		}
		if err := w.announce(ctx, c.Group, value); err != nil {
			return err
		}
	}
	return nil
}

// annotate changes the annotations of the Component of a group as decide says of it as it
// stands, and asks again when somebody else wrote first.
func (w *Work) annotate(ctx context.Context, g kube.Group, decide func(kube.Component) (change kube.AnnotationChange, due bool, err error)) error {
	var last error
	for range attempts {
		c := w.one(g)
		change, due, err := decide(c)
		if err != nil || !due {
			return err
		}
		if c, err = w.Cluster.Annotate(ctx, c, change); err == nil {
			w.keep(c)
			return nil
		}
		if !errors.Is(err, kube.ErrConflict) && !errors.Is(err, kube.ErrInvalid) {
			return err
		}
		last = err
		if w.component, err = w.live(ctx); err != nil {
			return err
		}
	}
	return last
}

// setImage names the repository in spec.containerImage, unless somebody else was faster.
func (w *Work) setImage(ctx context.Context, g kube.Group, image string) error {
	return w.annotate(ctx, g, func(c kube.Component) (kube.AnnotationChange, bool, error) {
		return kube.AnnotationChange{ContainerImage: image}, c.ContainerImage == "", nil
	})
}

// stateVisibility takes a request on: what it asks for is stated, and it comes off, in one
// patch that holds only while it is there as it was read. One that was changed meanwhile is
// the next run's.
func (w *Work) stateVisibility(ctx context.Context, a plan.StateVisibility) error {
	return w.annotate(ctx, w.group(a.Of), func(c kube.Component) (kube.AnnotationChange, bool, error) {
		return kube.AnnotationChange{
			Test:   map[string]string{component.AnnotationGenerate: c.Annotations[component.AnnotationGenerate]},
			Set:    map[string]string{component.AnnotationVisibility: string(a.To)},
			Remove: []string{component.AnnotationGenerate},
		}, component.Unwritten(&c) == a.To, nil
	})
}
