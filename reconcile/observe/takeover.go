package observe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/observe/territory"
	"berth/reconcile/world"
)

// maxRequests bounds how many ImageRepositories of one Component a run takes notice of: its
// tenant can make as many as he likes.
const maxRequests = 10

// observeImageRepositories lists what image-controller made things for, where these are to
// be taken over, or what is left of them is to go. Where they may not be read they stay.
func (o *observer) observeImageRepositories(ctx context.Context) error {
	leftovers := o.leftovers()
	asked := o.Policy.Adopt || o.Policy.Release
	if !asked && len(leftovers) == 0 {
		return nil
	}
	wanted := make(map[component.Key]*kube.Component, len(o.Components))
	for i := range o.Components {
		c := &o.Components[i]
		if _, left := leftovers[component.KeyOf(c)]; asked || left {
			wanted[component.KeyOf(c)] = c
		}
	}
	request := func(r kube.ImageRepository) (string, []component.Key) {
		repository, of := o.Naming.RequestedBy(r)
		return repository, slices.DeleteFunc(of, func(k component.Key) bool { _, ok := wanted[k]; return !ok })
	}
	o.ImageRepositories = map[component.Key][]world.ImageRepository{}
	for _, g := range o.served.ImageRepositories.All() {
		found, err := territory.Each(ctx, o.territory, func(ctx context.Context, namespace string) ([]kube.ImageRepository, error) {
			list, err := o.Cluster.ImageRepositories(ctx, g, namespace, func(r kube.ImageRepository) bool {
				_, of := request(r)
				return !r.Odd && len(of) > 0
			})
			switch {
			case !errors.Is(err, kube.ErrForbidden):
				return list, err
			case asked:
				return nil, fmt.Errorf("%w: %w", world.ErrNoTakeOver, err)
			}
			o.Unshown = true
			return nil, nil
		})
		if err != nil {
			return err
		}
		for _, r := range found {
			repository, of := request(r)
			for _, k := range of {
				o.ImageRepositories[k] = append(o.ImageRepositories[k], world.ImageRepository{ImageRepository: r, Repository: repository})
			}
		}
	}
	for k, all := range o.ImageRepositories {
		owns := func(r world.ImageRepository) bool {
			return slices.ContainsFunc(r.Owners, func(x kube.OwnerReference) bool { return component.Is(x.UID, wanted[k]) })
		}
		slices.SortFunc(all, func(a, b world.ImageRepository) int {
			return cmp.Or(first(owns(a), owns(b)), cmp.Compare(a.Group, b.Group), cmp.Compare(a.Name, b.Name))
		})
		o.ImageRepositories[k] = all[:min(len(all), maxRequests)]
	}
	return o.observeFormerSecrets(ctx, leftovers)
}

// observeFormerSecrets looks for the Secrets that go with a robot which is due to.
func (o *observer) observeFormerSecrets(ctx context.Context, due map[component.Key]bool) error {
	type former struct {
		component.Key // of the Secret
		of            component.Key
		owner         string
		into          *string
	}
	var wanted []former
	var keys []component.Key
	for k, all := range o.ImageRepositories {
		for i := range all {
			push, pull := component.FormerSecrets(all[i].ImageRepository)
			ownPush, ownPull := component.SecretNames(k.Name)
			for name, into := range map[string]*string{push: &all[i].PushSecret, pull: &all[i].PullSecret} {
				if due[k] && name != ownPush && name != ownPull {
					f := former{component.Key{Namespace: k.Namespace, Name: name}, k, all[i].UID, into}
					wanted, keys = append(wanted, f), append(keys, f.Key)
				}
			}
		}
	}
	there, errs, err := o.metadata(ctx, keys)
	for _, f := range wanted {
		if err := errs[f.Key]; err != nil {
			o.unread(f.of, err)
		}
		if s, ok := there[f.Key]; ok && component.InheritedFrom(s, f.owner) {
			*f.into = s.Name
		}
	}
	return err
}

// leftovers are the Components whose repository is their own, and has robots of
// image-controller's besides; and whether one of these is due to go.
func (o *observer) leftovers() map[component.Key]bool {
	former, due := map[string]bool{}, map[string]bool{}
	for name, r := range o.Robots {
		if repository, _, ok := component.FormerRobot(name, r.Mark, r.Repositories); ok {
			former[repository] = true
			due[repository] = due[repository] || !r.LastAccessed.IsZero() && o.At.Sub(r.LastAccessed) >= o.Policy.AdoptGrace
		}
	}
	left := map[component.Key]bool{}
	for i := range o.Components {
		c := &o.Components[i]
		if n, err := o.Names(c); err == nil && former[n.Repository] && n.Marks(world.At(o.Repositories, n.Repository).Description) {
			left[component.KeyOf(c)] = due[n.Repository]
		}
	}
	return left
}

// inherited tells of a Secret of our name that is not ours whether it is to be taken over:
// one that an ImageRepository of its Component owns, when that is asked for or has begun; one
// that the Component owns and that bears no label of ours any more; and one whose
// ImageRepository went with its kind, so that nobody can be marked and nobody collects it.
func (o *observer) inherited(s kube.Secret, c *kube.Component) (uid string) {
	for _, r := range o.ImageRepositories[component.KeyOf(c)] {
		if (o.Policy.Adopt || component.TakenOver(r.ImageRepository)) && component.InheritedFrom(s, r.UID) {
			return r.UID
		}
	}
	if !o.Policy.Adopt {
		return ""
	}
	for _, one := range component.Both(c) {
		if component.InheritedFrom(s, one.UID) {
			return one.UID
		}
	}
	if !o.served.ImageRepositories.AppStudio {
		return component.LeftOver(s)
	}
	return ""
}
