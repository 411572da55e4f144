package decide

import (
	"fmt"
	"slices"
	"strings"

	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// planLinks lets the builds' ServiceAccounts use the push Secret.
func (w *planner) planLinks(p *draft) {
	secret := p.Names.Push.Secret
	for _, account := range w.present(p, w.Policy.PushAccounts(p.Component.Name), "builds cannot use Secret "+secret) {
		if !w.links(p, account).Secrets[secret] {
			p.aside = append(p.aside, plan.LinkSecret{ServiceAccount: account, Secret: secret})
		}
	}
}

// present are those of the ServiceAccounts that are there. A platform has one kind or
// another of them, so it is only when none is there that something lacks.
func (w *planner) present(p *draft, accounts []string, so string) []string {
	there := w.there(p, accounts)
	if len(there) > 0 || len(accounts) == 0 {
		return there
	}
	sentence := "ServiceAccount " + accounts[0] + " does not exist"
	if len(accounts) > 1 {
		sentence = "None of the ServiceAccounts " + strings.Join(accounts, ", ") + " exists"
	}
	p.warn("incomplete", sentence+", so "+so+" yet.")
	return nil
}

func (w *planner) there(p *draft, accounts []string) []string {
	absent := func(account string) bool {
		_, exists := w.ServiceAccounts[component.Key{Namespace: p.Component.Namespace, Name: account}]
		return !exists
	}
	if !slices.ContainsFunc(accounts, absent) {
		return accounts
	}
	return slices.DeleteFunc(slices.Clone(accounts), absent)
}

// links are those of a ServiceAccount of the Component's namespace.
func (w *planner) links(p *draft, account string) world.Links {
	return w.ServiceAccounts[component.Key{Namespace: p.Component.Namespace, Name: account}]
}

// planDeadLinks takes off the ServiceAccounts of a namespace what they name and is gone
// with its Component: before 2024-03 Tekton starts no build for an account that names such
// a Secret. That it was ours, a robot says that bears its Component's name; what nobody
// says so of is told to the owner. It falls to the first Component of the namespace that is
// served; where none is, nothing is built.
func (w *planner) planDeadLinks(p *draft) {
	namespace := p.Component.Namespace
	if w.unlinked[namespace] != "" {
		return
	}
	w.unlinked[namespace] = p.Component.Name
	var told []string
	for _, l := range w.Dead[namespace] {
		if l.Component != (component.Key{}) {
			p.aside = append(p.aside, plan.UnlinkSecret{DeadLink: l})
			continue
		}
		told = append(told, fmt.Sprintf("ServiceAccount %s names Secret %s, which does not exist; if nothing will make it, take it off: builds may not start.", l.ServiceAccount, l.Secret))
	}
	for _, sentence := range told[:min(len(told), maxTold)] {
		p.warn("dead_link", sentence)
	}
	if more := len(told) - maxTold; more > 0 {
		p.warn("dead_link", fmt.Sprintf("%d more Secrets that ServiceAccounts name do not exist.", more))
	}
}
