// Package delivery is the part of deciding that brings a Component's pull Secret to where it
// runs: in go a [draft.World] and a Component's plan in the making, to which it adds how far the
// Secret has come and what is to be done. It is pure.
package delivery

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// Delivery brings a Component's pull Secret to every environment that it runs in.
//
// Where an environment is the Component's own namespace the Secret is there already,
// and is linked to the ServiceAccounts that pull; so it is where none is bound, or none
// can be read: then pods that run here are all that Berth can serve. The RemoteSecret never gets that
// namespace as a target: its operator would take the Secret for its own and delete it
// one day. All other places are targets of a RemoteSecret, which each Component has,
// targets or none.
//
// The token goes to the operator in an upload Secret, a copy of the pull Secret named
// after the token's fingerprint. The operator deletes it whatever becomes of it, and
// nothing it says tells a new token from an old one. So Berth writes on the
// RemoteSecret which token it has uploaded, and compares the Secrets that arrived in
// this cluster, by content, in every run: what did not arrive is uploaded again, each
// wait as long as all before it together. What is on other clusters stays unverified.
//
// Nothing of a Component waits for its delivery, neither its announcement nor the
// acknowledgement of a rotation: it may take minutes, or for ever.

// Courier plans deliveries.
type Courier struct{ *draft.World }

// Resolve finds where the Component runs.
func (w Courier) Resolve(p *draft.Component) {
	if w.Mode.Environments {
		p.Places = w.Environments[p.Component.Namespace].Resolve(p.Component, w.holder(p.Key()))
	}
}

// holder tells whose the name of a Component's pull Secret is elsewhere in the cluster.
// Who came first keeps it.
func (w Courier) holder(c component.Key) func(namespace string) world.Holder {
	return func(namespace string) world.Holder {
		own := component.PullSecretOf(&kube.Component{Namespace: c.Namespace, Name: c.Name})
		claim := world.Claim{PullSecret: own, Namespace: namespace}
		if h, looked := w.Holders[claim]; looked {
			return h
		}
		if w.Taken(component.Key{Namespace: namespace, Name: c.Name}) && !w.Arrived[claim.There()].Brought(own) {
			return world.Another
		}
		return world.Nobody
	}
}

// ComesBack reports whether a place is the Component's own namespace by an address of this
// cluster: its Secret there shows that it is, for the operator has taken it for its own.
func (w Courier) ComesBack(p *draft.Component, t kube.RemoteTarget) bool {
	return t.APIURL != "" && t.Namespace == p.Component.Namespace && w.Secret(p, p.Names.Pull).By == p.PullSecret().String()
}

// Tell tells how far the pull Secret has come where the Component runs.
func (w Courier) Tell(p *draft.Component) {
	c := p.Component
	if elsewhere := len(p.Places.Targets) + len(p.Places.Open); len(p.Places.Here) > 0 || elsewhere == 0 {
		state := w.linkHere(p)
		for _, environment := range p.Places.Here {
			p.Deliveries = append(p.Deliveries, plan.Delivery{Environment: environment, Place: c.Namespace, State: state})
		}
	}
	for _, t := range p.Places.Targets {
		state, why, late := w.arrival(p, t.RemoteTarget)
		for _, environment := range t.Environments {
			p.Deliveries = append(p.Deliveries, plan.Delivery{Environment: environment, Place: world.PlaceName(t.RemoteTarget), State: state, Why: why, Late: late, Waits: w.waits(p, state)})
		}
	}
	for _, o := range p.Places.Open {
		p.Deliveries = append(p.Deliveries, plan.Delivery{Environment: o.Environment, State: plan.Unresolved, Why: o.Why})
	}
	slices.SortFunc(p.Deliveries, func(a, b plan.Delivery) int { return strings.Compare(a.Environment, b.Environment) })
	warnOfDeliveries(p)
	w.warnOfPlaces(p)
}

// warnOfPlaces tells the Component's owner of what was written so that not all of it could
// be followed.
func (w Courier) warnOfPlaces(p *draft.Component) {
	if n := p.Places.More; n > 0 {
		p.Warn("unresolved_environment", fmt.Sprintf("%d more environments are left out: so many of one Component are not looked at.", n))
	}
	if w.Environments[p.Component.Namespace].Unread() {
		p.Warn("unresolved_environment", "A SnapshotEnvironmentBinding of this namespace is not of its form, or names more than 1000 Components: what it means for this one is not known.")
	}
	for _, t := range p.Places.Targets {
		if w.ComesBack(p, t.RemoteTarget) {
			p.Warn("unresolved_environment", fmt.Sprintf("Environment %s leads to its own namespace by an address of this cluster. Let it state no place: the Secret is there already.",
				component.Shown(t.Environments[0])))
		}
	}
	if r := p.Remote; r != nil && r.Further > 0 {
		p.Warn("unresolved_environment", fmt.Sprintf("RemoteSecret %s has more than %d targets, which Berth sets: the others are taken off.", p.Names.Pull.Secret, kube.MaxTargets))
	}
}

// linkHere lets the pods of the Component's own namespace pull with the Secret there.
func (w Courier) linkHere(p *draft.Component) plan.DeliveryState {
	state, secret := plan.Delivered, p.Names.Pull.Secret
	if w.Secret(p, p.Names.Pull).Content != w.Wanted(p, p.Names.Pull) {
		state = plan.Pending
	}
	accounts := w.Present(p, w.Policy.PullAccounts(p.Component.Name), "pods cannot pull with Secret ", secret)
	for _, account := range accounts {
		if !w.Links(p, account).Pull[secret] {
			p.Aside = append(p.Aside, plan.LinkPullSecret{ServiceAccount: account, Secret: secret})
			state = plan.Pending
		}
	}
	if len(accounts) == 0 {
		return plan.Pending
	}
	return state
}

// arrival tells how far the token has come to a target.
func (w Courier) arrival(p *draft.Component, t kube.RemoteTarget) (state plan.DeliveryState, why string, late bool) {
	if !w.Mode.RemoteSecrets {
		return plan.Unresolved, "", false // told once for the whole run
	}
	r := p.Remote
	if r == nil || r.Owned == component.Predecessor || !slices.Contains(r.Targets, t) {
		return plan.Pending, "", false
	}
	status := r.Status(t)
	token := w.Token(p, p.Names.Pull.Robot)
	handed := r.HasData && r.Record.Fingerprint == token && !w.uploading(p.PullSecret(), token)
	switch there, known := w.Arrived[component.Key{Namespace: t.Namespace, Name: p.Names.Pull.Secret}]; {
	case status != nil && status.Error != "":
		return plan.Failed, status.Error, false
	case t.APIURL != "" && status != nil && handed, t.APIURL == "" && known && there.Unreadable:
		return plan.Unverified, "", false
	case t.APIURL == "" && there.By == p.PullSecret().String() && there.Content == w.Wanted(p, p.Names.Pull):
		return plan.Delivered, "", false
	}
	return plan.Pending, "", r.Late && r.Record.Fingerprint == token
}

// waits tells for how long a state that is to end has lasted: since the token was handed
// over for the first time.
func (w Courier) waits(p *draft.Component, state plan.DeliveryState) time.Duration {
	if p.Remote == nil {
		return 0
	}
	record := p.Remote.Record
	if state != plan.Pending && state != plan.Unverified || record.First.IsZero() || record.Fingerprint != w.Token(p, p.Names.Pull.Robot) {
		return 0
	}
	return max(0, w.At.Add(-w.Ahead).Sub(record.First))
}

// warnOfDeliveries names the environments that the pull Secret does not reach. The
// words on the Component do not change from run to run.
func warnOfDeliveries(p *draft.Component) {
	var told []plan.Warning
	for _, d := range p.Deliveries {
		switch {
		case d.State == plan.Unresolved && d.Why != "":
			told = append(told, plan.Warning{Code: "unresolved_environment", Text: fmt.Sprintf("Environment %s cannot be reached: %s.", component.Shown(d.Environment), d.Why)})
		case d.State == plan.Failed:
			const sentence = "Environment %s (%s) has not got the pull Secret: %s."
			told = append(told, plan.Warning{
				Code: "not_delivered", Text: fmt.Sprintf(sentence, component.Shown(d.Environment), d.Place, strings.TrimRight(d.Why, ".")),
				Told: fmt.Sprintf(sentence, component.Shown(d.Environment), d.Place, classOf(d.Why)+"; the status of RemoteSecret "+p.Names.Pull.Secret+" says more"),
			})
		case d.Late:
			told = append(told, plan.Warning{Code: "not_delivered", Text: fmt.Sprintf("Environment %s (%s) has not got the pull Secret for half an hour.", component.Shown(d.Environment), d.Place)})
		}
	}
	p.Warnings = append(p.Warnings, told[:min(len(told), draft.MaxTold)]...)
	if more := len(told) - draft.MaxTold; more > 0 {
		p.Warn("not_delivered", fmt.Sprintf("%d more environments cannot be reached.", more))
	}
}

// Bring plans the RemoteSecret and what is uploaded to it. It comes last,
// when it is settled whether this run replaces the token.
func (w Courier) Bring(p *draft.Component) {
	r, exists := p.Remote, p.Remote != nil
	if !exists {
		r = &world.RemoteSecret{RemoteSecret: &kube.RemoteSecret{}}
	}
	goes := r.Deleting || r.Owned == component.Predecessor && exists // what an earlier Component left is the garbage collector's
	if !w.Mode.RemoteSecrets || p.Problem != nil || p.Skipped != "" || p.Names.Repository == "" || p.Waits || goes {
		return
	}
	if r.Lacks {
		p.Share(plan.SharedRemoteSecret, p.Names.Pull.Secret)
	}
	planned := len(p.Actions)
	w.planTargets(p, r, exists)
	w.planUpload(p, r)
	if len(p.Actions) > planned && p.Note == "" {
		p.Note = "delivery"
	}
	if !exists {
		early(p, planned)
	}
}

// early puts a RemoteSecret that is to be made before the Secrets that are written, and
// its upload right behind them: one look at the Component serves all of these, and what was
// just written need not be read.
func early(p *draft.Component, from int) {
	before, delivery := p.Actions[:from], p.Actions[from:]
	isSecret := func(a plan.Action) bool { _, ok := a.(plan.WriteSecret); return ok }
	first := slices.IndexFunc(before, isSecret)
	if first < 0 || p.Rotation != nil {
		return // a rotation has its own order, and its delivery comes last
	}
	behind := first
	for i, a := range before {
		if isSecret(a) {
			behind = i + 1
		}
	}
	p.Actions = slices.Concat(before[:first], delivery[:1], before[first:behind], delivery[1:], before[behind:])
}

// planTargets makes the RemoteSecret serve the places that were found. While there is a
// place that nobody can tell, or none could be read, a target that stands is not taken
// away: it may be that one. But where the Secret is not to be brought it does not stay.
func (w Courier) planTargets(p *draft.Component, r *world.RemoteSecret, exists bool) {
	var want, added, removed []kube.RemoteTarget
	taken := make(map[kube.RemoteTarget]kube.RemoteTarget, len(p.Places.Targets)) // by place
	for _, t := range p.Places.Targets {
		taken[placeOf(t.RemoteTarget)] = t.RemoteTarget
		want = append(want, t.RemoteTarget)
	}
	stands := map[kube.RemoteTarget]bool{}
	keep := !w.Mode.Environments || p.Places.Unknown
	for _, t := range r.Targets {
		stands[t] = true
		switch same, known := taken[placeOf(t)]; {
		case known && same == t:
		case !known && keep && w.mayStay(p, t):
			taken[placeOf(t)] = t
			want = append(want, t)
		default:
			removed = append(removed, t)
		}
	}
	slices.SortFunc(want, world.CompareTargets)
	for _, t := range want {
		if !stands[t] {
			added = append(added, t)
		}
	}
	a := plan.WriteRemoteSecret{
		Name: p.Names.Pull.Secret, Exists: exists, PullAccounts: w.Policy.PullAccounts(p.Component.Name),
		Targets: want, Added: added, Removed: removed,
	}
	switch c := p.Component; {
	case !exists:
	case !r.Formed(c, a.Name, a.PullAccounts):
		a.Reason = "its form changed"
	case r.Further > 0:
		a.Reason = "it has targets beyond those that Berth sets"
	case len(added)+len(removed) == 0:
		return
	}
	p.Actions = append(p.Actions, a)
}

func placeOf(t kube.RemoteTarget) kube.RemoteTarget {
	return kube.RemoteTarget{Namespace: t.Namespace, APIURL: t.APIURL}
}

// mayStay reports whether a target that no Environment of today states is one that an
// Environment could state.
func (w Courier) mayStay(p *draft.Component, t kube.RemoteTarget) bool {
	c := p.Component
	if t.APIURL != "" {
		return !w.ComesBack(p, t)
	}
	why, unknown := w.Environments[c.Namespace].Refused(t.Namespace, w.holder(p.Key()))
	return t.Namespace != c.Namespace && (why == "" || unknown)
}
