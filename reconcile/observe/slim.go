package observe

import (
	"slices"
	"strings"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/world"
)

// What a list shows of a settled Component says again what its names say already. It is
// compared with them while it is read, and refers to their strings.

// slimRobot keeps of a robot what a run has to know, and tells whether it is the first of a
// role of a Component.
func (o *observer) slimRobot(r quay.Robot) (string, world.Robot, bool) {
	name, robot := r.Name, world.Robot{Mark: r.Description, Repositories: r.Repositories, Created: r.Created, LastAccessed: r.LastAccessed}
	if len(r.Teams) > 0 {
		robot.Teams = slices.Sorted(slices.Values(r.Teams))
	}
	login, first := "", false
	if called := o.marked(r.Description); called != nil {
		for _, a := range called.Accounts() {
			if a.Mark == robot.Mark {
				robot.Mark, first = a.Mark, a.First == name
			}
			if a.First == name {
				name = a.First
			}
		}
		if len(robot.Repositories) == 1 && robot.Repositories[0] == called.Repository {
			robot.Repositories = called.Own()
		}
		login = called.Login(o.Naming, name)
	}
	if !r.Token.IsZero() {
		if login == "" {
			login = o.Naming.Login(name)
		}
		robot.Fingerprint = component.Fingerprint(login, r.Token.Reveal())
	}
	return name, robot, first
}

// slimRepository does the same of a repository, and tells whether its description is a
// Component's mark and nothing else.
func (o *observer) slimRepository(r *quay.Repository) (plain bool) {
	if called := o.marked(r.Description); called != nil {
		if called.Repository == r.Name {
			r.Name = called.Repository
		}
		if plain = called.Mark == r.Description; plain {
			r.Description = called.Mark
		}
	}
	return plain
}

// marked is the Component that a mark names, nil when it is none of this run's.
func (o *observer) marked(description string) *world.Called {
	m, _ := component.ParseMark(description)
	return o.Called(m.Component)
}

// owner is the Component whose Secret is called so, and which of its two it is; nil when
// it is nobody's.
func (o *observer) owner(key component.Key) (called *world.Called, pull bool) {
	name, pull := strings.CutSuffix(key.Name, component.PullSuffix)
	if !pull {
		name = strings.TrimSuffix(name, component.PushSuffix)
	}
	called = o.Called(component.Key{Namespace: key.Namespace, Name: name})
	if called == nil || called.Component.Name == key.Name {
		called = o.long[key]
	}
	if called == nil {
		return nil, false
	}
	push, pulls := component.SecretNames(called.Component.Name)
	if key.Name != push && key.Name != pulls {
		return nil, false
	}
	return called, key.Name == pulls
}

// indexLong indexes the Secrets whose names had to be cut.
func (o *observer) indexLong() {
	o.long = map[component.Key]*world.Called{}
	for c, called := range o.Calls() {
		push, pull := component.SecretNames(c.Name)
		for _, name := range []string{push, pull} {
			if !strings.HasPrefix(name, c.Name+"-") {
				o.long[component.Key{Namespace: c.Namespace, Name: name}] = called
			}
		}
	}
}

// slimKey is the key of a Secret, in the strings of its owner.
func slimKey(key component.Key, called *world.Called, pull bool) component.Key {
	if pull && called.Pull.Secret == key.Name {
		return component.Key{Namespace: called.Component.Namespace, Name: called.Pull.Secret}
	}
	if called.Push.Secret == key.Name {
		return component.Key{Namespace: called.Component.Namespace, Name: called.Push.Secret}
	}
	return key
}

// slimContent is what a Secret of a Component holds.
func (o *observer) slimContent(raw []byte, called *world.Called, pull bool) component.Content {
	c := component.ContentOf(raw)
	a := called.Push
	if pull {
		a = called.Pull
	}
	if called.Image == c.Image {
		c.Image = called.Image
	}
	if login := called.Login(o.Naming, a.First); login == c.Login {
		c.Login = login
	}
	return c
}

// shareFingerprints lets a Secret and a RemoteSecret that have a robot's token refer to the
// robot's fingerprint.
func (o *observer) shareFingerprints() {
	for _, called := range o.Calls() {
		for i, secret := range called.There.Secrets {
			if secret == nil {
				continue
			}
			robot := called.There.Robots[i]
			if held := o.Naming.Held(called.Accounts()[i], secret.Content); robot == nil || held != called.There.Firsts[i] {
				robot = o.Robots[held]
			}
			if robot == nil {
				continue
			}
			if secret.Content.Fingerprint == robot.Fingerprint {
				secret.Content.Fingerprint = robot.Fingerprint
			}
			if remote := called.There.Remote; remote != nil && remote.Record.Fingerprint == robot.Fingerprint {
				remote.Record.Fingerprint = robot.Fingerprint
			}
		}
	}
}

// slimSet is a set of names of Secrets in a namespace.
func (o *observer) slimSet(namespace string, names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		key := component.Key{Namespace: namespace, Name: name}
		if called, pull := o.owner(key); called != nil {
			name = slimKey(key, called, pull).Name
		}
		set[name] = true
	}
	return set
}

// forget takes out of a map what is in a namespace, or in any.
func forget[V any](m map[component.Key]V, namespace string) {
	for k := range m {
		if namespace == kube.AllNamespaces || k.Namespace == namespace {
			delete(m, k)
		}
	}
}
