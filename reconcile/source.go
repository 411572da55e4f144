package reconcile

import (
	"context"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/gitsource"
)

// maxSources bounds how many sources of new Components a run looks at; it is more
// than a run can make repositories for.
const maxSources = 1000

// observeSources asks whether anybody may read the source of new Components, and
// of this run's share of those that are public. A private repository is never
// opened because of its source, so theirs are nobody's business.
func (w *World) observeSources(ctx context.Context, git sources, now time.Time) error {
	if w.Policy.Visibility != "" {
		return nil
	}
	var fresh, public []string
	component := map[string]kube.Component{}
	for _, c := range w.Components {
		n, err := w.names(c)
		asked, unreadable := parseRequest(c.Annotations[AnnotationGenerate])
		if err != nil || unreadable != nil || c.Deleting || asked.visibility != "" {
			continue
		}
		component[keyOf(c).String()] = c
		if r, exists := w.Repositories[n.Repository]; !exists {
			fresh = append(fresh, keyOf(c).String())
		} else if r.Visibility == quay.Public {
			public = append(public, keyOf(c).String())
		}
	}
	look := append(portion(fresh, maxSources, now), audited(public, now)...)
	verdicts := make([]gitsource.Verdict, len(look))
	g, ctx := newGroup(ctx)
	for i, key := range look {
		g.Go(func() error {
			verdicts[i] = git.Probe(ctx, component[key].SourceURL)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	w.Sources = make(map[Key]gitsource.Verdict, len(look))
	for i, key := range look {
		w.Sources[keyOf(component[key])] = verdicts[i]
	}
	return nil
}
