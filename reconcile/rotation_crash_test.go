package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/quay/quaytest"
	"berth/reconcile/component"
	"berth/reconcile/report"
	"berth/reconcile/world"
)

// position is where in a call a run dies.
type position int

const (
	beforeSending position = iota
	withoutEffect          // sent, and lost on the way
	withoutAnswer          // it took effect, and the answer was lost
	afterAnswer
	positions
)

// killer lets a run die in its nth call: from then on nothing it does reaches
// anybody, which is all that the world sees of a dead process.
type killer struct {
	at     int // 0: never
	how    position
	writes bool   // only calls that change something count
	exit   func() // really ends the process; nil: see above

	mu    sync.Mutex
	calls int
	dead  bool
}

var errDead = errors.New("the process is dead")

func (k *killer) between(end http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		k.mu.Lock() // also orders the calls
		defer k.mu.Unlock()
		if k.dead {
			return nil, errDead
		}
		if !k.writes || r.Method != http.MethodGet {
			k.calls++
		}
		if k.calls != k.at || k.writes && r.Method == http.MethodGet {
			return end.RoundTrip(r)
		}
		if k.how == beforeSending || k.how == withoutEffect {
			return k.die(nil, errDead)
		}
		answer, err := end.RoundTrip(r)
		if k.how == withoutAnswer {
			return k.die(nil, errDead)
		}
		return k.die(answer, err)
	})
}

func (k *killer) die(answer *http.Response, err error) (*http.Response, error) {
	k.dead = true
	if k.exit != nil {
		k.exit()
	}
	return answer, err
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// scenario is a world in which one run has something to do.
type scenario struct {
	name     string
	prepare  func(*env)
	adopt    bool
	rotation bool
	prompt   bool     // the operator of RemoteSecrets acts right after the crash, too
	places   []string // where the pull Secret belongs in the end
	remains  string   // what is public or private in the end, and whether its source is remembered; "": whatever
	made     *imageController
	release  bool // what was taken over is given back
}

var scenarios = []scenario{
	{name: "create", prepare: func(e *env) {
		e.component("tenant", "billing", "uid-1")
	}},
	{name: "drift", prepare: func(e *env) {
		e.settledComponent()
		e.quay.SetVisibility("acme/tenant/billing", true)
		e.quay.SetPermission("acme/tenant/billing", e.login("billing-image-pull"), "admin")
		e.quay.SetPermission("acme/stranger/app", e.login("billing-image-push"), "read")
		e.quay.AddToTeam("acme", "owners", e.login("billing-image-push"))
		e.quay.RegenerateToken(e.login("billing-image-push"))
		e.cluster.Delete("secrets", "tenant", "billing-image-pull")
		e.component("tenant", "billing", "uid-1", `image.redhat.com/image: "{}"`)
	}},
	{name: "adopt", adopt: true, prepare: func(e *env) {
		e.quay.AddRepository(quaytest.Repository{Name: "acme/tenant/billing", Public: true, Creator: "platform"})
		e.component("tenant", "billing", "uid-1")
	}},
	{name: "refuse", remains: "public, refused", prepare: func(e *env) {
		e.sourced().says(itsSourceRefuses)
	}},
	{name: "close", remains: "private, refused, closed", prepare: func(e *env) {
		e.sourced().says(itsSourceRefuses)
		e.newRun().Do(context.Background())
		e.clock = e.clock.Add(world.SecondLook)
	}},
	{name: "open", remains: "public", prepare: func(e *env) {
		git := e.sourced()
		git.says(itsSourceRefuses)
		e.newRun().Do(context.Background())
		e.clock = e.clock.Add(world.SecondLook)
		e.newRun().Do(context.Background())
		git.says(itsSourceIsOpen)
	}},
	takeOverScenario("take over in place", imageController{name: "billing", older: true, components: true, generate: `{"visibility":"public"}`}),
	takeOverScenario("take over beside", imageController{name: "billing", annotated: true, public: true}),
	releaseScenario("release in place", imageController{name: "billing", components: true}),
	releaseScenario("release beside", imageController{name: "billing", older: true, annotated: true, public: true}),
	{name: "supersede", prepare: func(e *env) {
		e.settledComponent()
		e.cluster.Delete("components", "tenant", "billing")
		e.component("tenant", "billing", "uid-2")
	}},
	{name: "rotate", rotation: true, prepare: func(e *env) {
		e.settledComponent()
		e.rotate()
	}},
	{name: "rotate gracefully", rotation: true, prepare: func(e *env) {
		e.settledComponent()
		e.rotateGracefully()
	}},
	{name: "hand over", rotation: true, prepare: func(e *env) {
		e.settledComponent()
		e.handOver()
	}},
	{name: "drain", prepare: func(e *env) {
		e.settledComponent()
		e.rotateGracefully()
		e.newRun().Do(context.Background())
		e.clock = e.clock.Add(2 * overlap)
		e.quay.ResetCalls()
	}},
	{name: "rotate again", rotation: true, prepare: func(e *env) {
		e.settledComponent()
		e.rotateGracefully()
		e.newRun().Do(context.Background())
		e.clock = e.clock.Add(15 * time.Minute)
		e.quay.ResetCalls()
		e.rotate()
	}},
	deliveryScenario("deliver", false, (*env).bindAll, "tenant", "tenant-stage", "prod"),
	deliveryScenario("deliver promptly", true, (*env).bindAll, "tenant", "tenant-stage", "prod"),
	deliveryScenario("move", true, func(e *env) {
		e.deliverAll()
		e.unbind("billing", "stage")
		e.environment("extra", "unstableConfigurationFields: {kubernetesCredentials: {targetNamespace: tenant-extra, apiURL: '', clusterCredentialsSecret: ''}}")
		e.bind("billing", "extra")
	}, "tenant", "tenant-extra", "prod"),
	rotation(deliveryScenario("rotate and deliver", false, func(e *env) { e.deliverAll(); e.rotate() }, "tenant", "tenant-stage", "prod")),
	rotation(deliveryScenario("rotate gracefully and deliver", false, func(e *env) { e.deliverAll(); e.rotateGracefully() }, "tenant", "tenant-stage", "prod")),
	rotation(deliveryScenario("rotate and deliver promptly", true, func(e *env) { e.deliverAll(); e.rotate() }, "tenant", "tenant-stage", "prod")),
	rotation(deliveryScenario("rotate what is on its way", true, func(e *env) {
		e.bindAll()
		e.newRun().Do(context.Background())
		e.quay.ResetCalls()
		e.rotate()
	}, "tenant", "tenant-stage", "prod")),
}

func deliveryScenario(name string, prompt bool, prepare func(*env), places ...string) scenario {
	return scenario{name: name, prompt: prompt, places: places, prepare: func(e *env) {
		e.deliver()
		e.component("tenant", "billing", "uid-1")
		prepare(e)
	}}
}

func takeOverScenario(name string, m imageController) scenario {
	return scenario{name: name, adopt: true, made: &m, prepare: func(e *env) {
		e.cluster.Install("imagerepositories")
		e.imageController(m)
	}}
}

// releaseScenario gives back what was taken over, and was cleared.
func releaseScenario(name string, m imageController) scenario {
	s := takeOverScenario(name, m)
	fill := s.prepare
	s.release, s.adopt = true, false
	s.prepare = func(e *env) {
		fill(e)
		e.adopting().Do(context.Background())
		e.clearing()
		e.quay.ResetCalls()
	}
	return s
}

func rotation(s scenario) scenario {
	s.rotation = true
	return s
}

func (e *env) bindAll() { e.bind("billing", "dev", "stage", "prod") }

// deliverAll settles the Component in its environments.
func (e *env) deliverAll() {
	e.bindAll()
	e.newRun().Do(context.Background())
	e.sync()
	e.quay.ResetCalls()
}

func (e *env) settledComponent() {
	e.component("tenant", "billing", "uid-1")
	if s := e.newRun().Do(context.Background()); s.Result() != report.ResultOK {
		panic("the world did not settle")
	}
	e.quay.ResetCalls()
}

// newScenario also holds things that are nobody's business of Berth's.
func newScenario(s scenario) *env {
	e := newEnv()
	e.quay.AddRepository(quaytest.Repository{Name: "acme/stranger/app", Description: "somebody's", Creator: "platform"})
	e.quay.AddRobot(quaytest.Robot{Name: "acme+stranger", Description: "somebody's", Permissions: map[string]string{"acme/stranger/app": "write"}})
	e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: stranger, namespace: tenant}, stringData: {k: v}}`)
	s.prepare(e)
	return e
}

// foreign is the state of what is not Berth's.
func (e *env) foreign() string {
	var b strings.Builder
	for _, r := range e.quay.Snapshot().Repositories {
		if r.Description == "somebody's" {
			fmt.Fprintf(&b, "%s %v\n", r.Name, r.Public)
		}
	}
	fmt.Fprintln(&b, e.quay.RobotToken("acme+stranger"), e.cluster.Object("secrets", "tenant", "stranger"))
	return b.String()
}

// attempt makes a run that may die on the way.
func (e *env) attempt(s scenario, k *killer) {
	if s.made != nil {
		watch := &builders{e: e, made: []imageController{*s.made}}
		r := e.adoptingOver(func(end http.RoundTripper) http.RoundTripper { return k.between(watch.between(end)) })
		if s.release {
			releases(r)
		}
		r.Concurrency = 1
		r.Do(context.Background())
		e.blamed = append(e.blamed, watch.failed...)
		return
	}
	r := e.newRunOver(k.between)
	r.Policy.Adopt, r.Concurrency = s.adopt, 1
	r.Do(context.Background())
	if s.prompt {
		e.sync()
	}
}

// heal makes one clean run and reports what is then not as it should be.
func (e *env) heal(s scenario) (violations []string) {
	r := e.newRun()
	r.Policy.Adopt = s.adopt
	if s.made != nil {
		takesOver(r)
	}
	if s.release {
		releases(r)
	}
	if sum := r.Do(context.Background()); sum.Result() != report.ResultOK {
		violations = append(violations, fmt.Sprintf("not converged: the next run was %s: %v %v", sum.Result(), sum.Err, sum.Failures))
	}
	e.sync()
	if s.release {
		violations = append(violations, e.released(*s.made)...)
		if sum := e.adopting().Do(context.Background()); sum.Result() != report.ResultOK {
			violations = append(violations, fmt.Sprintf("not converged: the second take-over was %s: %v", sum.Result(), sum.Failures))
		}
	}
	if s.made != nil {
		violations = append(violations, e.takenOver(*s.made)...)
	}
	sum := e.newRun().Do(context.Background())
	if sum.Changes != (report.ChangeCount{}) || sum.Components.UpToDate != 1 {
		violations = append(violations, fmt.Sprintf("not converged: a second run would change %+v, %+v", sum.Changes, sum.Components))
	}
	if remains := e.remains("acme/tenant/billing"); s.remains != "" && remains != s.remains {
		violations = append(violations, fmt.Sprintf("not converged: the repository is %s", remains))
	}
	violations = append(violations, e.blamed...)
	violations = append(violations, e.deadTokens("billing-image-push", "billing-image-pull")...)
	if len(s.places) > 0 {
		violations = append(violations, e.undelivered(s.places...)...)
	}
	if !s.rotation {
		return violations
	}
	if e.annotation("tenant", "billing", component.AnnotationGenerate) != "" || e.annotation("tenant", "billing", component.AnnotationRotation) != "" {
		violations = append(violations, "lost request: it was not acknowledged")
	}
	made := e.made()
	for role, robots := range made {
		if len(robots) > 1 {
			violations = append(violations, fmt.Sprintf("extra robot: %v for %s", robots, role))
		}
	}
	if len(made) != 2 {
		violations = append(violations, fmt.Sprintf("lost request: robots were made for %d roles", len(made)))
	}
	if robots := e.ours(); e.secrets["tenant/billing-image-push"].revoked && len(robots) != 2 {
		violations = append(violations, fmt.Sprintf("alive after revoke: %v", robots))
	}
	return violations
}

// ours are the robots of the Component that are at Quay.
func (e *env) ours() (robots []string) {
	for _, r := range e.quay.Snapshot().Robots {
		if strings.Contains(r.Name, "_billing_") {
			robots = append(robots, r.Name)
		}
	}
	return robots
}

// deadTokens reports the Secrets that do not carry their robot's current token.
func (e *env) deadTokens(secrets ...string) (dead []string) {
	for _, name := range secrets {
		login, token := e.credential(name)
		if token == "" || token != e.quay.RobotToken(login) {
			dead = append(dead, "dead token in Secret "+name)
		}
	}
	return dead
}

func (e *env) login(secret string) string {
	login, _ := e.credential(secret)
	return login
}

// credential is what a Secret in the namespace tenant logs in with.
func (e *env) credential(secret string) (login, token string) {
	_, login, token = credentialIn(e.cluster.Object("secrets", "tenant", secret))
	return login, token
}

// made lists the robots of later generations that Quay was asked to make since the calls
// were last forgotten, by role.
func (e *env) made() map[string][]string {
	made := map[string][]string{}
	for _, c := range e.quay.Calls() {
		robot := path.Base(c.Path)
		parts := strings.Split(robot, "_")
		if c.Method != http.MethodPut || c.Route != quaytest.RouteRobot || len(parts[len(parts)-1]) != 14 {
			continue
		}
		if role := parts[len(parts)-2]; !slices.Contains(made[role], robot) {
			made[role] = append(made[role], robot)
		}
	}
	return made
}

// count sorts violations under the headings that are printed.
func count(violations []string, kind string) int {
	n := 0
	for _, v := range violations {
		if strings.HasPrefix(v, kind) {
			n++
		}
	}
	return n
}

// A run is killed in every call it makes, in each of four positions; one further
// run must mend whatever that left.
func TestCrashPoints(t *testing.T) {
	t.Parallel()
	points, converged, writes, step := 0, 0, 0, every(t, 48)
	var all []string
	for i, s := range scenarios {
		whole := &killer{}
		newScenario(s).attempt(s, whole)
		for at := 1 + i%step; at <= whole.calls; at += step { // each scenario begins elsewhere
			for how := range positions {
				points++
				e := newScenario(s)
				before := e.foreign()
				e.attempt(s, &killer{at: at, how: how})
				violations := e.heal(s)
				if e.foreign() != before && s.name != "drift" { // there a robot of ours is taken off the stranger's
					writes++
				}
				if len(violations) == 0 {
					converged++
				}
				for _, v := range violations {
					all = append(all, v)
					t.Errorf("%s, call %d of %d, position %d: %s", s.name, at, whole.calls, how, v)
				}
			}
		}
	}
	t.Logf("crash points: %d, converged: %d, dead tokens: %d, lost requests: %d, extra robots: %d, foreign writes: %d",
		points, converged, count(all, "dead token"), count(all, "lost request"), count(all, "extra robot"), writes)
	if points < 1200/step || writes > 0 {
		t.Errorf("%d crash points, %d foreign writes", points, writes)
	}
}

// The run that mends dies too. Without BERTH_CRASH_PAIRS=all a share of the pairs
// is tried: for every first crash some second ones.
func TestCrashPairs(t *testing.T) {
	t.Parallel()
	share, step := some(t, 5, 1), every(t, 21) // no multiple of positions
	pairs, converged := 0, 0
	var all []string
	var mu sync.Mutex
	var group sync.WaitGroup
	slots := make(chan struct{}, 2)
	for _, s := range scenarios {
		if !slices.Contains([]string{"create", "rotate", "rotate gracefully", "rotate again", "rotate and deliver"}, s.name) {
			continue
		}
		share := share
		if s.places != nil {
			share = max(1, share/4)
		}
		whole := &killer{}
		newScenario(s).attempt(s, whole)
		for first := 0; first < whole.calls*int(positions); first += step {
			if position(first%int(positions)) == withoutEffect && !everyPair() {
				continue // for the world the same as beforeSending; TestCrashPoints tries both
			}
			slots <- struct{}{}
			group.Go(func() {
				defer func() { <-slots }()
				tried, bad := crashTwice(s, first, share)
				mu.Lock()
				defer mu.Unlock()
				pairs += tried
				converged += tried - len(bad)
				all = append(all, slices.Concat(bad...)...)
			})
		}
	}
	group.Wait()
	for _, v := range all[:min(len(all), 20)] {
		t.Error(v)
	}
	t.Logf("crash pairs: %d, converged: %d, dead tokens: %d, lost requests: %d",
		pairs, converged, count(all, "dead token"), count(all, "lost request"))
	if share > 1 {
		asked.heavy.Add(1)
	}
	if least := map[bool]int{false: 400 * share / step, true: 14000}[everyPair()]; pairs < least {
		t.Errorf("%d pairs, want at least %d", pairs, least)
	}
}

func everyPair() bool { return os.Getenv("BERTH_CRASH_PAIRS") == "all" }

// crashTwice makes the first crash and then each of the second ones in turn.
func crashTwice(s scenario, first, share int) (tried int, bad [][]string) {
	once := func() *env {
		e := newScenario(s)
		e.attempt(s, &killer{at: first/int(positions) + 1, how: position(first % int(positions))})
		return e
	}
	second := &killer{}
	once().attempt(s, second)
	total := second.calls * int(positions)
	step := max(1, total/share)
	if everyPair() {
		step = 1
	}
	for i := first % step; i < total; i += step {
		e := once()
		e.attempt(s, &killer{at: i/int(positions) + 1, how: position(i % int(positions))})
		tried++
		if violations := e.heal(s); len(violations) > 0 {
			bad = append(bad, violations)
		}
	}
	return tried, bad
}

// killed names the environment variable with which this test's executable plays
// a run that is killed: "CALL POSITION QUAY CLUSTER".
const killed = "BERTH_TEST_KILLED"

// diedAsPlanned is the exit code of a run that was killed where it should be.
const diedAsPlanned = 137

// The same with a real process, for every call of a rotation that writes.
func TestCrashProcess(t *testing.T) {
	t.Parallel()
	if plan := os.Getenv(killed); plan != "" {
		beKilled(plan)
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	whole, step := &killer{writes: true}, every(t, 8)
	newScenario(rotate).attempt(rotate, whole)
	died := 0
	for at := 1; at <= whole.calls; at += step {
		for how := range positions {
			e := newScenario(rotate)
			q, k := httptest.NewServer(e.quay), httptest.NewServer(e.cluster)
			child := exec.CommandContext(t.Context(), self, "-test.run=^TestCrashProcess$")
			child.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", fmt.Sprintf("%s=%d %d %s %s", killed, at, how, q.URL, k.URL))
			out, err := child.CombinedOutput()
			q.Close()
			k.Close()
			var exit *exec.ExitError
			if errors.As(err, &exit) && exit.ExitCode() == diedAsPlanned {
				died++
			} else {
				t.Errorf("call %d, position %d: the process was not killed: %v\n%s", at, how, err, out)
			}
			for _, v := range e.heal(rotate) {
				t.Errorf("call %d of %d, position %d: %s", at, whole.calls, how, v)
			}
		}
	}
	t.Logf("killed processes: %d", died)
}

func beKilled(plan string) {
	k := &killer{writes: true, exit: func() { os.Exit(diedAsPlanned) }}
	var quayURL, kubeURL string
	if _, err := fmt.Sscan(plan, &k.at, &k.how, &quayURL, &kubeURL); err != nil {
		panic(err)
	}
	clock := newEnv().now
	network := k.between(http.DefaultTransport)
	toQuay, toKube := connect(quayURL, kubeURL, network, network)
	newRun(toQuay, toKube, clock).Do(context.Background())
}

// pause lets something else happen before or after a run's nth call.
type pause struct {
	at    int
	after bool
	do    func()

	mu    sync.Mutex
	calls int
}

func (p *pause) between(end http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		p.mu.Lock()
		p.calls++
		here := p.calls == p.at
		p.mu.Unlock()
		if here && !p.after {
			p.do()
		}
		answer, err := end.RoundTrip(r)
		if here && p.after {
			p.do()
		}
		return answer, err
	})
}

// A run pauses at every call in turn, while another run and the operator of RemoteSecrets
// do all they have to do; then it goes on with what it knew.
func TestAPausedRunDelivers(t *testing.T) {
	t.Parallel()
	pauses, step := 0, every(t, 16)
	for _, s := range scenarios {
		if !s.prompt { // here the operator acts during the pause
			continue
		}
		whole := &killer{}
		newScenario(s).attempt(s, whole)
		for at := 1; at <= whole.calls; at += step {
			for _, after := range []bool{false, true} {
				pauses++
				e := newScenario(s)
				r := e.newRunOver((&pause{at: at, after: after, do: func() {
					e.newRun().Do(context.Background())
					e.sync()
				}}).between)
				r.Concurrency, r.Header.Run = 1, "paused"
				r.Do(context.Background())
				e.sync()
				e.clock = e.clock.Add(3 * time.Hour)
				e.newRun().Do(context.Background())
				e.sync()
				once := s
				once.rotation = false
				for _, v := range e.heal(once) {
					t.Errorf("%s, call %d of %d, after it: %t: %s", s.name, at, whole.calls, after, v)
				}
				for role, robots := range e.made() {
					if len(robots) > 2 {
						t.Errorf("%s, call %d: %v made for %s by two runs", s.name, at, robots, role)
					}
				}
			}
		}
	}
	t.Logf("pauses: %d", pauses)
}
