package report

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/apply"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
	"berth/testdata/scene"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares what was printed with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("..", "testdata", name)
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
	full  bool // every change and orphan is told
	world func(*scene.Scene)
	limit float64                         // the guard's; 0: it is not asked
	apply func(plan.Plan) []apply.Outcome // nil: a dry run
	end   func(*Summary)                  // what else happened
}

var stories = []story{
	{name: "new", why: "everything is created", world: func(s *scene.Scene) {
		s.Settle(scene.Component("acme-tenant", "ledger"))
		s.Add(scene.Component("acme-tenant", "billing"))
	}},
	{name: "drifted", why: "each kind of drift", world: func(s *scene.Scene) {
		n := s.Settle(scene.Component("acme-tenant", "ledger"))
		s.Repositories["acme-tenant/shared"] = quay.Repository{Name: "acme-tenant/shared"}
		scene.Change(s.Repositories, n.Repository, func(r *quay.Repository) { r.Visibility = quay.Public })
		s.Robot(n.Push, n.Repository, "acme-tenant/shared")
		s.Roles[n.Repository][n.Pull.Robot] = quay.Admin
		delete(s.Secrets, component.Key{Namespace: "acme-tenant", Name: n.Push.Secret})
		scene.Change(s.Secrets, component.Key{Namespace: "acme-tenant", Name: n.Pull.Secret}, func(x *world.Secret) { x.Content = component.Content{} })
		clear(s.ServiceAccounts[component.Key{Namespace: "acme-tenant", Name: "appstudio-pipeline"}].Secrets)
		s.Components[0].Annotations[component.AnnotationImage] = ""
	}},
	{name: "recreated", why: "robots of an earlier Component go last", world: func(s *scene.Scene) {
		n := s.Settle(scene.Component("acme-tenant", "ledger"))
		s.Components[0].UID = "another"
		for _, a := range n.Accounts() {
			scene.Change(s.Secrets, component.Key{Namespace: "acme-tenant", Name: a.Secret}, func(x *world.Secret) { x.Owned = component.Predecessor })
		}
	}},
	{name: "published", why: "statement and adoption", world: func(s *scene.Scene) {
		s.Policy.Adopt = true
		n := s.Settle(scene.Component("acme-tenant", "ledger"))
		s.Settle(scene.Component("acme-tenant", "website"))
		scene.Change(s.Repositories, n.Repository, func(r *quay.Repository) { r.Description = "" })
		s.Components[1].Annotations[component.AnnotationGenerate] = `{"visibility":"public"}`
	}},
	{name: "invalid", why: "what a tenant wrote, and a Component that is not there", world: func(s *scene.Scene) {
		s.Settle(scene.Component("initech-tenant", "fax"))
		s.Components[0].Annotations[component.AnnotationGenerate] = "{"
		s.Missing = []component.Key{{Namespace: "initech-tenant", Name: "typo"}}
	}},
	{name: "not_ours", why: "somebody else's things, and two Components of one name", world: func(s *scene.Scene) {
		n := s.Settle(scene.Component("acme-tenant", "api"))
		scene.Change(s.Repositories, n.Repository, func(r *quay.Repository) { r.Description = "" })
		n = s.Settle(scene.Component("acme-tenant", "web"))
		s.Secrets[component.Key{Namespace: "acme-tenant", Name: n.Push.Secret}] = world.Secret{Foreign: "it was not made by Berth"}
		n = s.Settle(scene.Component("acme-tenant", "worker"))
		scene.Change(s.Robots, n.Pull.Robot, func(r *world.Robot) { r.Mark = "" })
	}},
	{name: "skipped", why: "warnings", world: func(s *scene.Scene) {
		s.Policy.Visibility = quay.Public
		s.Policy.PushServiceAccounts = []string{"builder"}
		s.Settle(scene.Component("acme-tenant", "ledger"))
		s.Settle(scene.Component("initech-tenant", "tps"))
		s.Components[1].Deleting = true
		gone, _ := s.Naming.Names(scene.Component("gone-tenant", "api"), "uid")
		s.Robot(gone.Push)
		s.Robot(gone.Pull)
		s.Repositories["gone-tenant/api"] = quay.Repository{Name: "gone-tenant/api", Description: gone.Mark}
	}},
	{name: "left", why: "what a Component has left, told one by one and pruned", full: true, world: func(s *scene.Scene) {
		s.Policy.PruneRobots, s.Policy.PruneAfter = true, 30*24*time.Hour
		n := s.Settle(scene.Component("acme-tenant", "ledger"))
		scene.Change(s.Robots, n.Push.Robot, func(r *world.Robot) { r.LastAccessed = s.At })
		days := func(n int) time.Time { return s.At.AddDate(0, 0, -n) }
		for name, used := range map[string]time.Time{"api": days(200), "docs": days(3), "web": days(60)} {
			gone, _ := s.Naming.Names(scene.Component("gone-tenant", name), "uid")
			d := component.Description(gone.Mark)
			if name == "web" {
				d = d.With(component.NoteOrphan, days(30)).With(component.NoteQuarantined(gone.Push.Robot), days(9)).With(component.NoteQuarantined(gone.Pull.Robot), days(5))
			}
			s.Repositories[gone.Repository] = quay.Repository{Name: gone.Repository, Description: string(d), Visibility: quay.Private}
			for _, a := range gone.Accounts() {
				if s.Robot(a, gone.Repository); name == "web" {
					s.Robot(a)
				}
				scene.Change(s.Robots, a.Robot, func(r *world.Robot) { r.Created, r.LastAccessed = days(400), used })
			}
		}
	}},
	{name: "delivery", why: "environments that come, go, are late, fail and lead nowhere", world: func(s *scene.Scene) {
		s.Deliver()
		s.Run(scene.Bind("extra", "gone", "late", "prod"), scene.Stating("extra", "tenant-extra", "", ""), scene.Stating("late", "tenant-late", "", ""))
		s.Remote(func(r *world.RemoteSecret) {
			r.Targets, r.Late = append(r.Targets, scene.Here("tenant-late").RemoteTarget), true
			r.TargetStatuses[1].Error = "no route to host"
		})
		s.Uploads[component.Key{Namespace: "tenant", Name: scene.Pull}] = []world.Upload{{Name: scene.Pull + "-upload-0a1b2c3d", ResourceVersion: "1", Fingerprint: "earlier"}}
	}},
	{name: "undeliverable", why: "the cluster has no RemoteSecrets", world: func(s *scene.Scene) {
		s.Deliver()
		s.Mode.RemoteSecrets, s.RemoteSecrets = false, nil
	}},
	{name: "no_changes", why: "a settled world", world: func(s *scene.Scene) {
		s.Settle(scene.Component("acme-tenant", "ledger"))
		s.Settle(scene.Component("acme-tenant", "billing"))
	}, apply: everything},
	{name: "applied", why: "all went well", world: func(s *scene.Scene) {
		s.Add(scene.Component("acme-tenant", "billing"))
	}, apply: everything},
	{
		name: "failures", why: "one failed, one was left over, one went away", world: func(s *scene.Scene) {
			s.Add(scene.Component("acme-tenant", "api"))
			s.Add(scene.Component("acme-tenant", "db"))
			s.Add(scene.Component("acme-tenant", "web"))
			s.Add(scene.Component("initech-tenant", "fax"))
		},
		apply: func(p plan.Plan) []apply.Outcome {
			outcomes := everything(p)
			err := fmt.Errorf("create repository acme/acme-tenant/db: %w", quay.ErrPaymentRequired)
			outcomes[1] = apply.Outcome{Err: err, Reason: apply.ReasonOf(err), Elapsed: 1500 * time.Millisecond}
			outcomes[2] = apply.Outcome{Err: apply.ErrDeferred, Reason: plan.ReasonDeferred}
			outcomes[3] = apply.Outcome{Applied: p.Components[3].Actions[:3], Skipped: true}
			return outcomes
		},
		end: func(s *Summary) { s.Quay.Retries, s.Quay.Throttled = 2, 1200*time.Millisecond },
	},
	{
		name: "interrupted", why: "a signal while applying", world: func(s *scene.Scene) {
			s.Add(scene.Component("acme-tenant", "api"))
		},
		apply: func(p plan.Plan) []apply.Outcome {
			return []apply.Outcome{{Applied: p.Components[0].Actions[:2], Err: apply.ErrDeferred, Reason: plan.ReasonDeferred}}
		},
		end: func(s *Summary) { s.Signal = 15 },
	},
	{name: "refused", why: "the guard", limit: 0.3, world: func(s *scene.Scene) {
		for i := range 20 {
			n := s.Settle(scene.Component("acme-tenant", fmt.Sprintf("component-%02d", i)))
			if i < 7 {
				scene.Change(s.Secrets, component.Key{Namespace: "acme-tenant", Name: n.Pull.Secret}, func(x *world.Secret) { x.Content.Fingerprint = "other" })
			}
		}
	}},
	{name: "held_back", why: "one namespace of two", limit: 0.3, world: func(s *scene.Scene) {
		for i := range 20 {
			n := s.Settle(scene.Component("acme-tenant", fmt.Sprintf("component-%02d", i)))
			if i < 7 {
				scene.Change(s.Secrets, component.Key{Namespace: "acme-tenant", Name: n.Pull.Secret}, func(x *world.Secret) { x.Content.Fingerprint = "other" })
			}
			s.Settle(scene.Component("globex-tenant", fmt.Sprintf("component-%02d", i)))
		}
		s.Add(scene.Component("globex-tenant", "new"))
	}},
	{name: "wrong_cluster", why: "the guard, in place of each Component", limit: 0.3, world: func(s *scene.Scene) {
		for i := range 40 {
			s.Settle(scene.Component(fmt.Sprintf("tenant-%d", i%4), fmt.Sprintf("component-%02d", i)))
		}
		s.Naming.Cluster = "cluster-2"
	}},
	{name: "declined", why: "the person at the terminal said no", world: func(s *scene.Scene) {
		s.Add(scene.Component("acme-tenant", "api"))
	}, end: func(s *Summary) { s.Operation, s.DryRun, s.Err = OperationApply, false, errors.Join(ErrDeclined, nil) }},
	{name: "rejected", why: "the credentials were refused before the plan", end: func(s *Summary) {
		s.DryRun, s.Err = false, fmt.Errorf("list robots of acme: %w", quay.ErrUnauthorized)
	}},
	{name: "unreachable", why: "the cluster has no Components at all", end: func(s *Summary) {
		s.DryRun, s.Err = false, fmt.Errorf("list Components: %w", kube.ErrNotInstalled)
	}},
}

// everything is the outcome of a run in which nothing fails.
func everything(p plan.Plan) []apply.Outcome {
	outcomes := make([]apply.Outcome, len(p.Components))
	for i, c := range p.Components {
		outcomes[i].Applied = c.Actions
	}
	return outcomes
}

// tell runs a story past a reporter, in the order of a run.
func (st story) tell(t *testing.T, r Reporter) {
	t.Helper()
	if err := st.told(t, r); err != nil {
		t.Error(err)
	}
}

// told is what the reporter could not write of it.
func (st story) told(t *testing.T, r Reporter) error {
	t.Helper()
	if text, ok := r.(*Text); ok && st.full {
		text.Detail = Full
	}
	s := scene.New(t)
	summary := Summary{Operation: OperationPlan, DryRun: st.apply == nil, Elapsed: 41800 * time.Millisecond, Quay: quay.Stats{Requests: 61}}
	if st.end != nil {
		st.end(&summary)
	}
	header := Header{
		Version: "v0.1.0", Run: "k3v9", Cluster: "prod", ID: "cluster-1", Server: "https://api.prod.example:6443",
		Quay: "quay.example", Org: "acme", Lock: "berth/berth", DryRun: summary.DryRun,
	}
	r.Start(header)
	if st.world != nil {
		st.world(s)
		p := plan.Make(s.World)
		verdict := plan.Guard(s.World, p, plan.Limits{MaxChangeRatio: st.limit, Force: st.limit == 0})
		p = p.Under(verdict)
		summary.Count(p, nil)
		r.Planned(NewObserved(s.World, 3100*time.Millisecond), p, summary)
		if verdict.Refused != nil {
			summary.Err = verdict.Refused
		}
		if st.apply != nil {
			summary.Operation = OperationApply
			st.outcomes(r, &summary, p)
		}
	}
	return r.Finish(summary)
}

func (st story) outcomes(r Reporter, s *Summary, p plan.Plan) {
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

// All there is to read fits a terminal. Names of robots may be longer, and so may a
// command, which is to be copied.
func TestTextFitsTheTerminal(t *testing.T) {
	t.Parallel()
	rows := 0
	for _, st := range stories {
		var out bytes.Buffer
		st.tell(t, NewText(&out, false))
		for line := range strings.Lines(out.String()) {
			if strings.Contains(line, " berth_") || strings.HasPrefix(line, "       kubectl ") {
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

// fullDisk takes some bytes and no more.
type fullDisk struct{ left int }

func (d *fullDisk) Write(b []byte) (int, error) {
	if d.left -= len(b); d.left < 0 {
		return 0, syscall.ENOSPC
	}
	return len(b), nil
}

// What could not be written is told at the end, by whichever line it was.
func TestTheFirstErrorOfWritingIsKept(t *testing.T) {
	t.Parallel()
	for _, room := range []int{0, 100, 400} {
		for name, r := range map[string]func(*fullDisk) Reporter{
			"text": func(d *fullDisk) Reporter { return NewText(d, false) },
			"JSON": func(d *fullDisk) Reporter { return NewJSON(d, time.Now) },
		} {
			d := &fullDisk{left: room}
			to := r(d)
			to.Start(Header{Version: "v0.1.0"})
			s := scene.New(t)
			s.Add(scene.Component("acme-tenant", "billing"))
			p := plan.Make(s.World)
			var summary Summary
			summary.Count(p, nil)
			to.Planned(NewObserved(s.World, 0), p, summary)
			d.left = 1_000_000 // somebody made room
			if err := to.Finish(Summary{}); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("%s, %d bytes of room: %v", name, room, err)
			}
		}
	}
}
