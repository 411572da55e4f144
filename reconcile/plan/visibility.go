package plan

import (
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/gitsource"
)

// planRepository returns the visibility the repository will have; it is not known
// when that follows a source which nobody has looked at.
func (w *planner) planRepository(p *Component, asked component.Request) (want quay.Visibility, known bool) {
	r, exists := w.Repositories[p.Names.Repository]
	want, reason := w.visibility(p.Key(), asked)
	p.Visibility, p.VisibilityReason = want, reason
	switch {
	case !exists && want == "":
		return "", false
	case !exists:
		if asked.Visibility == "" && w.Policy.Visibility != "" {
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
		if p.Visibility = r.Visibility; want != r.Visibility {
			p.VisibilityReason = stays(r.Visibility, want, reason)
		}
		want = r.Visibility
	}
	if r.Visibility != want {
		p.Actions = append(p.Actions, ChangeVisibility{
			Repository: r.Name, From: r.Visibility, To: want, Reason: reason, Asked: asked.Visibility != "",
		})
	}
	return want, true
}

// stays says why a repository is left as it is although something else, or nothing that
// was looked at, speaks for it.
func stays(is, want quay.Visibility, reason string) string {
	switch {
	case want != "":
		return "it stays, although it would be " + string(want) + ": " + reason
	case is == quay.Private:
		return "no source opens what is private"
	}
	return "this run did not look at its source"
}

// visibility decides for a Component: what its owner states, else what the
// operator sets, else what its source is. It is "" for a source that was not
// looked at.
func (w *planner) visibility(k component.Key, asked component.Request) (v quay.Visibility, reason string) {
	source, looked := w.Sources[k]
	switch {
	case asked.Visibility != "":
		return asked.Visibility, "stated on the Component"
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
func (w *planner) mayOpen(asked component.Request) bool {
	return asked.Visibility != "" || w.Policy.Visibility == quay.Public && w.Policy.AllowPublish
}

// unsure reports whether all that speaks for a visibility is a source that did
// not answer, which is no reason to change what stands.
func (w *planner) unsure(k component.Key, asked component.Request) bool {
	return asked.Visibility == "" && w.Policy.Visibility == "" && w.Sources[k].Answer == gitsource.Unknown
}

// held reports whether a repository is kept private against the setting.
func (w *planner) held(p Component) bool {
	if p.Problem != nil || p.Skipped != "" || w.Policy.Visibility != quay.Public || w.Policy.AllowPublish {
		return false
	}
	asked, err := component.ParseRequest(p.Component.Annotations[component.AnnotationGenerate])
	return err == nil && asked.Visibility == "" && w.Repositories[p.Names.Repository].Visibility == quay.Private
}
