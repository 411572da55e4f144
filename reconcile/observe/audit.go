package observe

import (
	"cmp"
	"context"
	"slices"
	"time"

	"berth/quay"
	"berth/reconcile/component"
)

// observeRoles reads the roles on this run's share of the repositories, and on
// those whose tokens it is about to rotate.
func (o *observer) observeRoles(ctx context.Context) error {
	var ours, rotating []string
	for _, c := range o.Components {
		n, err := o.Names(c)
		if err != nil || c.Deleting {
			continue
		}
		if _, ok := o.Repositories[n.Repository]; !ok {
			continue
		}
		ours = append(ours, n.Repository)
		if o.Rotate[component.KeyOf(c)] || c.Annotations[component.AnnotationGenerate] == component.RotateRequest {
			rotating = append(rotating, n.Repository)
		}
	}
	share := append(audited(ours, o.now), rotating...)
	slices.Sort(share)
	share = slices.Compact(share)
	roles := make([]map[string]quay.Role, len(share))
	read := o.counts("repository's roles", "repositories' roles", len(share))
	g, ctx := newGroup(ctx)
	for i, repository := range share {
		g.Go(func() (err error) {
			roles[i], err = o.Registry.ListRobotPermissions(ctx, repository)
			read()
			return
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	o.Roles = make(map[string]map[string]quay.Role, len(share))
	for i, repository := range share {
		o.Roles[repository] = roles[i]
	}
	return nil
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
	share := make([]string, min(total, max(shareFloor, (total+slots-1)/slots)))
	for i := range share {
		share[i] = ranked[(first+i)%total]
	}
	return share
}
