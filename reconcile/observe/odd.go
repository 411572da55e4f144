package observe

import "slices"

// nameOdd names the objects that cannot be read, of which nothing else is known.
func (o *observer) nameOdd(l lists) {
	odd := func(is bool, kind, namespace, name string) {
		if is {
			o.Odd = append(o.Odd, kind+" "+namespace+"/"+name)
		}
	}
	for _, s := range l.secrets.odd {
		odd(true, "Secret", s.Namespace, s.Name)
	}
	for _, e := range l.deployments.Environments {
		odd(e.Odd, "Environment", e.Namespace, e.Name)
	}
	for _, b := range l.deployments.Bindings {
		odd(b.Odd, "SnapshotEnvironmentBinding", b.Namespace, b.Name)
	}
	for _, c := range l.deployments.Claims {
		odd(c.Odd, "DeploymentTargetClaim", c.Namespace, c.Name)
	}
	for _, t := range l.deployments.Targets {
		odd(t.Odd, "DeploymentTarget", t.Namespace, t.Name)
	}
	o.Odd = append(o.Odd, l.odd...)
	slices.Sort(o.Odd)
}
