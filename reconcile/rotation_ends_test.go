package reconcile_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
)

// ends are Quay and the cluster as plain maps, for tests that make hundreds of
// thousands of runs: as much of both as the rotation of one settled Component
// touches. What it says of conflicts and conditions is what the simulators say,
// and through them the real ones.
type ends struct {
	mu        sync.Mutex
	clock     time.Time
	cluster   string // its uid
	repo      quay.Repository
	robots    map[string]robotEnd
	secrets   map[string]secretEnd
	component kube.Component
	version   int // of the Component

	asked map[string]int // regenerations of each robot when the open request was made
	lost  int            // requests acknowledged without a later regeneration
}

type robotEnd struct {
	mark        string
	role        quay.Role
	regenerated int
}

type secretEnd struct {
	secret  kube.Secret
	version int
}

// token is a robot's after n regenerations.
func token(robot string, n int) string {
	return strings.ToUpper(robot[len(robot)-4:]) + fmt.Sprintf("%060d", n)
}

// newEnds copies a settled world from the simulators and lets its owner ask for a
// rotation.
var newEnds = func() func() *ends {
	var once sync.Once
	var first ends
	return func() *ends {
		once.Do(func() { first.copyFrom(newEnv()) })
		e := &ends{clock: first.clock, cluster: first.cluster, repo: first.repo, component: first.component, version: 1, robots: maps.Clone(first.robots), secrets: maps.Clone(first.secrets)}
		e.component.Annotations = maps.Clone(first.component.Annotations)
		e.ask()
		return e
	}
}()

func (e *ends) copyFrom(w *env) {
	w.settledComponent()
	e.clock = w.clock
	metadata, _ := w.cluster.Object("namespaces", "", "kube-system")["metadata"].(map[string]any)
	e.cluster = fmt.Sprint(metadata["uid"])
	e.robots, e.secrets = map[string]robotEnd{}, map[string]secretEnd{}
	for _, r := range w.quay.Snapshot().Repositories {
		e.repo = quay.Repository{Name: strings.TrimPrefix(r.Name, org+"/"), Description: r.Description, Visibility: quay.Private}
	}
	for _, r := range w.quay.Snapshot().Robots {
		name := strings.TrimPrefix(r.Name, org+"+")
		e.robots[name] = robotEnd{mark: r.Description, role: quay.Role(r.Permissions[org+"/"+e.repo.Name])}
	}
	_, k := w.clients(direct)
	var err error
	if e.component, err = k.Component(context.Background(), "tenant", "billing"); err != nil {
		panic(err)
	}
	for _, name := range []string{"billing-image-push", "billing-image-pull"} {
		s, err := k.Secret(context.Background(), "tenant", name)
		if err != nil {
			panic(err)
		}
		e.secrets[name] = secretEnd{secret: s}
		robot := strings.TrimPrefix(w.login(name), org+"+")
		e.put(name, e.content(robot), "")
	}
}

// robotOf is the robot whose use a Secret's name ends in.
func (e *ends) robotOf(secret string) string {
	for robot := range e.robots {
		if strings.HasSuffix(robot, secret[len(secret)-4:]) {
			return robot
		}
	}
	panic("no robot for " + secret)
}

// content is the Secret's of a robot as it is now.
func (e *ends) content(robot string) []byte {
	auth := base64.StdEncoding.EncodeToString([]byte(org + "+" + robot + ":" + token(robot, e.robots[robot].regenerated)))
	return fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, host+"/"+org+"/"+e.repo.Name, auth)
}

func (e *ends) put(name string, content []byte, rotatedAt string) {
	s := e.secrets[name]
	s.version++
	s.secret = s.secret.WithContent(content)
	s.secret.ResourceVersion, s.secret.RotatedAt = strconv.Itoa(s.version), rotatedAt
	e.secrets[name] = s
}

// ask sets the annotation, as the owner of the Component does.
func (e *ends) ask() {
	e.asked = map[string]int{}
	for name, r := range e.robots {
		e.asked[name] = r.regenerated
	}
	e.component.Annotations[component.AnnotationGenerate] = "true"
	e.touch()
}

func (e *ends) touch() {
	e.version++
	e.component.ResourceVersion = strconv.Itoa(e.version)
}

// violations are what must not be when nobody is at work any more.
func (e *ends) violations() []string {
	found := e.deadTokens()
	if e.lost > 0 {
		found = append(found, "lost request: acknowledged without a regeneration")
	}
	if e.component.Annotations[component.AnnotationGenerate] != "" || e.component.Annotations[component.AnnotationRotation] != "" {
		found = append(found, "lost request: it was not acknowledged")
	}
	return found
}

// deadTokens reports the Secrets that do not carry their robot's current token.
func (e *ends) deadTokens() (found []string) {
	for name, s := range e.secrets {
		robot := e.robotOf(name)
		if string(s.secret.DockerConfigJSON()) != string(e.content(robot)) {
			found = append(found, "dead token in Secret "+name)
		}
	}
	return found
}

// state is everything that a further call could depend on.
func (e *ends) state() string {
	var b strings.Builder
	fmt.Fprint(&b, e.version, e.component.Annotations, e.asked, e.lost)
	for _, name := range []string{"billing-image-push", "billing-image-pull"} {
		fmt.Fprint(&b, e.secrets[name].version, string(e.secrets[name].secret.DockerConfigJSON()))
	}
	fmt.Fprint(&b, e.robots) // maps print in order
	return b.String()
}

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

func (p party) ListRobotPermissions(context.Context, string) (map[string]quay.Role, error) {
	roles := map[string]quay.Role{}
	for name, r := range p.ends.robots {
		roles[name] = r.role
	}
	return roles, nil
}

func (p party) robot(name string) quay.Robot {
	r := p.ends.robots[name]
	return quay.Robot{Name: name, Description: r.mark, Token: quay.NewToken(token(name, r.regenerated)), Repositories: []string{p.ends.repo.Name}}
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
		p.tell(p.ends.robots[name].regenerated) // the token itself does not print
		return p.robot(name), nil
	})
}

func (p party) RegenerateRobotToken(_ context.Context, name string) error {
	return done(p, "regenerate "+name, func() error {
		r := p.ends.robots[name]
		r.regenerated++
		p.ends.robots[name] = r
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

func (p party) Components(context.Context, string, string) ([]kube.Component, error) {
	return call(p, "list Components", func() ([]kube.Component, error) { return []kube.Component{p.copied()}, nil })
}

func (p party) Component(context.Context, string, string) (kube.Component, error) {
	return call(p, "get Component", func() (kube.Component, error) { return p.copied(), nil })
}

func (p party) Annotate(_ context.Context, c kube.Component, change kube.AnnotationChange) (kube.Component, error) {
	return call(p, "annotate", func() (kube.Component, error) {
		now := p.ends.component
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
			delete(now.Annotations, name)
			if name == component.AnnotationGenerate {
				p.ends.acknowledged()
			}
		}
		p.ends.touch()
		return p.copied(), nil
	})
}

func (e *ends) acknowledged() {
	for name, r := range e.robots {
		if r.regenerated <= e.asked[name] {
			e.lost++
		}
	}
}

func (p party) Secrets(context.Context, string, string) ([]kube.Secret, error) {
	return call(p, "list Secrets", func() (all []kube.Secret, _ error) {
		for _, name := range []string{"billing-image-push", "billing-image-pull"} {
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
