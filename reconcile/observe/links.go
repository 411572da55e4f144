package observe

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/world"
)

// observeLinks finds what ServiceAccounts name as our Secrets are called and is not there,
// in namespaces all of whose Components are known. listed are the Secrets with our label.
func (o *observer) observeLinks(ctx context.Context, listed []kube.Secret) error {
	if o.scope.Selector != "" || len(o.scope.Only) > 0 {
		return nil
	}
	known := map[component.Key]bool{}
	for _, s := range listed {
		known[component.Key{Namespace: s.Namespace, Name: s.Name}] = true
	}
	served := map[string]bool{}
	for _, c := range o.Components {
		push, pull := component.SecretNames(c.Name)
		served[c.Namespace] = true
		known[component.Key{Namespace: c.Namespace, Name: push}] = true
		known[component.Key{Namespace: c.Namespace, Name: pull}] = true
	}
	unknown := map[component.Key]bool{}
	links := map[string][]world.DeadLink{}
	for account, l := range o.ServiceAccounts {
		add := func(secret string, pull bool) {
			if key := (component.Key{Namespace: account.Namespace, Name: secret}); served[account.Namespace] && !known[key] {
				unknown[key] = true
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
	there, err := observeUnlisted(ctx, o.Cluster, o.scope, slices.Collect(maps.Keys(unknown)))
	for _, s := range there {
		delete(unknown, component.Key{Namespace: s.Namespace, Name: s.Name})
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
		slices.SortFunc(o.Dead[namespace], func(a, b world.DeadLink) int {
			return cmp.Or(cmp.Compare(a.ServiceAccount, b.ServiceAccount), cmp.Compare(a.Secret, b.Secret))
		})
	}
}
