package plan

import (
	"fmt"
	"slices"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
)

// To take over from image-controller is to do, for each Component, in an order in which
// whatever a crash leaves still builds:
//
//  1. mark its ImageRepositories so that their deletion leaves the repository (KeepRepository);
//  2. write down the visibility that is found, and take an older word for another off
//     (KeepVisibility), for in the next run the repository is the Component's own;
//  3. mark the repository (DescribeRepository);
//  4. make robots, give them their roles, and only then move the Secrets to them, in their
//     place where they have our names, so that links stay (WriteSecret);
//  5. link what has other names, and take the finalizers off (Unfinalize).
//
// Of an ImageRepository, which its tenant may write, nothing is believed but that it is for a
// Component of its own namespace.

// TakeOver is how a Component is taken over.
type TakeOver string

// The ways.
const (
	InPlace TakeOver = "in place"       // a Secret of image-controller's becomes Berth's
	Beside  TakeOver = "new beside old" // new Secrets, and image-controller's go on working
	Refused TakeOver = "refused"
)

// inherit plans what comes before anything of image-controller's is marked as the
// Component's, and gives the visibility to go by.
func (w *planner) inherit(p *Component, stated quay.Visibility) quay.Visibility {
	r, exists := w.Repositories[p.Names.Repository]
	_, marked := component.ParseMark(r.Description)
	if w.Policy.Adopt {
		for _, request := range w.ImageRepositories[p.Key()] {
			if !component.Kept(request.ImageRepository) || !component.TakenOver(request.ImageRepository) {
				p.Actions = append(p.Actions, KeepRepository{request})
			}
		}
	}
	if !exists || marked { // its own, or that of a former namespace of the name, which Berth has made
		p.takeOn()
		return stated
	}
	for _, one := range component.Both(p.Component) {
		if _, due := component.KeepVisibility(one, r.Visibility); due {
			p.Actions = append(p.Actions, KeepVisibility{one.Name, p.of(one), r.Visibility})
		}
	}
	if stated != "" && stated != r.Visibility {
		p.warn("visibility_kept", fmt.Sprintf("The repository was %s when it was taken over and stays so; what was stated before it was taken off. State %s again if that is wanted.", r.Visibility, stated))
	}
	return r.Visibility
}

// imagesElsewhere refuses to make or take over a repository for a Component whose images
// image-controller keeps in another, under a name that is not the Component's.
func (w *planner) imagesElsewhere(c kube.Component, n component.Names) *Problem {
	own, exists := w.Repositories[n.Repository]
	if exists && n.Marks(own.Description) {
		return nil
	}
	for _, r := range w.ImageRepositories[component.KeyOf(c)] {
		_, there := w.Repositories[r.Repository]
		if there && r.Repository != n.Repository && (!exists || w.Naming.Built(c.ContainerImage, r.Repository) == component.BuiltHere) {
			return &Problem{
				Reason:  ReasonNotOurs,
				Whose:   TheTenants,
				Summary: fmt.Sprintf("ImagesElsewhere: ImageRepository %s has its images in repository %s, and this Component's is %s", r.Name, r.Repository, n.Repository),
				Hint:    "Its owner must move to the repository of its name: push there, set spec.containerImage, and delete the ImageRepository when the images in the other are not needed.",
				Tenant: fmt.Sprintf("ImageRepository %s has the images in a repository of another name than this Component's. Move to %s, and delete that ImageRepository when its images are not needed.",
					component.Shown(r.Name), n.Repository),
			}
		}
	}
	return nil
}

// takeOver tells how a Component is taken over in this run.
func (w *planner) takeOver(p *Component) TakeOver {
	if !w.Policy.Adopt || p.Skipped != "" || p.Names.Repository == "" {
		return ""
	}
	r, exists := w.Repositories[p.Names.Repository]
	former := exists && !p.Names.Marks(r.Description) || len(w.ImageRepositories[p.Key()]) > 0
	has := func(which func(Action) bool) bool { return slices.ContainsFunc(p.Actions, which) }
	switch {
	case p.Problem != nil && (former || p.Problem.Reason == ReasonNotOurs):
		return Refused
	case p.Problem != nil:
		return ""
	case has(func(a Action) bool { s, ok := a.(WriteSecret); return ok && s.Inherits != "" }):
		return InPlace
	case has(func(a Action) bool { d, ok := a.(DescribeRepository); return ok && !d.Moved }), has(func(a Action) bool { _, ok := a.(KeepRepository); return ok }):
		return Beside
	}
	return ""
}

// planUnfinalize takes image-controller's finalizers off what is taken over, so that
// deleting it ends without image-controller: off ImageRepositories only when their deletion
// leaves the repository.
func (w *planner) planUnfinalize(p *Component) {
	requests := w.ImageRepositories[p.Key()]
	r, exists := w.Repositories[p.Names.Repository]
	if p.Problem != nil || p.Skipped != "" || p.waits || !exists || len(requests) == 0 && (!w.Policy.Adopt || p.Names.Marks(r.Description)) {
		return
	}
	for _, r := range requests {
		if kept := component.Kept(r.ImageRepository) && component.TakenOver(r.ImageRepository); r.Finalizer > 0 && (kept || w.Policy.Adopt) {
			p.Actions = append(p.Actions, Unfinalize{"ImageRepository", r.Name, &r})
		}
	}
	if p.Component.Finalizer > 0 {
		p.Actions = append(p.Actions, Unfinalize{Kind: component.Kind, Name: p.Component.Name})
	}
	if p.Note == "" && len(p.Actions) > 0 {
		p.Note = "taken over"
	}
}
