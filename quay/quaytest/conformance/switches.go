package conformance

import (
	"berth/quay"
	"berth/quay/quaytest"
)

// What a Quay answers that is set up in another way, or lags behind itself.
var switches = []part{
	{name: "a plan without private repositories", check: privateLimit, needs: simulator},
	{name: "a registry in maintenance", check: readOnly, needs: simulator},
	{name: "robots disallowed", check: robotsDisallowed, needs: simulator},
	{name: "an organization that is a mirror", check: mirrored, needs: simulator},
	{name: "names without a slash", check: shortNames, needs: simulator},
	{name: "reads that lag behind", check: lag, needs: simulator},
}

func (f *fixture) configure(c quaytest.Config) {
	f.Simulator.Configure(c)
	f.t.Cleanup(func() { f.Simulator.Configure(quaytest.Config{}) })
}

// A plan that is used up refuses privacy, even to what is private already, and
// nothing else.
func privateLimit(f *fixture) {
	ctx, private := f.t.Context(), f.newRepository("private", quay.Private)
	refused := quay.Repository{Name: f.repositoryName("refused"), Visibility: quay.Private}
	f.configure(quaytest.Config{Billing: true})
	f.Simulator.SetPrivateLimit(f.Organization, 1)
	public := f.newRepository("public", quay.Public)

	f.want(quay.ErrPaymentRequired, "create private repository", f.client.CreateRepository(ctx, refused))
	_, err := f.client.GetRepository(ctx, refused.Name)
	f.want(quay.ErrNotFound, "get what was refused", err)
	for _, r := range []quay.Repository{public, private} {
		f.want(quay.ErrPaymentRequired, "make repository private", f.client.ChangeVisibility(ctx, r.Name, quay.Private))
		f.isRepository(r)
	}

	f.Simulator.SetPrivateLimit(f.Organization, 2)
	f.want(nil, "make repository private", f.client.ChangeVisibility(ctx, public.Name, quay.Private))
}

func readOnly(f *fixture) {
	s := f.newSubject("")
	f.configure(quaytest.Config{ReadOnly: true})
	for _, w := range writes {
		f.want(quay.ErrReadOnly, w.name, w.do(f.t.Context(), f.client, s))
	}
	if n := f.client.Stats().Retries; n != 0 {
		f.t.Errorf("maintenance was tried again %d times", n)
	}
	f.untouched(s)
}

func robotsDisallowed(f *fixture) {
	s := f.newSubject("")
	f.configure(quaytest.Config{RobotsDisallow: true})
	_, err := f.client.CreateRobot(f.t.Context(), s.newRobot, "")
	f.want(quay.ErrRobotsDisabled, "create robot", err)
	f.untouched(s)
}

func mirrored(f *fixture) {
	s, refused := f.newSubject(""), quay.Repository{Name: f.repositoryName("refused"), Visibility: quay.Public}
	f.Simulator.SetMirrored(f.Organization, true)
	f.t.Cleanup(func() { f.Simulator.SetMirrored(f.Organization, false) })
	f.want(quay.ErrMirrored, "create repository", f.client.CreateRepository(f.t.Context(), refused))
	_, err := f.client.CreateRobot(f.t.Context(), s.newRobot, "")
	f.want(nil, "create robot", err)
}

func shortNames(f *fixture) {
	f.configure(quaytest.Config{NoExtendedNames: true})
	r := quay.Repository{Name: f.repositoryName("a") + "/b", Visibility: quay.Private}
	f.want(quay.ErrInvalid, "create repository", f.client.CreateRepository(f.t.Context(), r))
	_, err := f.client.GetRepository(f.t.Context(), r.Name)
	f.want(quay.ErrNotFound, "get what was refused", err)
}

// What a read does not show yet may exist: a robot is refused in other words
// than usual, a repository is answered as if it had just been made.
func lag(f *fixture) {
	ctx, robot := f.t.Context(), f.robotName("a")
	r := quay.Repository{Name: f.repositoryName("a"), Visibility: quay.Public}
	release := f.Simulator.FreezeReads()
	first, err := f.client.CreateRobot(ctx, robot, "first")
	f.must(err)
	f.must(f.client.CreateRepository(ctx, r))

	_, err = f.client.GetRobot(ctx, robot)
	f.want(quay.ErrNotFound, "get robot", err)
	_, err = f.client.CreateRobot(ctx, robot, "second")
	f.want(quay.ErrInvalid, "create robot", err)
	second := quay.Repository{Name: r.Name, Visibility: quay.Private}
	f.want(nil, "create repository", f.client.CreateRepository(ctx, second))

	release()
	f.isRobot(first)
	f.isRepository(r)
}
