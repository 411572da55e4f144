package reconcile_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"berth/quay/quaytest"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/report"
	"berth/reconcile/report/text"
)

// What Quay makes for nobody is the matter of one run and not of each Component: it is
// asked a few times, said in one sentence, told to the tenants, and leaves nothing behind
// that is half made. All else goes on.
func TestOneVerdictForTheRun(t *testing.T) {
	t.Parallel()
	const newcomers, concurrency = 40, 8
	for _, row := range []struct {
		why, sentence, told string
		reason              plan.Reason
		close, open         func(*env)
		status, robots      int // of a refusal; and how many it leaves of robots at most
	}{
		{
			why: "robots are disabled", reason: plan.ReasonQuayCreationRefused, status: 400, robots: 0,
			sentence: "quay makes no robots: they are disabled there", told: "Robot accounts are disabled at Quay",
			close: func(e *env) { e.quay.Configure(quaytest.Config{RobotsDisallow: true}) },
			open:  func(e *env) { e.quay.Configure(quaytest.Config{}) },
		},
		{
			why: "the organization is a mirror", reason: plan.ReasonQuayCreationRefused, status: 400, robots: 2 * (concurrency + 3),
			sentence: "quay makes no repositories in an organization that is a mirror", told: "The whole organization at Quay is a mirror of another",
			close: func(e *env) { e.quay.SetMirrored(org, true) },
			open:  func(e *env) { e.quay.SetMirrored(org, false) },
		},
		{
			why: "the plan is full", reason: plan.ReasonQuayPaymentRequired, status: 402, robots: 2 * (concurrency + 3),
			sentence: "the quay plan does not allow more private repositories", told: "The platform's administrators must extend the plan",
			close: func(e *env) { e.quay.Configure(quaytest.Config{Billing: true}); e.quay.SetPrivateLimit(org, 1) },
			open:  func(e *env) { e.quay.Configure(quaytest.Config{}) },
		},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newEnv()
			e.component("tenant", "old", "uid-old")
			e.run(t)
			for i := range newcomers {
				e.component("tenant", fmt.Sprintf("c%02d", i), fmt.Sprintf("uid-%d", i))
			}
			e.cluster.Delete("secrets", "tenant", "old-image-push")
			row.close(e)
			for round := range 2 {
				var refusals atomic.Int64
				var out bytes.Buffer
				before := len(e.quay.Snapshot().Robots)
				e.resetCalls()
				r := e.counting(row.status, &refusals)
				r.Concurrency, r.Report = concurrency, text.New(&out, false, report.Folded)
				s := r.Do(context.Background())
				if n := int(refusals.Load()); n < 3 || n > concurrency+3 {
					t.Errorf("round %d: refused %d times", round, n)
				}
				if s.ExitCode() != report.ExitFailed || len(s.Failures) != newcomers || s.Failures[0].Reason != row.reason || s.Failures[newcomers-1].Reason != row.reason {
					t.Errorf("round %d: exit %d, %d failures, %+v", round, s.ExitCode(), len(s.Failures), s.Failures[0])
				}
				said := strings.Join(strings.Fields(out.String()), " ")
				if n := strings.Count(said, row.sentence); n != 1 || !strings.Contains(said, "The same of 39 more") {
					t.Errorf("round %d: it is said %d times:\n%s", round, n, out.String())
				}
				made := e.quay.Snapshot()
				if len(made.Repositories) != 1 || len(made.Robots)-before > row.robots {
					t.Errorf("round %d: %d repositories, %d further robots", round, len(made.Repositories), len(made.Robots)-before)
				}
				for i := range newcomers {
					if told := e.annotation("tenant", fmt.Sprintf("c%02d", i), component.AnnotationImage); !strings.Contains(told, row.told) {
						t.Fatalf("round %d: c%02d is told %s", round, i, told)
					}
				}
				if round == 0 && e.cluster.Object("secrets", "tenant", "old-image-push") == nil {
					t.Error("what is there is not mended")
				}
				if n := e.cluster.Mutations(); round == 1 && n != 0 {
					t.Errorf("the next run wrote %d times to the cluster", n)
				}
			}
			row.open(e)
			e.run(t)
			e.settled(t)
			if told := e.annotation("tenant", "c00", component.AnnotationImage); strings.Contains(told, "message") {
				t.Errorf("when it is over, told %s", told)
			}
		})
	}
}

// What Quay has against the names or words of one tenant's Components says nothing of
// others, however often.
func TestNoTenantSpeaksForOthers(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.namespace("aaa")
	for i := range 20 {
		e.component("aaa", fmt.Sprintf("c%02d", i), fmt.Sprintf("uid-a-%d", i))
	}
	for i := range 4 {
		e.component("tenant", fmt.Sprintf("c%d", i), fmt.Sprintf("uid-t-%d", i))
	}
	r := e.newRunOver(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			words := "" // of Quay, about this one
			switch name := requested(r); {
			case r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/robots/berth_aaa_c0"):
				words = "The name for the robot is invalid"
			case r.Method == http.MethodPost && strings.HasPrefix(name, "aaa/"):
				words = "Repository description was rejected by spam detection"
			}
			if words == "" {
				return next.RoundTrip(r)
			}
			return &http.Response{
				StatusCode: 400, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
				Body: io.NopCloser(strings.NewReader(fmt.Sprintf(`{"detail": %[1]q, "error_message": %[1]q, "error_type": "invalid_request", "title": "invalid_request", "status": 400}`, words))),
			}, nil
		})
	})
	r.Concurrency = 1
	got := e.do(r)
	if len(got.Failures) != 20 || got.Components.Changed != 4 {
		t.Errorf("%d failures, %+v", len(got.Failures), got.Components)
	}
	for _, f := range got.Failures {
		if f.Reason != plan.ReasonQuayRefused || f.Whose != plan.ThePlatforms {
			t.Errorf("%+v", f)
		}
	}
	for _, made := range e.quay.Snapshot().Repositories {
		if !strings.HasPrefix(made.Name, org+"/tenant/") {
			t.Errorf("repository %s", made.Name)
		}
	}
}

// requested is the repository that a request is to make.
func requested(r *http.Request) string {
	if r.GetBody == nil || !strings.HasSuffix(r.URL.Path, "/repository") {
		return ""
	}
	body, err := r.GetBody()
	if err != nil {
		return ""
	}
	raw, _ := io.ReadAll(body)
	_, name, _ := strings.Cut(string(raw), `"repository":"`)
	name, _, _ = strings.Cut(name, `"`)
	return name
}

// A Quay that does not have names with a slash in them says so, and that is no outage.
func TestNamesThatAreRefused(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.component("tenant", "api", "uid-1")
	e.quay.Configure(quaytest.Config{NoExtendedNames: true})
	r := e.do(e.newRun())
	if r.ExitCode() != report.ExitFailed || r.Failures[0].Reason != plan.ReasonQuayRefused || !strings.Contains(r.text, "Invalid repository name") {
		t.Errorf("exit %d, %+v:\n%s", r.ExitCode(), r.Failures, r.text)
	}
}
