package decide

import (
	"fmt"

	"berth/reconcile/component"
	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
)

// planLinks lets the builds' ServiceAccounts use the push Secret.
func (w *planner) planLinks(p *draft.Component) {
	secret := p.Names.Push.Secret
	for _, account := range w.Present(p, w.Policy.PushAccounts(p.Component.Name), "builds cannot use Secret ", secret) {
		if !w.Links(p, account).Secrets[secret] {
			p.Aside = append(p.Aside, plan.LinkSecret{ServiceAccount: account, Secret: secret})
		}
	}
}

// planDeadLinks takes off the ServiceAccounts of a namespace what they name and is gone
// with its Component: before 2024-03 Tekton starts no build for an account that names such
// a Secret. That it was ours, a robot says that bears its Component's name; what nobody
// says so of is told to the owner. It falls to the first Component of the namespace that is
// served; where none is, nothing is built.
func (w *planner) planDeadLinks(p *draft.Component) {
	namespace := p.Component.Namespace
	if w.unlinked[namespace] != "" {
		return
	}
	w.unlinked[namespace] = p.Component.Name
	var told []string
	for _, l := range w.Dead[namespace] {
		if l.Component != (component.Key{}) {
			p.Aside = append(p.Aside, plan.UnlinkSecret{DeadLink: l})
			continue
		}
		told = append(told, fmt.Sprintf("ServiceAccount %s names Secret %s, which does not exist; if nothing will make it, take it off: builds may not start.", l.ServiceAccount, l.Secret))
	}
	for _, sentence := range told[:min(len(told), draft.MaxTold)] {
		p.Warn("dead_link", sentence)
	}
	if more := len(told) - draft.MaxTold; more > 0 {
		p.Warn("dead_link", fmt.Sprintf("%d more Secrets that ServiceAccounts name do not exist.", more))
	}
}
