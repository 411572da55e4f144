package observe

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"berth/reconcile/component"
	"berth/reconcile/world"
)

// observeLinks finds what ServiceAccounts name as our Secrets are called and is not there,
// in namespaces all of whose Components are known. listed are the Secrets with our label.
func (o *observer) observeLinks(ctx context.Context, listed secrets) error {
	if o.scope.Selector != "" || len(o.scope.Only) > 0 {
		return nil
	}
	served := map[string]bool{}
	for _, c := range o.Components {
		served[c.Namespace] = true
	}
	known := func(key component.Key) bool {
		_, there := o.Secrets[key]
		called, _ := o.owner(key)
		return there || listed.strays[key] || called != nil
	}
	unknown := map[component.Key]bool{}
	links := map[string][]world.DeadLink{}
	for account, l := range o.ServiceAccounts {
		add := func(secret string, pull bool) {
			if served[account.Namespace] && !known(component.Key{Namespace: account.Namespace, Name: secret}) {
				links[account.Namespace] = append(links[account.Namespace], world.DeadLink{ServiceAccount: account.Name, Secret: secret, Pull: pull})
			}
		}
		for secret := range l.Secrets {
			if strings.HasSuffix(secret, component.PushSuffix) && component.ValidName(secret) {
				add(secret, false)
			}
		}
		for secret := range l.Pull {
			if strings.HasSuffix(secret, component.PullSuffix) && component.ValidName(secret) {
				add(secret, true)
			}
		}
	}
	for namespace, all := range links {
		slices.SortFunc(all, compareLinks)
		links[namespace] = all[:min(len(all), maxDead)]
		for _, l := range links[namespace] {
			unknown[component.Key{Namespace: namespace, Name: l.Secret}] = true
		}
	}
	keys := slices.SortedFunc(maps.Keys(unknown), component.Key.Compare)
	there, errs, err := o.metadata(ctx, keys)
	for _, s := range there {
		delete(unknown, component.Key{Namespace: s.Namespace, Name: s.Name})
	}
	for i, err := range errs {
		if err != nil {
			delete(unknown, keys[i]) // nobody knows whether it is gone
		}
	}
	o.sortDead(links, unknown)
	return err
}

// sortDead keeps the links to Secrets that are gone, with whose they were.
func (o *observer) sortDead(links map[string][]world.DeadLink, gone map[component.Key]bool) {
	was := map[component.Key]component.Key{} // a Secret's name to its Component's
	for _, r := range o.Robots {
		if m, ours := component.ParseMark(r.Mark); ours && o.Naming.Ours(m) {
			push, pull := component.SecretNames(m.Component.Name)
			was[component.Key{Namespace: m.Component.Namespace, Name: push}] = m.Component
			was[component.Key{Namespace: m.Component.Namespace, Name: pull}] = m.Component
		}
	}
	o.Dead = map[string][]world.DeadLink{}
	for namespace, all := range links {
		for _, l := range all {
			if key := (component.Key{Namespace: namespace, Name: l.Secret}); gone[key] {
				l.Component = was[key]
				o.Dead[namespace] = append(o.Dead[namespace], l)
			}
		}
	}
}

// maxDead bounds how many links of a namespace are looked at in a run: its tenant decides
// how many there are.
const maxDead = 50

func compareLinks(a, b world.DeadLink) int {
	order := cmp.Or(cmp.Compare(a.ServiceAccount, b.ServiceAccount), cmp.Compare(a.Secret, b.Secret))
	if order == 0 && a.Pull && !b.Pull {
		return 1
	}
	return order
}
