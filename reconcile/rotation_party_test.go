package reconcile_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
)

// party is one run's way to both ends. Each call waits for its turn, and may be
// the one in which the run dies.
type party struct {
	registry // what a rotation does not touch stays nil
	cluster
	ends *ends
	turn func(call string) position
	tell func(answer any)
}

// alive is the position of a call that nothing happens to.
const alive = positions

// call makes one call when its turn has come.
func call[T any](p party, name string, effect func() (T, error)) (T, error) {
	var none T
	how := p.turn(name)
	if how == beforeSending || how == withoutEffect {
		return none, errDead
	}
	p.ends.mu.Lock()
	defer p.ends.mu.Unlock()
	answer, err := effect()
	p.ends.look()
	if how == withoutAnswer {
		return none, errDead
	}
	if !strings.HasPrefix(name, "list ") { // these come side by side, in any order
		p.tell(fmt.Sprint(name, answer, err))
	}
	return answer, err
}

// done is call for what answers nothing.
func done(p party, name string, effect func() error) error {
	_, err := call(p, name, func() (struct{}, error) { return struct{}{}, effect() })
	return err
}

func (p party) Stats() quay.Stats { return quay.Stats{} }

func (p party) GetOrganization(context.Context) (quay.Organization, error) {
	return quay.Organization{Admin: true}, nil
}

func (p party) ListRepositories(context.Context) ([]quay.Repository, error) {
	return []quay.Repository{p.ends.repo}, nil
}

// auditing is a party that only observes: its audit takes no turn.
type auditing struct{ party }

func (a auditing) ListRobotPermissions(context.Context, string) (map[string]quay.Role, error) {
	a.ends.mu.Lock()
	defer a.ends.mu.Unlock()
	return a.ends.roles(), nil
}

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
	return call(p, "look", func() (map[string]quay.Role, error) {
		return p.ends.roles(), nil
	})
}

func (p party) robot(name string) quay.Robot {
	r := p.ends.robots[name]
	robot := quay.Robot{Name: name, Description: r.mark, Token: quay.NewToken(tokenOf(name, r.made)), Created: r.created}
	if r.role != "" {
		robot.Repositories = []string{p.ends.repo.Name}
	}
	return robot
}

func (p party) ListRobots(context.Context) ([]quay.Robot, error) {
	return call(p, "list robots", func() (all []quay.Robot, _ error) {
		for _, name := range slices.Sorted(maps.Keys(p.ends.robots)) {
			all = append(all, p.robot(name))
		}
		return all, nil
	})
}

func (p party) GetRobot(_ context.Context, name string) (quay.Robot, error) {
	return call(p, "get robot "+name, func() (quay.Robot, error) {
		r := p.ends.robots[name]
		p.tell(r.made) // the token itself does not print
		if r.made == 0 {
			return quay.Robot{}, quay.ErrNotFound
		}
		return p.robot(name), nil
	})
}

func (p party) CreateRobot(_ context.Context, name, description string) (quay.Robot, error) {
	return call(p, "create robot "+name, func() (quay.Robot, error) {
		if p.ends.robots[name].made > 0 {
			return quay.Robot{}, quay.ErrInvalid
		}
		p.ends.born[name]++
		p.ends.robots[name] = robotEnd{mark: description, made: p.ends.born[name], created: p.ends.clock}
		p.tell(p.ends.born[name])
		return p.robot(name), nil
	})
}

func (p party) SetPermission(_ context.Context, _, name string, role quay.Role) error {
	return done(p, "grant "+name, func() error {
		r := p.ends.robots[name]
		if r.made == 0 {
			return quay.ErrInvalid
		}
		r.role = role
		p.ends.robots[name] = r
		return nil
	})
}

func (p party) Granted(_ context.Context, name string, token quay.Token, _ string) (quay.Grant, error) {
	return call(p, "prove "+name, func() (quay.Grant, error) {
		r := p.ends.robots[name]
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
	return done(p, "delete robot "+name, func() error {
		e := p.ends
		if left, was := e.left[name]; was && !e.harsh && e.clock.Before(left.Add(overlap)) {
			e.wrong("drained too early: %s", name)
		}
		delete(e.robots, name)
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

func (p party) copied() kube.Component {
	c := p.ends.component
	c.Annotations = maps.Clone(c.Annotations)
	return c
}

func (p party) Served(context.Context) (kube.Served, error) {
	return kube.Served{Components: kube.Groups{AppStudio: true}}, nil
}

func (p party) Components(context.Context, kube.Group, string, string) ([]kube.Component, error) {
	return call(p, "list Components", func() ([]kube.Component, error) { return []kube.Component{p.copied()}, nil })
}

func (p party) Component(context.Context, kube.Group, string, string) (kube.Component, error) {
	return call(p, "get Component", func() (kube.Component, error) { return p.copied(), nil })
}

func (p party) Annotate(_ context.Context, c kube.Component, change kube.AnnotationChange) (kube.Component, error) {
	return call(p, "annotate", func() (kube.Component, error) {
		e := p.ends
		now := e.component
		if c.ResourceVersion != now.ResourceVersion {
			return kube.Component{}, kube.ErrConflict
		}
		for name, value := range change.Test {
			if now.Annotations[name] != value {
				return kube.Component{}, kube.ErrInvalid
			}
		}
		maps.Copy(now.Annotations, change.Set)
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
		e.touch()
		return p.copied(), nil
	})
}

func (p party) Secrets(context.Context, string, string) ([]kube.Secret, error) {
	return call(p, "list Secrets", func() (all []kube.Secret, _ error) {
		for _, name := range secretNames {
			all = append(all, p.ends.secrets[name].secret)
		}
		return all, nil
	})
}

func (p party) Secret(_ context.Context, _, name string) (kube.Secret, error) {
	return call(p, "get Secret "+name, func() (kube.Secret, error) { return p.ends.secrets[name].secret, nil })
}

func (p party) UpdateSecret(_ context.Context, w kube.SecretWrite, resourceVersion string, dryRun bool) error {
	if dryRun {
		return nil
	}
	return done(p, "update Secret "+w.Name, func() error {
		if p.ends.secrets[w.Name].secret.ResourceVersion != resourceVersion {
			return kube.ErrConflict
		}
		p.ends.put(w.Name, w.DockerConfigJSON(), w.RotatedAt)
		return nil
	})
}

func noPause(context.Context, time.Duration) error { return nil }
