package observe

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/gitsource"
	"berth/reconcile/observe/territory"
	"berth/reconcile/world"
)

// maxSources bounds how many sources of new Components a run looks at; it is more
// than a run can make repositories for.
const maxSources = 1000

// sourcesTime is how long a run asks git hosts; those it did not come to wait, so
// that a tenant's thousand dead hosts hold nobody up.
const sourcesTime = 2 * time.Minute

// observeSources asks whether anybody may read the source of new Components, of this run's
// share of those that are public or were closed by their source, and of those that a second
// look is due at. Any other private repository is never opened because of its source, so
// theirs are nobody's business.
func (o *observer) observeSources(ctx context.Context) error {
	if o.Policy.Visibility != "" {
		return nil
	}
	var fresh, due []kube.Component
	follow := map[string]kube.Component{}
	for i, c := range o.Components {
		n := o.Call(&o.Components[i])
		stated, unreadable := component.StatementOf(c)
		if n.Err != nil || unreadable != nil || c.Deleting || c.Odd || stated != "" || o.Away(n) {
			continue
		}
		r, exists := o.Repositories[n.Repository]
		told := component.Description(r.Description).Memory()
		switch public := r.Visibility == quay.Public; {
		case !exists:
			fresh = append(fresh, c)
		case public && told.Refusal != "" && !o.At.Before(told.Since.Add(world.SecondLook)):
			due = append(due, c)
		case public || told.Closed:
			follow[r.Name] = c
		}
	}
	// What may have to be closed comes first, and never more of it than there is in a run
	// that follows its like: after a weekend without one that would be a change for the guard.
	look := o.some(due, shareOf(len(follow)+len(due)))
	for _, name := range followed(slices.Collect(maps.Keys(follow)), o.now) {
		look = append(look, follow[name])
	}
	look = append(look, o.some(fresh, maxSources)...)
	var asking sync.Mutex
	o.Sources = make(map[component.Key]gitsource.Verdict, len(look))
	ctx, cancel := context.WithTimeout(ctx, sourcesTime)
	defer cancel()
	read := o.counts("source", "sources", len(look))
	g, ctx := territory.SideBySide(ctx)
	for _, c := range look {
		g.Go(func() error {
			defer read()
			if v := o.Git.Probe(ctx, c.SourceURL); ctx.Err() == nil {
				asking.Lock()
				defer asking.Unlock()
				o.Sources[component.KeyOf(c)] = v
			}
			return nil
		})
	}
	return g.Wait()
}

// some are the first n, in turns by namespace.
func (o *observer) some(of []kube.Component, n int) []kube.Component {
	of = world.InTurns(of, o.Turn, func(c kube.Component) string { return c.Namespace })
	return of[:min(len(of), n)]
}

// slots are the quarters of an hour in a day, in each of which another share of the sources
// has its turn. So many are asked at once that a host which refuses everybody is told from one
// that closed a repository, however often a run starts.
const slots = int(day / world.Quarter)

// shareOf is how many of a number a run asks for.
func shareOf(total int) int { return max(few, (total+slots-1)/slots) }

// followed returns the share of names whose turn it is in the quarter of an hour of a time.
// Hashing spreads a tenant's over the day.
func followed(names []string, now time.Time) []string {
	place := make(map[string]string, len(names))
	for _, name := range names {
		place[name] = component.Hash(16, "audit", name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(place[a], place[b]) })
	first := int(now.UTC().Sub(now.UTC().Truncate(day))/world.Quarter) * len(names) / slots
	share := make([]string, min(len(names), shareOf(len(names))))
	for i := range share {
		share[i] = names[(first+i)%len(names)]
	}
	return share
}
