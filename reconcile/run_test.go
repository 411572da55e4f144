package reconcile_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"berth/quay"
	"berth/quay/quaytest"
	"berth/reconcile"
	"berth/reconcile/observe"
	"berth/reconcile/report"
)

// The whole way once: nothing there, one run, then nothing to do.
func TestRunSettles(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.component("tenant", "billing", "uid-1")
	if s := e.run(t); s.Changes.Create != 7 || s.Changes.Update != 2 {
		t.Errorf("a new Component took %+v", s.Changes)
	}
	e.settled(t)
}

// Quay answers a token without the organization's administration with 200 and less
// in it. The run must not even look.
func TestRunNeedsAnAdministrator(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.component("tenant", "billing", "uid-1")
	e.quay.AddToken(oauth, "platform", "repo:create")
	if s := e.newRun().Do(t.Context()); !errors.Is(s.Err, observe.ErrNotAdmin) || s.ExitCode() != report.ExitRejected {
		t.Errorf("exit code %d: %v", s.ExitCode(), s.Err)
	}
	if n := e.quay.Total(); n != 3 { // the list of robots twice: a token in a file may have been exchanged
		t.Errorf("%d requests, want the first two alone", n)
	}
}

// To a token that it does not know Quay gives the same first answer; whose fault it is, the
// list of robots tells. A good token that it does not know for a moment is still good.
func TestWhoseFaultATokenIs(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why   string
		spoil func(*env)
		err   error // nil: the run goes well
	}{
		{"it has expired", func(e *env) { e.quay.ExpireToken(oauth) }, observe.ErrUnknownToken},
		{"it lacks a scope", func(e *env) { e.quay.AddToken(oauth, "platform", "repo:admin") }, observe.ErrNotAdmin},
		{"nobody's", func(e *env) { e.quay.RemoveFromTeam(org, "owners", "platform") }, observe.ErrNotAdmin},
		{"it is unknown once", func(e *env) { e.quay.Inject(quaytest.Fault{Outcome: quaytest.Anonymous}) }, nil},
		{"it is unknown three times", func(e *env) { e.quay.Inject(quaytest.Fault{Outcome: quaytest.Anonymous, Times: 3}) }, nil},
	} {
		e := newEnv()
		e.component("tenant", "billing", "uid-1")
		row.spoil(e)
		r := e.newRun()
		r.Token = "file /x/token (--quay-token-file)"
		got := e.do(r)
		if row.err == nil && got.ExitCode() != 0 || row.err != nil && (got.ExitCode() != report.ExitRejected || !errors.Is(got.Err, row.err)) {
			t.Errorf("%s: exit %d, %v", row.why, got.ExitCode(), got.Err)
		}
		if row.err != nil && (!strings.Contains(got.text, "The OAuth token of file /x/token (--quay-token-file) ") || !strings.Contains(got.json, "Make a new one at Quay")) {
			t.Errorf("%s: it does not say where the token came from:\n%s", row.why, got.text)
		}
		if writes := e.mutations(); row.err != nil && writes != 0 {
			t.Errorf("%s: %d writes", row.why, writes)
		}
	}
}

// buggy panics in one of the reads before the plan.
type buggy struct{ registry }

func (buggy) EachRobot(context.Context, func() func(quay.Robot)) error { panic("a bug") }

// Go ends a process that panics with exit code 2, which means something else here.
func TestPanicWhileReading(t *testing.T) {
	t.Parallel()
	r := newEnv().newRun()
	q, k := endsOf(r)
	rewire(r, buggy{q}, k)
	if s := r.Do(t.Context()); s.ExitCode() != report.ExitBug {
		t.Errorf("exit code %d: %v", s.ExitCode(), s.Err)
	}
}

// The id that stands in every mark is told before anything can go wrong: when the cluster
// is lost, it is too late to ask for it.
func TestTheClustersIDIsSaidFirst(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why  string
		edit func(*env, *reconcile.Run)
		want string
	}{
		{"the cluster's own", func(*env, *reconcile.Run) {}, "cluster id UID\n"},
		{"a given one", func(_ *env, r *reconcile.Run) { r.Naming.Cluster = "former" }, "cluster id former\n"},
		{"of a cluster that does not answer, the run says why later", func(e *env, _ *reconcile.Run) { e.cluster.RemoveUser(berthToken) }, "\nError: "},
		{"of a scope", func(_ *env, r *reconcile.Run) { r.Scope.Namespaces = []string{"tenant"} }, "cluster id UID\n"},
	} {
		e := newEnv()
		r := e.newRun()
		row.edit(e, r)
		var out bytes.Buffer
		r.Report = wholeText(&out)
		r.Do(context.Background())
		_, second, _ := strings.Cut(out.String(), "\n")
		if !strings.HasPrefix(second, strings.ReplaceAll(row.want, "UID", e.id())) {
			t.Errorf("%s: the output is\n%s", row.why, out.String())
		}
	}
}
