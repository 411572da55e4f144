package reconcile_test

import (
	"context"
	"testing"

	"berth/quay/quaytest"
	"berth/reconcile/gitsource"
	"berth/reconcile/plan"
	"berth/reconcile/report"
)

// source is a git host with one repository.
type source struct{ verdict gitsource.Verdict }

func (s *source) Probe(context.Context, string) gitsource.Verdict { return s.verdict }

// A repository follows its source while it is public, and never out of private.
func TestRepositoryFollowsItsSource(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.component("tenant", "billing", "uid-1")
	git := &source{gitsource.Verdict{Answer: gitsource.Public, Reason: "anybody may read its source"}}
	run := func(answer gitsource.Answer, wantPublic bool) {
		t.Helper()
		git.verdict.Answer = answer
		r := e.newRun()
		r.Policy.Visibility, r.Read.Git = "", git
		if s := r.Do(t.Context()); s.Result() != report.ResultOK {
			t.Fatalf("the run was %s: %v", s.Result(), s.Failures)
		}
		if public := e.quay.Snapshot().Repositories[0].Public; public != wantPublic {
			t.Errorf("source %d: the repository is public: %v, want %v", answer, public, wantPublic)
		}
	}
	run(gitsource.Public, true)
	run(gitsource.Unknown, true)
	run(gitsource.Private, false)
	run(gitsource.Public, false)
}

// When the plan has no private repository left, nothing is made public instead.
func TestUsedUpPlanIsNoReasonToPublish(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.quay.Configure(quaytest.Config{Billing: true})
	e.component("tenant", "billing", "uid-1")
	r := e.newRun()
	r.Policy.Visibility, r.Read.Git = "", &source{gitsource.Verdict{Answer: gitsource.Private, Reason: "its source asks for a login"}}
	if s := r.Do(t.Context()); s.Components.Failed != 1 || s.Failures[0].Reason != plan.ReasonQuayPaymentRequired {
		t.Errorf("%+v", s.Failures)
	}
	if made := e.quay.Snapshot().Repositories; len(made) != 0 {
		t.Errorf("a repository was made all the same: %+v", made)
	}
}
