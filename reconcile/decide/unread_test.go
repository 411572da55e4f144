package decide

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
	"berth/testdata/scene"
)

// What cannot be read of a Component keeps it from being served, and nobody else.
func TestPlanOfWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		edit   func(*scene.Scene, component.Names)
		reason plan.Reason
		says   string
	}{
		{"a read that failed", func(s *scene.Scene, _ component.Names) {
			s.Unread = map[component.Key]error{{Namespace: "tenant", Name: "api"}: kube.ErrForbidden}
		}, plan.ReasonKubeForbidden, "forbidden"},
		{"an answer that Quay does not give", func(s *scene.Scene, _ component.Names) {
			s.Unread = map[component.Key]error{{Namespace: "tenant", Name: "api"}: quay.ErrUnexpected}
		}, plan.ReasonQuayUnavailable, "unexpected answer"},
		{"a robot whose token is not shown", func(s *scene.Scene, n component.Names) {
			scene.Alter(s.Robots, n.Pull.Robot, func(r *world.Robot) { r.Fingerprint = "" })
		}, plan.ReasonQuayUnavailable, "does not show the token of robot berth_tenant_api_"},
		{"a robot of which nothing can be read", func(s *scene.Scene, n component.Names) { s.Robots[n.Pull.Robot] = &world.Robot{} }, plan.ReasonQuayUnavailable, "does not show the token"},
		{"a repository of which nothing can be read", func(s *scene.Scene, n component.Names) {
			s.Repositories[n.Repository] = &quay.Repository{Name: n.Repository}
		}, plan.ReasonQuayUnavailable, "repository tenant/api cannot be read"},
		{"no Component's form", func(s *scene.Scene, _ component.Names) { s.Components[0].Odd = true }, plan.ReasonInvalidComponent, "not of a Component's form"},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			s := scene.New(t)
			n := s.Settle(scene.Component("tenant", "api"))
			s.Settle(scene.Component("tenant", "web"))
			clear(s.ServiceAccounts) // so that there would be something to say
			row.edit(s, n)
			p := Plan(s.World)
			if got := p.Components[0]; got.Problem == nil || got.Problem.Reason != row.reason || !strings.Contains(got.Problem.Summary, row.says) || len(got.Actions) > 0 {
				t.Errorf("the problem is %+v, the actions are %+v", got.Problem, got.Actions)
			}
			if got := p.Components[1]; got.Problem != nil || len(got.Actions) != 1 {
				t.Errorf("its neighbour has %+v, %+v", got.Problem, got.Actions)
			}
		})
	}
}

func TestPlanOfNamespacesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := scene.New(t)
	s.Settle(scene.Component("tenant", "api"))
	s.Absent, s.Odd = []string{"gone", "away"}, []string{"Environment a/b"}
	s.Closed = map[string]error{"shut": kube.ErrForbidden, "broken": kube.ErrUnavailable}
	p := Plan(s.World)
	if !slices.Equal(p.Absent, []string{"away", "gone"}) || !slices.Equal(p.Odd, s.Odd) {
		t.Errorf("absent %q, odd %q", p.Absent, p.Odd)
	}
	want := []plan.Closed{
		{Namespace: "broken", Problem: plan.Problem{Reason: plan.ReasonKubeUnavailable, Whose: plan.ThePlatforms, Summary: kube.ErrUnavailable.Error(), Hint: looksAgain}},
		{Namespace: "shut", Problem: plan.Problem{Reason: plan.ReasonKubeForbidden, Whose: plan.ThePlatforms, Summary: kube.ErrForbidden.Error(), Hint: looksAgain}},
	}
	if d := cmp.Diff(want, p.Closed); d != "" {
		t.Errorf("closed (-want +got):\n%s", d)
	}
}

// What others wrote into a RemoteSecret beyond what Berth reads of it is taken off, and
// the tenant is told.
func TestPlanOfFurtherTargets(t *testing.T) {
	t.Parallel()
	s := scene.New(t)
	s.Deliver()
	s.Remote(func(r *world.RemoteSecret) { r.Further = 23_800 })
	got := only(s)
	i := slices.IndexFunc(got.Actions, func(a plan.Action) bool { _, ok := a.(plan.WriteRemoteSecret); return ok })
	if i < 0 {
		t.Fatalf("the actions are %+v", got.Actions)
	}
	if a := got.Actions[i].(plan.WriteRemoteSecret); len(a.Targets) != 2 || a.Reason != "it has targets beyond those that Berth sets" {
		t.Errorf("%+v", a)
	}
	if !slices.ContainsFunc(got.Warnings, func(w plan.Warning) bool { return strings.Contains(w.Text, "has more than 200 targets") }) {
		t.Errorf("told: %+v", got.Warnings)
	}
}

// A RemoteSecret that brought its Secret before there was this Component is not to be
// deleted: the way out is another name, or another place.
func TestPlanWhereASecretIsBrought(t *testing.T) {
	t.Parallel()
	for by, says := range map[string]string{
		"other/api-image-pull":                     "RemoteSecret other/api-image-pull brings it here",
		"other/\x1b[31m" + strings.Repeat("x", 90): "a RemoteSecret brings it here", // a tenant wrote it
	} {
		s := scene.New(t)
		n := s.Settle(scene.Component("tenant", "api"))
		scene.Alter(s.Secrets, component.Key{Namespace: "tenant", Name: n.Pull.Secret}, func(x *world.Secret) { x.Owned, x.By = component.Foreign, by })
		got := only(s)
		if got.Problem == nil || got.Problem.Reason != plan.ReasonNotOurs || !strings.Contains(got.Problem.Tenant, says+". Give the Component another name") || strings.Contains(got.Problem.Tenant, "\x1b") {
			t.Errorf("%q: %+v", by, got.Problem)
		}
	}
}
