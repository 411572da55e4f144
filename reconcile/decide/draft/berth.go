package draft

import (
	"slices"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/world"
)

// Berth is a Component with what its things are called and what there is of these.
type Berth struct {
	Component *kube.Component
	Called    *world.Called
}

// berths sorts Components; before are so many others.
func (w *World) berths(components []kube.Component, before int) []Berth {
	all := make([]Berth, len(components))
	for i := range components {
		c := &components[i]
		all[i] = Berth{c, w.CallNext(before+i, c)}
	}
	order := func(a, b Berth) int { return component.KeyOf(a.Component).Compare(component.KeyOf(b.Component)) }
	if !slices.IsSortedFunc(all, order) {
		slices.SortFunc(all, order)
	}
	return all
}

// unfound is the repository of a Component that has none.
var unfound quay.Repository

// Find notes what there is of a Component whose names are known.
func (p *Component) Find() {
	p.Repository, p.Exists, p.Remote = &unfound, false, p.Berth.Called.There.Remote
	if r := p.Berth.Called.There.Repository; r != nil {
		p.Repository, p.Exists = r, true
	}
}

// firsts are the key in an account's mark and the first of its robots, if it is there.
func (b *Berth) firsts(a component.Account) (key string, robots []string) {
	if b == nil {
		mark, _ := component.ParseMark(a.Mark)
		return mark.Key, nil
	}
	for i, first := range b.Called.There.Firsts {
		if first == a.First {
			robots = b.Called.There.Firsts[i : i+1 : i+1]
		}
	}
	return b.Called.Key, robots
}

// Robot is what the run knows of a robot, most likely one of a Component's; nil: it is not there.
func (w *World) Robot(p *Component, name string) *world.Robot {
	if b := p.Berth; b != nil {
		for i, first := range b.Called.There.Firsts {
			if name == first {
				return b.Called.There.Robots[i]
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
	if b := p.Berth; b != nil {
		switch name {
		case p.Names.Push.Secret:
			return b.Called.There.Secrets[0]
		case p.Names.Pull.Secret:
			return b.Called.There.Secrets[1]
		}
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
