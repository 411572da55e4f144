package plan

import (
	"berth/kube"
	"berth/reconcile/component"
)

// announceAll writes down all that is known, unless it stands there.
func (p *Component) announceAll() {
	for _, one := range component.Both(p.Component) {
		if !component.Says(one, p.announcement) {
			p.announce(one, p.announcement.Encode(), false)
		}
	}
}

func (p *Component) announce(one kube.Component, value string, problem bool) {
	a := Announce{one.Name, p.of(one), value, problem}
	switch {
	case one.Annotations[component.AnnotationImage] == value, one.Odd:
	case !problem && component.Rewords(one, value):
		p.aside = append(p.aside, a)
	default:
		p.Actions = append(p.Actions, a)
	}
}

// of tells which of two Components that are one berth one is.
func (p *Component) of(one kube.Component) Group {
	if p.Component.Twin == nil {
		return ""
	}
	return Group(one.Group.String())
}
