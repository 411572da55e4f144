package reconcile_test

import (
	"testing"

	"berth/quay/quaytest"
	"berth/reconcile/component"
	"berth/reconcile/report"
)

// described is how the only repository is described.
func (e *env) described(t testing.TB) string {
	t.Helper()
	all := e.quay.Snapshot().Repositories
	if len(all) != 1 {
		t.Fatalf("there are %d repositories", len(all))
	}
	return all[0].Description
}

// What people write below the mark of a repository makes it no less its Component's, and
// stays; and what stood there before Berth came is kept below the mark.
func TestDescriptionsArePeoplesToo(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.settledComponent()
	mark := e.described(t)
	for _, words := range []string{" ", "\n", "\r\n# Billing\r\n\r\nAsk the *tenant*.", "\nberth/1 key=x", "\t\n\n\nshop/cart"} {
		e.quay.SetDescription("acme/tenant/billing", mark+words)
		e.settled(t)
		if got := e.described(t); got != mark+words {
			t.Errorf("%q became %q", mark+words, got)
		}
	}

	e = newEnv()
	const words = "Billing.\r\n\r\nAsk the tenant."
	e.quay.AddRepository(quaytest.Repository{Name: "acme/tenant/billing", Description: words, Creator: "platform"})
	e.component("tenant", "billing", "uid-1")
	r := e.newRun()
	r.Policy.Adopt = true
	if s := r.Do(t.Context()); s.Result() != report.ResultOK {
		t.Fatal(s.Result())
	}
	got := e.described(t)
	if m, ours := component.ParseMark(got); !ours || m.Component.Name != "billing" || got != component.Description(got).Mark()+"\n"+words {
		t.Errorf("adopted as %q", got)
	}
	e.settled(t)
}
