// Package visibility is the part of deciding about who may pull: in go a [draft.World] and what
// a Component's owner states, out comes what makes its repository, closes it or opens it. It is
// pure; the table is in package decide.
package visibility

import (
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/decide/draft"
	"berth/reconcile/gitsource"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// Rules decide by what is stated, set, and to be seen of sources.
type Rules struct {
	*draft.World
	doubted map[string]bool // git hosts that are not believed
	setting string          // the operator's, in words
}

// Of has the rules look at all sources at once.
func Of(w *draft.World) *Rules {
	r := &Rules{World: w, setting: "--visibility is " + string(w.Policy.Visibility)}
	r.doubted = r.doubts()
	return r
}

// Repository plans the repository and the visibility that it will have; that is not
// known when it follows a source which nobody has looked at. What makes it is returned: it
// comes after its robots, so that where those are refused nothing is left behind. So is
// what opens it: it comes after the Secrets, because they hold nobody up and it rests on a
// last look.
func (w *Rules) Repository(p *draft.Component, stated quay.Visibility) (makes, opens []plan.Action, known bool) {
	r, exists := p.Repository, p.Exists
	want, reason := w.visibility(p.Key(), stated)
	p.Visibility, p.Why = want, reason
	switch {
	case !exists && want == "":
		return nil, nil, false
	case !exists:
		if stated == "" && w.Policy.Visibility != "" {
			reason = "" // the setting is for all that is new
		}
		p.Note = "new, " + string(want)
		return []plan.Action{plan.CreateRepository{Repository: quay.Repository{Name: p.Names.Repository, Description: p.Names.Mark, Visibility: want}, Reason: reason}}, nil, true
	case !p.Names.Marks(r.Description):
		p.Note = "adopted"
		moved := p.Names.Moved(r.Description)
		if moved {
			p.Note = "moved here"
		}
		p.Actions = append(p.Actions, plan.DescribeRepository{Name: r.Name, Mark: p.Names.Mark, Moved: moved})
	}
	warnOfState(p, r.State)
	if stated == "" && w.Policy.Visibility == "" {
		return nil, w.followSource(p, r), true
	}
	if told := remembered(p, r); stated != "" && told != (component.Memory{}) {
		p.Aside = append(p.Aside, plan.RememberSource{Repository: r.Name, Told: told, Reason: reason}) // a person's word now
	}
	if want == quay.Public && !w.mayOpen(stated) {
		if want != r.Visibility {
			p.Why = stays(r.Visibility, want, reason)
		}
		want = r.Visibility
	}
	p.Visibility = want
	change := plan.ChangeVisibility{Repository: r.Name, From: r.Visibility, To: want, Reason: reason, Asked: stated != ""}
	switch {
	case r.Visibility == want:
	case want == quay.Public:
		return nil, []plan.Action{change}, true
	default:
		p.Actions = append(p.Actions, change)
	}
	return nil, nil, true
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
func (w *Rules) visibility(k component.Key, stated quay.Visibility) (v quay.Visibility, reason string) {
	source, looked := w.Sources[k]
	switch {
	case stated != "":
		return stated, "stated on the Component"
	case w.Policy.Visibility != "":
		return w.Policy.Visibility, w.setting
	case !looked:
		return "", ""
	case source.Answer == gitsource.Public:
		return quay.Public, source.Reason
	}
	return quay.Private, source.Reason // what nobody could tell is private, too
}

// mayOpen reports whether a private repository may become public: not because of
// what its source is now, nor by a setting alone.
func (w *Rules) mayOpen(stated quay.Visibility) bool {
	return stated != "" || w.Policy.Visibility == quay.Public && w.Policy.AllowPublish
}

// Held counts the repositories that are kept private against the setting.
func (w *Rules) Held(plans []plan.Component) (n int) {
	if w.Policy.Visibility != quay.Public || w.Policy.AllowPublish {
		return 0
	}
	for i := range plans {
		p := &plans[i]
		if p.Problem != nil || p.Skipped != "" {
			continue
		}
		stated, err := component.StatementOf(p.Component)
		if err == nil && stated == "" && world.At(w.Repositories, p.Names.Repository).Visibility == quay.Private {
			n++
		}
	}
	return n
}
