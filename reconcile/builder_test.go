package reconcile

import (
	"math/rand/v2"
	"testing"

	"berth/kube"
	"berth/quay"
)

// scene is a World under construction. Whatever it is given is settled: there
// is nothing to do for it until a test changes something.
type scene struct {
	testing.TB
	World
}

func newScene(t testing.TB) *scene {
	t.Helper()
	return &scene{TB: t, World: World{
		Naming:          testNaming(),
		Policy:          Policy{Visibility: quay.Private, ReportOrphans: true, PushServiceAccounts: []string{"appstudio-pipeline"}},
		Whole:           true,
		Namespaces:      map[string]kube.Namespace{},
		Secrets:         map[Key]Secret{},
		Logins:          map[string]bool{},
		ServiceAccounts: map[Key]Links{},
		Repositories:    map[string]quay.Repository{},
		Robots:          map[string]Robot{},
		Roles:           map[string]map[string]quay.Role{},
	}}
}

func testNaming() Naming {
	return Naming{Cluster: "cluster-1", Host: "quay.example", Organization: "acme", Layout: LayoutComponent}
}

func component(namespace, name string) kube.Component {
	return kube.Component{
		Namespace: namespace, Name: name, UID: "uid-of-" + namespace + "/" + name, ResourceVersion: "1",
		Application: "shop", Annotations: map[string]string{},
	}
}

// add puts a Component into the World without anything made for it.
func (s *scene) add(c kube.Component) Names {
	s.Helper()
	if _, ok := s.Namespaces[c.Namespace]; !ok {
		s.Namespaces[c.Namespace] = kube.Namespace{Name: c.Namespace, UID: "uid-of-" + c.Namespace}
	}
	account := Key{c.Namespace, "appstudio-pipeline"}
	if s.ServiceAccounts[account].Secrets == nil {
		s.ServiceAccounts[account] = Links{map[string]bool{}, map[string]bool{}}
	}
	s.Components = append(s.Components, c)
	n, err := s.Names(c)
	if err != nil {
		s.Fatalf("names of %s: %v", keyOf(c), err)
	}
	return n
}

// settle puts a Component into the World with everything as it should be.
func (s *scene) settle(c kube.Component) Names {
	s.Helper()
	n := s.add(c)
	image := s.Naming.Image(n.Repository)
	s.Repositories[n.Repository] = quay.Repository{Name: n.Repository, Description: n.Mark, Visibility: quay.Private}
	s.Roles[n.Repository] = map[string]quay.Role{}
	for _, a := range n.accounts() {
		s.robot(a, n.Repository)
		s.Roles[n.Repository][a.Robot] = a.Role
		login := s.Naming.login(a.Robot)
		s.Logins[login] = true
		s.Secrets[Key{c.Namespace, a.Secret}] = Secret{
			Owned: mine, Type: secretType, Labels: labels(c),
			Content: content{Image: image, Login: login, Fingerprint: s.Robots[a.Robot].Fingerprint},
		}
	}
	s.ServiceAccounts[Key{c.Namespace, "appstudio-pipeline"}].Secrets[n.Push.Secret] = true
	c.Annotations[AnnotationImage] = announcement{
		Image: image, Visibility: quay.Private, Secret: n.Push.Secret, PullSecret: n.Pull.Secret,
	}.encode()
	return n
}

// robot puts an account's robot into the World.
func (s *scene) robot(a Account, repositories ...string) {
	s.Robots[a.Robot] = Robot{
		Mark: a.Mark, Repositories: repositories,
		Fingerprint: fingerprint(s.Naming.login(a.Robot), "token of "+a.Robot),
	}
}

// change edits the entry of a map in place.
func change[K comparable, V any](m map[K]V, key K, edit func(*V)) {
	v := m[key]
	edit(&v)
	m[key] = v
}

// shuffle puts a list into another order.
func shuffle[T any](random *rand.Rand, list []T) {
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}
