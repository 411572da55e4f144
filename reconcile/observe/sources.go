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

// maxSources bounds how many sources of new Components a run asks for: as many as one host
// that is well shows in the time there is.
const maxSources = 1000

// sourcesTime is how long a run asks git hosts, while it reads roles: so long does what needs
// no source wait for them at most, and in it a host that is well shows a thousand. Those it did not come to wait.
const sourcesTime = 30 * time.Second

// lanes are how many sources of a namespace are asked at once. Namespaces do not share them, so
// that no tenant waits for another's dead hosts.
const lanes = 4

// observeSources asks whether anybody may read the source of new Components, of this run's
// share of those that are public or were closed by their source, and of those that a second
// look is due at. Any other private repository is never opened because of its source, so
// theirs are nobody's business.
func (o *observer) observeSources(ctx context.Context) error {
	if o.Policy.Visibility != "" {
		return nil
	}
	var fresh, none, due []kube.Component
	follow := map[string]kube.Component{}
	for i, c := range o.Components {
		n := o.Call(&o.Components[i])
		stated, unreadable := component.StatementOf(&c)
		if n.Err != nil || unreadable != nil || c.Deleting || c.Odd || stated != "" || o.Away(n) {
			continue
		}
		r, exists := o.Repositories[n.Repository]
		switch {
		case !exists && !o.Git.Asks(c.SourceURL):
			none = append(none, c)
			continue
		case !exists:
			fresh = append(fresh, c)
			continue
		}
		told := component.Description(r.Description).Memory()
		switch public := r.Visibility == quay.Public; {
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
	look = append(look, o.new(fresh)...)
	o.Sources = make(map[component.Key]gitsource.Verdict, len(look)+len(none))
	for _, c := range none { // of which no host has to be asked
		o.Sources[component.KeyOf(&c)] = o.Git.Probe(ctx, c.SourceURL)
	}
	return o.ask(ctx, look)
}

// ask asks for the sources of Components, in each namespace in their order.
func (o *observer) ask(ctx context.Context, look []kube.Component) error {
	of := map[string][]kube.Component{}
	for _, c := range look {
		of[c.Namespace] = append(of[c.Namespace], c)
	}
	ctx, cancel := context.WithTimeout(ctx, sourcesTime)
	defer cancel()
	read := o.counts("source", "sources", len(look))
	var asking sync.Mutex
	all, ctx := territory.SideBySide(ctx)
	all.SetLimit(-1) // there are not more than sources
	for _, components := range of {
		all.Go(func() error {
			g, ctx := territory.SideBySide(ctx)
			g.SetLimit(lanes)
			for _, c := range components {
				g.Go(func() error {
					defer read()
					if v := o.Git.Probe(ctx, c.SourceURL); ctx.Err() == nil {
						asking.Lock()
						defer asking.Unlock()
						o.Sources[component.KeyOf(&c)] = v
					}
					return nil
				})
			}
			return g.Wait()
		})
	}
	return all.Wait()
}

// new are those of new Components that a run asks for, in turns by namespace. Whoever has a
// source that is asked for anyway is one of them, as are all parts of one large repository.
func (o *observer) new(fresh []kube.Component) []kube.Component {
	asked := map[string]bool{}
	return slices.DeleteFunc(world.InTurns(fresh, o.Turn, namespaceOf), func(c kube.Component) bool {
		_, source := gitsource.Where(c.SourceURL)
		if !asked[source] && len(asked) == maxSources {
			return true
		}
		asked[source] = true
		return false
	})
}

func namespaceOf(c kube.Component) string { return c.Namespace }

// some are the first n, in turns by namespace.
func (o *observer) some(of []kube.Component, n int) []kube.Component {
	of = world.InTurns(of, o.Turn, namespaceOf)
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
