package observe

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"berth/quay"
	"berth/reconcile/component"
)

// observeRoles reads the roles on this run's share of the repositories. Where they cannot be read nothing is done for the
// Component; where time was short, it is another run's.
func (o *observer) observeRoles(ctx context.Context) error {
	of := map[string]component.Key{}
	for _, c := range o.Components {
		n, err := o.Names(c)
		if _, there := o.Repositories[n.Repository]; err == nil && there && !c.Deleting && !c.Odd {
			of[n.Repository] = component.KeyOf(c)
		}
	}
	namespace := func(repository string) string { return of[repository].Namespace }
	share := audited(slices.Collect(maps.Keys(of)), o.now)
	o.Roles = make(map[string]map[string]quay.Role, len(share))
	read := o.counts("repository's roles", "repositories' roles", len(share))
	roles, errs, err := readEach(ctx, o, share, namespace, func(ctx context.Context, repository string) (map[string]quay.Role, error) {
		defer read()
		return o.Registry.ListRobotPermissions(ctx, repository)
	})
	for i, err := range errs {
		switch {
		case err == nil:
			o.Roles[share[i]] = roles[i]
		case !errors.Is(err, errLeft):
			o.unread(of[share[i]], err)
		}
	}
	return err
}

const (
	slots      = 24 * 4 // quarters of an hour in a day
	shareFloor = 10
)

// slot is the quarter of an hour of the day that a time is in, from 0.
func slot(now time.Time) int {
	now = now.UTC()
	return now.Hour()*4 + now.Minute()/15
}

// shareOf is how many of a number a run looks at.
func shareOf(total int) int { return max(shareFloor, (total+slots-1)/slots) }

// audited returns the share of names that a run at this time looks at: at least
// ten, and every one of them once a day when runs are a quarter of an hour apart.
// Hashing spreads a tenant's over the day.
func audited(names []string, now time.Time) []string {
	ranked := slices.Clone(names)
	slices.Sort(ranked)
	ranked = slices.Compact(ranked)
	place := make(map[string]string, len(ranked))
	for _, name := range ranked {
		place[name] = component.Hash(16, "audit", name)
	}
	slices.SortFunc(ranked, func(a, b string) int { return cmp.Compare(place[a], place[b]) })

	total := len(ranked)
	first := slot(now) * total / slots
	share := make([]string, min(total, shareOf(total)))
	for i := range share {
		share[i] = ranked[(first+i)%total]
	}
	return share
}
