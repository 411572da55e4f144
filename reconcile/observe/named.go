package observe

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/world"
)

// perPage is how many repositories Quay lists to a request.
const perPage = 100

// observeNamed reads the repositories of a run that is not of everything. There are few,
// mostly, and to read each by itself takes fewer calls than the pages of the organization.
func (o *observer) observeNamed(ctx context.Context) error {
	wanted := o.wanted()
	if len(wanted) > max(1, len(o.Robots)/2/perPage) { // each repository has two robots, at least
		if err := o.observeRepositories(ctx); err != nil {
			return err
		}
		if len(o.Repositories) == 0 && permitted(o.Robots) {
			return errEmptyList
		}
		return nil
	}
	o.Repositories = make(map[string]quay.Repository, len(wanted))
	var reading sync.Mutex
	names := slices.Sorted(maps.Keys(wanted))
	errs, err := readEach(ctx, o, names, func(name string) string { return wanted[name].Component.Namespace }, func(ctx context.Context, name string) error {
		r, err := o.Registry.GetRepository(ctx, name)
		if errors.Is(err, quay.ErrNotFound) {
			return nil
		}
		if err == nil {
			reading.Lock()
			defer reading.Unlock()
			o.Repositories[name] = o.slimRepository(r)
		}
		return err
	})
	for i, err := range errs {
		if err != nil { // nothing is made for a Component of which nobody knows what it has
			o.unread(component.KeyOf(*wanted[names[i]].Component), err)
		}
	}
	o.saw("repository", "repositories", len(o.Repositories), 0)
	return err
}

// wanted are the repositories that a plan asks for: those of the Components, and those
// that robots bearing their marks have permissions on.
func (o *observer) wanted() map[string]*world.Called {
	wanted, marked := map[string]*world.Called{}, map[string]*world.Called{}
	for c := range o.All() {
		if called := o.Called(component.KeyOf(*c)); called.Named() {
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
