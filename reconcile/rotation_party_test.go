package reconcile_test

import (
	"context"
	"maps"
	"slices"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
)

// party is one run's way to both ends.
type party struct {
	registry // what a rotation does not touch stays nil
	cluster
	repo  quay.Repository
	reach reach
}

// reach brings a call to the ends, or does not, and answers it.
type reach func(call string, effect effect) (any, error)

// effect is what a call does to the ends, and their answer. It depends on nothing else.
type effect func(*ends) (any, error)

// call makes one call.
func call[T any](p party, name string, effect func(*ends) (T, error)) (T, error) {
	answer, err := p.reach(name, func(e *ends) (any, error) { return effect(e) })
	value, _ := answer.(T)
	return value, err
}

// done is call for what answers nothing.
func done(p party, name string, effect func(*ends) error) error {
	_, err := p.reach(name, func(e *ends) (any, error) { return nil, effect(e) })
	return err
}

func (p party) Stats() quay.Stats { return quay.Stats{} }

func (p party) GetOrganization(context.Context) (quay.Organization, error) {
	return quay.Organization{Admin: true}, nil
}

func (p party) ListRepositories(context.Context) ([]quay.Repository, error) {
	return []quay.Repository{p.repo}, nil
}

// auditing is a party that only observes.
type auditing struct{ party }

func (a auditing) ListRobotPermissions(context.Context, string) (map[string]quay.Role, error) {
	return call(a.party, "list roles", func(e *ends) (map[string]quay.Role, error) { return e.roles(), nil })
}

// ListDefaultPermissions and DeleteFederation take no turn, either: nothing here is about
// what they would tell or end.
func (p party) ListDefaultPermissions(context.Context) ([]quay.DefaultPermission, error) {
	return nil, nil
}

func (p party) DeleteFederation(context.Context, string) error { return nil }

func (e *ends) roles() map[string]quay.Role {
	roles := map[string]quay.Role{}
	for name, r := range e.robots {
		if r.role != "" {
			roles[name] = r.role
		}
	}
	return roles
}

func (p party) ListRobotPermissions(context.Context, string) (map[string]quay.Role, error) {
	roles, err := call(p, "look", func(e *ends) (map[string]quay.Role, error) { return e.roles(), nil })
	return maps.Clone(roles), err // the run adds to it
}

func (e *ends) robot(name string) quay.Robot {
	r := e.robots[name]
	robot := quay.Robot{Name: name, Description: r.mark, Token: quay.NewToken(tokenOf(name, r.made)), Created: r.created}
	if r.role != "" {
		robot.Repositories = []string{e.repo.Name}
	}
	return robot
}

func (p party) EachRobot(_ context.Context, begin func() func(quay.Robot)) error {
	all, err := call(p, "list robots", func(e *ends) (all []quay.Robot, _ error) {
		for _, name := range slices.Sorted(maps.Keys(e.robots)) {
			all = append(all, e.robot(name))
		}
		return all, nil
	})
	tell := begin()
	for _, r := range all {
		tell(r)
	}
	return err
}

func (p party) GetRobot(_ context.Context, name string) (quay.Robot, error) {
	return call(p, "get robot "+name, func(e *ends) (quay.Robot, error) {
		r := e.robots[name]
		if r.made == 0 {
			return quay.Robot{}, quay.ErrNotFound
		}
		return e.robot(name), nil
	})
}

func (p party) CreateRobot(_ context.Context, name, description string) (quay.Robot, error) {
	return call(p, "create robot "+name, func(e *ends) (quay.Robot, error) {
		if e.robots[name].made > 0 {
			return quay.Robot{}, quay.ErrInvalid
		}
		e.born = with(e.born, name, e.born[name]+1)
		e.robots = with(e.robots, name, robotEnd{mark: description, made: e.born[name], created: e.clock})
		return e.robot(name), nil
	})
}

func (p party) SetPermission(_ context.Context, _, name string, role quay.Role) error {
	return done(p, "grant "+name, func(e *ends) error {
		r := e.robots[name]
		if r.made == 0 {
			return quay.ErrInvalid
		}
		r.role = role
		e.robots = with(e.robots, name, r)
		return nil
	})
}

func (p party) Granted(_ context.Context, name string, token quay.Token, _ string) (quay.Grant, error) {
	return call(p, "prove "+name, func(e *ends) (quay.Grant, error) {
		r := e.robots[name]
		switch {
		case r.made == 0 || tokenOf(name, r.made) != token.Reveal():
			return quay.Grant{}, nil
		case r.role == quay.Write:
			return quay.Grant{Accepted: true, Actions: []string{"pull", "push"}}, nil
		case r.role == quay.Read:
			return quay.Grant{Accepted: true, Actions: []string{"pull"}}, nil
		}
		return quay.Grant{Accepted: true}, nil
	})
}

func (p party) DeleteRobot(_ context.Context, name string) error {
	return done(p, "delete robot "+name, func(e *ends) error {
		if left, was := e.left[name]; was && !e.harsh && e.clock.Before(left.Add(overlap)) {
			e.wrong("drained too early: %s", name)
		}
		e.robots = without(e.robots, name)
		return nil
	})
}

func (p party) Namespaces(context.Context) ([]kube.Namespace, error) {
	return []kube.Namespace{{Name: "tenant", UID: "uid-of-namespace-tenant"}}, nil
}

func (p party) Namespace(context.Context, string) (kube.Namespace, error) {
	return kube.Namespace{Name: "tenant", UID: "uid-of-namespace-tenant"}, nil
}

func (p party) ServiceAccounts(context.Context, string, func(kube.ServiceAccount) bool) ([]kube.ServiceAccount, error) {
	return []kube.ServiceAccount{{Namespace: "tenant", Name: "appstudio-pipeline", Secrets: []string{"billing-image-push"}}}, nil
}

func (e *ends) copied() kube.Component {
	c := *e.component
	c.Annotations = maps.Clone(c.Annotations)
	return c
}

func (p party) Served(context.Context) (kube.Served, error) {
	return kube.Served{Components: kube.Groups{AppStudio: true}}, nil
}

func (p party) Components(context.Context, kube.Group, string, string) ([]kube.Component, error) {
	return call(p, "list Components", func(e *ends) ([]kube.Component, error) { return []kube.Component{e.copied()}, nil })
}

func (p party) Component(context.Context, kube.Group, string, string) (kube.Component, error) {
	return call(p, "get Component", func(e *ends) (kube.Component, error) { return e.copied(), nil })
}

func (p party) Annotate(_ context.Context, c kube.Component, change kube.AnnotationChange) (kube.Component, error) {
	return call(p, "annotate", func(e *ends) (kube.Component, error) {
		now := *e.component
		now.Annotations = maps.Clone(now.Annotations) // what is read stays as it was
		if c.ResourceVersion != now.ResourceVersion {
			return kube.Component{}, kube.ErrConflict
		}
		for name, value := range change.Test {
			if now.Annotations[name] != value {
				return kube.Component{}, kube.ErrInvalid
			}
		}
		for name, value := range change.Set {
			if name == component.AnnotationImage {
				now.Announced = value
			} else {
				now.Annotations = with(now.Annotations, name, value)
			}
		}
		for _, name := range change.Remove {
			if _, there := now.Annotations[name]; !there {
				continue
			}
			delete(now.Annotations, name)
			if name == component.AnnotationRotation {
				e.acknowledged()
			}
			if name == component.AnnotationGenerate {
				if e.taken != nil || now.Annotations[component.AnnotationRotation] == "" {
					e.wrong("lost request: taken off beside a marker, or without one")
				}
				e.taken, e.request = e.request, nil
			}
		}
		e.component = &now
		e.touch()
		return e.copied(), nil
	})
}

func (p party) EachSecret(_ context.Context, _, _ string, begin func() func(kube.Secret)) error {
	all, err := call(p, "list Secrets", func(e *ends) (all []kube.Secret, _ error) {
		for _, name := range secretNames {
			all = append(all, e.secrets[name].secret)
		}
		return all, nil
	})
	tell := begin()
	for _, s := range all {
		tell(s)
	}
	return err
}

func (p party) Secret(_ context.Context, _, name string) (kube.Secret, error) {
	return call(p, "get Secret "+name, func(e *ends) (kube.Secret, error) { return e.secrets[name].secret, nil })
}

func (p party) UpdateSecret(_ context.Context, w kube.SecretWrite, resourceVersion string, dryRun bool) error {
	if dryRun {
		return nil
	}
	return done(p, "update Secret "+w.Name, func(e *ends) error {
		if e.secrets[w.Name].secret.ResourceVersion != resourceVersion {
			return kube.ErrConflict
		}
		e.put(w.Name, w.DockerConfigJSON(), w.RotatedAt)
		return nil
	})
}

func noPause(context.Context, time.Duration) error { return nil }
