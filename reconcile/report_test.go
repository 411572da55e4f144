package reconcile

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"berth/kube"
	"berth/quay"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares what was printed with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
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

// story is a run as its reporters see it.
type story struct {
	name  string
	why   string
	world func(*scene)
	limit float64              // the guard's; 0: it is not asked
	apply func(Plan) []Outcome // nil: a dry run
	end   func(*Summary)       // what else happened
}

var stories = []story{
	{name: "new", why: "everything is created", world: func(s *scene) {
		s.settle(component("acme-tenant", "ledger"))
		s.add(component("acme-tenant", "billing"))
	}},
	{name: "drifted", why: "each kind of drift", world: func(s *scene) {
		n := s.settle(component("acme-tenant", "ledger"))
		s.Repositories["acme-tenant/shared"] = quay.Repository{Name: "acme-tenant/shared"}
		change(s.Repositories, n.Repository, func(r *quay.Repository) { r.Visibility = quay.Public })
		s.robot(n.Push, n.Repository, "acme-tenant/shared")
		s.Roles[n.Repository][n.Pull.Robot] = quay.Admin
		delete(s.Secrets, Key{"acme-tenant", n.Push.Secret})
		change(s.Secrets, Key{"acme-tenant", n.Pull.Secret}, func(x *Secret) { x.Content = content{} })
		clear(s.ServiceAccounts[Key{"acme-tenant", "appstudio-pipeline"}].Secrets)
		s.Components[0].Annotations[AnnotationImage] = ""
	}},
	{name: "recreated", why: "robots of an earlier Component go last", world: func(s *scene) {
		n := s.settle(component("acme-tenant", "ledger"))
		s.Components[0].UID = "another"
		for _, a := range n.accounts() {
			change(s.Secrets, Key{"acme-tenant", a.Secret}, func(x *Secret) { x.Owned = predecessor })
		}
	}},
	{name: "published", why: "statement and adoption", world: func(s *scene) {
		s.Policy.Adopt = true
		n := s.settle(component("acme-tenant", "ledger"))
		s.settle(component("acme-tenant", "website"))
		change(s.Repositories, n.Repository, func(r *quay.Repository) { r.Description = "" })
		s.Components[1].Annotations[AnnotationGenerate] = `{"visibility":"public"}`
	}},
	{name: "invalid", why: "what a tenant wrote, and a Component that is not there", world: func(s *scene) {
		s.settle(component("initech-tenant", "fax"))
		s.Components[0].Annotations[AnnotationGenerate] = "{"
		s.Missing = []Key{{"initech-tenant", "typo"}}
	}},
	{name: "not_ours", why: "somebody else's things, and two Components of one name", world: func(s *scene) {
		n := s.settle(component("acme-tenant", "api"))
		change(s.Repositories, n.Repository, func(r *quay.Repository) { r.Description = "" })
		n = s.settle(component("acme-tenant", "web"))
		s.Secrets[Key{"acme-tenant", n.Push.Secret}] = Secret{Foreign: "it was not made by Berth"}
		n = s.settle(component("acme-tenant", "worker"))
		change(s.Robots, n.Pull.Robot, func(r *Robot) { r.Mark = "" })
	}},
	{name: "skipped", why: "warnings", world: func(s *scene) {
		s.Policy.Visibility = quay.Public
		s.Policy.PushServiceAccounts = append(s.Policy.PushServiceAccounts, "builder")
		s.settle(component("acme-tenant", "ledger"))
		s.settle(component("initech-tenant", "tps"))
		s.Components[1].Deleting = true
		gone, _ := s.Naming.Names(component("gone-tenant", "api"), "uid")
		s.robot(gone.Push)
		s.robot(gone.Pull)
		s.Repositories["gone-tenant/api"] = quay.Repository{Name: "gone-tenant/api", Description: gone.Mark}
	}},
	{name: "delivery", why: "environments that come, go, are late, fail and lead nowhere", world: func(s *scene) {
		s.deliver()
		s.run(bind("extra", "gone", "late", "prod"), stating("extra", "tenant-extra", "", ""), stating("late", "tenant-late", "", ""))
		s.remote(func(r *RemoteSecret) {
			r.Targets, r.Late = append(r.Targets, here("tenant-late").RemoteTarget), true
			r.TargetStatuses[1].Error = "no route to host"
		})
		s.Uploads[Key{"tenant", pull}] = []Upload{{Name: pull + "-upload-0a1b2c3d", ResourceVersion: "1", Fingerprint: "earlier"}}
	}},
	{name: "undeliverable", why: "the cluster has no RemoteSecrets", world: func(s *scene) {
		s.deliver()
		s.Mode.RemoteSecrets, s.RemoteSecrets = false, nil
	}},
	{name: "no_changes", why: "a settled world", world: func(s *scene) {
		s.settle(component("acme-tenant", "ledger"))
		s.settle(component("acme-tenant", "billing"))
	}, apply: everything},
	{name: "applied", why: "all went well", world: func(s *scene) {
		s.add(component("acme-tenant", "billing"))
	}, apply: everything},
	{
		name: "failures", why: "one failed, one was left over, one went away", world: func(s *scene) {
			s.add(component("acme-tenant", "api"))
			s.add(component("acme-tenant", "db"))
			s.add(component("acme-tenant", "web"))
			s.add(component("initech-tenant", "fax"))
		},
		apply: func(p Plan) []Outcome {
			outcomes := everything(p)
			err := fmt.Errorf("create repository acme/acme-tenant/db: %w", quay.ErrPaymentRequired)
			outcomes[1] = Outcome{Err: err, Reason: ReasonOf(err), Elapsed: 1500 * time.Millisecond}
			outcomes[2] = Outcome{Err: errDeferred, Reason: ReasonDeferred}
			outcomes[3] = Outcome{Applied: p.Components[3].Actions[:3], Skipped: true}
			return outcomes
		},
		end: func(s *Summary) { s.Quay.Retries, s.Quay.Throttled = 2, 1200*time.Millisecond },
	},
	{
		name: "interrupted", why: "a signal while applying", world: func(s *scene) {
			s.add(component("acme-tenant", "api"))
		},
		apply: func(p Plan) []Outcome {
			return []Outcome{{Applied: p.Components[0].Actions[:2], Err: errDeferred, Reason: ReasonDeferred}}
		},
		end: func(s *Summary) { s.Signal = 15 },
	},
	{name: "refused", why: "the guard", limit: 0.3, world: func(s *scene) {
		for i := range 20 {
			n := s.settle(component("acme-tenant", fmt.Sprintf("component-%02d", i)))
			if i < 7 {
				change(s.Secrets, Key{"acme-tenant", n.Pull.Secret}, func(x *Secret) { x.Content.Fingerprint = "other" })
			}
		}
	}},
	{name: "declined", why: "the person at the terminal said no", world: func(s *scene) {
		s.add(component("acme-tenant", "api"))
	}, end: func(s *Summary) { s.Operation, s.DryRun, s.Err = OperationApply, false, errors.Join(ErrDeclined, nil) }},
	{name: "rejected", why: "the credentials were refused before the plan", end: func(s *Summary) {
		s.DryRun, s.Err = false, fmt.Errorf("list robots of acme: %w", quay.ErrUnauthorized)
	}},
	{name: "unreachable", why: "the cluster has no Components at all", end: func(s *Summary) {
		s.DryRun, s.Err = false, fmt.Errorf("list Components: %w", kube.ErrNotInstalled)
	}},
}

// everything is the outcome of a run in which nothing fails.
func everything(p Plan) []Outcome {
	outcomes := make([]Outcome, len(p.Components))
	for i, c := range p.Components {
		outcomes[i].Applied = c.Actions
	}
	return outcomes
}

// tell runs a story past a reporter, in the order of a run.
func (st story) tell(t *testing.T, r Reporter) {
	t.Helper()
	s := newScene(t)
	summary := Summary{Operation: OperationPlan, DryRun: st.apply == nil, Elapsed: 41800 * time.Millisecond, Quay: quay.Stats{Requests: 61}}
	if st.end != nil {
		st.end(&summary)
	}
	header := Header{
		Version: "v0.1.0", Run: "k3v9", Cluster: "prod", Server: "https://api.prod.example:6443",
		Quay: "quay.example", Org: "acme", Lock: "berth/berth", DryRun: summary.DryRun,
	}
	r.Start(header)
	if st.world != nil {
		st.world(s)
		p := MakePlan(s.World)
		summary.Count(p, nil)
		r.Planned(NewObserved(s.World, 3100*time.Millisecond), p, summary)
		if st.limit > 0 {
			summary.Err = Guard(s.World, p, Limits{MaxChangeRatio: st.limit})
		}
		if st.apply != nil {
			summary.Operation = OperationApply
			st.outcomes(r, &summary, p)
		}
	}
	r.Finish(summary)
}

func (st story) outcomes(r Reporter, s *Summary, p Plan) {
	outcomes := st.apply(p)
	s.Count(p, outcomes)
	for i, o := range outcomes {
		for _, a := range o.Applied {
			r.Applied(p.Components[i], ChangeOf(a))
		}
	}
	for i, o := range outcomes {
		if o.Err != nil {
			r.Failed(p.Components[i], o)
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, st := range stories {
		t.Run(st.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			st.tell(t, NewText(&out, false))
			golden(t, st.name+".txt", out.Bytes())
			for line := range strings.Lines(out.String()) {
				if strings.TrimRight(line, " \t\n")+"\n" != line {
					t.Errorf("%s: space at the end of %q", st.why, line)
				}
				if strings.Contains(line, "\x1b") {
					t.Errorf("%s: a color in %q", st.why, line)
				}
			}
		})
	}
}

// A plan fits a terminal. Names of robots may be longer, and so may what is
// wrong, which is prose.
func TestTextFitsTheTerminal(t *testing.T) {
	t.Parallel()
	rows := 0
	for _, st := range stories {
		var out bytes.Buffer
		st.tell(t, NewText(&out, false))
		for line := range strings.Lines(out.String()) {
			prose := strings.HasPrefix(line, "Error:") || strings.HasPrefix(line, "Warning:") || strings.HasPrefix(line, "       ") ||
				strings.Contains(line, AnnotationImage+": ")
			if prose || strings.Contains(line, " berth_") {
				continue
			}
			rows++
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 110 {
				t.Errorf("%s: %d columns: %s", st.name, n, line)
			}
		}
	}
	if rows < 100 {
		t.Errorf("only %d lines were looked at", rows)
	}
}

func TestTextColor(t *testing.T) {
	t.Parallel()
	for _, st := range stories {
		var plain, colored bytes.Buffer
		st.tell(t, NewText(&plain, false))
		st.tell(t, NewText(&colored, true))
		stripped := colored.String()
		for _, code := range []string{"0", "31", "32", "33", "35"} {
			stripped = strings.ReplaceAll(stripped, "\x1b["+code+"m", "")
		}
		if d := cmp.Diff(plain.String(), stripped); d != "" {
			t.Errorf("%s: color changes the words (-without +with):\n%s", st.name, d)
		}
		if strings.Contains(plain.String(), "Error:") && !strings.Contains(colored.String(), "\x1b[31mError:\x1b[0m") {
			t.Errorf("%s: an error without its color", st.name)
		}
	}
}
