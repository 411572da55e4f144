package observe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/world"
)

// maxRequests bounds how many ImageRepositories of one Component a run takes notice of: its
// tenant can make as many as he likes.
const maxRequests = 10

// observeImageRepositories lists what image-controller made things for, where these are to
// be taken over, or what is left of them is to go. Where they may not be read they stay.
func (o *observer) observeImageRepositories(ctx context.Context) error {
	leftovers := o.leftovers()
	if !o.Policy.Adopt && len(leftovers) == 0 {
		return nil
	}
	wanted := make(map[component.Key]kube.Component, len(o.Components))
	for _, c := range o.Components {
		if o.Policy.Adopt || leftovers[component.KeyOf(c)] {
			wanted[component.KeyOf(c)] = c
		}
	}
	o.ImageRepositories = map[component.Key][]world.ImageRepository{}
	for _, g := range o.served.ImageRepositories.All() {
		found, err := each(ctx, o.territory, func(ctx context.Context, namespace string) ([]kube.ImageRepository, error) {
			list, err := o.Cluster.ImageRepositories(ctx, g, namespace, func(r kube.ImageRepository) bool {
				_, of := o.Naming.RequestedBy(r)
				return !r.Odd && slices.ContainsFunc(of, func(k component.Key) bool { _, ok := wanted[k]; return ok })
			})
			switch {
			case !errors.Is(err, kube.ErrForbidden):
				return list, err
			case o.Policy.Adopt:
				return nil, fmt.Errorf("%w: %w", world.ErrNoTakeOver, err)
			}
			o.Unshown = true
			return nil, nil
		})
		if err != nil {
			return err
		}
		for _, r := range found {
			repository, of := o.Naming.RequestedBy(r)
			for _, k := range of {
				if _, ok := wanted[k]; ok {
					o.ImageRepositories[k] = append(o.ImageRepositories[k], world.ImageRepository{ImageRepository: r, Repository: repository})
				}
			}
		}
	}
	for k, all := range o.ImageRepositories {
		owns := func(r world.ImageRepository) int {
			if slices.ContainsFunc(r.Owners, func(x kube.OwnerReference) bool { return x.UID == wanted[k].UID }) {
				return 0
			}
			return 1
		}
		slices.SortFunc(all, func(a, b world.ImageRepository) int {
			return cmp.Or(cmp.Compare(owns(a), owns(b)), cmp.Compare(a.Group, b.Group), cmp.Compare(a.Name, b.Name))
		})
		o.ImageRepositories[k] = all[:min(len(all), maxRequests)]
	}
	return nil
}

// leftovers are the Components whose repository is their own, and has robots of
// image-controller's besides.
func (o *observer) leftovers() map[component.Key]bool {
	former := map[string]bool{}
	for name, r := range o.Robots {
		if repository, _, ok := component.FormerRobot(name, r.Mark, r.Repositories); ok {
			former[repository] = true
		}
	}
	left := map[component.Key]bool{}
	if len(former) == 0 {
		return left
	}
	for _, c := range o.Components {
		if n, err := o.Names(c); err == nil && former[n.Repository] && n.Marks(o.Repositories[n.Repository].Description) {
			left[component.KeyOf(c)] = true
		}
	}
	return left
}

// inherited tells of a Secret of our name that is not ours whether it is to be taken over:
// one that an ImageRepository of its Component owns, when that is asked for or has begun; and
// one that the Component owns and that bears no label of ours any more.
func (o *observer) inherited(s kube.Secret, c kube.Component) (uid string) {
	for _, r := range o.ImageRepositories[component.KeyOf(c)] {
		if (o.Policy.Adopt || component.TakenOver(r.ImageRepository)) && component.InheritedFrom(s, r.UID) {
			return r.UID
		}
	}
	if o.Policy.Adopt && component.InheritedFrom(s, c.UID) {
		return c.UID
	}
	return ""
}
