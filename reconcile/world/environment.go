package world

import (
	"cmp"
	"fmt"
	"slices"

	"berth/kube"
	"berth/reconcile/component"
)

// Environments are where the applications of one namespace run, as its tenant and
// the platform have written it.
type Environments struct {
	environments map[string]kube.Environment
	claims       map[string]kube.DeploymentTargetClaim
	targets      map[string]kube.DeploymentTarget
	claimed      map[string][]string   // a claim's name to the targets that say they are for it
	asking       map[workload][]string // a Component of an application to the Environments that it runs in, by name
	unread       bool                  // there are bindings of which not everything is known
	Authorizing  int                   // ServiceAccounts as which the RemoteSecret operator writes to other namespaces
}

// workload is a Component as the bindings of its namespace name it.
type workload struct{ application, component string }

// Deployments are what the cluster lists of environments.
type Deployments struct {
	Environments []kube.Environment
	Bindings     []kube.EnvironmentBinding
	Claims       []kube.DeploymentTargetClaim
	Targets      []kube.DeploymentTarget
}

// ByNamespace sorts them. Nothing of it reaches from one namespace into another.
func (d Deployments) ByNamespace() map[string]*Environments {
	namespaces := map[string]*Environments{}
	in := func(namespace string) *Environments {
		if namespaces[namespace] == nil {
			namespaces[namespace] = &Environments{
				environments: map[string]kube.Environment{},
				claims:       map[string]kube.DeploymentTargetClaim{},
				targets:      map[string]kube.DeploymentTarget{},
				claimed:      map[string][]string{},
				asking:       map[workload][]string{},
			}
		}
		return namespaces[namespace]
	}
	for _, e := range d.Environments {
		in(e.Namespace).environments[e.Name] = e
	}
	for _, c := range d.Claims {
		in(c.Namespace).claims[c.Name] = c
	}
	for _, t := range d.Targets {
		e := in(t.Namespace)
		e.targets[t.Name] = t
		e.claimed[t.Claim] = append(e.claimed[t.Claim], t.Name)
	}
	for _, b := range d.Bindings {
		in(b.Namespace).unread = in(b.Namespace).unread || b.Odd
		alone := []string{b.Environment}
		for _, c := range b.Components {
			in(b.Namespace).ask(workload{b.Application, c}, alone)
		}
	}
	for _, e := range namespaces {
		for w, names := range e.asking {
			if len(names) > 1 { // a list of one may be shared
				slices.Sort(names)
				e.asking[w] = slices.Compact(names)
			}
		}
	}
	return namespaces
}

// ask notes that a Component runs in an Environment, which is given as the list that those
// share who run in no other. There may be several bindings for an application and an
// Environment, so that it is sorted in the end.
func (e *Environments) ask(w workload, alone []string) {
	if names := e.asking[w]; names == nil {
		e.asking[w] = alone
	} else {
		e.asking[w] = append(names, alone[0]) // which has no room in a list of one, so that it stays theirs who share it
	}
}

// Resolution is where the pull Secret of a Component belongs.
type Resolution struct {
	Here    []string // Environments in the Component's own namespace, where the Secret is already
	Targets []Target // by cluster and namespace; all others
	Open    []Open   // Environments that lead nowhere for now
	Unknown bool     // there is a place, or may be one, that nobody can tell: a target that stands may be it
	More    int      // Environments beyond those that were looked at
}

// Target is a namespace elsewhere, and the Environments that lead there.
type Target struct {
	kube.RemoteTarget
	Environments []string
}

// Open is an Environment whose place cannot be told, and why.
type Open struct{ Environment, Why string }

// A tenant can write as many Environments as it likes, and each is looked at in every run.
const (
	maxTargets      = 100 // of what one RemoteSecret is asked to serve
	maxEnvironments = 200 // of a Component, the first by name
)

// Resolve finds the places of a Component: those of every Environment that a binding
// of its application names it for. The order in which things are listed changes
// nothing, and each place is one that an Environment or its DeploymentTarget states.
// holder tells whose the Secret's name is in another namespace of this cluster.
func (e *Environments) Resolve(c *kube.Component, holder func(namespace string) Holder) Resolution {
	var r Resolution
	if e == nil {
		return r
	}
	r.Unknown = e.unread
	names := e.of(c)
	r.More = max(0, len(names)-maxEnvironments)
	var places map[[2]string]*Target // by cluster and namespace, as the RemoteSecret operator tells targets apart
	for _, name := range names[:len(names)-r.More] {
		place, why := e.place(name)
		r.Unknown = r.Unknown || why != ""
		if why == "" && place.APIURL == "" && place.Namespace != c.Namespace {
			var unknown bool
			why, unknown = e.Refused(place.Namespace, holder)
			r.Unknown = r.Unknown || unknown
		}
		known := places[[2]string{place.APIURL, place.Namespace}]
		switch {
		case why != "":
			r.Open = append(r.Open, Open{name, why})
		case place.APIURL == "" && place.Namespace == c.Namespace:
			r.Here = append(r.Here, name)
		case known != nil && known.Credentials != place.Credentials:
			r.Open = append(r.Open, Open{name, "it leads to the same place as " + known.Environments[0] + ", with other credentials"})
		case known != nil:
			known.Environments = append(known.Environments, name)
		case len(places) == maxTargets:
			r.Open = append(r.Open, Open{name, fmt.Sprintf("a Component is delivered to at most %d places", maxTargets)})
		default:
			if places == nil {
				places = map[[2]string]*Target{}
			}
			places[[2]string{place.APIURL, place.Namespace}] = &Target{place, []string{name}}
		}
	}
	for _, t := range places {
		r.Targets = append(r.Targets, *t)
	}
	slices.SortFunc(r.Targets, func(a, b Target) int { return CompareTargets(a.RemoteTarget, b.RemoteTarget) })
	return r
}

// of lists the Environments that a Component runs in, by name.
func (e *Environments) of(c *kube.Component) []string {
	if e == nil || c.Application == "" {
		return nil
	}
	all := e.asking[workload{c.Application, c.Name}]
	if c.ComponentName == "" || c.ComponentName == c.Name {
		return all
	}
	all = slices.Concat(all, e.asking[workload{c.Application, c.ComponentName}])
	slices.Sort(all)
	return slices.Compact(all)
}

// Unread reports whether there are bindings of which not everything is known.
func (e *Environments) Unread() bool { return e != nil && e.unread }

// Namespaces lists the other namespaces of this cluster that a Component's Environments
// lead to, be they refused or not.
func (e *Environments) Namespaces(c *kube.Component) []string {
	var all []string
	names := e.of(c)
	for _, name := range names[:min(len(names), maxEnvironments)] {
		if place, why := e.place(name); why == "" && place.APIURL == "" && place.Namespace != c.Namespace {
			all = append(all, place.Namespace)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// CompareTargets orders targets by cluster and namespace.
func CompareTargets(a, b kube.RemoteTarget) int {
	return cmp.Or(cmp.Compare(a.APIURL, b.APIURL), cmp.Compare(a.Namespace, b.Namespace))
}

// place follows the three rules: the DeploymentTarget of the claim that an
// Environment names; else the credentials in the Environment itself; else its own
// namespace.
func (e *Environments) place(name string) (place kube.RemoteTarget, why string) {
	environment, exists := e.environments[name]
	switch {
	case !exists:
		return place, "there is no such Environment"
	case environment.Odd:
		return place, "it is not of an Environment's form"
	case environment.Claim != "":
		target, why := e.bound(environment.Claim)
		if why != "" {
			return place, why
		}
		return checkPlace(target.Credentials, "its DeploymentTarget "+target.Name)
	case environment.Credentials != nil:
		return checkPlace(*environment.Credentials, "it")
	}
	return kube.RemoteTarget{Namespace: environment.Namespace}, ""
}

// bound finds the DeploymentTarget of a claim.
func (e *Environments) bound(claim string) (target kube.DeploymentTarget, why string) {
	c, exists := e.claims[claim]
	switch {
	case !exists:
		return target, "its DeploymentTargetClaim " + component.Shown(claim) + " does not exist"
	case c.Odd:
		return target, "its DeploymentTargetClaim " + claim + " is not of a claim's form"
	case c.Phase == "Lost":
		return target, "its DeploymentTargetClaim " + claim + " has lost its DeploymentTarget"
	case c.Phase != "Bound":
		return target, "its DeploymentTargetClaim " + claim + " is not bound yet"
	case c.Target != "":
		target, exists = e.targets[c.Target]
		switch {
		case !exists:
			return target, "the DeploymentTarget " + component.Shown(c.Target) + " of its claim " + claim + " does not exist"
		case target.Odd:
			return target, "the DeploymentTarget " + c.Target + " of its claim " + claim + " is not of a DeploymentTarget's form"
		case target.Claim != "" && target.Claim != claim:
			return target, "the DeploymentTarget " + c.Target + " of its claim " + claim + " is bound to another claim"
		}
		return target, ""
	}
	if n := len(e.claimed[claim]); n != 1 {
		return target, fmt.Sprintf("its DeploymentTargetClaim %s has %d DeploymentTargets, not one", claim, n)
	}
	return e.targets[e.claimed[claim][0]], ""
}
