package decide

import (
	"cmp"
	"fmt"
	"slices"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
	"berth/reconcile/world"
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

// inherit plans what comes before anything of image-controller's is marked as the
// Component's, and gives the visibility to go by.
func (w *planner) inherit(p *draft.Component, stated quay.Visibility) quay.Visibility {
	r, exists := p.Repository, p.Exists
	_, marked := component.ParseMark(r.Description)
	if w.Policy.Adopt {
		for _, request := range w.ImageRepositories[p.Key()] {
			if !component.LetGo(request.ImageRepository) {
				p.Actions = append(p.Actions, plan.KeepRepository{ImageRepository: request})
			}
		}
	}
	if !exists || marked { // its own, or that of a former namespace of the name, which Berth has made
		p.TakeOn()
		return stated
	}
	for _, one := range component.Both(p.Component) {
		if _, due := component.KeepVisibility(one, r.Visibility); due {
			p.Actions = append(p.Actions, plan.KeepVisibility{Component: one.Name, Of: p.Of(one), To: r.Visibility})
		}
	}
	if stated != "" && stated != r.Visibility {
		p.Warn("visibility_kept", fmt.Sprintf("The repository was %s when it was taken over and stays so; what was stated before it was taken off. State %s again if that is wanted.", r.Visibility, stated))
	}
	return r.Visibility
}

// imagesElsewhere refuses to make or take over a repository for a Component whose images
// image-controller keeps in another, under a name that is not the Component's.
func (w *planner) imagesElsewhere(p *draft.Component) *plan.Problem {
	c, n, exists := p.Component, p.Names, p.Exists
	if exists && n.Marks(p.Repository.Description) {
		return nil
	}
	for _, r := range w.ImageRepositories[component.KeyOf(c)] {
		_, there := w.Repositories[r.Repository]
		if there && r.Repository != n.Repository && (!exists || w.Naming.Built(c.ContainerImage, r.Repository) == component.BuiltHere) {
			return &plan.Problem{
				Reason:  plan.ReasonNotOurs,
				Whose:   plan.TheTenants,
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
func (w *planner) takeOver(p *draft.Component) plan.TakeOver {
	if !w.Policy.Adopt || p.Skipped != "" || p.Names.Repository == "" {
		return ""
	}
	r, exists := p.Repository, p.Exists
	former := exists && !p.Names.Marks(r.Description) || len(w.ImageRepositories[p.Key()]) > 0
	has := func(which func(plan.Action) bool) bool { return slices.ContainsFunc(p.Actions, which) }
	switch {
	case p.Problem != nil && (former || p.Problem.Reason == plan.ReasonNotOurs):
		return plan.Refused
	case p.Problem != nil:
		return ""
	case has(func(a plan.Action) bool { s, ok := a.(plan.WriteSecret); return ok && s.Inherits != "" }):
		return plan.InPlace
	case has(func(a plan.Action) bool { d, ok := a.(plan.DescribeRepository); return ok && !d.Moved }), has(func(a plan.Action) bool { _, ok := a.(plan.KeepRepository); return ok }):
		return plan.Beside
	}
	return ""
}

// planUnfinalize takes image-controller's finalizers off what is taken over, so that
// deleting it ends without image-controller: off ImageRepositories only when their deletion
// leaves the repository.
func (w *planner) planUnfinalize(p *draft.Component) {
	requests := w.ImageRepositories[p.Key()]
	r, exists := p.Repository, p.Exists
	if p.Problem != nil || p.Skipped != "" || p.Waits || !exists || len(requests) == 0 && (!w.Policy.Adopt || p.Names.Marks(r.Description)) {
		return
	}
	for _, r := range requests {
		if r.Finalizer > 0 && (component.LetGo(r.ImageRepository) || w.Policy.Adopt) {
			p.Actions = append(p.Actions, plan.Unfinalize{Kind: "ImageRepository", Name: r.Name, ImageRepository: &r})
		}
	}
	if p.Component.Finalizer > 0 {
		p.Actions = append(p.Actions, plan.Unfinalize{Kind: component.Kind, Name: p.Component.Name})
	}
	if p.Note == "" && len(p.Actions) > 0 {
		p.Note = "taken over"
	}
}

// planRetirement removes what image-controller made and nobody has used for the grace: the
// robots of the Component's repository and, with each, the Secrets of other names than ours
// that log in as it, and their links. What Quay does not tell the last use of stays, and what
// somebody has given further rights.
func (w *planner) planRetirement(p *draft.Component) {
	r, exists := p.Repository, p.Exists
	if p.Problem != nil || p.Skipped != "" || p.Waits || !exists || !p.Names.Marks(r.Description) || len(w.LeftRobots(r.Name)) == 0 {
		return
	}
	if w.Unshown {
		p.Platform = append(p.Platform, plan.Warning{Code: "left_over", Text: "image-controller's robots are left, and its ImageRepositories may not be read: add deploy/components/take-over"})
		return
	}
	for _, x := range p.Roles {
		if x.Held == "" || x.Held != x.Robot || w.Secret(p, x.Account).Content != w.Wanted(p, x.Account) {
			return // first that is mended
		}
	}
	for _, robot := range w.LeftRobots(r.Name) {
		used := world.At(w.Robots, robot).LastAccessed
		switch {
		case len(world.At(w.Robots, robot).Teams) > 0: // image-controller puts none there: somebody has another use for it
			p.Platform = append(p.Platform, plan.Warning{Code: "left_over", Text: fmt.Sprintf(
				"image-controller's robot %s is in a team, so it stays, with its Secret; take it out of the team, or delete both, when nobody needs it", robot)})
		case used.IsZero():
			p.Platform = append(p.Platform, plan.Warning{Code: "left_over", Text: fmt.Sprintf(
				"Quay does not say when image-controller's robot %s was last used, so it stays, with its Secret; delete both when nobody needs them", robot)})
		case w.At.Sub(used) >= w.Policy.AdoptGrace:
			p.Actions = append(p.Actions, plan.Retire{Robot: robot, Repository: r.Name, Mark: world.At(w.Robots, robot).Mark, Secrets: w.formerSecrets(p, robot)})
			p.Note = cmp.Or(p.Note, "cleared away")
		}
	}
}

// formerSecrets are those of image-controller's that may log in as a robot.
func (w *planner) formerSecrets(p *draft.Component, robot string) (all []plan.FormerSecret) {
	_, role, _ := component.FormerRobot(robot, world.At(w.Robots, robot).Mark, world.At(w.Robots, robot).Repositories)
	for _, r := range w.ImageRepositories[p.Key()] {
		name := r.PushSecret
		if role == quay.Read {
			name = r.PullSecret
		}
		if name == "" {
			continue
		}
		s := plan.FormerSecret{Name: name, Owner: r.UID}
		for _, account := range w.AccountsIn(p.Component.Namespace) {
			links := w.Links(p, account)
			if links.Secrets[name] {
				s.Accounts = append(s.Accounts, account)
			}
			if links.Pull[name] {
				s.PullAccounts = append(s.PullAccounts, account)
			}
		}
		all = append(all, s)
	}
	return all
}

// release plans the way back to image-controller: what was taken over is given back, and
// nothing that works stops working by it.
func (w *planner) release(p *draft.Component) {
	p.Waits = true // of what is to be there nothing is looked at
	requests := w.ImageRepositories[p.Key()]
	for _, a := range p.Names.Accounts() {
		s, exists := w.Secrets[component.Key{Namespace: p.Component.Namespace, Name: a.Secret}]
		if !exists || s.Owned != component.Mine {
			continue
		}
		back := plan.ReturnSecret{Secret: a.Secret}
		for _, r := range requests {
			if push, pull := component.FormerSecrets(r.ImageRepository); back.To == nil && (a.Secret == push || a.Secret == pull) {
				to := component.OwnerOfRequest(r.ImageRepository)
				back.To = &to
			}
		}
		p.Actions = append(p.Actions, back)
	}
	if r, exists := p.Repository, p.Exists; exists && p.Names.Marks(r.Description) {
		p.Actions = append(p.Actions, plan.UnmarkRepository{Name: r.Name, Mark: p.Names.Mark})
	}
	for _, r := range requests {
		if component.TakenOver(r.ImageRepository) {
			p.Actions = append(p.Actions, plan.ReturnRepository{ImageRepository: r})
		}
	}
	if len(p.Actions) > 0 {
		p.Note = "given back"
	} else {
		p.Skipped = "there is nothing of it to give back"
	}
}
