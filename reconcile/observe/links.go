package observe

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"berth/reconcile/component"
	"berth/reconcile/world"
)

// observeLinks finds what ServiceAccounts name as our Secrets are called and is not there,
// in namespaces all of whose Components are known.
func (o *observer) observeLinks(ctx context.Context) error {
	if o.scope.Selector != "" || len(o.scope.Only) > 0 {
		return nil
	}
	served := o.namespaces()
	known := func(key component.Key) bool {
		_, there := o.Secrets[key]
		called, _ := o.owner(key)
		return there || o.strays[key] || called != nil
	}
	var keys []component.Key
	links := map[string][]world.DeadLink{}
	for account, l := range o.ServiceAccounts {
		if !served[account.Namespace] {
			continue
		}
		add := func(secrets map[string]bool, suffix string, pull bool) {
			for secret := range secrets {
				if strings.HasSuffix(secret, suffix) && component.ValidName(secret) && !known(component.Key{Namespace: account.Namespace, Name: secret}) {
					links[account.Namespace] = append(links[account.Namespace], world.DeadLink{ServiceAccount: account.Name, Secret: secret, Pull: pull})
				}
			}
		}
		add(l.Secrets, component.PushSuffix, false)
		add(l.Pull, component.PullSuffix, true)
	}
	for namespace, all := range links {
		slices.SortFunc(all, func(a, b world.DeadLink) int {
			return cmp.Or(cmp.Compare(a.ServiceAccount, b.ServiceAccount), cmp.Compare(a.Secret, b.Secret))
		})
		links[namespace] = all[:min(len(all), maxDead)]
		for _, l := range links[namespace] {
			keys = append(keys, component.Key{Namespace: namespace, Name: l.Secret})
		}
	}
	there, errs, err := o.metadata(ctx, keys)
	o.sortDead(links, func(k component.Key) bool {
		_, exists := there[k]
		return !exists && errs[k] == nil // else nobody knows
	})
	return err
}

// sortDead keeps the links to Secrets that are gone, with whose they were.
func (o *observer) sortDead(links map[string][]world.DeadLink, gone func(component.Key) bool) {
	o.Dead = map[string][]world.DeadLink{}
	if len(links) == 0 {
		return
	}
	was := map[component.Key]component.Key{} // a Secret's name to its Component's
	for _, r := range o.Robots {
		if m, ours := component.ParseMark(r.Mark); ours && o.Naming.Ours(m) {
			push, pull := component.SecretNames(m.Component.Name)
			was[component.Key{Namespace: m.Component.Namespace, Name: push}] = m.Component
			was[component.Key{Namespace: m.Component.Namespace, Name: pull}] = m.Component
		}
	}
	for namespace, all := range links {
		for _, l := range all {
			if key := (component.Key{Namespace: namespace, Name: l.Secret}); gone(key) {
				l.Component = was[key]
				o.Dead[namespace] = append(o.Dead[namespace], l)
			}
		}
	}
}

// maxDead bounds how many links of a namespace are looked at in a run: its tenant decides
// how many there are.
const maxDead = 50
