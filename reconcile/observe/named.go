package observe

import (
	"context"
	"maps"
	"slices"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/world"
)

// perPage is how many repositories Quay lists to a request.
const perPage = 100

// observeNamed reads the repositories of a run that is not of everything. There are few,
// mostly, and to read each by itself takes fewer calls than the pages of the organization.
func (o *observer) observeNamed(ctx context.Context) error {
	if o.Whole {
		return nil
	}
	wanted := o.wanted()
	if len(wanted) > max(1, len(o.Robots)/2/perPage) { // each repository has two robots, at least
		if err := o.observeRepositories(ctx); err != nil {
			return err
		}
		return o.doubtEmpty()
	}
	o.Repositories = make(map[string]*quay.Repository, len(wanted))
	names := slices.Sorted(maps.Keys(wanted))
	namespace := func(name string) string { return wanted[name].Component.Namespace }
	found, errs, err := readEach(ctx, o, names, namespace, func(ctx context.Context, name string) (*quay.Repository, error) {
		return present(o.Registry.GetRepository(ctx, name))
	})
	for i, r := range found {
		if errs[i] != nil { // nothing is made for a Component of which nobody knows what it has
			o.unread(component.KeyOf(wanted[names[i]].Component), errs[i])
		} else if r != nil {
			o.slimRepository(r)
			o.Repositories[names[i]] = r
		}
	}
	o.saw("repository", "repositories", len(o.Repositories), 0)
	return err
}

// wanted are the repositories that a plan asks for: those of the Components, and those
// that robots bearing their marks have permissions on.
func (o *observer) wanted() map[string]*world.Called {
	wanted, marked := map[string]*world.Called{}, map[string]*world.Called{}
	for _, called := range o.Calls() {
		if called.Named() {
			wanted[called.Repository], marked[called.Key] = called, called
		}
	}
	for _, r := range o.Robots {
		m, _ := component.ParseMark(r.Mark)
		called := marked[m.Key]
		if called == nil {
			continue
		}
		for _, name := range r.Repositories {
			if wanted[name] == nil && !component.DeletedRepository(name) {
				wanted[name] = called
			}
		}
	}
	return wanted
}
