package text

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"berth/testdata/story"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/decide"
	"berth/reconcile/report"
	"berth/testdata/scene"
)

func TestWhatWasFound(t *testing.T) {
	t.Parallel()
	w := scene.Asked(t)
	p := decide.Plan(w)
	for name, named := range map[string]bool{"asked_by_name": true, "asked_by_namespace": false} {
		o := report.NewObserved(w, time.Second)
		o.Found, o.Named = report.Find(w, p), named
		var out bytes.Buffer
		r := New(&out, false, report.Problems)
		var summary report.Summary
		summary.Count(p, nil)
		r.Planned(o, p, summary)
		story.Golden(t, name+".txt", out.Bytes())
		for line := range strings.Lines(out.String()) {
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
		scene.Alter(s.Repositories, n.Repository, func(r *quay.Repository) {
			r.Visibility, r.Description = row.is, r.Description+row.below
		})
		s.Components[0].Annotations[component.AnnotationGenerate] = row.states
		if got := repository(report.Find(s.World, decide.Plan(s.World))[0].Repository); got != row.want {
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
