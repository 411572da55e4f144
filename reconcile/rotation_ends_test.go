package reconcile_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"hash/maphash"
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
	*lasting
	clock     time.Time
	sent      time.Time // when the call was sent that has its effect now: an hour may pass in between, but no call takes one
	robots    map[string]robotEnd
	born      map[string]int       // robots ever made, by name
	left      map[string]time.Time // when a Secret was moved away from them
	secrets   map[string]secretEnd
	component *kube.Component // replaced, too, when it changes
	version   int             // of the Component

	request *request // that stands
	taken   *request // that the marker stands for
	harsh   bool     // somebody has asked to revoke
	found   []string // what was wrong in some state
}

// lasting is what no call changes.
type lasting struct {
	cluster  string // its uid
	repo     quay.Repository
	accounts [2]component.Account
}

type robotEnd struct {
	mark    string
	role    quay.Role // "": none
	made    int       // which of the robots of this name it is
	created time.Time
}

type secretEnd struct {
	secret  kube.Secret
	version int
	robot   string // that it logs in as; "": a user wrote it
	made    int
}

// request is what a user asked for, and what there was then.
type request struct {
	how    component.How
	newest [2]string // generations, push and pull
}

// secretNames are in the order of the accounts.
var secretNames = [2]string{"billing-image-push", "billing-image-pull"}

// tokenOf is that of the nth robot of a name.
func tokenOf(robot string, n int) string {
	of := struct {
		robot string
		n     int
	}{robot, n}
	token, known := tokens.Load(of)
	if !known {
		token, _ = tokens.LoadOrStore(of, fmt.Sprintf("%X%032d", component.Hash(16, robot), n))
	}
	return token.(string)
}

var tokens sync.Map // that were asked for: they are few

// newEnds copies a settled world from the simulators and lets its owner ask for a
// rotation.
var newEnds = func() func() *ends { return newEndsAsking(component.Revoke) }()

var firstEnds = sync.OnceValue(func() *ends {
	var e ends
	e.copyFrom(newEnv())
	return &e
})

func newEndsAsking(how component.How) func() *ends {
	return func() *ends {
		first := firstEnds()
		e := &ends{
			lasting: first.lasting, clock: first.clock, component: first.component, version: 1, left: map[string]time.Time{},
			robots: first.robots, born: first.born, secrets: first.secrets,
		}
		e.ask(how)
		return e
	}
}

func (e *ends) copyFrom(w *env) {
	w.settledComponent()
	e.clock = w.clock.Add(time.Hour)
	e.lasting = &lasting{cluster: w.id()}
	e.robots, e.secrets, e.born, e.left = map[string]robotEnd{}, map[string]secretEnd{}, map[string]int{}, map[string]time.Time{}
	for _, r := range w.quay.Snapshot().Repositories {
		e.repo = quay.Repository{Name: strings.TrimPrefix(r.Name, org+"/"), Description: r.Description, Visibility: quay.Private}
	}
	_, k := w.clients(direct)
	c, err := k.Component(context.Background(), kube.AppStudio, "tenant", "billing")
	if err != nil {
		panic(err)
	}
	e.component = &c
	n, err := component.Naming{Cluster: e.cluster, Host: host, Organization: org, Layout: component.LayoutComponent}.Names(e.component, "uid-of-namespace-tenant")
	if err != nil {
		panic(err)
	}
	e.accounts = n.Accounts()
	for i, a := range e.accounts {
		e.robots[a.Robot] = robotEnd{mark: a.Mark, role: a.Role, made: 1, created: w.clock}
		e.born[a.Robot] = 1
		s, err := k.Secret(context.Background(), "tenant", secretNames[i])
		if err != nil {
			panic(err)
		}
		e.secrets[secretNames[i]] = secretEnd{secret: s}
		e.put(secretNames[i], e.content(a.Robot), "")
	}
}

// content is a Secret's that logs in as a robot as it is now.
func (e *ends) content(robot string) []byte {
	auth := base64.StdEncoding.EncodeToString([]byte(org + "+" + robot + ":" + tokenOf(robot, e.robots[robot].made)))
	return fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, host+"/"+org+"/"+e.repo.Name, auth)
}

// put writes a Secret; one that logs in as no robot is a user's.
func (e *ends) put(name string, content []byte, rotatedAt string) {
	s := e.secrets[name]
	s.version++
	s.secret = s.secret.WithContent(content)
	s.secret.ResourceVersion = strconv.Itoa(s.version)
	if rotatedAt != "" {
		s.secret.RotatedAt = rotatedAt
	}
	before := s.robot
	s.robot, s.made = e.loginOf(content)
	if before != s.robot && before != "" {
		e.left = with(e.left, before, e.sent)
	}
	if before > s.robot && s.robot != "" && e.robots[before].made > 0 {
		e.wrong("fell: Secret %s from %s to %s", name, before, s.robot)
	}
	e.secrets = with(e.secrets, name, s)
}

// loginOf is the robot that a Secret logs in as, and which of its name.
func (e *ends) loginOf(content []byte) (robot string, made int) {
	l, known := logins.Load(string(content))
	if !known {
		_, login, token := credentialOf(content)
		l, _ = logins.LoadOrStore(string(content), [2]string{strings.TrimPrefix(login, org+"+"), token})
	}
	robot, token := l.([2]string)[0], l.([2]string)[1]
	for n := 1; robot != "" && n <= e.born[robot]; n++ {
		if tokenOf(robot, n) == token {
			made = n
		}
	}
	return robot, made
}

// logins are those of contents that were looked at: they are few, and looked at a million times.
var logins sync.Map

func (e *ends) wrong(format string, args ...any) {
	e.found = append(e.found, fmt.Sprintf(format, args...))
}

// ask sets the annotation, as the owner of the Component does.
func (e *ends) ask(how component.How) {
	value := map[component.How]string{component.Revoke: "true", component.Graceful: `{"rotate":"graceful"}`}[how]
	if e.component.Annotations[component.AnnotationGenerate] == value {
		return // the same words again change nothing
	}
	e.request = &request{how: how}
	for i, a := range e.accounts {
		e.request.newest[i] = e.newest(a)
	}
	e.harsh = e.harsh || how == component.Revoke
	e.touch()
	e.component.Annotations = with(e.component.Annotations, component.AnnotationGenerate, value)
}

// withdraw takes the annotation off.
func (e *ends) withdraw() {
	e.request = nil
	e.touch()
	e.component.Annotations = without(e.component.Annotations, component.AnnotationGenerate)
}

// edit lets a user spoil a Secret.
func (e *ends) edit(name string) {
	e.sent = e.clock
	e.put(name, []byte(`{}`), "")
}

// newest is the newest generation that there is.
func (e *ends) newest(a component.Account) string {
	newest := ""
	for name := range e.robots {
		if _, ok := a.StampOf(name); ok {
			newest = max(newest, name)
		}
	}
	return newest
}

// touch puts another version of the Component in its place.
func (e *ends) touch() {
	c := *e.component
	e.component = &c
	e.version++
	c.ResourceVersion = strconv.Itoa(e.version)
}

// look demands what must hold in every state.
func (e *ends) look() {
	asked.states.Add(1)
	for i, a := range e.accounts {
		s := e.secrets[secretNames[i]]
		if r := e.robots[s.robot]; s.robot != "" && (r.made != s.made || r.role != a.Role) {
			e.wrong("dead token in Secret %s, which logs in as %s", secretNames[i], s.robot)
		}
	}
}

// acknowledged judges the patch that takes the marker off.
func (e *ends) acknowledged() {
	r := e.taken
	e.taken = nil
	if r == nil {
		return
	}
	for i, a := range e.accounts {
		if s := e.secrets[secretNames[i]]; s.robot != "" && s.robot <= r.newest[i] {
			e.wrong("lost request: acknowledged while Secret %s holds %s", secretNames[i], s.robot)
		}
		for name, robot := range e.robots {
			if _, ok := a.StampOf(name); ok && r.how == component.Revoke && name <= r.newest[i] && robot.made == 1 && robot.role != "" {
				e.wrong("alive after revoke: %s", name)
			}
		}
	}
}

// unsettled is what must not be when nobody is at work any more.
func (e *ends) unsettled() (found []string) {
	if e.request != nil || e.taken != nil || e.component.Annotations[component.AnnotationGenerate] != "" || e.component.Annotations[component.AnnotationRotation] != "" {
		found = append(found, "lost request: it was not acknowledged")
	}
	for i, a := range e.accounts {
		s := e.secrets[secretNames[i]]
		if s.robot == "" || e.robots[s.robot].made != s.made || e.robots[s.robot].role != a.Role {
			found = append(found, "dead token in Secret "+secretNames[i]+" at rest")
		}
	}
	if len(e.robots) != 2 {
		found = append(found, fmt.Sprintf("not settled: %d robots are left", len(e.robots)))
	}
	return found
}

// clone is the same world once more: its maps and its Component are never changed, but replaced.
func (e *ends) clone() *ends {
	c := *e
	return &c
}

// with is a map with something else in it.
func with[K comparable, V any](m map[K]V, key K, value V) map[K]V {
	more := map[K]V{key: value}
	for k, v := range m {
		if k != key {
			more[k] = v
		}
	}
	return more
}

// without is a map without something.
func without[K comparable, V any](m map[K]V, key K) map[K]V {
	m = maps.Clone(m)
	delete(m, key)
	return m
}

var hashSeed = maphash.MakeSeed()

// state is short for everything that a further call, or a judgement of it, could depend
// on: of a million, two are taken for one in one of ten million tries.
func (e *ends) state() uint64 {
	type thing struct {
		of, name, text string
		n              int
		at             int64
		newest         [2]string
	}
	sum := uint64(0) // in any order
	note := func(t thing) { sum += maphash.Comparable(hashSeed, t) }
	note(thing{of: "component", n: e.version, at: e.clock.Unix(), name: strconv.FormatBool(e.harsh)})
	if r := e.request; r != nil {
		note(thing{of: "request", name: string(r.how), newest: r.newest})
	}
	if r := e.taken; r != nil {
		note(thing{of: "taken", name: string(r.how), newest: r.newest})
	}
	note(thing{of: "announced", text: e.component.Announced})
	for name, value := range e.component.Annotations {
		note(thing{of: "annotation", name: name, text: value})
	}
	for name, s := range e.secrets {
		note(thing{of: name, name: s.robot, text: s.secret.RotatedAt, n: s.made, at: int64(s.version)})
	}
	for name, r := range e.robots {
		note(thing{of: "robot", name: name, text: string(r.role), n: r.made, at: r.created.Unix()})
	}
	for name, n := range e.born {
		note(thing{of: "born", name: name, n: n})
	}
	for name, at := range e.left {
		note(thing{of: "left", name: name, at: at.Unix()})
	}
	return sum
}

// listed adds what a run can see.
func (e *ends) listed(b []byte) []byte {
	b = strconv.AppendInt(b, e.clock.Unix(), 10)
	b = appendText(b, *e.component)
	for _, name := range secretNames {
		b = appendText(b, e.secrets[name].secret)
	}
	for _, name := range slices.Sorted(maps.Keys(e.robots)) {
		r := e.robots[name]
		b = append(append(append(b, name...), ' '), r.role...)
		b = strconv.AppendInt(append(b, ' '), int64(r.made), 10)
		b = strconv.AppendInt(append(b, ' '), r.created.Unix(), 10)
	}
	return b
}

// appendText tells answers apart: tokens and contents do not print of themselves.
func appendText(b []byte, answer any) []byte {
	switch a := answer.(type) {
	case nil:
		return b
	case *ends:
		return a.listed(b)
	case quay.Robot:
		b = append(append(append(append(b, a.Name...), ' '), a.Token.Reveal()...), ' ')
		return strconv.AppendInt(b, a.Created.Unix(), 10)
	case map[string]quay.Role:
		for _, name := range slices.Sorted(maps.Keys(a)) {
			b = append(append(append(append(b, name...), ' '), a[name]...), ' ')
		}
		return b
	case kube.Secret:
		b = append(append(append(append(b, a.ResourceVersion...), ' '), a.RotatedAt...), ' ')
		return append(b, a.DockerConfigJSON()...)
	case kube.Component:
		b = append(append(append(b, a.ResourceVersion...), ' '), a.Announced...)
		for _, name := range slices.Sorted(maps.Keys(a.Annotations)) {
			b = append(append(append(append(b, ' '), name...), ' '), a.Annotations[name]...)
		}
		return b
	}
	return fmt.Append(b, answer)
}
