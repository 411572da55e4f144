package observe

import (
	"context"
	"errors"
	"slices"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/observe/territory"
	"berth/reconcile/world"
)

// look is a place in another namespace of this cluster that is looked at for a Component.
type look struct {
	claim   world.Claim
	name    string // the Component's
	arrival bool   // the lists do not show what arrived there
	whose   bool   // nor whether the namespace has a Component of that name
}

// maxLooks bounds how many places a run looks at one by one: a tenant decides how many
// targets there are.
const maxLooks = 1000

// unseen lists what is to be looked at for one Component. Whether its Secret arrived at a
// target that stands is asked where the list of our Secrets has not shown it: because it
// does not reach there, or because the operator says that it brought one, which then
// lacks our label. Whose a place is, be it a target or to become one, is asked where the
// list of Components does not reach: there the operator could take over what is another's.
func (o *observer) unseen(c *kube.Component, r *world.RemoteSecret) []look {
	var all []look
	at := map[string]int{}
	add := func(namespace string, arrival bool) {
		whose := !o.shows(namespace)
		i, known := at[namespace]
		switch {
		case namespace == c.Namespace, !component.ValidNamespace(namespace), world.Platform(namespace), !arrival && !whose:
		case known:
			all[i].arrival = all[i].arrival || arrival
		default:
			at[namespace] = len(all)
			all = append(all, look{world.Claim{PullSecret: component.PullSecretOf(c), Namespace: namespace}, c.Name, arrival, whose})
		}
	}
	if r != nil && r.Owned == component.Mine {
		for _, t := range r.Targets {
			if t.APIURL == "" {
				status := r.Status(t)
				_, seen := o.Arrived[component.Key{Namespace: t.Namespace, Name: component.PullSecretOf(c).Name}]
				add(t.Namespace, !seen && (!o.territory.Holds(t.Namespace) || status != nil && status.Error == ""))
			}
		}
	}
	if o.Mode.RemoteSecrets {
		for _, namespace := range o.Environments[c.Namespace].Namespaces(c) {
			add(namespace, false)
		}
	}
	return all
}

// shows reports whether the lists of the run have all Components of a namespace.
func (o *observer) shows(namespace string) bool {
	return o.scope.Selector == "" && len(o.scope.Only) == 0 && o.territory.Holds(namespace)
}

// look looks at places one by one, in turns by the namespace whose Component it is for.
// What cannot be read, or was not come to, is unverified, and whose the place is unclear:
// no more rests on it.
func (o *observer) look(ctx context.Context, looks []look) error {
	o.Holders = map[world.Claim]world.Holder{}
	looks = world.InTurns(looks, o.Turn, func(l look) string { return l.claim.PullSecret.Namespace })
	arrived, holders := make([]world.Arrived, len(looks)), make([]world.Holder, len(looks))
	g, ctx := territory.SideBySide(ctx)
	for i, l := range looks {
		arrived[i].Unreadable, holders[i] = true, world.Unclear
		if i >= maxLooks {
			continue
		}
		g.Go(func() error {
			arrived[i] = o.arrivedAt(ctx, l.claim.There())
			if l.whose {
				holders[i] = o.holder(ctx, l, arrived[i])
			}
			return ctx.Err()
		})
	}
	err := g.Wait()
	for i, l := range looks {
		if l.arrival {
			o.Arrived[l.claim.There()] = arrived[i]
		}
		if l.whose {
			o.Holders[l.claim] = holders[i]
		}
	}
	return err
}

// arrivedAt reads what is at a place. What the operator has not brought is nobody's
// business here.
func (o *observer) arrivedAt(ctx context.Context, at component.Key) world.Arrived {
	secret, err := o.Cluster.Secret(ctx, at.Namespace, at.Name)
	switch {
	case errors.Is(err, kube.ErrNotFound), err == nil && secret.Managing == "":
		return world.Arrived{}
	case err != nil:
		return world.Arrived{Unreadable: true}
	}
	return arrivedOf(secret)
}

// holder tells whose a place is when the lists do not.
func (o *observer) holder(ctx context.Context, l look, there world.Arrived) world.Holder {
	err := kube.ErrNotFound
	for _, g := range o.Groups {
		if _, err = o.Cluster.Component(ctx, g, l.claim.Namespace, l.name); !errors.Is(err, kube.ErrNotFound) {
			break
		}
	}
	switch {
	case errors.Is(err, kube.ErrNotFound):
		return world.Nobody
	case err != nil:
		return world.Unclear
	case there.Brought(l.claim.PullSecret):
		return world.Nobody
	}
	return world.Another
}

func arrivedOf(s kube.Secret) world.Arrived {
	return world.Arrived{Content: component.ContentOf(s.DockerConfigJSON()), By: s.Managing, Owned: slices.ContainsFunc(s.Owners, func(o kube.OwnerReference) bool { return o.Kind == component.Kind })}
}
