package decide

import (
	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
)

// announceAll writes down all that is known, unless it stands there.
func announceAll(p *draft.Component) {
	for _, one := range component.Both(p.Component) {
		if !component.Says(one, p.Announcement) {
			announce(p, one, p.Announcement.Encode())
		}
	}
}

func announce(p *draft.Component, one *kube.Component, value string) {
	a := plan.Announce{Component: one.Name, Of: p.Of(one), Value: value, Rewords: component.Rewords(one, value)}
	switch {
	case plan.Told(one, value):
	case a.Rewords:
		p.Aside = append(p.Aside, a)
	default:
		p.Actions = append(p.Actions, a)
	}
}
