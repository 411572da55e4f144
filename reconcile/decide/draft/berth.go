package draft

import (
	"slices"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/world"
)

// Berth is a Component with what its things are called and the first robot of each role
// that was made for it, which nearly all have and no others.
type Berth struct {
	Component *kube.Component
	Called    *world.Called
	first     [2]string       // the names of its first robots, by role
	robots    [2]*world.Robot // nil: it is not there, or bears another mark
}

// berths sorts Components, and finds each by the key in its marks; before are so many others.
func (w *World) berths(components []kube.Component, before int) []Berth {
	all := make([]Berth, len(components))
	for i := range components {
		c := &components[i]
		called := w.CallNext(before+i, c)
		all[i] = Berth{Component: c, Called: called, first: [2]string{called.Push.First, called.Pull.First}}
	}
	order := func(a, b Berth) int { return component.KeyOf(a.Component).Compare(component.KeyOf(b.Component)) }
	if !slices.IsSortedFunc(all, order) {
		slices.SortFunc(all, order)
	}
	for i := range all {
		key := all[i].Called.Key
		if key == "" {
			key = w.Naming.KeyHash(component.KeyOf(all[i].Component))
		}
		w.live[key] = &all[i]
	}
	return all
}

// takes notes a robot if it is one of the two.
func (b *Berth) takes(name string, r *world.Robot) bool {
	for i, a := range [...]*component.Account{&b.Called.Push, &b.Called.Pull} {
		if name == a.First && r.Mark == a.Mark {
			b.robots[i] = r
			return true
		}
	}
	return false
}

// Found is what there is of a Component under its names. It is asked for again and again,
// and looked up once, by [World.Find].
type Found struct {
	Repository quay.Repository     // as Quay lists it
	Exists     bool                // that is there
	Remote     *world.RemoteSecret // nil: there is none
	secrets    [2]*world.Secret
}

// Find looks for what there is of a Component whose names are known.
func (w *World) Find(p *Component) {
	p.Repository, p.Exists = w.Repositories[p.Names.Repository]
	p.Remote = w.RemoteSecrets[p.PullSecret()]
	for i, name := range [...]string{p.Names.Push.Secret, p.Names.Pull.Secret} {
		p.secrets[i] = w.Secrets[component.Key{Namespace: p.Component.Namespace, Name: name}]
	}
}

// firsts are the key in an account's mark and the first of its robots, if it is there.
func (b *Berth) firsts(a component.Account) (key string, robots []string) {
	if b == nil {
		mark, _ := component.ParseMark(a.Mark)
		return mark.Key, nil
	}
	for i, r := range b.robots {
		if r != nil && b.first[i] == a.First {
			robots = b.first[i : i+1 : i+1]
		}
	}
	return b.Called.Key, robots
}

// Robot is what the run knows of a robot, most likely one of a Component's; nil: it is not there.
func (w *World) Robot(p *Component, name string) *world.Robot {
	if b := p.Berth; b != nil {
		for i, r := range b.robots {
			if r != nil && name == b.first[i] {
				return r
			}
		}
	}
	return w.Robots[name]
}

// RobotOf is the same, empty for one that is not there.
func (w *World) RobotOf(p *Component, name string) *world.Robot {
	if r := w.Robot(p, name); r != nil {
		return r
	}
	return &world.Robot{}
}

// Secret is what the run knows of an account's Secret, empty where there is none.
func (w *World) Secret(p *Component, a component.Account) *world.Secret {
	if s := w.secret(p, a.Secret); s != nil {
		return s
	}
	return &world.Secret{}
}

func (w *World) secret(p *Component, name string) *world.Secret {
	switch name {
	case p.Names.Push.Secret:
		return p.secrets[0]
	case p.Names.Pull.Secret:
		return p.secrets[1]
	}
	return w.Secrets[component.Key{Namespace: p.Component.Namespace, Name: name}]
}

// HasSecret reports whether an account's Secret is there.
func (w *World) HasSecret(p *Component, a component.Account) bool {
	return w.secret(p, a.Secret) != nil
}

// Token is the fingerprint of a robot's, "" where Quay does not show it.
func (w *World) Token(p *Component, robot string) string { return w.RobotOf(p, robot).Fingerprint }

// Login is a robot's user name at the registry.
func (w *World) Login(p *Component, robot string) string {
	if p.Berth == nil {
		return w.Naming.Login(robot)
	}
	return p.Berth.Called.Login(w.Naming, robot)
}

// Wanted is the content that Quay's word on a robot gives its Secret.
func (w *World) Wanted(p *Component, a component.Account) component.Content {
	return component.Content{Image: p.Image, Login: w.Login(p, a.Robot), Fingerprint: w.Token(p, a.Robot)}
}
