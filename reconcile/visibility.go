package reconcile

import (
	"context"
	"maps"
	"slices"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/gitsource"
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
func (w *World) observeSources(ctx context.Context, git sources, now time.Time) error {
	if w.Policy.Visibility != "" {
		return nil
	}
	var fresh []kube.Component
	public := map[string]kube.Component{}
	for _, c := range w.Components {
		n, err := w.names(c)
		asked, unreadable := parseRequest(c.Annotations[AnnotationGenerate])
		if err != nil || unreadable != nil || c.Deleting || asked.visibility != "" {
			continue
		}
		if r, exists := w.Repositories[n.Repository]; !exists {
			fresh = append(fresh, c)
		} else if r.Visibility == quay.Public {
			public[r.Name] = c
		}
	}
	var look []kube.Component // what may have to be closed comes first
	for _, name := range audited(slices.Collect(maps.Keys(public)), now) {
		look = append(look, public[name])
	}
	fresh = inTurns(fresh, slot(now)*len(fresh)/slots, func(c kube.Component) string { return c.Namespace })
	look = append(look, fresh[:min(len(fresh), maxSources)]...)
	verdicts := make([]*gitsource.Verdict, len(look))
	ctx, cancel := context.WithTimeout(ctx, sourcesTime)
	defer cancel()
	g, ctx := newGroup(ctx)
	for i, c := range look {
		g.Go(func() error {
			if v := git.Probe(ctx, c.SourceURL); ctx.Err() == nil {
				verdicts[i] = &v
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	w.Sources = make(map[Key]gitsource.Verdict, len(look))
	for i, c := range look {
		if verdicts[i] != nil {
			w.Sources[keyOf(c)] = *verdicts[i]
		}
	}
	return nil
}

// planRepository returns the visibility the repository will have; it is not known
// when that follows a source which nobody has looked at.
func (w World) planRepository(p *ComponentPlan, asked request) (want quay.Visibility, known bool) {
	r, exists := w.Repositories[p.Names.Repository]
	want, reason := w.visibility(p.Key(), asked)
	switch {
	case !exists && want == "":
		return "", false
	case !exists:
		if asked.visibility == "" && w.Policy.Visibility != "" {
			reason = "" // the setting is for all that is new
		}
		p.Note = "new, " + string(want)
		p.Actions = append(p.Actions, CreateRepository{quay.Repository{Name: p.Names.Repository, Description: p.Names.Mark, Visibility: want}, reason})
		return want, true
	case r.Description != p.Names.Mark:
		p.Note = "adopted"
		p.Actions = append(p.Actions, DescribeRepository{r.Name, p.Names.Mark})
	}
	if want == "" || want == quay.Public && !w.mayOpen(asked) || w.unsure(p.Key(), asked) {
		want = r.Visibility
	}
	if r.Visibility != want {
		p.Actions = append(p.Actions, ChangeVisibility{
			Repository: r.Name, From: r.Visibility, To: want, Reason: reason, Asked: asked.visibility != "",
		})
	}
	return want, true
}

// visibility decides for a Component: what its owner states, else what the
// operator sets, else what its source is. It is "" for a source that was not
// looked at.
func (w World) visibility(k Key, asked request) (v quay.Visibility, reason string) {
	source, looked := w.Sources[k]
	switch {
	case asked.visibility != "":
		return asked.visibility, "stated on the Component"
	case w.Policy.Visibility != "":
		return w.Policy.Visibility, "--visibility is " + string(w.Policy.Visibility)
	case !looked:
		return "", ""
	case source.Answer == gitsource.Public:
		return quay.Public, source.Reason
	}
	return quay.Private, source.Reason // what nobody could tell is private, too
}

// mayOpen reports whether a private repository may become public: not because of
// what its source is now, nor by a setting alone.
func (w World) mayOpen(asked request) bool {
	return asked.visibility != "" || w.Policy.Visibility == quay.Public && w.Policy.AllowPublish
}

// unsure reports whether all that speaks for a visibility is a source that did
// not answer, which is no reason to change what stands.
func (w World) unsure(k Key, asked request) bool {
	return asked.visibility == "" && w.Policy.Visibility == "" && w.Sources[k].Answer == gitsource.Unknown
}

// held reports whether a repository is kept private against the setting.
func (w World) held(p ComponentPlan) bool {
	if p.Problem != nil || p.Skipped != "" || w.Policy.Visibility != quay.Public || w.Policy.AllowPublish {
		return false
	}
	asked, err := parseRequest(p.Component.Annotations[AnnotationGenerate])
	return err == nil && asked.visibility == "" && w.Repositories[p.Names.Repository].Visibility == quay.Private
}
