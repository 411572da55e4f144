package report

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/apply"
	"berth/reconcile/component"
	"berth/reconcile/observe"
	"berth/reconcile/plan"
	"berth/reconcile/world"
	"berth/testdata/scene"
)

// outcome is a Component's after its work ended with an error.
func outcome(err error) apply.Outcome {
	if err == nil {
		return apply.Outcome{}
	}
	return apply.Failed(err)
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	// Each Component of the plan has one thing to do.
	applied := func(errs ...error) Summary {
		s := Summary{Operation: OperationApply}
		var p plan.Plan
		var outcomes []apply.Outcome
		for i, err := range errs {
			c := plan.Component{Component: new(scene.Component("tenant", fmt.Sprint(i)))}
			c.Actions = []plan.Action{plan.CreateRobot{}}
			p.Components = append(p.Components, c)
			outcomes = append(outcomes, outcome(err))
		}
		s.Count(p, nil)
		s.Count(p, outcomes)
		return s
	}
	planned := func(problem plan.Reason, whose plan.Whose, detailed bool) Summary {
		s := Summary{Operation: OperationPlan, DryRun: true, Detailed: detailed}
		c := plan.Component{Component: new(scene.Component("tenant", "api"))}
		if problem != "" {
			c.Problem = &plan.Problem{Reason: problem, Whose: whose}
		}
		s.Count(plan.Plan{Components: []plan.Component{c}}, nil)
		return s
	}
	pending := func(s Summary) Summary {
		s.Changes.Create = 1
		return s
	}
	ended := func(err error) Summary { return Summary{}.Ended(err) }
	signalled := func(s Summary, signal int) Summary {
		s.Signal = signal
		return s
	}
	declined := errors.Join(ErrDeclined, nil)
	broken := errors.New("broken")
	rejected := fmt.Errorf("list robots: %w", quay.ErrUnauthorized)
	deferred := fmt.Errorf("%w: %w", apply.ErrDeferred, rejected)
	for _, row := range []struct {
		why     string
		summary Summary
		code    int
		result  Result
	}{
		{"nothing to do", applied(), 0, ResultOK},
		{"all done", applied(nil, nil), 0, ResultOK},
		{"a dry run with changes, nobody asked for more", pending(planned("", "", false)), 0, ResultOK},
		{"a dry run without changes", planned("", "", true), 0, ResultOK},
		{"a tenant's mistake makes no run fail", planned(plan.ReasonInvalidComponent, plan.TheTenants, false), 0, ResultOK},

		{"a Component failed", applied(nil, broken), 1, ResultPartial},
		{"Quay was away for one", applied(quay.ErrUnavailable), 1, ResultPartial},
		{"Quay is read-only", applied(quay.ErrReadOnly), 1, ResultPartial},
		{"one right is missing in one namespace", applied(kube.ErrForbidden, nil), 1, ResultPartial},
		{"the run's time was over", applied(nil, fmt.Errorf("the run ended first: %w", apply.ErrDeferred)), 1, ResultPartial},
		{"somebody else's repository is in the way", planned(plan.ReasonNotOurs, plan.ThePlatforms, false), 1, ResultPartial},
		{"of a problem that is nobody's the platform hears", planned(plan.ReasonNotOurs, "", false), 1, ResultPartial},
		{"the tenant's own Secret is in the way", planned(plan.ReasonNotOurs, plan.TheTenants, false), 0, ResultOK},
		{"two Components in one name", planned(plan.ReasonNameCollision, plan.TheTenants, false), 0, ResultOK},
		{"the tenant's quota is used up", applied(kube.ErrQuota, nil), 0, ResultOK},
		{"the tenant was faster", applied(kube.ErrConflict, nil), 0, ResultOK},
		{"Quay was away from the beginning", ended(quay.ErrUnavailable), 1, ResultFailed},
		{"the time was over before the plan", ended(context.DeadlineExceeded), 1, ResultFailed},
		{"the person said no", ended(declined), 1, ResultRefused},

		{"a dry run with changes", pending(planned("", "", true)), 2, ResultOK},
		{"changes, but none of a dry run", pending(Summary{Detailed: true}), 0, ResultOK},
		{"a dry run that found a failure says so first", pending(planned(plan.ReasonNotOurs, plan.ThePlatforms, true)), 1, ResultPartial},
		{"a dry run that found a tenant's mistake", pending(planned(plan.ReasonInvalidComponent, plan.TheTenants, true)), 2, ResultOK},

		{"the guard", ended(&plan.GuardError{Summary: "too much"}), 3, ResultRefused},
		{"the guard, wrapped", ended(fmt.Errorf("x: %w", &plan.GuardError{})), 3, ResultRefused},

		{"a panic in one Component", applied(nil, fmt.Errorf("%w: x", world.ErrPanic)), 70, ResultPartial},
		{"a panic counts before credentials", applied(rejected, fmt.Errorf("%w: x", world.ErrPanic)), 70, ResultPartial},

		{"Quay rejects the token", ended(rejected), 77, ResultFailed},
		{"the token lacks a scope", ended(quay.ErrForbidden), 77, ResultFailed},
		{"the token is no administrator's", ended(observe.ErrNotAdmin), 77, ResultFailed},
		{"the cluster rejects the credentials", ended(kube.ErrUnauthorized), 77, ResultFailed},
		{"the ServiceAccount may not list", ended(kube.ErrForbidden), 77, ResultFailed},
		{"the token died while applying", applied(nil, rejected, deferred), 77, ResultPartial},

		{"no Components in this cluster", ended(fmt.Errorf("list: %w", kube.ErrNotInstalled)), 78, ResultFailed},

		{"interrupted from the keyboard", signalled(applied(nil), 2), 130, ResultOK},
		{"told to end", signalled(applied(nil, fmt.Errorf("x: %w", apply.ErrDeferred)), 15), 143, ResultPartial},
		{"told to end while reading", signalled(ended(context.Canceled), 15), 143, ResultFailed},
		{"the signal counts before all else", signalled(ended(&plan.GuardError{}), 15), 143, ResultRefused},
	} {
		if got := row.summary.ExitCode(); got != row.code {
			t.Errorf("%s: exit code %d, want %d", row.why, got, row.code)
		}
		if got := row.summary.Result(); got != row.result {
			t.Errorf("%s: result %s, want %s", row.why, got, row.result)
		}
	}
}

func TestSummaryOfAPlan(t *testing.T) {
	t.Parallel()
	c := func(name string, actions ...plan.Action) plan.Component {
		return plan.Component{Component: new(scene.Component("tenant", name)), Actions: actions}
	}
	skipped := c("skipped")
	skipped.Skipped = "it is being deleted"
	invalid := c("invalid", plan.Announce{})
	invalid.Problem = &plan.Problem{Reason: plan.ReasonInvalidComponent, Whose: plan.TheTenants, Summary: "bad"}
	blocked := c("blocked", plan.Announce{})
	blocked.Problem = &plan.Problem{Reason: plan.ReasonNotOurs, Whose: plan.TheTenants, Summary: "in the way"}
	foreign := c("foreign")
	foreign.Problem = &plan.Problem{Reason: plan.ReasonNotOurs, Whose: plan.ThePlatforms, Summary: "theirs"}
	waits := c("waits")
	waits.Deferred = "it was rotated lately"
	p := plan.Plan{
		Components: []plan.Component{
			c("new", plan.CreateRobot{}, plan.CreateRobot{}, plan.WriteSecret{}, plan.Announce{}), c("drifted", plan.WriteSecret{Exists: true}, plan.RemovePermission{}),
			c("rotated", plan.WriteSecret{Exists: true, Rotated: true}), c("settled"), skipped, invalid, foreign, waits, blocked,
		},
		Missing: []component.Key{{Namespace: "tenant", Name: "absent"}},
	}
	var got Summary
	got.Count(p, nil)
	want := Summary{
		Changes:    ChangeCount{Create: 3, Update: 4, Rotate: 1, Delete: 1},
		Components: ComponentCount{Total: 10, Changed: 3, UpToDate: 1, Failed: 2, Skipped: 1, Invalid: 1, Blocked: 1, Deferred: 1},
		Failures: []Failure{ // only ten are in the termination message, and a tenant may have more
			{Component: "tenant/foreign", Reason: plan.ReasonNotOurs, Whose: plan.ThePlatforms, Message: "theirs"},
			{Component: "tenant/absent", Reason: plan.ReasonInvalidComponent, Whose: plan.ThePlatforms, Message: "there is no such Component"},
			{Component: "tenant/invalid", Reason: plan.ReasonInvalidComponent, Whose: plan.TheTenants, Message: "bad"},
			{Component: "tenant/blocked", Reason: plan.ReasonNotOurs, Whose: plan.TheTenants, Message: "in the way"},
		},
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Summary{})); d != "" {
		t.Errorf("summary (-want +got):\n%s", d)
	}
	checkHeadings(t, got.Components)

	outcomes := []apply.Outcome{
		{Applied: p.Components[0].Actions[:1], Err: quay.ErrUnavailable, Reason: plan.ReasonQuayUnavailable, Whose: plan.ThePlatforms},
		{Applied: p.Components[1].Actions},
		{Err: apply.ErrDeferred, Reason: plan.ReasonDeferred},
		{},
		{},
		{Applied: p.Components[5].Actions},
		{},
		{},
		{Applied: p.Components[8].Actions},
	}
	got.Count(p, outcomes)
	want.Changes, want.Cut = ChangeCount{Create: 1, Update: 3, Delete: 1}, true
	want.Components = ComponentCount{Total: 10, Changed: 1, UpToDate: 1, Failed: 3, Skipped: 1, Invalid: 1, Blocked: 1, Deferred: 2}
	want.Failures = append([]Failure{{Component: "tenant/new", Reason: plan.ReasonQuayUnavailable, Whose: plan.ThePlatforms, Message: quay.ErrUnavailable.Error()}}, want.Failures...)
	if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Summary{})); d != "" {
		t.Errorf("summary after applying (-want +got):\n%s", d)
	}
	checkHeadings(t, got.Components)
}

func TestSummaryOfANamespaceThatWentAway(t *testing.T) {
	t.Parallel()
	p := plan.Plan{Components: []plan.Component{{Component: new(scene.Component("tenant", "api")), Actions: []plan.Action{plan.CreateRobot{}}}}}
	var s Summary
	s.Count(p, nil)
	s.Count(p, []apply.Outcome{{Skipped: true}})
	if want := (ComponentCount{Total: 1, Skipped: 1}); s.Components != want || s.ExitCode() != 0 || len(s.Failures) > 0 {
		t.Errorf("%+v, exit code %d, failures %v", s.Components, s.ExitCode(), s.Failures)
	}
}

// checkHeadings: each Component is counted under one heading.
func checkHeadings(t *testing.T, c ComponentCount) {
	t.Helper()
	if sum := c.Changed + c.UpToDate + c.Failed + c.Skipped + c.Invalid + c.Blocked + c.Deferred; sum != c.Total {
		t.Errorf("%d Components under the headings of %d", sum, c.Total)
	}
}

// A namespace that was named and cannot be read is a failure, never a refusal of all our
// credentials; one that is missing is none.
func TestNamedNamespacesInTheSummary(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why  string
		plan plan.Plan
		code int
	}{
		{"missing", plan.Plan{Absent: []string{"gone"}}, ExitOK},
		{"forbidden", plan.Plan{Closed: []plan.Closed{{Namespace: "shut", Problem: plan.Problem{Reason: plan.ReasonKubeForbidden, Summary: "list Secrets in shut: forbidden"}}}}, ExitFailed},
		{"odd objects", plan.Plan{Odd: []string{"Environment a/b"}}, ExitOK},
	} {
		s := Summary{Operation: OperationApply}
		s.Count(row.plan, nil)
		if got := s.ExitCode(); got != row.code || len(s.Failures) != row.code {
			t.Errorf("%s: exit %d, failures %+v", row.why, got, s.Failures)
		}
		if found := Diagnostics(row.plan); len(found) != 1 || found[0].Subject() == "" || (found[0].Severity == SeverityError) != (row.code != 0) {
			t.Errorf("%s: %+v", row.why, found)
		}
	}
}
