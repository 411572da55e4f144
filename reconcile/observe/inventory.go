package observe

import (
	"context"
	"errors"
	"maps"
	"slices"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/observe/territory"
	"berth/reconcile/world"
)

// observeInventory reads what Components there are, and then their namespaces. That order is a
// proof: a Component that was listed and is still there later was there when its namespace was
// read, so that this one is its own, and nobody has to look at the namespace again. It holds
// because no read is answered from an older state than that of its moment (kube/api/list.go).
func (o *observer) observeInventory(ctx context.Context) error {
	if err := inOrder(ctx, o.observeComponents, o.observeNamespaces); err != nil {
		return err
	}
	o.Divide(o.scope.Shard)
	slices.SortFunc(o.Components, func(a, b kube.Component) int { return component.KeyOf(&a).Compare(component.KeyOf(&b)) })
	o.noteRequests()
	o.NameComponents()
	o.indexLong()
	return nil
}

func (o *observer) observeComponents(ctx context.Context) (err error) {
	if o.served, err = o.Cluster.Served(ctx); err != nil {
		return err
	}
	o.Groups = o.served.Components.All()
	o.Components, o.Missing, err = o.selectComponents(ctx)
	o.saw("Component", "Components", len(o.Components), 0)
	return err
}

// observeNamespaces also reads the cluster's own when it was given no other name.
func (o *observer) observeNamespaces(ctx context.Context) (err error) {
	o.Namespaces, o.Absent, err = o.territory.Namespaces(ctx, o.Cluster, o.Naming.Cluster == "")
	if err != nil {
		return err
	}
	if o.Naming.Cluster == "" {
		o.Naming.Cluster = o.Namespaces[territory.System].UID
	}
	if o.Naming.Cluster == "" {
		return errNoCluster
	}
	return nil
}

var errNoCluster = errors.New("the cluster does not show its namespace " + territory.System + ", whose uid names it")

// ClusterID is what names a cluster that was given no other name.
func ClusterID(ctx context.Context, c Cluster) (id string, err error) {
	defer world.Recovered(&err)
	n, err := c.Namespace(ctx, territory.System)
	return n.UID, err
}

func (o *observer) selectComponents(ctx context.Context) (found []kube.Component, missing []component.Key, err error) {
	all, err := o.listComponents(ctx, o.scope.Selector)
	if err == nil && o.scope.Selector != "" && len(o.Groups) > 1 { // the label may be on one of two that are one
		matched := all
		all, err = o.listComponents(ctx, "")
		all = world.Selected(all, matched)
	}
	if err != nil || len(o.scope.Only) == 0 {
		return all, nil, err
	}
	only := setOf(o.scope.Only)
	found = slices.DeleteFunc(all, func(c kube.Component) bool {
		key := component.KeyOf(&c)
		wanted := only[key]
		delete(only, key)
		return !wanted
	})
	return found, slices.Collect(maps.Keys(only)), nil
}

// listComponents lists those of all groups that the cluster has. Where it has none the
// list of the older says so.
func (o *observer) listComponents(ctx context.Context, selector string) ([]kube.Component, error) {
	groups := o.Groups
	if len(groups) == 0 {
		groups = []kube.Group{kube.AppStudio}
	}
	all, err := territory.Each(ctx, o.territory, func(ctx context.Context, namespace string) (all []kube.Component, err error) {
		for _, g := range groups {
			some, err := o.Cluster.Components(ctx, g, namespace, selector)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		return all, nil
	})
	all = slices.DeleteFunc(all, func(c kube.Component) bool { return !o.territory.Within(c.Namespace) })
	if len(groups) > 1 {
		all = world.Berths(all)
	}
	return all, err
}

// observeAccounts lists the ServiceAccounts that builds or pods run as, or the RemoteSecret
// operator acts as, and counts the latter by namespace.
func (o *observer) observeAccounts(ctx context.Context) error {
	accounts, err := territory.Each(ctx, o.territory, func(ctx context.Context, namespace string) ([]kube.ServiceAccount, error) {
		return o.Cluster.ServiceAccounts(ctx, namespace, func(a kube.ServiceAccount) bool {
			return o.territory.Within(a.Namespace) && (a.Authorizes || o.Policy.Links(a.Name))
		})
	})
	o.ServiceAccounts = make(map[component.Key]world.Links, len(accounts))
	o.authorizing = map[string]int{}
	for _, a := range accounts {
		o.ServiceAccounts[component.Key{Namespace: a.Namespace, Name: a.Name}] = world.Links{
			Version: a.ResourceVersion, Secrets: o.slimSet(a.Namespace, a.Secrets), Pull: o.slimSet(a.Namespace, a.PullSecrets),
		}
		if a.Authorizes {
			o.authorizing[a.Namespace]++
		}
	}
	return err
}
