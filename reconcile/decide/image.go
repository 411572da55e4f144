package decide

import (
	"fmt"
	"slices"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
)

// leftAlone says why nothing is made for a Component that is built elsewhere.
func (w *planner) leftAlone(p *draft.Component) string {
	why := "it is built to " + shownImage(p.Component.ContainerImage)
	if r, exists := p.Repository, p.Exists; exists && p.Names.Marks(r.Description) {
		why += "; repository " + p.Names.Repository + ", which was made earlier, stays"
	}
	return why
}

// warnOfImage tells where the builds push, if it is not where their push Secret lets them.
func (w *planner) warnOfImage(p *draft.Component) {
	w.warnOf(p, p.Component.ContainerImage)
	if twin := p.Component.Twin; twin != nil && twin.ContainerImage != p.Component.ContainerImage {
		w.warnOf(p, twin.ContainerImage)
	}
}

func (w *planner) warnOf(p *draft.Component, containerImage string) {
	image := shownImage(containerImage)
	switch w.Naming.Built(containerImage, p.Names.Repository) {
	case component.BuiltMisspelt:
		p.Warn("image_elsewhere", fmt.Sprintf("spec.containerImage is %s; a login is looked for letter by letter, and the push Secret's is for %s.", image, p.Image))
	case component.BuiltBeside:
		p.Warn("image_elsewhere", fmt.Sprintf("spec.containerImage is %s, and the push Secret is for %s alone.", image, p.Image))
	case component.BuiltAway:
		p.Warn("image_elsewhere", fmt.Sprintf("spec.containerImage is %s, so builds push there and not to %s.", image, p.Image))
	case component.BuiltNonsense:
		p.Warn("image_elsewhere", fmt.Sprintf("spec.containerImage is not the name of an image. The Component's own is %s.", p.Image))
	}
}

// planImage lets builds begin: they wait until spec.containerImage is set, and start at
// once when it is. So it comes last, and not before an account of theirs may push, and the
// repository takes pushes. A
// Component without a spec is built by nobody: what its definition demands of a spec,
// only its owner can write. A spec of today may be all but empty.
func (w *planner) planImage(p *draft.Component) {
	if !w.Policy.SetImages || p.Problem != nil || p.Skipped != "" || p.Waits || p.Names.Repository == "" {
		return
	}
	if p.Repository.State != quay.Normal {
		return
	}
	if accounts := w.Policy.PushAccounts(p.Component.Name); len(accounts) > 0 && len(w.There(p, accounts)) == 0 {
		return
	}
	for _, one := range component.Both(p.Component) {
		if one.ContainerImage != "" || !one.Specified {
			continue
		}
		image := plan.SetImage{Component: one.Name, Of: p.Of(one), Image: p.Image}
		told := slices.IndexFunc(p.Actions, func(a plan.Action) bool { return plan.Together(a, image) })
		if p.Rotation == nil && told >= 0 { // both are written at once
			announce := p.Actions[told]
			p.Actions = append(slices.Delete(p.Actions, told, told+1), announce)
		}
		p.Actions = append(p.Actions, image)
		if p.Note == "" {
			p.Note = "image"
		}
	}
}

// maxShown bounds what is repeated of an image's name.
const maxShown = 100

// shownImage is the name of an image, which has no odd letters.
func shownImage(image string) string { return image[:min(len(image), maxShown)] }
