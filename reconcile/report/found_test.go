package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
	"berth/testdata/scene"
)

// asked is a World with a Component of each kind, and its time.
func asked(t *testing.T) (world.World, plan.Plan) {
	t.Helper()
	at := time.Date(2026, 3, 16, 12, 7, 0, 0, time.UTC)
	s := scene.New(t)
	s.Deliver()
	s.At = at
	s.Policy.MaxRotations = 50
	n := s.Settle(scene.Component("acme-tenant", "ledger"))
	scene.Change(s.Robots, n.Push.Robot, func(r *world.Robot) { r.Created = at.Add(-50 * time.Hour) })
	scene.Change(s.Robots, n.Pull.Robot, func(r *world.Robot) { r.Created = at.Add(-time.Hour) })
	for _, a := range n.Accounts() {
		scene.Change(s.Secrets, component.Key{Namespace: "acme-tenant", Name: a.Secret}, func(x *world.Secret) { x.RotatedAt = at.Add(-5 * time.Minute) })
	}
	s.Roles[n.Repository][n.Pull.Robot] = quay.Admin
	s.Components[len(s.Components)-1].Annotations[component.AnnotationGenerate] = component.RotateRequest
	s.Add(scene.Component("acme-tenant", "billing"))
	n = s.Settle(scene.Component("acme-tenant", "web"))
	scene.Change(s.Secrets, component.Key{Namespace: "acme-tenant", Name: n.Pull.Secret}, func(x *world.Secret) { x.Content.Fingerprint = "another" })
	delete(s.Roles, n.Repository)
	delete(s.ServiceAccounts[component.Key{Namespace: "acme-tenant", Name: "appstudio-pipeline"}].Secrets, n.Push.Secret)
	n = s.Settle(scene.Component("initech-tenant", "api"))
	scene.Change(s.Repositories, n.Repository, func(r *quay.Repository) { r.Description = "" })
	n = s.Settle(scene.Component("initech-tenant", "cd"))
	s.Secrets[component.Key{Namespace: "initech-tenant", Name: n.Push.Secret}] = world.Secret{Foreign: "it was not made by Berth"}
	s.Settle(scene.Component("initech-tenant", "fax"))
	s.Components[len(s.Components)-1].Annotations[component.AnnotationGenerate] = "{"
	s.Settle(scene.Component("initech-tenant", "tps"))
	s.Components[len(s.Components)-1].Deleting = true
	return s.World, plan.Make(s.World)
}

func TestWhatWasFound(t *testing.T) {
	t.Parallel()
	w, p := asked(t)
	for name, named := range map[string]bool{"asked_by_name": true, "asked_by_namespace": false} {
		o := NewObserved(w, time.Second)
		o.Found, o.Named = Find(w, p), named
		var text, lines bytes.Buffer
		told := NewText(&text, false)
		told.Detail = Problems
		var summary Summary
		summary.Count(p, nil)
		told.Planned(o, p, summary)
		NewJSON(&lines, func() time.Time { return w.At }).Planned(o, plan.Plan{}, Summary{})
		golden(t, name+".txt", text.Bytes())
		if named {
			golden(t, name+".jsonl", lines.Bytes())
		}
		for line := range strings.Lines(text.String()) {
			if len(line) > 111 && !strings.Contains(line, " berth_") {
				t.Errorf("%d columns: %s", len(line), line)
			}
		}
	}
}

// Why a repository is what it is: each row of the table of visibilities.
func TestTheReasonOfAVisibility(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		is     quay.Visibility
		policy quay.Visibility
		states string
		want   string
		below  string // the mark
	}{
		{"the setting", quay.Private, quay.Private, "", "acme-tenant/api, private: --visibility is private", ""},
		{"a statement", quay.Private, quay.Private, `{"visibility":"public"}`, "acme-tenant/api, private, to be public: stated on the Component", ""},
		{"a setting that opens nothing", quay.Private, quay.Public, "", "acme-tenant/api, private: it stays, although it would be public: --visibility is public", ""},
		{"a source nobody looked at", quay.Private, "", "", "acme-tenant/api, private: no source opens what is private", ""},
		{"the same of a public one", quay.Public, "", "", "acme-tenant/api, public: this run did not look at its source", ""},
		{
			"a source that refused once", quay.Public, "", "", "acme-tenant/api, public: private at its source since 2026-03-15T23:00:00Z; closed after a second look from 2026-03-16T23:00:00Z on",
			"\nThe API\nprivate at its source (login) since 2026-03-15T23:00:00Z",
		},
		{"a source that closed it", quay.Private, "", "", "acme-tenant/api, private: its source closed it", "\nprivate at its source (login) since 2026-03-14T23:00:00Z\nclosed by its source on 2026-03-15T23:00:00Z"},
	} {
		s := scene.New(t)
		s.Policy.Visibility = row.policy
		n := s.Settle(scene.Component("acme-tenant", "api"))
		scene.Change(s.Repositories, n.Repository, func(r *quay.Repository) {
			r.Visibility, r.Description = row.is, r.Description+row.below
		})
		s.Components[0].Annotations[component.AnnotationGenerate] = row.states
		if got := repository(Find(s.World, plan.Make(s.World))[0].Repository); got != row.want {
			t.Errorf("%s: %q, want %q", row.why, got, row.want)
		}
	}
}

func TestAgo(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "just now", -time.Hour: "just now", time.Minute: "1 minute ago", 119 * time.Minute: "1 hour ago", 47 * time.Hour: "1 day ago", 800 * 24 * time.Hour: "800 days ago",
	} {
		if got := ago(d); got != want {
			t.Errorf("%s: %q", d, got)
		}
	}
}

// The state that is told is the heading that is counted.
func TestStateIsTheHeading(t *testing.T) {
	t.Parallel()
	_, p := asked(t)
	var s Summary
	s.Count(p, nil)
	n := map[string]int{}
	for _, c := range p.Components {
		n[State(c)]++
	}
	c := s.Components
	for name, want := range map[string]int{"up to date": c.UpToDate, "changes": c.Changed, "skipped": c.Skipped, "invalid": c.Invalid, "blocked": c.Blocked, "failed": c.Failed, "waits": c.Deferred} {
		if n[name] != want {
			t.Errorf("%d are %s, %d are counted so", n[name], name, want)
		}
	}
}
