package decide

import (
	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// announceAll writes down all that is known, unless it stands there.
func (p *draft) announceAll() {
	for _, one := range component.Both(p.Component) {
		if !component.Says(one, p.announcement) {
			p.announce(one, p.announcement.Encode())
		}
	}
}

func (p *draft) announce(one kube.Component, value string) {
	a := plan.Announce{Component: one.Name, Of: p.Of(one), Value: value}
	switch {
	case plan.Told(one, value):
	case component.Rewords(one, value):
		p.aside = append(p.aside, a)
	default:
		p.Actions = append(p.Actions, a)
	}
}
