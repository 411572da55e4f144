// Package story has runs as their reporters see them, for the tests of each reporter.
package story

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/apply"
	"berth/reconcile/component"
	"berth/reconcile/decide"
	"berth/reconcile/plan"
	"berth/reconcile/report"
	"berth/reconcile/world"
	"berth/testdata/scene"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Golden compares what was printed with a file of reconcile/testdata.
func Golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("..", "..", "testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); d != "" {
		t.Errorf("%s (-want +got):\n%s", file, d)
	}
}

// Story is a run as its reporters see it.
type Story struct {
	Name  string
	Why   string
	Full  bool // every change and orphan is told
	World func(*scene.Scene)
	Limit float64                         // the guard's; 0: it is not asked
	Apply func(plan.Plan) []apply.Outcome // nil: a dry run
	End   func(*report.Summary)           // what else happened
}

// All are runs of each kind.
var All = []Story{
	{Name: "new", Why: "everything is created", World: func(s *scene.Scene) {
		s.Settle(scene.Component("acme-tenant", "ledger"))
		s.Add(scene.Component("acme-tenant", "billing"))
	}},
	{Name: "drifted", Why: "each kind of drift", World: func(s *scene.Scene) {
		n := s.Settle(scene.Component("acme-tenant", "ledger"))
		s.Repositories["acme-tenant/shared"] = &quay.Repository{Name: "acme-tenant/shared"}
		scene.Alter(s.Repositories, n.Repository, func(r *quay.Repository) { r.Visibility = quay.Public })
		s.Robot(n.Push, n.Repository, "acme-tenant/shared")
		s.Roles[n.Repository][n.Pull.Robot] = quay.Admin
		delete(s.Secrets, component.Key{Namespace: "acme-tenant", Name: n.Push.Secret})
		scene.Alter(s.Secrets, component.Key{Namespace: "acme-tenant", Name: n.Pull.Secret}, func(x *world.Secret) { x.Content = component.Content{} })
		clear(s.ServiceAccounts[component.Key{Namespace: "acme-tenant", Name: "appstudio-pipeline"}].Secrets)
		s.Components[0].Announced = ""
	}},
	{Name: "recreated", Why: "robots of an earlier Component go last", World: func(s *scene.Scene) {
		n := s.Settle(scene.Component("acme-tenant", "ledger"))
		s.Components[0].UID = "another"
		for _, a := range n.Accounts() {
			scene.Alter(s.Secrets, component.Key{Namespace: "acme-tenant", Name: a.Secret}, func(x *world.Secret) { x.Owned = component.Predecessor })
		}
	}},
	{Name: "published", Why: "statement and adoption", World: func(s *scene.Scene) {
		s.Policy.Adopt = true
		n := s.Settle(scene.Component("acme-tenant", "ledger"))
		s.Settle(scene.Component("acme-tenant", "website"))
		scene.Alter(s.Repositories, n.Repository, func(r *quay.Repository) { r.Description = "" })
		s.Components[1].Annotations[component.AnnotationGenerate] = `{"visibility":"public"}`
	}},
	{Name: "invalid", Why: "what a tenant wrote, and a Component that is not there", World: func(s *scene.Scene) {
		s.Settle(scene.Component("initech-tenant", "fax"))
		s.Components[0].Annotations[component.AnnotationGenerate] = "{"
		s.Missing = []component.Key{{Namespace: "initech-tenant", Name: "typo"}}
	}},
	{Name: "not_ours", Why: "somebody else's things, and two Components of one name", World: func(s *scene.Scene) {
		n := s.Settle(scene.Component("acme-tenant", "api"))
		scene.Alter(s.Repositories, n.Repository, func(r *quay.Repository) { r.Description = "" })
		n = s.Settle(scene.Component("acme-tenant", "web"))
		s.Secrets[component.Key{Namespace: "acme-tenant", Name: n.Push.Secret}] = &world.Secret{Foreign: "it was not made by Berth"}
		n = s.Settle(scene.Component("acme-tenant", "worker"))
		scene.Alter(s.Robots, n.Pull.Robot, func(r *world.Robot) { r.Mark = "" })
	}},
	{Name: "skipped", Why: "warnings", World: func(s *scene.Scene) {
		s.Policy.Visibility = quay.Public
		s.Policy.PushServiceAccounts = []string{"builder"}
		s.Settle(scene.Component("acme-tenant", "ledger"))
		s.Settle(scene.Component("initech-tenant", "tps"))
		s.Components[1].Deleting = true
		gone, _ := s.Naming.Names(new(scene.Component("gone-tenant", "api")), "uid")
		s.Robot(gone.Push)
		s.Robot(gone.Pull)
		s.Repositories["gone-tenant/api"] = &quay.Repository{Name: "gone-tenant/api", Description: gone.Mark}
	}},
	{Name: "left", Why: "what a Component has left, told one by one and pruned", Full: true, World: func(s *scene.Scene) {
		s.Policy.PruneRobots, s.Policy.PruneAfter = true, 30*24*time.Hour
		n := s.Settle(scene.Component("acme-tenant", "ledger"))
		scene.Alter(s.Robots, n.Push.Robot, func(r *world.Robot) { r.LastAccessed = s.At })
		days := func(n int) time.Time { return s.At.AddDate(0, 0, -n) }
		for name, used := range map[string]time.Time{"api": days(200), "docs": days(3), "web": days(60)} {
			gone, _ := s.Naming.Names(new(scene.Component("gone-tenant", name)), "uid")
			d := component.Description(gone.Mark)
			if name == "web" {
				d = d.With(component.NoteOrphan, days(30)).With(component.NoteQuarantined(gone.Push.Robot), days(9)).With(component.NoteQuarantined(gone.Pull.Robot), days(5))
			}
			s.Repositories[gone.Repository] = &quay.Repository{Name: gone.Repository, Description: string(d), Visibility: quay.Private}
			for _, a := range gone.Accounts() {
				if s.Robot(a, gone.Repository); name == "web" {
					s.Robot(a)
				}
				scene.Alter(s.Robots, a.Robot, func(r *world.Robot) { r.Created, r.LastAccessed = days(400), used })
			}
		}
	}},
	{Name: "delivery", Why: "environments that come, go, are late, fail and lead nowhere", World: func(s *scene.Scene) {
		s.Deliver()
		s.Run(scene.Bind("extra", "gone", "late", "prod"), scene.Stating("extra", "tenant-extra", "", ""), scene.Stating("late", "tenant-late", "", ""))
		s.Remote(func(r *world.RemoteSecret) {
			r.Targets, r.Late = append(r.Targets, scene.Here("tenant-late").RemoteTarget), true
			r.TargetStatuses[1].Error = "no route to host"
		})
		s.Uploads[component.Key{Namespace: "tenant", Name: scene.Pull}] = []world.Upload{{Name: scene.Pull + "-upload-0a1b2c3d", ResourceVersion: "1", Fingerprint: "earlier"}}
	}},
	{Name: "undeliverable", Why: "the cluster has no RemoteSecrets", World: func(s *scene.Scene) {
		s.Deliver()
		s.Mode.RemoteSecrets, s.RemoteSecrets = false, nil
	}},
	{Name: "no_changes", Why: "a settled world", World: func(s *scene.Scene) {
		s.Settle(scene.Component("acme-tenant", "ledger"))
		s.Settle(scene.Component("acme-tenant", "billing"))
	}, Apply: Everything},
	{Name: "applied", Why: "all went well", World: func(s *scene.Scene) {
		s.Add(scene.Component("acme-tenant", "billing"))
	}, Apply: Everything},
	{
		Name: "failures", Why: "one failed, one was left over, one went away", World: func(s *scene.Scene) {
			s.Add(scene.Component("acme-tenant", "api"))
			s.Add(scene.Component("acme-tenant", "db"))
			s.Add(scene.Component("acme-tenant", "web"))
			s.Add(scene.Component("initech-tenant", "fax"))
		},
		Apply: func(p plan.Plan) []apply.Outcome {
			outcomes := Everything(p)
			err := fmt.Errorf("create repository acme/acme-tenant/db: %w", quay.ErrPaymentRequired)
			outcomes[1] = apply.Outcome{Err: err, Reason: apply.ReasonOf(err), Elapsed: 1500 * time.Millisecond}
			outcomes[2] = apply.Outcome{Err: apply.ErrDeferred, Reason: plan.ReasonDeferred}
			outcomes[3] = apply.Outcome{Applied: p.Components[3].Actions[:3], Skipped: true}
			return outcomes
		},
		End: func(s *report.Summary) { s.Quay.Retries, s.Quay.Throttled = 2, 1200*time.Millisecond },
	},
	{
		Name: "interrupted", Why: "a signal while applying", World: func(s *scene.Scene) {
			s.Add(scene.Component("acme-tenant", "api"))
		},
		Apply: func(p plan.Plan) []apply.Outcome {
			return []apply.Outcome{{Applied: p.Components[0].Actions[:2], Err: apply.ErrDeferred, Reason: plan.ReasonDeferred}}
		},
		End: func(s *report.Summary) { s.Signal = 15 },
	},
	{Name: "refused", Why: "the guard", Limit: 0.3, World: func(s *scene.Scene) {
		for i := range 20 {
			n := s.Settle(scene.Component("acme-tenant", fmt.Sprintf("component-%02d", i)))
			if i < 7 {
				scene.Alter(s.Secrets, component.Key{Namespace: "acme-tenant", Name: n.Pull.Secret}, func(x *world.Secret) { x.Content.Fingerprint = "other" })
			}
		}
	}},
	{Name: "held_back", Why: "one namespace of two", Limit: 0.3, World: func(s *scene.Scene) {
		for i := range 20 {
			n := s.Settle(scene.Component("acme-tenant", fmt.Sprintf("component-%02d", i)))
			if i < 7 {
				scene.Alter(s.Secrets, component.Key{Namespace: "acme-tenant", Name: n.Pull.Secret}, func(x *world.Secret) { x.Content.Fingerprint = "other" })
			}
			s.Settle(scene.Component("globex-tenant", fmt.Sprintf("component-%02d", i)))
		}
		s.Add(scene.Component("globex-tenant", "new"))
	}},
	{Name: "wrong_cluster", Why: "the guard, in place of each Component", Limit: 0.3, World: func(s *scene.Scene) {
		for i := range 40 {
			s.Settle(scene.Component(fmt.Sprintf("tenant-%d", i%4), fmt.Sprintf("component-%02d", i)))
		}
		s.Naming.Cluster = "cluster-2"
	}},
	{Name: "declined", Why: "the person at the terminal said no", World: func(s *scene.Scene) {
		s.Add(scene.Component("acme-tenant", "api"))
	}, End: func(s *report.Summary) {
		s.Operation, s.DryRun, s.Err = report.OperationApply, false, errors.Join(report.ErrDeclined, nil)
	}},
	{Name: "rejected", Why: "the credentials were refused before the plan", End: func(s *report.Summary) {
		s.DryRun, s.Err = false, fmt.Errorf("list robots of acme: %w", quay.ErrUnauthorized)
	}},
	{Name: "unreachable", Why: "the cluster has no Components at all", End: func(s *report.Summary) {
		s.DryRun, s.Err = false, fmt.Errorf("list Components: %w", kube.ErrNotInstalled)
	}},
}

// Everything is the outcome of a run in which nothing fails.
func Everything(p plan.Plan) []apply.Outcome {
	outcomes := make([]apply.Outcome, len(p.Components))
	for i, c := range p.Components {
		outcomes[i].Applied = c.Actions
	}
	return outcomes
}

// Tell runs a story past a reporter, in the order of a run.
func (st Story) Tell(t *testing.T, r report.Reporter) {
	t.Helper()
	if err := st.Told(t, r); err != nil {
		t.Error(err)
	}
}

// Told is what the reporter could not write of it.
func (st Story) Told(t *testing.T, r report.Reporter) error {
	t.Helper()
	s := scene.New(t)
	summary := report.Summary{Operation: report.OperationPlan, DryRun: st.Apply == nil, Elapsed: 41800 * time.Millisecond, Quay: quay.Stats{Requests: 61}}
	if st.End != nil {
		st.End(&summary)
	}
	header := report.Header{
		Version: "v0.1.0", Run: "k3v9", Cluster: "prod", ID: "cluster-1", Server: "https://api.prod.example:6443",
		Quay: "quay.example", Org: "acme", Lock: "berth/berth", DryRun: summary.DryRun,
	}
	r.Start(header)
	if st.World != nil {
		st.World(s)
		p := decide.Plan(s.World)
		verdict := plan.Guard(s.World, p, plan.Limits{MaxChangeRatio: st.Limit, Force: st.Limit == 0})
		p = p.Under(verdict)
		summary.Count(p, nil)
		r.Planned(report.NewObserved(s.World, 3100*time.Millisecond), p, summary)
		if verdict.Refused != nil {
			summary.Err = verdict.Refused
		}
		if st.Apply != nil {
			summary.Operation = report.OperationApply
			st.outcomes(r, &summary, p)
		}
	}
	return r.Finish(summary)
}

func (st Story) outcomes(r report.Reporter, s *report.Summary, p plan.Plan) {
	outcomes := st.Apply(p)
	s.Count(p, outcomes)
	for i, o := range outcomes {
		for _, a := range o.Applied {
			r.Applied(p.Components[i], report.ChangeOf(a))
		}
	}
	for i, o := range outcomes {
		if o.Err != nil {
			r.Failed(p.Components[i], o)
		}
	}
}
