package scene

import (
	"math/rand/v2"
	"testing"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/world"
)

// Scene is a World under construction. Whatever it is given is settled: there
// is nothing to do for it until a test changes something.
type Scene struct {
	testing.TB
	world.World
}

// Noon is a time, where any will do.
var Noon = time.Date(2026, 3, 16, 12, 0, 0, 0, time.UTC)

func New(t testing.TB) *Scene {
	t.Helper()
	return &Scene{TB: t, World: world.World{
		Naming:          Naming(),
		Policy:          world.Policy{Visibility: quay.Private, ReportOrphans: true, PushServiceAccounts: []string{"appstudio-pipeline"}},
		Whole:           true,
		At:              time.Date(2026, 3, 16, 12, 7, 0, 0, time.UTC),
		Namespaces:      map[string]kube.Namespace{},
		Secrets:         map[component.Key]*world.Secret{},
		ServiceAccounts: map[component.Key]world.Links{},
		Repositories:    map[string]*quay.Repository{},
		Robots:          map[string]*world.Robot{},
		Roles:           map[string]map[string]quay.Role{},
	}}
}

func Naming() component.Naming {
	return component.Naming{Cluster: "cluster-1", Host: "quay.example", Organization: "acme", Layout: component.LayoutComponent}
}

func Component(namespace, name string) kube.Component {
	return kube.Component{
		Namespace: namespace, Name: name, UID: "uid-of-" + namespace + "/" + name, ResourceVersion: "1",
		Application: "shop", ComponentName: name, Annotations: map[string]string{},
	}
}

// Add puts a Component into the World without anything made for it.
func (s *Scene) Add(c kube.Component) component.Names {
	s.Helper()
	if _, ok := s.Namespaces[c.Namespace]; !ok {
		s.Namespaces[c.Namespace] = kube.Namespace{Name: c.Namespace, UID: "uid-of-" + c.Namespace}
	}
	account := component.Key{Namespace: c.Namespace, Name: "appstudio-pipeline"}
	if s.ServiceAccounts[account].Secrets == nil {
		s.ServiceAccounts[account] = world.Links{Secrets: map[string]bool{}, Pull: map[string]bool{}}
	}
	s.Components = append(s.Components, c)
	n, err := s.Names(&c)
	if err != nil {
		s.Fatalf("names of %s: %v", component.KeyOf(&c), err)
	}
	return n
}

// Settle puts a Component into the World with everything as it should be.
func (s *Scene) Settle(c kube.Component) component.Names {
	s.Helper()
	n := s.Add(c)
	image := s.Naming.Image(n.Repository)
	s.Repositories[n.Repository] = &quay.Repository{Name: n.Repository, Description: n.Mark, Visibility: quay.Private}
	s.Roles[n.Repository] = map[string]quay.Role{}
	for _, a := range n.Accounts() {
		s.Robot(a, n.Repository)
		s.Roles[n.Repository][a.Robot] = a.Role
		login := s.Naming.Login(a.Robot)
		s.Secrets[component.Key{Namespace: c.Namespace, Name: a.Secret}] = &world.Secret{
			Owned: component.Mine, Type: component.SecretType, Labels: component.Labels(&c),
			Content: component.Content{Image: image, Login: login, Fingerprint: world.At(s.Robots, a.Robot).Fingerprint},
		}
	}
	s.ServiceAccounts[component.Key{Namespace: c.Namespace, Name: "appstudio-pipeline"}].Secrets[n.Push.Secret] = true
	s.Components[len(s.Components)-1].Announced = component.Announcement{
		Image: image, Visibility: quay.Private, Secret: n.Push.Secret, PullSecret: n.Pull.Secret,
	}.Encode()
	return n
}

// Read makes of a settled World one that a run has read: what says again what the names of
// its Components say refers to their strings, what is as Berth writes it is not kept, and of
// the roles only those of a run's share are there.
func (s *Scene) Read() {
	s.Helper()
	s.NameComponents()
	was := s.World
	s.Repositories, s.Robots, s.Roles = map[string]*quay.Repository{}, map[string]*world.Robot{}, map[string]map[string]quay.Role{}
	s.Secrets, s.RemoteSecrets = map[component.Key]*world.Secret{}, map[component.Key]*world.RemoteSecret{}
	i := 0
	s.Further = world.Further{}
	for c := range s.All() {
		n := s.Called(component.KeyOf(c))
		r := *was.Repositories[n.Repository]
		r.Name, r.Description = n.Repository, n.Mark
		s.Repositories[r.Name] = &r
		if roles := was.Roles[r.Name]; i%share == 0 {
			s.Roles[r.Name] = roles
		}
		for _, a := range n.Accounts() {
			key := component.Key{Namespace: c.Namespace, Name: a.Secret}
			robot, secret := *was.Robots[a.First], *was.Secrets[key]
			robot.Mark, robot.Repositories = a.Mark, n.Own()
			secret.Slim, secret.Labels = true, nil
			secret.Content = component.Content{Image: n.Image, Login: n.Login(s.Naming, a.First), Fingerprint: robot.Fingerprint}
			s.Robots[a.First], s.Secrets[key] = &robot, &secret
			if remote := was.RemoteSecrets[key]; remote != nil {
				s.RemoteSecrets[key] = remote
			}
		}
		for _, account := range s.Policy.PushAccounts(c.Name) {
			rename(s.ServiceAccounts[component.Key{Namespace: c.Namespace, Name: account}].Secrets, n.Push.Secret)
		}
		for _, account := range s.Policy.PullAccounts(c.Name) {
			rename(s.ServiceAccounts[component.Key{Namespace: c.Namespace, Name: account}].Pull, n.Pull.Secret)
		}
		i++
	}
	s.Gather()
}

// share is of how many repositories a run in each quarter of an hour looks at the roles of one.
const share = 96

// rename lets a set refer to the string of one of its names.
func rename(set map[string]bool, name string) {
	delete(set, name)
	set[name] = true
}

// Robot puts an account's robot into the World.
func (s *Scene) Robot(a component.Account, repositories ...string) {
	s.Robots[a.Robot] = &world.Robot{
		Mark: a.Mark, Repositories: repositories,
		Fingerprint: component.Fingerprint(s.Naming.Login(a.Robot), "token of "+a.Robot),
	}
}

// Change edits the entry of a map in place.
func Change[K comparable, V any](m map[K]V, key K, edit func(*V)) {
	v := m[key]
	edit(&v)
	m[key] = v
}

// Alter edits what a map refers to; nobody else who refers to it sees that.
func Alter[K comparable, V any](m map[K]*V, key K, edit func(*V)) {
	v := world.At(m, key)
	edit(&v)
	m[key] = &v
}

// Shuffle puts a list into another order.
func Shuffle[T any](random *rand.Rand, list []T) {
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}
