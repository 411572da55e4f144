package reconcile_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"berth/quay/quaytest"
	"berth/reconcile/component"
	"berth/reconcile/gitsource"
	"berth/reconcile/plan"
	"berth/reconcile/report"
	"berth/reconcile/world"
)

var (
	itsSourceIsOpen  = gitsource.Verdict{Answer: gitsource.Public, Reason: "anybody may read its source"}
	itsSourceRefuses = gitsource.Verdict{Answer: gitsource.Private, Reason: "its source asks for a login", Refusal: gitsource.Login}
)

// hosts are asked for whatever is an address.
type hosts struct{}

func (hosts) Asks(address string) bool { return address != "" }

// source is a git host with one repository, which may change while it is asked.
type source struct {
	hosts
	verdict atomic.Value
}

func (s *source) Probe(context.Context, string) gitsource.Verdict {
	return s.verdict.Load().(gitsource.Verdict)
}

func (s *source) says(v gitsource.Verdict) { s.verdict.Store(v) }

func newSource(v gitsource.Verdict) *source {
	s := new(source)
	s.says(v)
	return s
}

// sourced settles a Component whose repository is public because its source is.
func (e *env) sourced() *source {
	git := newSource(itsSourceIsOpen)
	e.git = git
	e.settledComponent()
	return git
}

// remains is what a repository is, and what is remembered of its source.
func (e *env) remains(repository string) string {
	for _, r := range e.quay.Snapshot().Repositories {
		if r.Name == repository {
			m := component.Description(r.Description).Memory()
			words := []string{map[bool]string{true: "public", false: "private"}[r.Public]}
			if m.Refusal != "" {
				words = append(words, "refused")
			}
			if m.Closed {
				words = append(words, "closed")
			}
			return strings.Join(words, ", ")
		}
	}
	return "not there"
}

// A repository follows its source: it is closed by two refusals a day apart, and opened
// again if that was what closed it, and not a person. Each step is written down once.
func TestRepositoryFollowsItsSource(t *testing.T) {
	t.Parallel()
	const billing = "acme/tenant/billing"
	e := newEnv()
	git := e.sourced()
	run := func(verdict gitsource.Verdict, later time.Duration, calls int, want string) {
		t.Helper()
		git.says(verdict)
		e.clock = e.clock.Add(later)
		for i := range 3 {
			e.quay.ResetCalls()
			s := e.run(t)
			wrote := 0
			for _, c := range e.quay.Calls() {
				if c.Route == quaytest.RouteRepository || c.Route == quaytest.RouteVisibility {
					wrote++
				}
			}
			if i > 0 && s.Changes != (report.ChangeCount{}) {
				t.Errorf("run %d: %+v", i+1, s.Changes)
			}
			if i > 0 {
				calls = 0
			}
			if wrote != calls {
				t.Errorf("run %d asked Quay %d times about the repository, want %d", i+1, wrote, calls)
			}
		}
		if got := e.remains(billing); got != want {
			t.Errorf("it is %s, want %s", got, want)
		}
	}
	unknown := gitsource.Verdict{Reason: "its source could not be reached"}
	run(unknown, 0, 0, "public")
	run(itsSourceRefuses, time.Hour, 2, "public, refused")
	run(itsSourceRefuses, world.SecondLook-2*time.Second, 0, "public, refused")
	run(itsSourceIsOpen, 0, 2, "public")
	run(itsSourceRefuses, time.Hour, 2, "public, refused")
	run(unknown, world.SecondLook, 0, "public, refused")
	run(itsSourceRefuses, 0, 3, "private, refused, closed")
	if told := e.annotation("tenant", "billing", component.AnnotationImage); !strings.Contains(told, `"visibility":"private"`) || strings.Contains(told, "message") {
		t.Errorf("its owner is told %s", told)
	}
	run(unknown, 48*time.Hour, 0, "private, refused, closed")
	run(itsSourceIsOpen, time.Hour, 4, "public")

	run(itsSourceRefuses, time.Hour, 2, "public, refused")
	e.quay.SetVisibility(billing, false)
	run(itsSourceRefuses, world.SecondLook, 0, "private, refused")
	run(itsSourceIsOpen, time.Hour, 0, "private, refused")
}

// While a source has a second look before it, its owner and the plan say so.
func TestWhatWaitsForASecondLookIsTold(t *testing.T) {
	t.Parallel()
	e := newEnv()
	git := e.sourced()
	git.says(itsSourceRefuses)
	e.run(t)
	if told := e.annotation("tenant", "billing", component.AnnotationImage); !strings.Contains(told, "The repository becomes private when its source still is after a day.") {
		t.Errorf("its owner is told %s", told)
	}
	s := e.do(e.newRun())
	if want := "private at its source since 2026-03-16T12:07:00Z; closed after a second look from 2026-03-17T12:07:00Z on"; !strings.Contains(s.text, want) {
		t.Errorf("not said: %s\n%s", want, s.text)
	}
}

// Two runs are at one description, with different looks at the source. The second goes
// all its way at every call of the first about repositories. Whoever is last, nothing is public for good that
// its source closes, people's words stay, and what is private is so because a source or
// a person wanted it.
func TestTwoRunsAtOneDescription(t *testing.T) {
	t.Parallel()
	const billing = "acme/tenant/billing"
	looks := map[string]gitsource.Verdict{"refused": itsSourceRefuses, "shown": itsSourceIsOpen}
	worlds := []string{"refuse", "close", "open"}
	tried, lost := 0, 0
	for _, s := range scenarios {
		if !slices.Contains(worlds, s.name) {
			continue
		}
		for first, look := range looks {
			for second := range looks {
				for at := int64(1); ; at++ {
					e := newScenario(s)
					git := e.git.(*source)
					git.says(look)
					words := "\nAsk the tenant."
					e.quay.SetDescription(billing, e.text(billing)+words)
					var calls atomic.Int64 // lists are read side by side
					r := e.newRunOver(func(next http.RoundTripper) http.RoundTripper {
						return roundTrip(func(req *http.Request) (*http.Response, error) {
							if strings.Contains(req.URL.Path, "/api/v1/repository") && calls.Add(1) == at {
								git.says(looks[second])
								e.newRun().Do(context.Background())
							}
							return next.RoundTrip(req)
						})
					})
					r.Concurrency = 1
					r.Do(context.Background())
					if calls.Load() < at {
						break
					}
					tried++
					where := fmt.Sprintf("%s: first %s, second %s at call %d", s.name, first, second, at)
					if !strings.Contains(e.text(billing), words) {
						t.Errorf("%s: people's words are lost", where)
					}
					git.says(itsSourceIsOpen)
					e.run(t)
					e.settled(t)
					if got := e.remains(billing); got != "public" {
						lost++ // a memory: it is private for good, until somebody states otherwise
						if !strings.HasPrefix(got, "private") || strings.Contains(got, "closed") {
							t.Errorf("%s: it is %s", where, got)
						}
					}
					git.says(itsSourceRefuses)
					e.run(t)
					e.clock = e.clock.Add(world.SecondLook)
					e.run(t)
					e.settled(t)
					if got := e.remains(billing); !strings.HasPrefix(got, "private") {
						t.Errorf("%s: it is %s though its source refuses", where, got)
					}
				}
			}
		}
	}
	t.Logf("%d ways for two runs to be at one description, %d lost a memory", tried, lost)
	if tried < 30 || lost > tried/8 {
		t.Errorf("%d ways, %d lost a memory", tried, lost)
	}
}

// A person closes a repository that a run is about to close: it was the person.
func TestAPersonWasFaster(t *testing.T) {
	t.Parallel()
	const billing = "acme/tenant/billing"
	i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == "close" })
	e := newScenario(scenarios[i])
	r := e.newRunOver(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodGet && strings.HasSuffix(req.URL.Path, "/repository/"+billing) {
				e.quay.SetVisibility(billing, false)
			}
			return next.RoundTrip(req)
		})
	})
	if s := r.Do(t.Context()); s.ExitCode() != 0 || s.Components.Skipped != 1 {
		t.Errorf("exit %d, %+v", s.ExitCode(), s.Components)
	}
	e.git.(*source).says(itsSourceIsOpen)
	e.run(t)
	e.settled(t)
	if got := e.remains(billing); got != "private, refused" {
		t.Errorf("it is %s", got)
	}
}

// Where Quay takes no description, such as for words of people's that it holds for spam,
// nothing is closed that could not be opened again, and nobody is kept waiting for it.
func TestADescriptionThatIsRefused(t *testing.T) {
	t.Parallel()
	refuse := func(e *env) {
		e.quay.Inject(quaytest.Fault{
			Method: http.MethodPut, Route: quaytest.RouteRepository, Times: -1, Outcome: quaytest.Answer, Status: http.StatusBadRequest, ContentType: "application/json",
			Body: `{"detail": "Repository description was rejected by spam detection", "error_type": "invalid_request", "status": 400}`,
		})
	}
	for name, want := range map[string]int{"refuse": 0, "close": 1} {
		i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })
		e := newScenario(scenarios[i])
		before := e.remains("acme/tenant/billing")
		refuse(e)
		s := e.do(e.newRun())
		if got := e.remains("acme/tenant/billing"); got != before || s.ExitCode() != want || s.Components.Failed != want || !strings.Contains(s.text, "rejected by spam detection") {
			t.Errorf("%s: it was %s and is %s; exit %d, %+v\n%s", name, before, got, s.ExitCode(), s.Components, s.text)
		}
	}
}

// A git host is in trouble for as long as it likes: what it showed stays public. One
// repository that is really closed is told from that.
func TestAHostInTroubleClosesNothing(t *testing.T) {
	t.Parallel()
	e := newEnv()
	git := &hostOf{verdicts: map[string]gitsource.Verdict{}, all: itsSourceIsOpen}
	e.git = git
	for i := range 2 {
		e.namespace(fmt.Sprintf("shop%d", i))
		for j := range 20 {
			e.apply(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: c%[2]d, namespace: shop%[1]d, uid: uid-%[1]d-%[2]d},
  spec: {componentName: c%[2]d, application: shop, source: {git: {url: "https://git.example/%[1]d/%[2]d"}}}}`, i, j)
		}
	}
	const gone = "https://git.example/0/7"
	public := func() (n int) {
		for _, r := range e.quay.Snapshot().Repositories {
			if r.Public {
				n++
			}
		}
		return n
	}
	e.run(t)
	if n := public(); n != 40 {
		t.Fatalf("%d of 40 are public", n)
	}
	for _, answer := range []gitsource.Verdict{itsSourceRefuses, {Answer: gitsource.Private, Reason: "it is not there", Refusal: gitsource.Missing}} {
		for range 2*4 + 1 { // two days
			git.all = answer
			e.clock = e.clock.Add(6 * time.Hour)
			e.run(t)
		}
		if n := public(); n != 40 {
			t.Fatalf("%d of 40 are public after days of trouble", n)
		}
	}
	git.all, git.verdicts[gone] = itsSourceIsOpen, itsSourceRefuses
	for range 2*4 + 2 {
		e.clock = e.clock.Add(6 * time.Hour)
		e.run(t)
	}
	if got := e.remains("acme/shop0/c7"); public() != 39 || got != "private, refused, closed" {
		t.Errorf("%d of 40 are public, and the one that is not at its source is %s", public(), got)
	}
}

// hostOf answers for each address, and for all others alike.
type hostOf struct {
	hosts
	verdicts map[string]gitsource.Verdict
	all      gitsource.Verdict
}

func (h *hostOf) Probe(_ context.Context, address string) gitsource.Verdict {
	if v, known := h.verdicts[address]; known {
		return v
	}
	return h.all
}

func (e *env) text(repository string) string {
	for _, r := range e.quay.Snapshot().Repositories {
		if r.Name == repository {
			return r.Description
		}
	}
	return ""
}

// When the plan has no private repository left, nothing is made public instead.
func TestUsedUpPlanIsNoReasonToPublish(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.quay.Configure(quaytest.Config{Billing: true})
	e.component("tenant", "billing", "uid-1")
	e.git = newSource(itsSourceRefuses)
	if s := e.newRun().Do(t.Context()); s.Components.Failed != 1 || s.Failures[0].Reason != plan.ReasonQuayPaymentRequired {
		t.Errorf("%+v", s.Failures)
	}
	if made := e.quay.Snapshot().Repositories; len(made) != 0 {
		t.Errorf("a repository was made all the same: %+v", made)
	}
}

// waiting answers as soon as a run reads roles.
type waiting struct {
	hosts
	roles <-chan struct{}
}

func (w waiting) Probe(ctx context.Context, _ string) gitsource.Verdict {
	select {
	case <-w.roles:
	case <-ctx.Done():
	}
	return itsSourceIsOpen
}

// Git hosts are asked while roles are read: the slower of them is what a run waits for.
func TestGitHostsAreAskedWhileRolesAreRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEnv()
		e.sourced()
		e.component("tenant", "fresh", "uid-fresh")
		e.apply(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: fresh, namespace: tenant}, spec: {source: {git: {url: "https://git.example/fresh"}}}}`)
		roles := make(chan struct{})
		var once sync.Once
		e.git = waiting{roles: roles}
		r := e.newRunOver(func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(req *http.Request) (*http.Response, error) {
				if strings.Contains(req.URL.Path, "/permissions/user") && req.Method == http.MethodGet {
					once.Do(func() { close(roles) })
				}
				return next.RoundTrip(req)
			})
		})
		if s := r.Do(t.Context()); s.ExitCode() != 0 || s.Components.Deferred > 0 {
			t.Errorf("exit code %d, %+v", s.ExitCode(), s.Components)
		}
		if got := e.remains("acme/tenant/fresh"); got != "public" {
			t.Errorf("it is %s", got)
		}
	})
}
