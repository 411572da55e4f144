package observe

import (
	"context"
	"maps"
	"slices"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/gitsource"
	"berth/reconcile/world"
)

// maxSources bounds how many sources of new Components a run looks at; it is more
// than a run can make repositories for.
const maxSources = 1000

// sourcesTime is how long a run asks git hosts; those it did not come to wait, so
// that a tenant's thousand dead hosts hold nobody up.
const sourcesTime = 2 * time.Minute

// observeSources asks whether anybody may read the source of new Components, and
// of this run's share of those that are public. A private repository is never
// opened because of its source, so theirs are nobody's business.
func (o *observer) observeSources(ctx context.Context) error {
	if o.Policy.Visibility != "" {
		return nil
	}
	var fresh []kube.Component
	public := map[string]kube.Component{}
	for _, c := range o.Components {
		n, err := o.Names(c)
		stated, unreadable := component.StatementOf(c)
		if err != nil || unreadable != nil || c.Deleting || c.Odd || stated != "" || o.Away(c) {
			continue
		}
		if r, exists := o.Repositories[n.Repository]; !exists {
			fresh = append(fresh, c)
		} else if r.Visibility == quay.Public {
			public[r.Name] = c
		}
	}
	var look []kube.Component // what may have to be closed comes first
	for _, name := range audited(slices.Collect(maps.Keys(public)), o.now) {
		look = append(look, public[name])
	}
	fresh = world.InTurns(fresh, o.Turn, func(c kube.Component) string { return c.Namespace })
	look = append(look, fresh[:min(len(fresh), maxSources)]...)
	verdicts := make([]*gitsource.Verdict, len(look))
	ctx, cancel := context.WithTimeout(ctx, sourcesTime)
	defer cancel()
	read := o.counts("source", "sources", len(look))
	g, ctx := newGroup(ctx)
	for i, c := range look {
		g.Go(func() error {
			defer read()
			if v := o.Git.Probe(ctx, c.SourceURL); ctx.Err() == nil {
				verdicts[i] = &v
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	o.Sources = make(map[component.Key]gitsource.Verdict, len(look))
	for i, c := range look {
		if verdicts[i] != nil {
			o.Sources[component.KeyOf(c)] = *verdicts[i]
		}
	}
	return nil
}
